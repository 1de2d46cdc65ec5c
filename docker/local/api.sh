# shellcheck shell=bash
# PostgREST on loopback, beside the cluster. Sourced after tools.sh.
#
# $STATE/api.env   API_PORT
# $STATE/api.pid   process id and start time, to detect reused ids

api_url() {
    # shellcheck source=/dev/null
    . "$STATE/api.env"
    echo "http://127.0.0.1:$API_PORT"
}

started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

api_is_up() {
    local pid start
    [ -f "$STATE/api.pid" ] || return 1
    read -r pid start <"$STATE/api.pid"
    [ -n "$start" ] && [ "$(started_at "$pid")" = "$start" ]
}

api_start() {
    if api_is_up; then return; fi
    local pid port admin log=$STATE/log/postgrest.log _
    port=$(free_port)
    admin=$(free_port)
    env -i PATH=/usr/bin:/bin LANG=C.UTF-8 \
        PGRST_DB_URI="host='$PGHOST' port=$PGPORT dbname=$PGDATABASE user=authenticator" \
        PGRST_SERVER_PORT="$port" PGRST_ADMIN_SERVER_PORT="$admin" \
        setsid "$(postgrest_binary)" "$ROOT/config/postgrest.conf" >"$log" 2>&1 </dev/null 9>&- &
    pid=$!
    echo "$pid $(started_at "$pid")" >"$STATE/api.pid"
    echo "API_PORT=$port" >"$STATE/api.env"
    for _ in {1..100}; do
        api_is_up || break
        if curl -fsS -o /dev/null "http://127.0.0.1:$admin/ready" 2>/dev/null; then return; fi
        sleep 0.1
    done
    tail -n 20 "$log"
    api_stop
    return 1
}

api_stop() {
    local pid _
    if api_is_up; then
        read -r pid _ <"$STATE/api.pid"
        kill "$pid" 2>/dev/null || true
        for _ in {1..50}; do
            api_is_up || break
            sleep 0.1
        done
        if api_is_up; then kill -KILL "$pid" 2>/dev/null || true; fi
    fi
    rm -f "$STATE/api.pid" "$STATE/api.env"
}

# api_token SUBJECT ROLE: a token for a week.
api_token() { EDF_JWT_SECRET=$(jwt_secret) "$PYTHON" "$ROOT/docker/local/make_token.py" "$@"; }
