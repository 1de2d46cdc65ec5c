#!/usr/bin/env bash
# PostgREST on loopback in front of the cluster of the state folder.
#
#   api.sh start | stop | token SUBJECT ROLE
set -euo pipefail
# shellcheck source=docker/local/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

alive() {
    [ -r "$STATE/postgrest.pid" ] && grep -qs postgrest "/proc/$(cat "$STATE/postgrest.pid")/comm"
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

secret() {
    [ -s "$STATE/jwt-secret" ] || (umask 077 && python3 -c 'import secrets; print(secrets.token_hex(32), end="")' >"$STATE/jwt-secret")
    cat "$STATE/jwt-secret"
}

start() {
    connection
    ! alive || return 0
    local port admin
    port=$(free_port)
    admin=$(free_port)
    # The settings that differ from machine to machine; the rest stands in the file.
    PGRST_DB_URI="postgres:///edf?host=$PGHOST&port=$PGPORT&user=authenticator" PGRST_JWT_SECRET=$(secret) \
        PGRST_SERVER_PORT=$port PGRST_ADMIN_SERVER_PORT=$admin \
        setsid "$(postgrest_binary)" "$ROOT/config/postgrest.conf" >"$STATE/log/postgrest-server.log" 2>&1 </dev/null &
    echo $! >"$STATE/postgrest.pid"
    echo "http://127.0.0.1:$port" >"$STATE/api-url"
    for _ in $(seq 100); do
        if python3 -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$admin/ready', timeout=2)" 2>/dev/null; then
            return 0
        fi
        alive || break
        sleep 0.1
    done
    tail -n 20 "$STATE/log/postgrest-server.log" >&2
    stop
    return 1
}

stop() {
    if alive; then
        kill "$(cat "$STATE/postgrest.pid")"
    fi
    rm -f "$STATE/postgrest.pid" "$STATE/api-url"
}

# A token that is good for a day.
token() {
    SECRET=$(secret) "$VENV/bin/python" - "$1" "$2" <<'EOF'
import datetime, os, sys
import jwt
expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
claims = {"sub": sys.argv[1], "role": sys.argv[2], "aud": "edf-api", "exp": expires}
print(jwt.encode(claims, os.environ["SECRET"], algorithm="HS256"))
EOF
}

case ${1:-} in
    start | stop) "$1" ;;
    token) token "$2" "$3" ;;
    *)
        echo "usage: api.sh start | stop | token SUBJECT ROLE" >&2
        exit 2
        ;;
esac
