# shellcheck shell=bash
# A private PostgreSQL cluster below $STATE: own port, loopback only, own socket directory. Sourced after lib.sh.
#
# $STATE/env       PORT, SOCKET
# $STATE/cluster   link to the directory with data/, socket/ and log/

DATABASE=edf

# Root cannot run a server: user postgres does, with a clean environment without RUST_BACKTRACE and the like.
as_server() (
    cd /
    local clean=(env -i PATH=/usr/bin:/bin LANG=C.UTF-8 TZ=UTC)
    if [ "$(id -u)" = 0 ]; then
        exec runuser -u postgres -- "${clean[@]}" "$@"
    fi
    exec "${clean[@]}" "$@"
)

own() {
    chmod 0700 "$@"
    [ "$(id -u)" != 0 ] || chown -R postgres: "$@"
}

cluster_folder() { readlink -e "$STATE/cluster"; }

# Exports the connection parameters; psql, dbt, psycopg2 and sqlx all read these variables.
cluster_env() {
    [ -f "$STATE/env" ] || return 1
    # shellcheck source=/dev/null
    . "$STATE/env"
    unset PGPASSWORD PGPASSFILE PGSERVICE PGOPTIONS PGHOSTADDR PGSSLMODE
    export PGHOST=$SOCKET PGPORT=$PORT PGDATABASE=$DATABASE PGUSER=postgres
}

write_env() { printf 'PORT=%q\nSOCKET=%q\n' "$PORT" "$SOCKET" >"$STATE/env"; }

is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
    local port _
    for _ in {1..200}; do
        port=$((20000 + RANDOM % 12000))
        is_taken "$port" || { echo "$port"; return; }
    done
    fail "No free port was found between 20000 and 32000 on 127.0.0.1."
}

# All processes of this cluster, identified by their directory, including those left by a killed server.
cluster_processes() {
    local data pid
    data=$(cluster_folder)/data || return 0
    for pid in $(pgrep -x postgres); do
        if [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$data" ]; then echo "$pid"; fi
    done
}

cluster_is_up() {
    local pid
    pid=$(head -n 1 "$STATE/cluster/data/postmaster.pid" 2>/dev/null) || return 1
    cluster_processes | grep -x "$pid" >/dev/null
}

# The cluster's directory: in the state directory, or where user postgres can access it.
make_folder() {
    local place=$STATE/cluster.d
    mkdir -p "$STATE"
    if [ "$(id -u)" = 0 ] && ! runuser -u postgres -- test -x "$STATE"; then
        place=/var/lib/edf/$(printf '%s' "$STATE" | sha256sum | cut -c 1-12)
    fi
    rm -rf "$place"
    mkdir -p "$place"/{log,socket}
    own "$place" "$place/socket"
    ln -sfn "$place" "$STATE/cluster"
}

# The path of a unix socket is limited to 107 bytes.
choose_socket() {
    SOCKET=$(cluster_folder)/socket
    if [ $((${#SOCKET} + 16)) -gt 107 ]; then
        SOCKET=$(mktemp -d /tmp/edf-XXXXXX)
        own "$SOCKET"
    fi
}

cluster_create() {
    local found=$STATE/cluster/data/PG_VERSION folder
    if [ -f "$STATE/env" ] && [ -f "$found" ]; then
        [ "$(cat "$found")" = "$PG_MAJOR" ] ||
            fail "The cluster in $STATE is of PostgreSQL $(cat "$found"), not $PG_MAJOR: run make clean first."
        return
    fi
    cluster_remove
    make_folder
    folder=$(cluster_folder)
    # Created under a temporary name: an interrupted run must not look like a cluster.
    as_server "$PG_BIN/initdb" -D "$folder/data.new" -U postgres -E UTF8 --locale=C.UTF-8 --data-checksums \
        --auth-local=trust --auth-host=scram-sha-256
    echo "include_dir 'conf.d'" >>"$folder/data.new/postgresql.conf"
    as_server mkdir "$folder/data.new/conf.d"
    mv "$folder/data.new" "$folder/data"
    choose_socket
    PORT=$(free_port)
    write_env
}

# The project's settings, then those of this machine.
configure() {
    local libraries=pg_cron conf=$STATE/cluster/data/conf.d
    if [ -f "$("$PG_BIN/pg_config" --pkglibdir)/timescaledb.so" ]; then libraries=timescaledb,pg_cron; fi
    cat "$ROOT/config/postgresql.conf" >"$conf/10-edf.conf"
    cat >"$conf/20-local.conf" <<EOF
port = $PORT
listen_addresses = '127.0.0.1'
unix_socket_directories = '$SOCKET'
unix_socket_permissions = 0700
shared_preload_libraries = '$libraries'
timescaledb.telemetry_level = off
EOF
    chmod 0644 "$conf"/*.conf
}

# After a reboot a directory in /tmp is gone; after `kill -9` of a server its children and files remain.
cluster_tidy() {
    [ -d "$SOCKET" ] || choose_socket
    cluster_end_processes
    rm -f "$STATE/cluster/data/postmaster.pid" "$SOCKET"/.s.PGSQL.*
    if is_taken "$PORT"; then PORT=$(free_port); fi
    write_env
}

cluster_start() {
    cluster_env || fail "There is no cluster in $STATE: run make demo."
    if cluster_is_up; then return; fi
    local log _
    log=$(cluster_folder)/log/server.log
    for _ in 1 2 3; do
        cluster_tidy
        configure
        touch "$STATE/starting"
        if as_server "$PG_BIN/pg_ctl" start -w -t 60 -s -D "$(cluster_folder)/data" -l "$log" 9>&-; then
            rm -f "$STATE/starting"
            return
        fi
        tail -n 20 "$log"
        sleep 1
    done
    rm -f "$STATE/starting"
    fail "The server did not start: its log is $log."
}

cluster_end_processes() {
    local signal pids _
    for signal in TERM INT KILL; do
        pids=$(cluster_processes)
        [ -n "$pids" ] || return 0
        # shellcheck disable=SC2086
        kill "-$signal" $pids 2>/dev/null || true
        for _ in {1..30}; do
            [ -n "$(cluster_processes)" ] || return 0
            sleep 0.1
        done
    done
}

cluster_stop() {
    cluster_env || return 0
    local _
    # An interrupted start may bring up its server a moment later.
    if [ -f "$STATE/starting" ]; then
        for _ in {1..20}; do
            if cluster_is_up; then break; fi
            sleep 0.1
        done
    fi
    if cluster_is_up; then
        as_server "$PG_BIN/pg_ctl" stop -s -m fast -t 20 -D "$(cluster_folder)/data" || true
    fi
    cluster_end_processes
    rm -f "$STATE/starting"
}

cluster_remove() {
    local folder
    folder=$(cluster_folder 2>/dev/null) || folder=
    if cluster_env; then
        cluster_stop
        rm -rf "$SOCKET"
    fi
    [ -z "$folder" ] || rm -rf "$folder"
    rm -rf "$STATE"/{cluster,cluster.d,env,starting,jwt_secret,extension.sha256}
    rmdir /var/lib/edf 2>/dev/null || true
}
