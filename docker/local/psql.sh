#!/usr/bin/env bash
# psql on the demo database; arguments are passed to psql.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cluster.sh"

cluster_env || fail "There is no demo database yet: run make demo."
cluster_is_up || fail "The demo's server is stopped: run make demo, which starts it again in a few seconds."
if [ "${1:-}" = -c ] && [ -z "${2:-}" ]; then fail "Pass a statement: make sql Q='select * from energy.forecasts limit 5'"; fi
exec psql -X -v ON_ERROR_STOP=1 "$@"
