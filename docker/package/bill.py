"""Writes the software bill of materials of the extension's library, and the licences of linked code.

    python docker/package/bill.py FEATURE FOLDER        FEATURE is pg15, pg16, pg17 or pg18

FOLDER/edf.cdx.json is a CycloneDX 1.5 document with each crate, its checksum, licence and dependencies;
FOLDER/THIRD_PARTY_LICENSES.txt has the texts. Build tools and procedural macros are not linked, and not listed. C++
sources inside a crate are listed manually below. SOURCE_DATE_EPOCH is the timestamp of the documents.
"""

import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import uuid

ROOT = pathlib.Path(__file__).parents[2]
LICENCE_FILE = re.compile(r"(un)?licen[cs]e|copying|copyright|notice", re.IGNORECASE)
# The crate that builds XGBoost, and the libraries whose sources it contains: name, licence, folder in the crate.
XGBOOST_CRATE = "xgboost_lib-sys"
XGBOOST_SOURCES = [("xgboost", "Apache-2.0", "xgboost"), ("dmlc-core", "Apache-2.0", "xgboost/dmlc-core")]


def run(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def linked(feature: str) -> tuple[dict, dict]:
    """The linked crates, name and version to licence, and their dependencies."""
    tree = run(
        "cargo", "tree", "--locked", "-p", "edf", "-e", "normal,no-proc-macro", "--no-default-features",
        "--features", feature, "--prefix", "depth", "--format", "|{p}|{l}",
    )  # fmt: skip
    licences: dict = {}
    needs: dict = {}
    path: list = []
    for line in tree.splitlines():
        depth, package, licence = line.split("|")
        name, version = package.split()[:2]
        crate = (name, version.removeprefix("v"))
        # A crate that was listed before has its dependencies there.
        licences[crate] = licence.removesuffix(" (*)").replace("/", " OR ")
        needs.setdefault(crate, set())
        path[int(depth) :] = [crate]
        if len(path) > 1:
            needs[path[-2]].add(crate)
    return licences, needs


def rustc(field: str) -> str:
    return re.search(rf"^{field}: (.+)$", run("rustc", "-vV"), re.MULTILINE)[1]


def folders() -> dict:
    """The folder of the sources of each crate."""
    here = ("--locked", "--filter-platform", rustc("host"))
    metadata = json.loads(run("cargo", "metadata", *here, "--format-version", "1"))
    return {(p["name"], p["version"]): pathlib.Path(p["manifest_path"]).parent for p in metadata["packages"]}


def checksums() -> dict:
    # Cargo writes the file, always in this order.
    package = re.compile(r'name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "(.+)"')
    return {(name, version): checksum for name, version, checksum in package.findall((ROOT / "Cargo.lock").read_text())}


def xgboost_version(crate: pathlib.Path, folder: str) -> str:
    text = (crate / folder / "CMakeLists.txt").read_text()
    return re.search(r"project\([^)]*VERSION ([0-9.]+)", text)[1]


def reference(crate: tuple) -> str:
    return f"pkg:cargo/{crate[0]}@{crate[1]}"


def component(crate: tuple, licence: str, checksum: str | None) -> dict:
    named = {"type": "library", "bom-ref": reference(crate), "name": crate[0], "version": crate[1]}
    if checksum:
        named["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return named | {"licenses": [{"expression": licence}], "purl": reference(crate)}


def bundled(name: str, version: str, licence: str) -> dict:
    purl = f"pkg:generic/{name}@{version}"
    return {
        "type": "library", "bom-ref": purl, "name": name, "version": version,
        "licenses": [{"expression": licence}], "purl": purl,
    }  # fmt: skip


def licence_texts(folder: pathlib.Path) -> list[str]:
    found = sorted(f for f in folder.iterdir() if LICENCE_FILE.match(f.name) and f.suffix not in {".rs", ".html"})
    files = [inner for f in found for inner in (sorted(f.iterdir()) if f.is_dir() else [f])]
    return [f.read_text(errors="replace").strip() + "\n" for f in files if f.is_file()]


def write_licences(path: pathlib.Path, rows: list) -> None:
    """rows: name, version, licence, folder or None. Each distinct text is written once, after the crates with it."""
    holders: dict = {}
    with path.open("w") as file:
        file.write("What is linked into edf.so beside edf itself, and under which licences.\n\n")
        for name, version, licence, folder in rows:
            texts = licence_texts(folder) if folder else []
            file.write(f"{name} {version}: {licence}{'' if texts else ' (its sources hold no text of it)'}\n")
            for text in texts:
                holders.setdefault(text, []).append(f"{name} {version}")
        for text, names in holders.items():
            file.write(f"\n{'=' * 100}\n{', '.join(names)}\n{'=' * 100}\n\n{text}")


def main(feature: str, out: pathlib.Path) -> None:
    licences, needs = linked(feature)
    where, sums = folders(), checksums()
    own = {crate for crate in licences if ROOT in where[crate].parents}
    edf = next(crate for crate in own if crate[0] == "edf")

    others = sorted(set(licences) - own)
    unlicensed = [crate for crate in others if not licences[crate]]
    if unlicensed:
        sys.exit(f"These crates name no licence: {unlicensed}")
    xgboost = next(crate for crate in others if crate[0] == XGBOOST_CRATE)
    sources = [
        (name, xgboost_version(where[xgboost], folder), licence, where[xgboost] / folder)
        for name, licence, folder in XGBOOST_SOURCES
    ]
    standard = ("rust-std", rustc("release"), "MIT OR Apache-2.0", None)

    components = [component(crate, licences[crate], sums.get(crate)) for crate in sorted(set(licences) - {edf})]
    components += [bundled(*row[:3]) for row in [*sources, standard]]
    dependencies = [
        {"ref": reference(crate), "dependsOn": sorted(map(reference, needs[crate]))} for crate in sorted(licences)
    ]
    at = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", 0)), datetime.timezone.utc)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": at.isoformat().replace("+00:00", "Z"),
            "component": component(edf, licences[edf], None) | {"type": "application"},
            "properties": [{"name": "cargo:feature", "value": feature}],
        },
        "components": components,
        "dependencies": dependencies,
    }
    # A name for the document that depends on its content.
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True))}"
    (out / "edf.cdx.json").write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")

    rows = [(*crate, licences[crate], where[crate]) for crate in others] + sources + [standard]
    write_licences(out / "THIRD_PARTY_LICENSES.txt", rows)


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
