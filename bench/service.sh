#!/usr/bin/env bash
# The daily issue of a fleet through the whole pipeline: service.sh [BUILDINGS...], by default 120 1200. Each size is a database of its own with
# the measured homes over and over, their year of hours, a year of hourly weather runs, and a model of the configured strategy each. Prints a
# table: seconds by the clock and of the processor, and the most memory that the session held. Its cluster is its own and is removed at the end.
set -euo pipefail
. "$(dirname "$0")/setup.sh"
[ $# -gt 0 ] || set -- 120 1200
HERE=$ROOT/bench/service
HOMES=15

load() {
    export PGDATABASE=service
    query -d postgres -c 'drop database if exists service with (force)' -c 'create database service'
    deploy database migrations sql config
    deploy dbt
    "$PYTHON" "$ROOT/bench/speed/data.py" "$CACHE/downloads" "$HOMES" | query -v buildings="$1" -v homes="$HOMES" -f "$HERE/load.sql"
}

issue() { query -v buildings="$1" -f "$HERE/issue.sql" | tee -a "$STATE/service.psv"; }

prepare
rm -f "$STATE/service.psv"
for buildings in "$@"; do
    step "$buildings buildings" 'Nothing can be measured without them.' load "$buildings"
    step "forecasts of $buildings buildings" 'What was measured is above.' issue "$buildings"
done
"$PYTHON" "$HERE/report.py" <"$STATE/service.psv"
