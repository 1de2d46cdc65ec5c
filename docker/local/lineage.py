"""Checks the output of dbt docs generate: lineage.py TARGET_FOLDER.

Every model and seed must be a relation of the database and have a grain, and every model must be between a source or
seed and an exposure.
"""

import json
import pathlib
import sys


def reached(start: list[str], edges: dict[str, list[str]]) -> set[str]:
    seen, left = set(), list(start)
    while left:
        node = left.pop()
        if node not in seen:
            seen.add(node)
            left += edges.get(node, [])
    return seen


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    manifest, catalog = (json.loads((folder / f"{name}.json").read_text()) for name in ("manifest", "catalog"))
    built = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] in ("model", "seed")}
    below = reached([*manifest["sources"], *(key for key in built if key.startswith("seed."))], manifest["child_map"])
    above = reached(list(manifest["exposures"]), manifest["parent_map"])
    faults = []
    for key, node in {**built, **manifest["sources"]}.items():
        if not any(words in node["description"] for words in ("Grain - ", "One row.")):
            faults.append(f"{key} has no grain in its description")
        if key not in catalog["nodes"] and key not in catalog["sources"]:
            faults.append(f"{key} is not in the catalog")
    for key in built:
        if key not in below or key not in above:
            faults.append(f"{key} is not between a source and an exposure")
    print(
        "\n".join(faults)
        or f"{len(built)} models and seeds, {len(manifest['sources'])} sources, {len(manifest['exposures'])} exposures"
    )
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
