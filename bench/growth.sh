#!/usr/bin/env bash
# Does the cost of any step grow faster than its input? growth.sh [BUILDINGS:DAYS...], by default 120:365 1200:365
# 120:1095. Each is a fleet with that much history in a separate database, followed by a day of messages, hour by hour.
# Prints a table of CPU seconds, with ratios to the first.
#
# With TimescaleDB each fleet is measured twice: as it is, and with the older chunks in the columnstore. PLAIN=1
# measures without TimescaleDB. Uses a private cluster, which is removed at the end.
set -euo pipefail
. "$(dirname "$0")/setup.sh"
[ $# -gt 0 ] || set -- 120:365 1200:365 120:1095

measure() {
    export PGDATABASE=growth
    query -d postgres -c 'drop database if exists growth with (force)'
    deploy database migrations sql config
    [ "${PLAIN:-}" != 1 ] || query -c 'drop extension if exists timescaledb'
    "$PYTHON" "$ROOT/bench/growth.py" history "$1" "$2"
    deploy storage
    local dbt_s
    dbt_s=$(seconds deploy dbt)
    "$PYTHON" "$ROOT/bench/growth.py" measure "$1" "$2" --dbt "$dbt_s" --results "$STATE/growth.jsonl"
}

prepare
rm -f "$STATE/growth.jsonl"
for size in "$@"; do
    step "${size%:*} buildings, ${size#*:} days" 'Required for the measurements.' measure "${size%:*}" "${size#*:}"
done
"$PYTHON" "$ROOT/bench/growth.py" report --results "$STATE/growth.jsonl"
