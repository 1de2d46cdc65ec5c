# shellcheck shell=bash
# Shared by the benchmarks: a private cluster with the deployed database, removed at the end. Sourced.
EDF_STATE=${EDF_STATE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.edf-bench}
. "$(dirname "${BASH_SOURCE[0]}")/../docker/local/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../docker/local/cluster.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../docker/local/tools.sh"

fleet() { "$PYTHON" "$ROOT/bench/fleet.py" "$@"; }

# seconds COMMAND...: runs it and prints the time taken.
seconds() {
    local began
    began=$(date +%s.%N)
    "$@" >/dev/null
    awk -v from="$began" -v to="$(date +%s.%N)" 'BEGIN { print to - from }'
}

median() { sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

# load_fleet BUILDINGS: database service with copies of the measured homes, their year of hours and of hourly weather
# runs, and a model of the configured strategy each.
load_fleet() {
    local homes=15
    query -d postgres -c 'drop database if exists service with (force)' -c 'create database service'
    deploy database migrations sql config
    deploy dbt
    "$PYTHON" "$ROOT/bench/speed/data.py" "$CACHE/downloads" "$homes" |
        query -v buildings="$1" -v homes="$homes" -f "$ROOT/bench/service/load.sql"
}

at_the_end() {
    cluster_remove
    rm -rf "$STATE"
}

prepare() {
    take_lock
    on_end at_the_end
    install_steps
    cluster_remove
    step 'private cluster' 'Required for the measurements.' create_and_start
    cluster_env
    step 'deployment' 'Required for the measurements.' deploy database migrations sql config dbt
}
