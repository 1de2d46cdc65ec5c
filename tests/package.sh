#!/usr/bin/env bash
# Tests the packages on a copy of the server without edf: installation, docs/quickstart.md, and removal without
# leftovers. The library is the one that was built for the other tests.
set -euo pipefail
. "$(dirname "$0")/../docker/local/lib.sh"
. "$ROOT/docker/local/cluster.sh"
VERSION=$("$ROOT/docker/package/version.sh")
# A short path, since it contains a socket, and accessible to user postgres.
PLACE=$(mktemp -d /tmp/edf-package-XXXXXX)
ROOT_FOLDER=$PLACE/root
BIN=$ROOT_FOLDER$PG_BIN
EXTENSION=$ROOT_FOLDER/usr/share/postgresql/$PG_MAJOR/extension

end() {
    [ ! -f "$PLACE/data/postmaster.pid" ] || as_server "$BIN/pg_ctl" stop -s -m immediate -D "$PLACE/data" || true
    rm -rf "$PLACE"
}

psql_there() { psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$PLACE/socket" -U postgres -d postgres "$@"; }

# same WHAT EXPECTED FOUND
same() {
    if [ "$2" != "$3" ]; then
        echo "$1 differ:"
        diff <(echo "$2") <(echo "$3") || true
        return 1
    fi
}

files_of() { (cd "$1" && find . -not -path './var*' | LC_ALL=C sort); }

# Reproducible: names, times, owners and order do not depend on time or place of the build.
packaged_twice() {
    local out
    for out in one two; do
        EDF_PYTHON=$PYTHON "$ROOT/docker/package/package.sh" "$PG_BIN/pg_config" "$PLACE/$out"
    done
    same 'Two packagings' "$(cd "$PLACE/one" && sha256sum -- *)" "$(cd "$PLACE/two" && sha256sum -- *)"
    DEB=$(find "$PLACE/one" -name '*.deb')
    ARCHIVE=$(find "$PLACE/one" -name '*.tar.gz')
}

# The files installed for the other tests are those of the package, except its documentation.
files_as_installed() {
    local installed packaged
    installed=$(find "$("$PG_BIN/pg_config" --pkglibdir)/edf.so" "$("$PG_BIN/pg_config" --sharedir)/extension" \
        \( -name 'edf.so' -o -name 'edf.control' -o -name 'edf--*.sql' \) | LC_ALL=C sort)
    packaged=$(dpkg-deb --fsys-tarfile "$DEB" | tar -t | sed 's|^\.||; s|/$||' | grep -v '^/usr/share/doc' |
        grep '/edf' | LC_ALL=C sort)
    same 'Files' "$installed" "$packaged"
}

# Each linked crate is listed with its licence, and each reference has its component.
bill_is_whole() {
    dpkg-deb --fsys-tarfile "$DEB" |
        tar -xO "./usr/share/doc/postgresql-$PG_MAJOR-edf/edf.cdx.json.gz" | gzip -d >"$PLACE/edf.cdx.json"
    "$PYTHON" - "$PLACE/edf.cdx.json" <<'PYTHON'
import json, sys

bill = json.load(open(sys.argv[1]))
names = {part["name"] for part in bill["components"]}
known = {part["bom-ref"] for part in [*bill["components"], bill["metadata"]["component"]]}
assert {"edf-core", "pgrx", "polars", "xgboost", "dmlc-core", "rust-std"} <= names, names
assert not {"bindgen", "cmake", "pgrx-macros", "serde_derive", "sqlx"} & names, names
assert all(part["licenses"][0]["expression"] for part in bill["components"])
assert len(known) == len(bill["components"]) + 1
assert {ref for row in bill["dependencies"] for ref in [row["ref"], *row["dependsOn"]]} <= known
print(f"{len(names)} components")
PYTHON
}

# Debian's server and the state of its packages, without edf.
copy_server() {
    mkdir -p "$ROOT_FOLDER"/usr/{lib,share}/postgresql "$ROOT_FOLDER"/var/lib/dpkg/{info,updates,triggers} "$PLACE/socket"
    cp -a "/usr/lib/postgresql/$PG_MAJOR" "$ROOT_FOLDER/usr/lib/postgresql"
    cp -a "/usr/share/postgresql/$PG_MAJOR" "$ROOT_FOLDER/usr/share/postgresql"
    rm -f "$ROOT_FOLDER$(dirname "$PG_BIN")/lib/edf.so" "$EXTENSION"/edf{.control,--*.sql}
    cp /var/lib/dpkg/status "$ROOT_FOLDER/var/lib/dpkg"
    chmod 0755 "$PLACE"
    own "$PLACE/socket"
    BEFORE=$(files_of "$ROOT_FOLDER")
}

start_server() {
    mkdir "$PLACE/data"
    own "$PLACE/data"
    as_server "$BIN/initdb" -D "$PLACE/data" -U postgres -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
    as_server "$BIN/pg_ctl" start -w -s -D "$PLACE/data" -l "$PLACE/data/log" \
        -o "-c listen_addresses= -k $PLACE/socket -c fsync=off"
}

dpkg_there() {
    dpkg --root="$ROOT_FOLDER" --log="$PLACE/dpkg.log" --force-not-root "$@" 2>&1 |
        grep -v 'files list file for package'
}

available() { psql_there -c "select default_version from pg_available_extensions where name = 'edf'"; }

# The SQL blocks of a page, in order, as input for psql.
blocks_of() { awk '/^```sql$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$1"; }

quickstart() {
    (cd "$PLACE" && blocks_of "$ROOT/docs/quickstart.md" | psql_there) >"$PLACE/quickstart.log"
    [ -s "$PLACE/forecast.csv" ] || return 1
    cat "$PLACE/quickstart.log"
    psql_there -c 'drop extension edf cascade'
}

deb() {
    dpkg_there --install "$DEB"
    [ "$(available)" = "$VERSION" ]
    quickstart
    dpkg_there --purge "postgresql-$PG_MAJOR-edf"
    same 'Files before the package and after it' "$BEFORE" "$(files_of "$ROOT_FOLDER")"
    [ -z "$(available)" ]
}

archive() {
    tar -C "$PLACE" -xf "$ARCHIVE"
    local folder
    folder=$PLACE/$(basename "$ARCHIVE" .tar.gz)
    "$folder/install.sh" "$BIN/pg_config"
    psql_there -c 'create extension edf' -c 'select edf.rmse(a, a + 1) from generate_series(1.0, 9.0) as a' \
        -c 'drop extension edf'
    "$folder/install.sh" --uninstall "$BIN/pg_config"
    same 'Files before the archive and after it' "$BEFORE" "$(files_of "$ROOT_FOLDER")"
    # A server of another version is rejected with a message.
    mv "$folder" "$PLACE/edf-$VERSION-pg99-linux-$(uname -m)"
    if "$PLACE/edf-$VERSION-pg99-linux-$(uname -m)/install.sh" "$BIN/pg_config" 2>"$PLACE/refusal"; then return 1; fi
    grep -F "for PostgreSQL 99" "$PLACE/refusal"
}

# The version is that of Cargo.toml everywhere.
release_text() {
    local page
    for page in README.md docs/install.md; do
        same "Versions in $page" "$VERSION" \
            "$(grep -oE 'edf_[0-9.]+-1_amd64|edf-[0-9.]+(\.tar|-pg)' "$ROOT/$page" |
                grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | sort -u)"
    done
    "$ROOT/docker/package/notes.sh" "$VERSION" | head -n 3
    "$ROOT/docker/package/meta.sh" | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["version"])' |
        grep -xF "$VERSION"
}

on_end end
release_text
packaged_twice
files_as_installed
bill_is_whole
copy_server
start_server
deb
archive
