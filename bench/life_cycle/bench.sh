#!/usr/bin/env bash
# Error by weeks of history, of design forecast, seasonal naive, the archetype's model, an own model and the chosen
# stage: bench.sh
#
# Each of 15 homes is forecast by models of the others, in the deployed database; the development homes choose the
# thresholds. Uses a private cluster, which is removed at the end. Writes the table of bench/README.md and
# plots/life-cycle.png. About half an hour on two quiet cores; FORECASTS=file keeps the forecasts of homes measured
# before, and continues with the others.
set -euo pipefail
. "$(dirname "$0")/../setup.sh"
. "$ROOT/bench/accuracy/environment.sh"
DRAW=$CACHE/life_cycle
FORECASTS=${FORECASTS:-$STATE/life_cycle.jsonl}

at_the_beginning() {
    query -c "alter database edf set energy.clock = '2017-07-31 07:00+00'"
    "$PYTHON" "$ROOT/bench/life_cycle/measure.py" load --cache "$CACHE/downloads"
}

prepare
step 'fifteen homes' 'PyPI must be reachable.' at_the_beginning
step 'environment of the plot' 'PyPI must be reachable.' \
    environment "$DRAW" "$ROOT/bench/life_cycle/requirements.txt" /usr/bin/python3
"$PYTHON" "$ROOT/bench/life_cycle/measure.py" measure --results "$FORECASTS"
"$DRAW/bin/python" "$ROOT/bench/life_cycle/report.py" "$FORECASTS" \
    --readme "$ROOT/bench/README.md" --plot "$ROOT/bench/plots/life-cycle.png"
