#!/usr/bin/env bash
# A private PostgreSQL cluster under the state folder: own port, a socket that only its owner reaches,
# loopback only. Never touches another cluster.
#
#   cluster.sh start | stop | remove
set -euo pipefail
# shellcheck source=docker/local/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The folder of the cluster. The link $STATE/cluster leads elsewhere where the server's user could not
# reach the checkout or a socket's path would be longer than the 107 bytes that Unix allows.
home() {
    readlink -f "$STATE/cluster"
}

make_home() {
    mkdir -p "$STATE"
    [ ! -e "$STATE/cluster" ] || return 0
    # What a broken link pointed to is gone.
    rm -f "$STATE/cluster"
    mkdir "$STATE/cluster"
    own "$STATE/cluster"
    if [ ${#STATE} -gt 70 ] || ! as_server test -w "$STATE/cluster"; then
        rmdir "$STATE/cluster"
        local folder
        folder=$(mktemp -d /var/tmp/edf.XXXXXX)
        own "$folder"
        ln -s "$folder" "$STATE/cluster"
    fi
}

own() {
    chmod 700 "$1"
    [ "$(id -u)" -ne 0 ] || chown postgres "$1"
}

running() {
    [ -e "$STATE/cluster/data/PG_VERSION" ] && as_server "$PG_BIN/pg_ctl" -D "$(home)/data" status >/dev/null
}

start() {
    make_home
    local home port libraries=pg_cron
    home=$(home)
    if running; then
        return 0
    fi
    if ! [ -e "$home/ready" ]; then
        # Left half made by an earlier try.
        rm -rf "$home/data"
        as_server "$PG_BIN/initdb" -D "$home/data" -U postgres -E UTF8 --locale=C.UTF-8 \
            --auth-local=trust --auth-host=scram-sha-256 --data-checksums --no-sync
        as_server mkdir -p -m 700 "$home/socket"
        as_server touch "$home/ready"
    fi
    [ ! -e "$PG_BIN/../lib/timescaledb.so" ] || libraries=timescaledb,pg_cron
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    as_server tee "$home/data/postgresql.auto.conf" >/dev/null <<EOF
$(cat "$ROOT/config/postgresql.conf")
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$home/socket'
shared_preload_libraries = '$libraries'
EOF
    cat >"$STATE/connection" <<EOF
export PGHOST=$home/socket PGPORT=$port
EOF
    as_server "$PG_BIN/pg_ctl" -D "$home/data" -l "$home/server.log" -w -t 60 start || {
        as_server tail -n 20 "$home/server.log"
        return 1
    }
}

stop() {
    if running; then
        as_server "$PG_BIN/pg_ctl" -D "$(home)/data" -m fast -w -t 60 stop
    fi
}

remove() {
    stop
    if [ -L "$STATE/cluster" ]; then
        rm -rf "$(home)"
    fi
    rm -rf "$STATE"
}

case ${1:-} in
    start | stop | remove) "$1" ;;
    *)
        echo "usage: cluster.sh start | stop | remove" >&2
        exit 2
        ;;
esac
