#!/usr/bin/env bash
# Speed of edf compared with a Python pipeline on the same database, and with libxgboost alone; writes the table of
# bench/README.md.
#
#   bench/speed/bench.sh [BUILDINGS]      default 120; at most 120
#
# Uses a private cluster, which is removed at the end. About half an hour for 120 buildings on two quiet cores.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
EDF_STATE=${EDF_STATE:-$(cd "$HERE/../.." && pwd)/.edf-bench}
. "$HERE/../../docker/local/lib.sh"
. "$HERE/../../docker/local/cluster.sh"
. "$HERE/../../docker/local/tools.sh"
. "$HERE/../accuracy/environment.sh"
BUILDINGS=${1:-120}
WORKERS=2 # backends and Python's processes
RUNS=${RUNS:-3} # of the short tasks
FEW=$((BUILDINGS > 20 ? BUILDINGS / 10 : BUILDINGS > 1 ? 2 : 1)) # buildings for measuring the ensemble
SPEED=$CACHE/speed
TREES='{"base": "mean"}' # trees only, as in Python and libxgboost
FLOOR=$CARGO_TARGET_DIR/release/examples/floor

install_python_pipeline() { environment "$SPEED" "$HERE/requirements.txt" /usr/bin/python3; }

build_floor() { cd "$ROOT" && cargo build --release -p edf -p edf-core --example floor; }

load() {
    psql -X -q -d postgres -c 'create database edf'
    /usr/bin/python3 "$HERE/data.py" "$CACHE/downloads" "$BUILDINGS" | query -f "$HERE/setup.sql"
    local worker
    query -c "copy (select number, to_char(hour_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),
                         demand_kwh, temperature_c, ghi_w_m2, is_holiday
                    from hours order by number, hour_at) to stdout with (format csv)" >"$STATE/hours.csv"
    for ((worker = 0; worker < WORKERS; worker++)); do
        awk -F, -v worker="$worker" -v workers="$WORKERS" '$1 % workers == worker' \
            "$STATE/hours.csv" >"$STATE/hours.$worker.csv"
    done
    awk -F, '$1 == 0' "$STATE/hours.csv" >"$STATE/hours.one.csv"
}

# each COMMAND...: runs it once per worker in parallel, with the worker's number last.
each() {
    local worker pids=()
    for ((worker = 0; worker < WORKERS; worker++)); do
        "$@" "$worker" &
        pids+=($!)
    done
    for worker in "${pids[@]}"; do wait "$worker"; done
}

session() {
    query -v task="$1" -v strategy="$2" -v parameters="$3" -v buildings="$4" -v workers="$5" -v worker="$6" -f "$HERE/tasks.sql" | tail -n 1 >"$STATE/processor.$6"
}

# measure TASK SIDE COMMAND...: appends wall clock and processor seconds, which COMMAND writes to processor.* (the floor
# also its own wall clock seconds), else those of its child processes.
measure() {
    local task=$1 side=$2 TIMEFORMAT='%R %U %S' clock
    shift 2
    rm -f "$STATE"/processor.*
    { time "$@" >"$STATE/output" 2>&1; } 2>"$STATE/time" || { cat "$STATE/output" >&2; fail "$task by $side failed."; }
    clock=$(awk '{ print $1 }' "$STATE/time")
    if compgen -G "$STATE/processor.*" >/dev/null; then
        awk -v task="$task" -v side="$side" -v clock="$clock" '{ sum += $NF } NF == 2 && $1 > own { own = $1 }
            END { print task "," side "," (own ? own : clock) "," sum }' "$STATE"/processor.*
    else
        awk -v task="$task" -v side="$side" '{ print task "," side "," $1 "," $2 + $3 }' "$STATE/time"
    fi | tee -a "$STATE/measured.csv"
}

# edf TASK STRATEGY PARAMETERS BUILDINGS: one backend for a single building, else as many as workers.
edf() {
    query -c 'truncate edf_forecasts, edf_backtests'
    if [ "$4" = 1 ]; then session "$@" 1 0; else each session "$@" "$WORKERS"; fi
}

approve() {
    query -c "select edf.approve_model(model_id)
              from (select distinct on (subject) * from edf.models order by subject, model_id desc) as newest
              where status = 'pending'" >"$STATE/output"
}

python_pipeline() { "$SPEED/bin/python" "$HERE/pipeline.py" "$@"; }

floor() {
    local from=$STATE/hours.$2.csv
    "$FLOOR" "$1" <"$from" >"$STATE/processor.$2"
}

short_tasks() {
    local _
    for _ in $(seq "$RUNS"); do
        measure train-one edf edf train xgboost "$TREES" 1
        measure train-one python python_pipeline train 1 --settings "$SETTINGS"
        measure train-one floor floor train one
    done
}

inference() {
    local _
    for _ in $(seq "$RUNS"); do
        measure forecast edf edf forecast xgboost '{}' "$BUILDINGS"
        query -c 'truncate python_forecasts'
        measure forecast python python_pipeline forecast "$BUILDINGS" --processes "$WORKERS"
        measure forecast floor each floor forecast
        measure launch python "$SPEED/bin/python" -c 'import numpy, pandas, psycopg, xgboost'
    done
}

take_lock
at_the_end() {
    cluster_remove
    rm -rf "$STATE"
}
on_end at_the_end
step 'system packages' 'The output of apt is above: check the network, and whether another apt is running.' \
    install_packages
step 'build and install the extension' 'A cold build takes about 20 minutes; the compiler output is above.' \
    install_extension
step 'build the floor' 'The compiler output is above.' build_floor
step 'environment of the pipeline in Python' 'PyPI must be reachable.' install_python_pipeline
cluster_remove
step 'private cluster' 'Required for the measurements.' create_and_start
cluster_env
step 'hours of the buildings' 'PyPI must be reachable.' load
step 'the same features on both sides' 'The comparison requires it.' python_pipeline check
rm -f "$STATE/measured.csv"

# The XGBoost settings of edf, for use in the Python script.
query -c "select edf.train('settings', hours_of(0, trained_until - interval '40 days', trained_until),
                          strategy => 'xgboost', parameters => '$TREES')
          from clock" >"$STATE/output"
SETTINGS=$(query -c "select jsonb_object_agg(key, value) from edf.models cross join jsonb_each(parameters)
                     where key in ('rounds', 'eta', 'max_depth', 'min_child_weight', 'subsample', 'colsample_bytree',
                                   'max_bin')")
query -c 'truncate edf.models cascade'
short_tasks
query -c 'truncate memory, python_models'
measure train edf edf train xgboost "$TREES" "$BUILDINGS"
query -c 'copy (select nth, max(own_mb), max(peak_mb) from memory group by nth) to stdout with (format csv)' \
    >"$STATE/memory.csv"
measure train default edf train xgboost '{}' "$BUILDINGS"
measure train start python_pipeline train "$BUILDINGS" --processes "$WORKERS"
query -c "select avg((metrics ->> 'rmse')::float8) from python_models" >"$STATE/rmse.start"
query -c 'truncate python_models'
measure train python python_pipeline train "$BUILDINGS" --processes "$WORKERS" --settings "$SETTINGS"
measure train floor each floor train
approve
inference
measure backtest edf edf backtest xgboost "$TREES" 1
measure backtest python python_pipeline backtest 1 --settings "$SETTINGS"
measure backtest floor floor backtest one
query -c "copy (
    select case when parameters ->> 'base' = 'mean' then 'edf' else 'default' end,
        avg((metrics #>> '{held_out,model,rmse}')::float8)
    from (select distinct on (subject, parameters ->> 'base') * from edf.models where strategy = 'xgboost'
          order by subject, parameters ->> 'base', model_id desc) as newest
    group by 1
    union all select 'python', avg((metrics ->> 'rmse')::float8) from python_models
    union all select 'start', $(cat "$STATE/rmse.start")) to stdout with (format csv)" >"$STATE/rmse.csv"

measure train-one edf-ensemble edf train ensemble '{}' 1
query -c 'truncate edf.models cascade'
measure train edf-ensemble edf train ensemble '{}' "$FEW"
approve
measure forecast edf-ensemble edf forecast ensemble '{}' "$FEW"
/usr/bin/python3 "$HERE/report.py" "$STATE" "$BUILDINGS" "$FEW" "$SETTINGS"
