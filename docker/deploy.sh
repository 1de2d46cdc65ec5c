#!/usr/bin/env bash
# Deploys this version to a database. Idempotent: running a stage again changes nothing.
#
#   docker/deploy.sh [STAGE...]     default: all of them, in this order
#
#   database    roles, database, extension
#   migrations  tables: each file once, in order
#   sql         routines, API, grants
#   config      config/edf.yaml, and the keys for tokens
#   storage     hypertables with TimescaleDB, else monthly partitions
#   dbt         views, with their tests
#   jobs        pg_cron's schedule
#
# The server is given by PGHOST, PGPORT, PGUSER (a superuser), PGPASSWORD; the database by PGDATABASE (default edf).
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
export PGDATABASE=${PGDATABASE:-edf}
PYTHON=${EDF_PYTHON:-python3}
DBT=${EDF_DBT:-dbt}

run_sql() { PGOPTIONS='-c client_min_messages=warning' psql -X -q -v ON_ERROR_STOP=1 "$@"; }

deploy_database() {
    run_sql -d postgres -f "$ROOT/sql/roles.sql"
    if [ -z "$(psql -X -A -t -d postgres -v name="$PGDATABASE" <<<"select 1 from pg_database where datname = :'name'")" ]; then
        run_sql -d postgres -v name="$PGDATABASE" <<<'create database :"name" owner edf_owner;'
    fi
    run_sql <<<'create extension if not exists edf; alter extension edf update;'
    # Only if it is preloaded: otherwise every query of a hypertable would skip compressed chunks.
    if [ -n "$(psql -X -A -t <<<"select 1 from pg_available_extensions where name = 'timescaledb' and current_setting('shared_preload_libraries') ~ '\mtimescaledb\M'")" ]; then
        # Each must be the first command of its session.
        run_sql -c 'create extension if not exists timescaledb'
        run_sql -c 'alter extension timescaledb update'
    fi
    set_password dbt "${EDF_DBT_PASSWORD:-}"
    set_password authenticator "${EDF_AUTHENTICATOR_PASSWORD:-}"
    set_password weather "${EDF_WEATHER_PASSWORD:-}"
    set_password alerts "${EDF_ALERTS_PASSWORD:-}"
    set_password api_log "${EDF_API_LOG_PASSWORD:-}"
    set_password dashboard "${EDF_DASHBOARD_PASSWORD:-}"
}

# Only for roles that log in over the network; a local cluster trusts its private socket.
set_password() {
    [ -z "$2" ] || ROLE=$1 PASSWORD=$2 run_sql <<'SQL'
\getenv role ROLE
\getenv password PASSWORD
alter role :"role" password :'password';
SQL
}

deploy_migrations() { "$ROOT/docker/migrate.sh" "$ROOT/migrations"; }

deploy_sql() { (cd "$ROOT/sql" && run_sql -f load.sql); }

deploy_config() {
    local config
    config=$("$PYTHON" "$ROOT/config/read.py")
    CONFIG=$config run_sql <<'SQL'
\getenv config CONFIG
call energy.load_config(:'config'::jsonb);
SQL
    deploy_keys
}

# Keys for tokens: the JWKS in file EDF_JWKS, and the secret EDF_JWT_SECRET. Passed as rows of COPY, since statements
# are logged.
deploy_keys() {
    [ -n "${EDF_JWKS:-}${EDF_JWT_SECRET:-}" ] || return 0
    local jwks
    jwks=$("$PYTHON" "$ROOT/config/jwks.py")
    run_sql -c 'create temporary table given (jwks jsonb)' \
        -c "copy given from stdin with (format csv, quote e'\\x01', delimiter e'\\x02')" \
        -c 'do $$ begin perform energy.set_token_keys(jwks) from given; end; $$' <<<"$jwks"
}

deploy_storage() { run_sql -f "$ROOT/sql/storage.sql"; }

deploy_dbt() {
    "$DBT" --no-use-colors build --project-dir "$ROOT/dbt" --profiles-dir "$ROOT/dbt" \
        --target-path "${EDF_DBT_STATE:-/tmp/edf-dbt}/target" --log-path "${EDF_DBT_STATE:-/tmp/edf-dbt}/logs"
}

# pg_cron runs in one database of a server.
has_jobs() { [ "$(psql -X -A -t -d postgres -c "select current_setting('cron.database_name', true)")" = "$PGDATABASE" ]; }

# Between stages, routines and views may be of different versions: jobs are paused. Jobs paused before stay paused.
RESTING=
rest_jobs() {
    if ! has_jobs || [ "$(psql -X -A -t -c "select to_regclass('cron.job') is not null" 2>/dev/null)" != t ]; then return; fi
    RESTING=$(psql -X -A -t -q -c "
        with rested as (
            update cron.job set active = false where database = current_database() and jobname like 'edf %' and active returning jobid
        )

        select coalesce(string_agg(jobid::text, ','), '') from rested")
    trap resume_jobs EXIT
}

resume_jobs() { [ -z "$RESTING" ] || run_sql -c "update cron.job set active = true where jobid in ($RESTING)"; }

deploy_jobs() {
    if has_jobs; then
        run_sql -c 'create extension if not exists pg_cron' -f "$ROOT/sql/jobs.sql"
    else
        echo "No jobs are scheduled: cron.database_name is not $PGDATABASE."
    fi
}

stages=("$@")
[ $# -gt 0 ] || stages=(database migrations sql config storage dbt jobs)
rest_jobs
for stage in "${stages[@]}"; do
    case $stage in
    database | migrations | sql | config | storage | dbt | jobs) "deploy_$stage" ;;
    *)
        echo "Unknown stage '$stage': use database, migrations, sql, config, storage, dbt or jobs." >&2
        exit 2
        ;;
    esac
done
