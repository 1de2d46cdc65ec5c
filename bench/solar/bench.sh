#!/usr/bin/env bash
# Forecasts of measured solar generation by edf and its peers: prepares series, forecasts, scores, writes section Solar
# of bench/README.md.
#
#   bench/solar/bench.sh [--development] [--series A,B] [--methods A,B]
#
# Half an hour on two cores the first time; existing results are reused. EDF_CACHE/solar keeps series and forecasts.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
EDF_STATE=${EDF_STATE:-$(cd "$HERE/../.." && pwd)/.edf-bench}
. "$HERE/../../docker/local/lib.sh"
. "$HERE/../../docker/local/cluster.sh"
. "$HERE/../../docker/local/tools.sh"
. "$HERE/../accuracy/environment.sh"
WORK=$CACHE/solar
PYTHON=$CACHE/solar-peers/bin/python

prepare_roofs() {
    local key
    key=$(cat "$HERE/solar_series.py" "$BENCH/series.py" "$ROOT/docker/local/citylearn.py" | sha256sum)
    if [ "$(cat "$WORK/series/done" 2>/dev/null)" = "$key" ]; then return; fi
    "$PYTHON" "$HERE/solar_series.py" "$WORK/series" --cache "$CACHE/downloads"
    echo "$key" >"$WORK/series/done"
}

take_lock
on_end cluster_remove
step 'system packages' 'The output of apt is above: check the network, and whether another apt is running.' \
    install_packages
step 'build and install the extension' 'A cold build takes about 20 minutes; the compiler output is above.' \
    install_extension
step 'environment of the peers' 'PyPI must be reachable.' \
    environment "$CACHE/solar-peers" "$HERE/requirements.txt" /usr/bin/python3
step 'measured series' 'PyPI must be reachable.' prepare_roofs
"$PYTHON" "$HERE/solar_peers.py" --work "$WORK" "$@"
cluster_remove
step 'private cluster' 'Required for the measurements.' create_and_start
cluster_env
psql -X -q -d postgres -c 'create database edf'
query -c 'create extension edf'
EDF_LIBRARY=$(extension_library) "$PYTHON" "$HERE/solar_edf.py" --work "$WORK" "$@"
"$PYTHON" "$HERE/solar_report.py" --work "$WORK" "$@"
