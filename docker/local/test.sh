#!/usr/bin/env bash
# Every test, with its own set-up: a fresh cluster with a slice of the real data, PostgREST in front.
# Ends with the line "N passed, N failed".
set -euo pipefail
export EDF_STATE=${EDF_STATE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/.edf-test}
# shellcheck source=docker/local/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

CLOCK='2017-07-29 05:00+00'
passed=0 failed=0

sql() {
    psql -X -q -At -v ON_ERROR_STOP=1 "$@"
}

# check TITLE COMMAND...: one check that passes or fails as a whole.
check() {
    local title=$1
    shift
    if step "$title" 'Correct what is named above and run make test again.' "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}

# suite TITLE COMMAND...: a cargo test run, whose own tests are counted.
suite() {
    local title=$1 log ok bad
    shift
    step "$title" 'The tests that failed are named above.' "$@" || failed=$((failed + 1))
    log=$STATE/log/$(echo "$title" | tr -cs 'a-zA-Z0-9' '-').log
    ok=$(sed -n 's/^test result: .* \([0-9]*\) passed; \([0-9]*\) failed.*/\1/p' "$log" | paste -sd+ | bc_or_zero)
    bad=$(sed -n 's/^test result: .* \([0-9]*\) passed; \([0-9]*\) failed.*/\2/p' "$log" | paste -sd+ | bc_or_zero)
    grep '^skipped: ' "$log" || true
    passed=$((passed + ok))
    # The run itself was counted as one failure above.
    [ "$bad" -eq 0 ] || failed=$((failed + bad - 1))
}

bc_or_zero() {
    local sum
    read -r sum || sum=0
    echo $((${sum:-0}))
}

licences() {
    if ! cargo deny --version 2>/dev/null | grep -q '0\.20\.'; then
        CARGO_TARGET_DIR=$CACHE/tools cargo install cargo-deny --version 0.20.2 --locked --root "$CACHE"
    fi
    cargo deny --offline check bans licenses sources
}

advisories() {
    local code=0 output
    output=$(timeout 120 cargo deny check advisories 2>&1) || code=$?
    if [ "$code" -ne 0 ] && grep -qE 'failed to (fetch|clone|open)|advisory database' <<<"$output"; then
        echo 'skipped: advisories, their database cannot be reached from here'
        return 0
    fi
    echo "$output"
    return "$code"
}

scripts() {
    shellcheck -x docker/install.sh docker/local/*.sh .ci/run
}

images() {
    "$VENV/bin/hadolint" docker/*/Dockerfile
    "$VENV/bin/check-jsonschema" --builtin-schema vendor.compose-spec docker/compose.yaml
}

load() {
    sql -c "alter database edf set energy.clock = '$CLOCK'"
    "$VENV/bin/python" "$LOCAL/citylearn.py" --cache "$CACHE/downloads" --until "$CLOCK" --days 120
    sql -U pipeline -c "call energy.refresh_building_hours('-infinity')"
}

cleanup() {
    trap '' INT TERM
    stop_step
    "$LOCAL/api.sh" stop || true
    "$LOCAL/cluster.sh" stop >/dev/null || true
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

hint='Nothing can be tested without this.'
step 'system packages' "$hint" "$ROOT/docker/install.sh"
step 'build and install the extension' "$hint" install_extension
step 'dbt, PostgREST and tools' "$hint" install_tools

suite 'core tests' cargo test --release -p edf -p edf-core
check 'rustfmt' cargo fmt --all --check
check 'clippy extension' cargo clippy --release -p edf -p edf-core --all-targets -- -D warnings
check 'clippy tests' cargo clippy --release -p edf-tests --all-targets -- -D warnings
check 'shell scripts' scripts
check 'images and compose file' images
check 'licences' licences
check 'advisories' advisories
grep -h '^skipped: ' "$STATE/log/advisories.log" || true

"$LOCAL/api.sh" stop
"$LOCAL/cluster.sh" remove
step 'private cluster' "$hint" "$LOCAL/cluster.sh" start
connection
step 'roles, migrations, routines' "$hint" "$LOCAL/database.sh" deploy
check 'dbt build on an empty database' "$LOCAL/database.sh" dbt
check 'deploy again' "$LOCAL/database.sh" deploy
step 'four months of 15 real homes' "$hint" load
check 'dbt build' "$LOCAL/database.sh" dbt
step 'PostgREST' "$hint" "$LOCAL/api.sh" start
EDF_TEST_API_URL=$(cat "$STATE/api-url")
EDF_TEST_JWT_SECRET=$(cat "$STATE/jwt-secret")
export EDF_TEST_API_URL EDF_TEST_JWT_SECRET EDF_TEST_SOCKET=$PGHOST EDF_TEST_PORT=$PGPORT
suite 'database and API tests' cargo test --release -p edf-tests

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
