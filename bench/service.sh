#!/usr/bin/env bash
# The daily issue of a fleet through the whole pipeline: service.sh [BUILDINGS...], by default 120 1200. Each size is a
# separate database with copies of the measured homes, their year of hours, a year of hourly weather runs, and a model
# of the configured strategy each. Forecasts are issued by one session and by two, a day each. Prints a table of wall
# clock and processor seconds (of all sessions), and the memory held by a session. TRAININGS buildings (default 6) of
# the first size are also trained, with all steps, by one session and by two. Uses a private cluster, which is removed
# at the end.
set -euo pipefail
. "$(dirname "$0")/setup.sh"
[ $# -gt 0 ] || set -- 120 1200
HERE=$ROOT/bench/service
TRAININGS=${TRAININGS:-6}

# day BUILDINGS DAY SESSIONS: the issue of one day by a number of sessions, from the first connection to the end of the
# run.
day() {
    local worker pids=()
    for ((worker = 1; worker < $3; worker++)); do
        query -v day="$2" -v sessions="$3" -f "$HERE/worker.sql" >&2 &
        pids+=($!)
    done
    query -v buildings="$1" -v day="$2" -v sessions="$3" -f "$HERE/day.sql" >&2
    for worker in "${pids[@]}"; do wait "$worker"; done
}

issue() {
    query -c 'drop table if exists measured' \
        -c 'create table measured (what text, seconds numeric, cpu numeric, mb numeric, rows bigint)'
    # A day to warm up the server.
    day "$1" 0 1
    query -c 'truncate measured'
    for sessions in 1 2; do day "$1" "$sessions" "$sessions"; done
    query -c "select '$1|' || what || '|' || round(sum(seconds), 2) || '|' || sum(cpu) || '|' || max(mb) || '|' || sum(rows)
              from measured group by what order by what" \
        | tee -a "$STATE/service.psv"
    query -v buildings="$1" -v day=2 -f "$HERE/issue.sql" | tee -a "$STATE/service.psv"
}

work() {
    query -U pipeline -c "select set_config('energy.clock', served_from::text, false) from clock" \
        -c 'call energy.work_on_trainings()'
}

# train SESSIONS: wall clock seconds for training the buildings in a number of sessions.
train() {
    query -c 'grant select on clock to pipeline' -c 'delete from energy.training_runs'
    query -U pipeline -c "select set_config('energy.clock', served_from::text, false) from clock" \
        -c "select count(energy.queue_trainings(array(select 'b' || n from generate_series(1, $TRAININGS) as n)))"
    local began session pids=()
    began=$(date +%s.%N)
    for ((session = 0; session < $1; session++)); do work & pids+=($!); done
    for session in "${pids[@]}"; do wait "$session"; done
    query -c "select '$FIRST|$TRAININGS trainings by $1|' || round(extract(epoch from clock_timestamp()) - $began, 1) || '|'
        || round(sum(extract(epoch from finished_at - started_at)), 1) || '|0|' || count(*)
        from energy.training_steps where outcome = 'succeeded' and run_id in (
            select run_id from energy.training_runs where state = 'registered')" | tee -a "$STATE/service.psv"
}

prepare
export PGDATABASE=service
FIRST=$1
rm -f "$STATE/service.psv"
for buildings in "$@"; do
    step "$buildings buildings" 'Required for the measurements.' load_fleet "$buildings"
    step "forecasts of $buildings buildings" 'The results so far are above.' issue "$buildings"
    if [ "$buildings" = "$FIRST" ] && [ "$TRAININGS" -gt 0 ]; then
        for sessions in 1 2; do step "$TRAININGS trainings by $sessions" 'The results so far are above.' train "$sessions"; done
    fi
done
"$PYTHON" "$HERE/report.py" <"$STATE/service.psv"
