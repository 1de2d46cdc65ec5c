#!/usr/bin/env bash
# Intervals of sums as served by the API, compared with other methods: coverage, width and interval score of the sums of
# 15 and of 4 real homes over 100 days; the table of bench/README.md.
#
# Uses a private cluster, which is removed at the end. Five minutes on a quiet core.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
EDF_STATE=${EDF_STATE:-$(cd "$HERE/.." && pwd)/.edf-bench}
. "$HERE/../docker/local/lib.sh"
. "$HERE/../docker/local/cluster.sh"
. "$HERE/../docker/local/tools.sh"

load() { "$PYTHON" "$HERE/portfolio/homes.py" | query -f "$HERE/portfolio/load.sql"; }

backtest() { query -f "$HERE/portfolio/backtest.sql"; }

at_the_end() { cluster_remove; }

take_lock
on_end at_the_end
install_steps
cluster_remove
step 'private cluster' 'Its log is above.' create_and_start
cluster_env
step 'roles, migrations, routines' 'The error is above.' deploy database migrations sql config
step '15 homes as buildings' 'PyPI must be reachable.' load
step 'their forecasts' 'The error is above.' backtest
step 'sums, day by day' 'The error is above.' query -f "$HERE/portfolio/serve.sql"
query -P format=aligned -P tuples_only=off -f "$HERE/portfolio/report.sql"
