#!/usr/bin/env bash
# Replays a year of production, and compares what was served with what the gate's backtest promised: simulate.sh with
# the arguments of simulate.py. Its cluster is its own and is removed at the end.
set -euo pipefail
. "$(dirname "$0")/../setup.sh"

at_the_beginning() {
    query -c "alter database edf set energy.clock = '2016-08-01 07:00+00'"
    deploy storage
}

prepare
step 'storage' 'Nothing can be simulated without it.' at_the_beginning
"$PYTHON" "$ROOT/bench/simulate_year/simulate.py" "$@"
