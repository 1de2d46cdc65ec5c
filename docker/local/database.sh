#!/usr/bin/env bash
# Deploys the database on the cluster of the state folder. Every part can be run again.
#
#   database.sh deploy | dbt | jobs
set -euo pipefail
# shellcheck source=docker/local/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
connection

run() {
    psql -X -q -v ON_ERROR_STOP=1 "$@"
}

deploy() {
    cd "$ROOT"
    run -d postgres -f sql/roles.sql
    run -d postgres -At -c "select 1 from pg_database where datname = 'edf'" | grep -q 1 || createdb -T template0 edf
    run -c 'create extension if not exists edf' -c 'create extension if not exists pg_cron'
    cargo run --release -q -p edf-tests --bin migrate -- "postgres:///edf?host=$PGHOST&port=$PGPORT&user=postgres" migrations
    run -f sql/load.sql
    run -v config="$("$VENV/bin/python" -c 'import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))' config/edf.yaml)" \
        <<<"call energy.load_config(:'config')"
}

dbt() {
    cd "$ROOT/dbt"
    DBT_SEND_ANONYMOUS_USAGE_STATS=false DBT_TARGET_PATH=$STATE/dbt DBT_LOG_PATH=$STATE/log \
        "$VENV/bin/dbt" --no-use-colors build --profiles-dir .
}

jobs_() {
    run -f "$ROOT/sql/jobs.sql"
}

case ${1:-} in
    deploy | dbt) "$1" ;;
    jobs) jobs_ ;;
    *)
        echo "usage: database.sh deploy | dbt | jobs" >&2
        exit 2
        ;;
esac
