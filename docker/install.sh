#!/usr/bin/env bash
# Installs the system packages that edf is built with and runs on: PostgreSQL with headers, pg_cron,
# the tools that build XGBoost, and cargo-pgrx. Serves `make demo`, `make test` and the image.
#
#   PG_MAJOR=15 docker/install.sh           all of it
#   PG_MAJOR=17 docker/install.sh --image   for an image that brings PostgreSQL itself
set -euo pipefail

PG_MAJOR=${PG_MAJOR:-15}
CACHE=${EDF_CACHE:-$HOME/.cache/edf}
PGRX_VERSION=0.18.1

fail() {
    echo "install: $1" >&2
    exit 1
}

command -v apt-get >/dev/null || fail "this script needs Debian 12 or Ubuntu (apt-get); install the packages it lists by hand"
command -v cargo >/dev/null || fail "Rust is missing; install it from https://rustup.rs (1.95 or newer) and run this again"

SUDO=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "run this as root, or install sudo"
    SUDO=(sudo)
fi

packages=(cmake ninja-build g++ pkg-config libclang-dev clang git ca-certificates)
if [ "${1:-}" = --image ]; then
    packages+=("postgresql-server-dev-$PG_MAJOR" "postgresql-$PG_MAJOR-cron")
else
    packages+=("postgresql-$PG_MAJOR" "postgresql-server-dev-$PG_MAJOR" "postgresql-$PG_MAJOR-cron" shellcheck)
    # `import ensurepip` is what Debian's python3 lacks without python3-venv.
    python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
    command -v npm >/dev/null || packages+=(nodejs npm)
fi

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
    "${SUDO[@]}" apt-get update -qq
    apt-cache show "postgresql-$PG_MAJOR" >/dev/null 2>&1 ||
        fail "this release has no postgresql-$PG_MAJOR; add the PostgreSQL project's apt repository (https://wiki.postgresql.org/wiki/Apt) or set PG_MAJOR"
    # The server package would start a cluster of its own; a setting that is there stays.
    settings=/etc/postgresql-common/createcluster.conf
    made_settings=no
    if ! [ -e "$settings" ]; then
        "${SUDO[@]}" mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' | "${SUDO[@]}" tee "$settings" >/dev/null
        made_settings=yes
    fi
    echo "installing ${missing[*]}"
    "${SUDO[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Options::=--force-confold "${missing[@]}"
    if [ "$made_settings" = yes ]; then
        "${SUDO[@]}" rm -f "$settings"
    fi
fi

export PGRX_HOME=$CACHE/pgrx PATH=$CACHE/bin:$PATH
mkdir -p "$PGRX_HOME"
if ! cargo pgrx --version 2>/dev/null | grep -qx "cargo-pgrx $PGRX_VERSION"; then
    echo "building cargo-pgrx $PGRX_VERSION"
    CARGO_TARGET_DIR=$CACHE/tools cargo install cargo-pgrx --version "$PGRX_VERSION" --locked --root "$CACHE"
fi
pg_config=/usr/lib/postgresql/$PG_MAJOR/bin/pg_config
grep -qs "^pg$PG_MAJOR = \"$pg_config\"" "$PGRX_HOME/config.toml" || cargo pgrx init "--pg$PG_MAJOR" "$pg_config"
