#!/usr/bin/env bash
# The extension on other PostgreSQL versions than that of make test: built, installed from its archive into a separate
# server, and tested with all tests that need only the extension. Ends with the line "N passed, N failed".
#
#   docker/local/versions.sh [MAJOR...]      default: 16 18
#
# 17 has the same interface in both neighbours, and no server with headers in the registries: name it where it is
# installed.
set -euo pipefail
EDF_STATE=${EDF_STATE:-$(cd "$(dirname "$0")/../.." && pwd)/.edf-versions}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cluster.sh"
. "$(dirname "$0")/tools.sh"
. "$(dirname "$0")/servers.sh"
cd "$ROOT"

MAJORS=("$@")
[ $# -gt 0 ] || MAJORS=(16 18)
# The modules of tests/it that need no deployed database.
MODULES=(anomaly_models artifact backtest bad_input cancel candidates compare explain export features forecasting global
    hostile known kept_backtests metrics portfolio random_calls readme registry scenarios score server solar tuning)
VERSION=$(docker/package/version.sh)
PASSED=0
FAILED=0
PLACE=

stop_server() {
    [ -n "$PLACE" ] || return 0
    local data
    for data in "$PLACE"/{data,old,new}; do
        [ ! -f "$data/postmaster.pid" ] || as_server "$BIN/pg_ctl" stop -s -m immediate -D "$data" || true
    done
    rm -rf "$PLACE"
    PLACE=
}

package() { EDF_PYTHON=$PYTHON docker/package/package.sh "$PG_CONFIG" "$STATE/packages"; }

# A copy of the server that user postgres can access; it finds its files relative to its programs.
copy_server() {
    local wheel=$CACHE/servers/$MAJOR name
    name=edf-$VERSION-pg$MAJOR-linux-$(uname -m)
    if [[ $PG_CONFIG == "$wheel"/* ]]; then
        cp -a "$wheel/." "$PLACE"
    else
        mkdir -p "$PLACE"/usr/{lib,share}/postgresql
        cp -a "/usr/lib/postgresql/$MAJOR" "$PLACE/usr/lib/postgresql"
        cp -a "/usr/share/postgresql/$MAJOR" "$PLACE/usr/share/postgresql"
    fi
    tar -C "$PLACE" -xf "$STATE/packages/$name.tar.gz"
    "$PLACE/$name/install.sh" "$BIN/pg_config"
}

start_server() {
    chmod 0755 "$PLACE"
    mkdir "$PLACE"/{data,socket}
    own "$PLACE"/{data,socket}
    as_server "$BIN/initdb" -D "$PLACE/data" -U postgres -E UTF8 --locale=C.UTF-8 --no-sync
    serve "$BIN" "$PLACE/data" 5432
}

# With the programs of that version: pg_dump rejects a newer server. Without the tests that need roles and tables of
# the pipeline.
run_tests() {
    EDF_TEST_SOCKET=$PLACE/socket EDF_TEST_PORT=5432 PATH=$BIN:$PATH \
        cargo test --release -p edf-tests --test it -- "${MODULES[@]/%/::}" upgrade:: dump:: \
        --skip a_pipeline_of_an_earlier_release --skip a_restored_deployment --skip a_standby --skip pages_for_operators \
        --skip ::an_analyst_ --skip solar_scenarios::
}

serve() { as_server "$1/pg_ctl" start -w -s -D "$2" -l "$2/log" -o "-c listen_addresses= -c port=$3 -k $PLACE/socket -c fsync=off" 9>&-; }

ask() { psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$PLACE/socket" -p "$@"; }

# A database of Debian's version with a model, upgraded to this one by pg_upgrade: its forecasts are the same.
pg_upgrade_works() {
    local new_options=()
    # Debian's newest servers store a version of each column, and pg_upgrade requires a server that supports it.
    if grep -q pg_attver "$PG_BIN/postgres" && ! grep -q pg_attver "$BIN/postgres"; then
        echo "skipped: pg_upgrade to PostgreSQL $MAJOR, its minor release is older than that of the server of $PG_MAJOR (pg_attver)"
        return 0
    fi
    # Checksums are on by default since 18, and both must agree.
    [ "$MAJOR" -lt 18 ] || new_options=(--no-data-checksums)
    mkdir "$PLACE"/{old,new,work}
    own "$PLACE"/{old,new,work}
    as_server "$PG_BIN/initdb" -D "$PLACE/old" -U postgres -E UTF8 --locale=C.UTF-8 --no-sync
    as_server "$BIN/initdb" -D "$PLACE/new" -U postgres -E UTF8 --locale=C.UTF-8 --no-sync "${new_options[@]}"
    serve "$PG_BIN" "$PLACE/old" 5433
    ask 5433 -U postgres -d postgres <<'SQL'
create extension edf;
create table house as
select at, 5 + sin(extract(hour from at)) + random() as kwh from generate_series('2026-01-01Z'::timestamptz, '2026-03-01Z', '1 hour') as at;
select edf.approve_model(edf.train('house', 'select * from house', strategy => 'profile'));
create table expected as select valid_at, yhat, yhat_lower from edf.forecast('house', 'select * from house');
SQL
    as_server "$PG_BIN/pg_ctl" stop -w -s -D "$PLACE/old"
    as_server sh -c "cd '$PLACE/work' && exec '$BIN/pg_upgrade' -b '$PG_BIN' -B '$BIN' -d '$PLACE/old' -D '$PLACE/new' -U postgres -s '$PLACE/work'"
    serve "$BIN" "$PLACE/new" 5434
    local same
    same=$(ask 5434 -U postgres -d postgres -c "select count(*) from expected join edf.forecast('house', 'select * from house') using (valid_at, yhat, yhat_lower)")
    as_server "$BIN/pg_ctl" stop -w -s -D "$PLACE/new"
    echo "$same of 72 hours are the same"
    [ "$same" = 72 ]
}

count() {
    if [ "$STATUS" = 0 ]; then PASSED=$((PASSED + 1)); else FAILED=$((FAILED + 1)); tail -n 40 "$LOG" | sed 's/^/     | /'; fi
}

take_lock
on_end stop_server
step 'system packages' 'The output of apt is above: check the network, and whether another apt is running.' install_packages
step 'Python tools' 'PyPI must be reachable.' install_python
step "build and install the extension for PostgreSQL $PG_MAJOR" 'The compiler output is above.' install_extension
for MAJOR in "${MAJORS[@]}"; do
    PG_CONFIG=$(pg_config_of "$MAJOR")
    PLACE=$(mktemp -d /tmp/edf-versions-XXXXXX)
    if [[ $PG_CONFIG == "$CACHE"/* ]]; then BIN=$PLACE${PG_CONFIG#"$CACHE/servers/$MAJOR"}; else BIN=$PLACE$PG_CONFIG; fi
    BIN=${BIN%/pg_config}
    step "package for PostgreSQL $MAJOR" 'The compiler output is above.' package
    step "server of PostgreSQL $MAJOR with edf" 'The output of install.sh is above.' copy_server
    step "start PostgreSQL $MAJOR" 'The output of the server is above.' start_server
    run_step "tests on $("$PG_CONFIG" --version)" run_tests
    PASSED=$((PASSED + $(awk '/^test result:/ { sum += $4 } END { print sum + 0 }' "$LOG")))
    FAILED=$((FAILED + $(awk '/^test result:/ { sum += $6 } END { print sum + 0 }' "$LOG")))
    if [ "$STATUS" != 0 ]; then
        tail -n 60 "$LOG" | sed 's/^/     | /'
        # It did not build.
        grep -q '^test result:' "$LOG" || FAILED=$((FAILED + 1))
    fi
    run_step "pg_upgrade from PostgreSQL $PG_MAJOR to $MAJOR" pg_upgrade_works
    if ! grep '^skipped: ' "$LOG" | sed 's/^/     /'; then count; fi
    stop_server
done
say "$PASSED passed, $FAILED failed"
[ "$FAILED" = 0 ]
