#!/usr/bin/env bash
# Installs what the project needs on Debian or Ubuntu, and only what is missing.
#
#   docker/install.sh [GROUP...]     default: server build local pgrx
#
#   server   PostgreSQL with pg_cron; no cluster is created and none is started
#   build    server headers and the compilers of the extension, and what packages it
#   local    tools of the scripts in docker/local: Python, Node, shellcheck, curl
#   deploy   the client for docker/deploy.sh
#   bench    the load generator for bench/api.sh
#   browser  Chromium, for the tests of the pages
#   tests    plpgsql_check, for the tests of the server's routines
#   pgrx     cargo-pgrx, below EDF_CACHE (default ~/.cache/edf)
#   front    nginx, without starting it
#   nginx    the same for the tests, unpacked below EDF_CACHE
#   monitoring   tools for the tests of config/monitoring, unpacked below EDF_CACHE: the packages would start servers
#
# PG_MAJOR (default 15) picks the PostgreSQL version. The Dockerfile runs this same script.
set -euo pipefail

PG_MAJOR=${PG_MAJOR:-15}
EDF_CACHE=${EDF_CACHE:-$HOME/.cache/edf}
PGRX_VERSION=0.18.1
MISSING=()

say() { printf '%s\n' "$*"; }

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "Installing packages needs root: run this as root once, or install sudo."
    fi
}

# Adds packages that are not installed to MISSING.
need() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || MISSING+=("$package")
    done
}

# Adds packages unless the command exists, from any source.
need_command() {
    local name=$1
    shift
    command -v "$name" >/dev/null || need "$@"
}

# Debian creates a cluster for every new server package: a temporary setting prevents it.
without_new_cluster() {
    local setting=/etc/postgresql-common/createcluster.d/edf-install.conf
    as_root mkdir -p "${setting%/*}"
    printf 'create_main_cluster = false\n' | as_root tee "$setting" >/dev/null
    # shellcheck disable=SC2064
    trap "as_root rm -f '$setting'" EXIT
    "$@"
    as_root rm -f "$setting"
    trap - EXIT
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

install_missing() {
    if [ ${#MISSING[@]} = 0 ]; then
        say "All system packages are there."
        return
    fi
    say "Missing packages: ${MISSING[*]}"
    command -v apt-get >/dev/null || fail "This script installs with apt-get (Debian, Ubuntu). Install these by hand: ${MISSING[*]}"
    as_root apt-get update
    case " ${MISSING[*]} " in
    *" postgresql-$PG_MAJOR "* | *" postgresql-server-dev-$PG_MAJOR "*)
        apt-cache show "postgresql-$PG_MAJOR" >/dev/null 2>&1 || fail \
            "This release has no postgresql-$PG_MAJOR. Add PostgreSQL's own apt repository and run this again:" \
            "  sudo apt-get install postgresql-common && sudo /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh"
        without_new_cluster apt_install "${MISSING[@]}"
        ;;
    *) apt_install "${MISSING[@]}" ;;
    esac
}

install_pgrx() {
    command -v cargo >/dev/null || fail "Rust is missing: install 1.95 or newer with rustup, then run this again."
    export PGRX_HOME=$EDF_CACHE/pgrx PATH=$EDF_CACHE/bin:$PATH
    if ! cargo pgrx --version 2>/dev/null | grep -qxF "cargo-pgrx $PGRX_VERSION"; then
        say "Building cargo-pgrx $PGRX_VERSION (once, about five minutes)"
        env -u CARGO_TARGET_DIR cargo install cargo-pgrx --version "$PGRX_VERSION" --locked --root "$EDF_CACHE"
    fi
    local pg_config=/usr/lib/postgresql/$PG_MAJOR/bin/pg_config
    if ! grep -qsF "\"$pg_config\"" "$PGRX_HOME/config.toml"; then
        mkdir -p "$PGRX_HOME"
        cargo pgrx init "--pg$PG_MAJOR" "$pg_config"
    fi
}

# unpack FOLDER PACKAGE...: unpacks Debian packages without configuring or starting anything.
unpack() {
    local place=$EDF_CACHE/$1 new=$EDF_CACHE/$1.new package
    shift
    if [ -d "$place" ]; then return; fi
    rm -rf "$new"
    mkdir -p "$new"
    for package in "$@"; do
        (cd "$new" && { apt-get download "$package" || { as_root apt-get update && apt-get download "$package"; }; })
        dpkg-deb -x "$new/$package"_*.deb "$new"
        rm "$new/$package"_*.deb
    done
    # Keeps only the programs that are used.
    find "$new" -type f -not -name promtool -not -name amtool -not -name '*-exporter' -not -name nginx -delete
    mv "$new" "$place"
}

main() {
    local groups=("$@") group
    [ $# -gt 0 ] || groups=(server build local pgrx)
    for group in "${groups[@]}"; do
        case $group in
        server) need "postgresql-$PG_MAJOR" "postgresql-$PG_MAJOR-cron" ;;
        build) need "postgresql-server-dev-$PG_MAJOR" cmake ninja-build g++ pkg-config clang libclang-dev dpkg-dev python3 ;;
        local)
            need python3-venv shellcheck
            need_command curl curl ca-certificates
            need_command openssl openssl
            need_command node nodejs
            need_command npm npm
            ;;
        deploy) need postgresql-client ;;
        bench) need wrk ;;
        browser) need_command chromium chromium ;;
        tests) need "postgresql-$PG_MAJOR-plpgsql-check" ;;
        front) need nginx ;;
        pgrx | monitoring | nginx) ;;
        *) fail "Unknown group '$group': use server, build, local, deploy, bench, browser, tests, front, pgrx, monitoring or nginx." ;;
        esac
    done
    install_missing
    case " ${groups[*]} " in *" pgrx "*) install_pgrx ;; esac
    case " ${groups[*]} " in
    *" monitoring "*) unpack monitoring prometheus-postgres-exporter prometheus prometheus-alertmanager ;;
    esac
    case " ${groups[*]} " in *" nginx "*) unpack nginx nginx ;; esac
}

main "$@"
