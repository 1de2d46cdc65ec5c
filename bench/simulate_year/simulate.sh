#!/usr/bin/env bash
# Replays a year of production, and compares served forecasts with the promise of the gate's backtest: simulate.sh with
# the arguments of simulate.py. With --faults it also draws bench/plots/year-of-faults.png. Uses a private cluster,
# which is removed at the end.
set -euo pipefail
. "$(dirname "$0")/../setup.sh"
. "$ROOT/bench/accuracy/environment.sh"

at_the_beginning() {
    query -c "alter database edf set energy.clock = '2016-08-01 07:00+00'"
    deploy storage
}

prepare
step 'storage' 'Required for the simulation.' at_the_beginning
code=0
if [[ " $* " = *' --faults '* ]]; then
    step 'environment of the plot' 'PyPI must be reachable.' install_peers
    "$PYTHON" "$ROOT/bench/simulate_year/simulate.py" "$@" --record "$STATE/record.json" || code=$?
    "$PEERS/bin/python" "$ROOT/bench/simulate_year/plot.py" "$STATE/record.json" "$ROOT/bench/plots/year-of-faults.png"
else
    "$PYTHON" "$ROOT/bench/simulate_year/simulate.py" "$@" || code=$?
fi
[ "$code" = 0 ]
