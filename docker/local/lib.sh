# shellcheck shell=bash
# shellcheck disable=SC2034  # variables used by the scripts that source this one
# Common paths, and the progress display of steps. Sourced by the scripts in this directory.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${EDF_CACHE:-$HOME/.cache/edf}
STATE=${EDF_STATE:-$ROOT/.edf}
PG_MAJOR=${PG_MAJOR:-15}
PG_BIN=/usr/lib/postgresql/$PG_MAJOR/bin
PYTHON=$CACHE/venv/bin/python

export EDF_CACHE=$CACHE PGRX_HOME=$CACHE/pgrx CARGO_TARGET_DIR=$CACHE/target
# Also set in .cargo/config.toml, but cargo-pgrx reads it before cargo does.
export CARGO_PGRX_DISABLE_GC_SECTIONS_WORKAROUND=1
export PATH=$CACHE/bin:$PATH PYTHONDONTWRITEBYTECODE=1

STEP=0   # number of steps so far
STATUS=0 # of the last step
LOG=     # of the last step
JOB=     # process group of the running step

say() { printf '%s\n' "$*"; }

fail() {
    printf '\n%s\n' "$*" >&2
    exit 1
}

seconds_since() { awk -v from="$1" -v to="$(date +%s.%N)" 'BEGIN { printf "%.1f s", to - from }'; }

# The last non-empty line of a log, truncated.
last_line() {
    tail -c 2000 "$1" | tr '\r' '\n' | sed 's/\x1b\[[0-9;]*[A-Za-z]//g; s/^ *//' | grep -v '^$' | tail -n 1 | cut -c 1-60 || true
}

# Shows the progress of the running step: an updated line on a terminal, otherwise a line now and then.
watch_job() {
    local title=$1 began=$2 since=$SECONDS told=0 waited
    while kill -0 "$JOB" 2>/dev/null; do
        sleep 0.1
        waited=$((SECONDS - since))
        if [ -t 1 ]; then
            [ "$waited" -lt 1 ] || printf '\r\033[K  .. %s  %s  %s' "$title" "$(seconds_since "$began")" "$(last_line "$LOG")"
        elif [ "$waited" -ge $((told + (told ? 15 : 2))) ]; then
            told=$waited
            printf '  .. %s: %s s  %s\n' "$title" "$waited" "$(last_line "$LOG")"
        fi
    done
    [ ! -t 1 ] || printf '\r\033[K'
}

# run_step TITLE COMMAND...: runs the command with its output in a log, and prints a line with the time taken; sets
# STATUS and LOG.
run_step() {
    local title=$1 mark=ok began
    shift
    STEP=$((STEP + 1)) STATUS=0
    began=$(date +%s.%N)
    mkdir -p "$STATE/log"
    LOG=$STATE/log/$(printf '%02d-%s' "$STEP" "$(tr -cs 'a-zA-Z0-9\n' - <<<"$title")").log
    # Its own process group, so that an interruption can end all of it at once.
    set -m
    "$@" >"$LOG" 2>&1 </dev/null &
    JOB=$!
    set +m
    watch_job "$title" "$began"
    wait "$JOB" || STATUS=$?
    JOB=
    [ "$STATUS" = 0 ] || mark=XX
    printf '  %s %-60s %10s\n' "$mark" "$title" "$(seconds_since "$began")"
}

# step TITLE ADVICE COMMAND...: like run_step, but a failure ends the run and prints the advice.
step() {
    local title=$1 advice=$2
    shift 2
    run_step "$title" "$@"
    [ "$STATUS" = 0 ] || {
        tail -n 15 "$LOG" | sed 's/^/     | /'
        fail "FAILED $title: $advice Complete log: $LOG"
    }
}

# Ends the running step and everything it started.
end_job() {
    [ -n "$JOB" ] || return 0
    local _
    kill -TERM -- "-$JOB" 2>/dev/null || true
    for _ in {1..50}; do
        kill -0 -- "-$JOB" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL -- "-$JOB" 2>/dev/null || true
    wait "$JOB" 2>/dev/null || true
    JOB=
}

# on_end FUNCTION: calls it with the exit status when the script ends, for any reason.
on_end() {
    AT_END=$1
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
    trap 'at_end $?' EXIT
}

at_end() {
    trap '' INT TERM HUP PIPE
    trap - EXIT
    set +e
    end_job 2>/dev/null
    "$AT_END" "$1"
    exit "$1"
}

# One run at a time per state directory; servers must not inherit the lock (9>&-).
take_lock() {
    mkdir -p "$STATE"
    exec 9>>"$STATE/lock"
    local owner
    owner=$(cat "$STATE/owner" 2>/dev/null || true)
    if ! flock -n 9 && [ -n "$owner" ] && kill -0 "$owner" 2>/dev/null; then
        fail "Another run is using $STATE (process $owner): wait for it, or end it with Ctrl-C."
    fi
    echo $$ >"$STATE/owner"
}
