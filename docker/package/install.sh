#!/bin/sh
# Installs the extension edf into a PostgreSQL server, or removes it again. No server is restarted.
#
#   ./install.sh [PG_CONFIG]              default: pg_config of the PATH
#   ./install.sh --uninstall [PG_CONFIG]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
action=install
if [ "${1:-}" = --uninstall ]; then
    action=uninstall
    shift
fi
pg_config=${1:-pg_config}

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

[ $# -le 1 ] || fail "Usage: ./install.sh [--uninstall] [PG_CONFIG]"
command -v "$pg_config" >/dev/null || fail "There is no $pg_config: name the server's pg_config, as in ./install.sh /usr/pgsql-16/bin/pg_config."

# The folder is named edf-VERSION-pgMAJOR-linux-MACHINE.
name=$(basename "$here")
for_major=$(printf '%s' "$name" | sed -n 's/.*-pg\([0-9]*\)-.*/\1/p')
for_machine=${name##*-}
major=$("$pg_config" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
[ -n "$for_major" ] || fail "This folder must keep the name that the archive gave it, edf-VERSION-pgMAJOR-linux-MACHINE."
[ "$major" = "$for_major" ] || fail "This archive is for PostgreSQL $for_major, and $pg_config is of PostgreSQL $major."
[ "$(uname -m)" = "$for_machine" ] || fail "This archive is for $for_machine, and this machine is $(uname -m)."

lib=$("$pg_config" --pkglibdir)
extension=$("$pg_config" --sharedir)/extension
if ! [ -w "$lib" ] || ! [ -w "$extension" ]; then fail "No right to write to $lib and $extension: run this with sudo."; fi

if [ "$action" = install ]; then
    # Written to a new file and renamed: sessions that have loaded the old library keep it.
    install -m 0755 "$here/lib/edf.so" "$lib/edf.so.new"
    mv -f "$lib/edf.so.new" "$lib/edf.so"
    install -m 0644 "$here"/extension/* "$extension"
    echo "Installed. In a database, as superuser: create extension edf; or, if an earlier release is in use: alter extension edf update;"
else
    rm -f "$lib/edf.so" "$extension/edf.control" "$extension"/edf--*.sql
    echo "Removed. Databases that still have the extension can drop it: drop extension edf cascade;"
fi
