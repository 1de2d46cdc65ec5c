#!/usr/bin/env bash
# Scenarios of edf.scenarios compared with independent draws and perfect rank dependence of the same values: energy
# score, variogram score and coverage of sums, on 4 and on 15 real homes, on 4 roofs, and on 4 homes with their roofs;
# the table of bench/README.md.
#
# Uses a private cluster, which is removed at the end. Ten minutes on a quiet core.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
EDF_STATE=${EDF_STATE:-$(cd "$HERE/.." && pwd)/.edf-bench}
. "$HERE/../docker/local/lib.sh"
. "$HERE/../docker/local/cluster.sh"
. "$HERE/../docker/local/tools.sh"

load() {
    psql -X -q -d postgres -c 'create database edf'
    query -c 'create extension edf' -c 'create table homes (
        home text, hour_at timestamptz, kwh float8, temperature_c float8, ghi_w_m2 float8, solar_kwh float8,
        primary key (home, hour_at))'
    "$PYTHON" "$HERE/portfolio/homes.py" --solar | query -c '\copy homes from pstdin with (format csv)'
}

at_the_end() { cluster_remove; }

take_lock
on_end at_the_end
install_steps
cluster_remove
step 'private cluster' 'Its log is above.' create_and_start
cluster_env
step '15 homes' 'PyPI must be reachable.' load
step 'their forecasts' 'The error is above.' query -f "$HERE/portfolio/backtest.sql"
step 'forecasts of their roofs' 'The error is above.' query -f "$HERE/scenarios/roofs.sql"
step 'scenarios' 'The error is above.' query -f "$HERE/scenarios/draw.sql"
query -P format=aligned -P tuples_only=off -f "$HERE/scenarios/report.sql"
