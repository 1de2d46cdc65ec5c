#!/usr/bin/env bash
# Forecasts of out-of-distribution days, in SIMULATED buildings: simulate.sh [BUILDINGS], by default one. Prints three
# tables: cold and sunny days, Christmas week, bridge days. With the prepared series of the accuracy bench, also
# Christmas and bridge days of measured ones.
set -euo pipefail
. "$(dirname "$0")/../docker/local/lib.sh"
BUILDINGS=${1:-1}
cd "$ROOT"

cargo build --release -p edf -p edf-core --example simulate
SIMULATE=$CARGO_TARGET_DIR/release/examples/simulate
"$SIMULATE" sun "$BUILDINGS"
"$SIMULATE" calendar "$BUILDINGS"
for name in gefcom bigdeal-1; do
    series=$CACHE/accuracy/series/$name.csv
    [ ! -f "$series" ] || "$SIMULATE" calendar-of "$series" America/New_York
done
