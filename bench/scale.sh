#!/usr/bin/env bash
# One server against a Citus cluster of a coordinator and two workers on the same machine: scale.sh PG_CONFIG [BUILDINGS]
#
# PG_CONFIG is that of a server in which Citus 14 and edf are installed (docker/package/package.sh). Three clusters of it
# are made in a temporary directory and removed at the end. A fleet of BUILDINGS (default 1200), as in bench/service.sh
# with HOMES (default 2) measured homes, is loaded once and copied: database single is not distributed, database cluster
# is (energy.enable_citus, with forecasts). Both issue the same days, by one session and by two, and train the HOMES;
# the cluster also with a worker down, and with a worker that is killed KILL_AFTER seconds (default 5) into an issue.
# STRATEGY: models of that strategy instead of the configured one. Prints wall clock seconds, CPU seconds of each
# server, and whether the results are the same.
set -euo pipefail
[ $# -ge 1 ] || { echo "Usage: bench/scale.sh PG_CONFIG [BUILDINGS]" >&2; exit 2; }
EDF_STATE=${EDF_STATE:-$(cd "$(dirname "$0")/.." && pwd)/.edf-bench}
. "$(dirname "$0")/../docker/local/lib.sh"
. "$(dirname "$0")/../docker/local/cluster.sh"
. "$(dirname "$0")/../docker/local/tools.sh"
BIN=$("$1" --bindir)
BUILDINGS=${2:-1200}
HOMES=${HOMES:-2}
PLACE=

serve() { as_server "$BIN/pg_ctl" start -w -s -D "$PLACE/$1" -l "$PLACE/$1/log" 9>&-; }
halt() { as_server "$BIN/pg_ctl" stop -w -s -m "$2" -D "$PLACE/$1"; }

# Three servers that trust each other on the loopback interface: 0 is the coordinator.
make_servers() {
    local server
    chmod 0755 "$PLACE"
    mkdir "$PLACE"/{0,1,2,socket}
    own "$PLACE"/{0,1,2,socket}
    for server in 0 1 2; do
        as_server "$BIN/initdb" -D "$PLACE/$server" -U postgres -E UTF8 --locale=C.UTF-8 --no-sync -A trust >/dev/null
        grep -v '^cron\.' "$ROOT/config/postgresql.conf" >>"$PLACE/$server/postgresql.conf"
        cat >>"$PLACE/$server/postgresql.conf" <<EOF
port = $((PORT + server))
listen_addresses = '127.0.0.1'
unix_socket_directories = '$PLACE/socket'
shared_preload_libraries = 'citus'
shared_buffers = '256MB'
wal_level = logical
EOF
        serve "$server"
    done
}

remove_servers() {
    [ -n "$PLACE" ] || return 0
    local server
    for server in 0 1 2; do [ ! -f "$PLACE/$server/postmaster.pid" ] || halt "$server" immediate || true; done
    rm -rf "$PLACE"
}

load_fleet() {
    deploy database migrations sql config
    deploy dbt
    [ -z "${STRATEGY:-}" ] || query -c "call energy.load_config(energy.current_config() || jsonb_build_object('training',
        energy.current_config() -> 'training' || '{\"strategy\": \"$STRATEGY\", \"parameters\": {}}'))"
    "$PYTHON" "$ROOT/bench/speed/data.py" "$CACHE/downloads" "$HOMES" |
        query -v buildings="$BUILDINGS" -v homes="$HOMES" -f "$ROOT/bench/service/load.sql"
}

make_cluster() {
    query -d postgres -c 'create database cluster template single owner edf_owner' -c 'alter role edf_owner login'
    local worker
    query -d cluster -c 'create extension citus' -c "select citus_set_coordinator_host('127.0.0.1', $PORT)"
    for worker in 1 2; do
        query -p $((PORT + worker)) -d postgres -c 'create database cluster'
        query -p $((PORT + worker)) -d cluster -c 'create extension citus'
        query -d cluster -c "select citus_add_node('127.0.0.1', $((PORT + worker)))"
    done
    query -d cluster -c 'call energy.enable_citus(forecasts => true)'
}

# CPU seconds of a server with all its processes, those that have ended included; 0: it is down.
cpu_of() {
    local parent
    parent=$(head -n 1 "$PLACE/$1/postmaster.pid" 2>/dev/null) || { echo 0; return; }
    { cat "/proc/$parent/stat"; for child in $(pgrep -P "$parent"); do cat "/proc/$child/stat" 2>/dev/null; done; } |
        awk -v parent="$parent" -v hz="$(getconf CLK_TCK)" '{
            own = $1; sub(/.*\) /, ""); sum += $12 + $13; if (own == parent) sum += $14 + $15
        } END { print sum / hz }'
}

# measure LABEL COMMAND...: a row of the table.
measure() {
    local label=$1 before=() after=() began
    shift
    before=("$(cpu_of 0)" "$(cpu_of 1)" "$(cpu_of 2)")
    began=$(date +%s.%N)
    "$@" >&2
    local took
    took=$(seconds_since "$began")
    # Backends end after their clients.
    sleep 2
    after=("$(cpu_of 0)" "$(cpu_of 1)" "$(cpu_of 2)")
    awk -v label="$label" -v took="${took% s}" -v b="${before[*]}" -v a="${after[*]}" 'BEGIN {
        split(b, from); split(a, to); printf "| %s | %.1f |", label, took
        for (n = 1; n <= 3; n++) printf " %s |", to[n] < from[n] ? "-" : sprintf("%.1f", to[n] - from[n])
        print "" }' | tee -a "$STATE/scale.md"
}

clock() { echo "select set_config('energy.clock', (served_from + $1 * interval '1 day' + interval '5 minutes')::text, false) from clock"; }

# issue DATABASE DAY SESSIONS
issue() {
    local session
    for ((session = 1; session < $3; session++)); do
        query -d "$1" -c "$(clock "$2")" -c 'call energy.work_on_forecasts()' &
    done
    query -d "$1" -c "$(clock "$2")" -c "call energy.run_job('issue_forecasts')"
    wait
}

# train DATABASE SESSIONS
train() {
    local session
    query -d "$1" -c "$(clock 0)" \
        -c "select energy.queue_trainings(array(select 'b' || n from generate_series(1, $HOMES) as n))"
    for ((session = 0; session < $2; session++)); do
        query -d "$1" -c "$(clock 0)" -c 'call energy.work_on_trainings()' &
    done
    wait
}

# A worker that is killed while forecasts are issued, and the next run.
issue_killed() {
    (sleep "$2" && halt 2 immediate) &
    issue cluster "$1" 1 || echo "the run failed"
    wait
    query -d cluster -c "select message from energy.job_runs where job_name = 'issue_forecasts' order by job_run_id desc limit 1"
    issue cluster "$1" 1
}

forecasts_of() {
    query -d "$1" -c "
        select md5(string_agg(row(building_id, issued_at, valid_at, yhat, yhat_lower, yhat_upper, confidence, quality)::text, ','
            order by building_id, issued_at, valid_at)) || ' ' || count(*) || ' ' || count(*) filter (where source = 'model')
        from energy.forecasts"
}

models_of() {
    query -d "$1" -c "
        select md5(string_agg(subject || md5(artifact) || scores, ',' order by subject, artifact)) || ' ' || count(*)
        from edf.models
        join lateral (select md5(string_agg(scores::text, ',' order by strategy, lead_day)) as scores
            from energy.model_scores as scores where scores.model_id = models.model_id) as scored on scores is not null"
}

# same WHAT A B: a line below the table.
same() {
    local answer=DIFFERENT
    [ "$2" != "$3" ] || answer='the same'
    echo "$1: $answer ($3)" | cut -c 1-200 | tee -a "$STATE/scale.md"
}

run() {
    local database sessions
    for database in single cluster; do issue "$database" 0 1 >&2; done
    for sessions in 1 2; do
        for database in single cluster; do
            measure "issue of $BUILDINGS buildings, $sessions session(s), $database" issue "$database" "$sessions" "$sessions"
        done
    done
    for sessions in 1 2; do
        for database in single cluster; do
            measure "training of $HOMES buildings, $sessions session(s), $database" train "$database" "$sessions"
        done
    done
    halt 2 fast
    issue single 3 1 >&2
    measure "issue, one worker is down, cluster" issue cluster 3 1
    train single 1 >&2
    measure "training, one worker is down, cluster" train cluster 1
    serve 2
    issue single 4 1 >&2
    measure "issue, a worker is killed on the way and the job run again, cluster" issue_killed 4 "${KILL_AFTER:-5}"
    serve 2
    same 'Forecasts' "$(forecasts_of single)" "$(forecasts_of cluster)"
    same 'Models and scores' "$(models_of single)" "$(models_of cluster)"
}

for name in citus edf; do
    [ -f "$("$1" --pkglibdir)/$name.so" ] || fail "The server of $1 has no $name: install it first."
done
take_lock
on_end remove_servers
PLACE=$(mktemp -d /tmp/edf-scale-XXXXXX)
PORT=$(free_port)
export PGHOST=$PLACE/socket PGPORT=$PORT PGUSER=postgres PGDATABASE=single
rm -f "$STATE/scale.md"
step 'Python tools' 'PyPI must be reachable.' install_python
step 'three servers' 'The output of the server is above.' make_servers
step "$BUILDINGS buildings" 'Required for the measurements.' load_fleet
step 'a coordinator and two workers' 'The error is above.' make_cluster
step 'measurements' 'The results so far are above.' run
printf '\n| what | wall clock, s | coordinator or single, CPU s | worker 1 | worker 2 |\n|---|---|---|---|---|\n'
cat "$STATE/scale.md"
