#!/usr/bin/env bash
# Alarms about SIMULATED apartments with faults of known start, and about 15 real homes with faults injected into
# copies: computes missing inputs, replays both through the pipeline in a private cluster, runs the peers, and writes
# section Anomalies of bench/README.md and its plots.
#
#   bench/anomalies/bench.sh [--apartments N] [--seed N] [--hours]      by default 300 apartments, seed 1
#
# --hours: the pipeline starts from hours, written by hours.py, instead of messages; otherwise 300 apartments have 28
# million readings. Some hours on two cores the first time. EDF_CACHE/anomalies keeps simulations and scores; existing
# results are reused, except the replay.
set -euo pipefail
. "$(dirname "$0")/../setup.sh"
. "$ROOT/bench/accuracy/environment.sh"
HERE=$ROOT/bench/anomalies
PEERS=$CACHE/anomalies-peers
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

APARTMENTS=300 SEED=1 HOURS=()
while [ $# -gt 0 ]; do
    case $1 in
    --apartments) APARTMENTS=$2 && shift ;;
    --seed) SEED=$2 && shift ;;
    --hours) HOURS=(--hours) ;;
    *) fail 'usage: bench/anomalies/bench.sh [--apartments N] [--seed N] [--hours]' ;;
    esac
    shift
done
WORK=$CACHE/anomalies/$APARTMENTS-$SEED${HOURS[*]}
REAL=$CACHE/anomalies/real-$SEED

python() { "$PEERS/bin/python" "$@"; }

# made FOLDER SOURCE... -- COMMAND...: runs the command unless the folder was written by the same sources.
made() {
    local folder=$1 sources=() key
    shift
    while [ "$1" != -- ]; do sources+=("$1") && shift; done
    shift
    key=$(cat "${sources[@]}" | sha256sum)
    if [ "$(cat "$folder/done" 2>/dev/null)" = "$key" ]; then return; fi
    rm -rf "$folder"
    mkdir -p "$(dirname "$folder")"
    "$@"
    echo "$key" >"$folder/done"
}

simulate() {
    made "$WORK" "$ROOT"/bench/simulate/*.py -- python "$ROOT/bench/simulate/simulate.py" "$WORK" \
        --apartments "$APARTMENTS" --seed "$SEED" --cache "$CACHE/downloads" "${HOURS[@]/--hours/--without-messages}"
}

inject() {
    made "$REAL" "$HERE/real_homes.py" -- python "$HERE/real_homes.py" "$REAL" --seed "$SEED" --cache "$CACHE/downloads"
}

# On the features of the database that has replayed them.
peers() { python "$HERE/peers.py" "$1" --features "$1/features.csv.gz"; }

# replay DATABASE FIRST_DAY FOLDER ARGUMENT...: in a separate database.
replay() (
    export PGDATABASE=$1
    local first=$2
    shift 2
    deploy database migrations sql config
    query -c "alter database $PGDATABASE set energy.clock = '$first'"
    deploy storage dbt
    python "$HERE/replay.py" "$@"
)

labels() { PGDATABASE=anomalies "$PEERS/bin/python" "$HERE/labels.py" "$WORK"; }

prepare
step 'environment of the peers' 'PyPI must be reachable.' environment "$PEERS" "$HERE/requirements.txt" /usr/bin/python3
step 'checks of metrics and simulation' 'Metrics would be wrong.' python "$HERE/check.py"
step 'SIMULATED apartments' 'PyPI must be reachable.' simulate
step 'real homes, and copies with injected faults' 'PyPI must be reachable.' inject
step 'the simulation through the pipeline' 'The output of the database is above.' \
    replay anomalies '2023-09-01 06:00+00' "$WORK" "${HOURS[@]}"
step 'peers on the simulation' 'Their output is above.' peers "$WORK"
step 'precision against labels' 'The output of the database is above.' labels
step 'real homes through the pipeline' 'The output of the database is above.' \
    replay real_homes '2016-08-01 06:00+00' "$REAL"
step 'peers on the real homes' 'Their output is above.' peers "$REAL"
python "$HERE/report.py" "$WORK" --real "$REAL"
