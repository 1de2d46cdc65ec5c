#!/usr/bin/env bash
# Latency of the API: api.sh [BUILDINGS [ISSUES]], by default 120 buildings with 365 daily forecasts each, and models of
# the measured homes that issue and refresh while requests are made. Everything runs on this machine, including wrk.
# Prints the table of bench/README.md. Uses a private cluster. Ten minutes on two quiet cores.
# ISSUES is 23 or more: advice is drawn from the errors of at least 20 past issues.
set -euo pipefail
. "$(dirname "$0")/setup.sh"
. "$ROOT/docker/local/api.sh"
HERE=$ROOT/bench/api
BUILDINGS=${1:-120}
ISSUES=${2:-365}
[ "$ISSUES" -ge 23 ] || { echo "ISSUES is $ISSUES, and must be 23 or more" >&2; exit 2; }
SPAN=${SPAN:-10}

at_the_end() {
    api_stop
    cluster_remove
    rm -rf "$STATE"
}

fill() { query -v buildings="$BUILDINGS" -v issues="$ISSUES" -f "$HERE/fill.sql"; }

serve() {
    query <<<"select format('alter database service set energy.clock = %L', served_from + interval '6 hours')
              from clock \gexec"
    api_start
    EDF_JWT_SECRET=$(jwt_secret) "$PYTHON" "$HERE/tokens.py" "$BUILDINGS" "$STATE"
}

# ask WHAT WHO PATH CONNECTIONS [DELAY_MS [ACCEPT]]: measures a line of the table.
ask() {
    local line
    settle
    line=$(TOKENS=$STATE/$2.tokens PATH_ASKED=$3 DELAY_MS=${5:-0} ACCEPT=${6:-application/json} \
        wrk -t 1 -c "$4" -d "$SPAN" --timeout 10 -s "$HERE/requests.lua" "$(api_url)" | grep '^measured|')
    echo "$1|$4|${line#measured|}" | tee -a "$STATE/api.psv"
}

CHART='/forecasts?building_id=eq.{b}&limit=48&select=valid_at,demand_kwh,demand_lower_kwh,demand_upper_kwh'
ADVICE='/rpc/energy_advice?building_id={b}&energy_kwh=1.2&duration_hours=2'
PAGE='/rpc/dashboard?building_id={b}'

# 3,000 apartments that open the app within a minute: 50 requests per second.
minute() { SPAN=60 ask "$1: 3,000 apartments within a minute" homes "$CHART" 50 1000; }

# answer WHO PATH [ACCEPT]
answer() {
    curl -fsS -H "Authorization: Bearer $(head -n 1 "$STATE/$1.tokens" | cut -d ' ' -f 2)" \
        -H "Accept: ${3:-application/json}" "$(api_url)$2"
}

rows_of() { answer "$@" | "$PYTHON" -c 'import json, sys; print(len(json.load(sys.stdin)))'; }

# holds TEXT WHO PATH [ACCEPT]
holds() { answer "${@:2}" | grep -F "$1" >/dev/null || fail "$3 does not hold $1"; }

# Checks the responses: two days of hours of one building and of all, advice that uses them, complete pages.
check() {
    local rows
    rows=$(rows_of homes "${CHART/\{b\}/b1}")
    [ "$rows" = 48 ] || fail "the chart has $rows rows"
    rows=$(rows_of utility '/portfolio_forecasts?limit=48')
    [ "$rows" = 48 ] || fail "the portfolio has $rows rows"
    holds '"certainty_method":"scenarios"' homes "${ADVICE/\{b\}/b1}"
    holds 'data-row="Washing machine"' homes "${PAGE/\{b\}/b1}" text/html
    holds 'data-row="refresh_forecasts"' operator "${PAGE/\{b\}/b1}" text/html
}

# Until the server has answered what clients no longer wait for.
settle() {
    while [ "$(query -c "select count(*) from pg_stat_activity where usename = 'authenticator' and state = 'active'")" != 0 ]; do
        sleep 1
    done
}

quiet() {
    local connections
    check
    minute quiet
    for connections in 1 50 200; do
        ask 'chart of 48 hours' homes "$CHART" "$connections"
        ask 'portfolio' utility '/portfolio_forecasts?limit=48' "$connections"
        ask 'picture of 48 hours' homes '/rpc/forecast_chart?building_id={b}' "$connections" 0 image/svg+xml
        ask 'advice' homes "$ADVICE" "$connections"
        ask 'page of a resident' homes "$PAGE" "$connections" 0 text/html
        ask 'page of an operator' operator "$PAGE" "$connections" 0 text/html
    done
}

by_hand() {
    local said
    said=$("$PG_BIN/pgbench" -n -M prepared -c 1 -T "$SPAN" -D buildings="$BUILDINGS" -f "$HERE/by_hand.sql" service)
    echo "$said"
    awk '/^latency average/ { ms = $4 } /^tps/ { tps = $3 }
        END { printf "chart by hand, one connection|1|%.0f|%.2f|||0\n", tps, ms }' <<<"$said" | tee -a "$STATE/api.psv"
}

# Until it is stopped.
work() {
    local day
    for day in 1 2 3 4 5 6 7; do query -v day="$day" -v hours=20 -f "$HERE/beside.sql" || true; done
}

busy() {
    local pid
    work & pid=$!
    minute 'issue and refresh beside'
    ask 'chart of 48 hours, issue and refresh beside' homes "$CHART" 50
    pkill -P "$pid" || true
    kill "$pid" 2>/dev/null || true
    wait "$pid" || true
}

prepare
export PGDATABASE=service
step 'wrk' 'Debian has it.' "$ROOT/docker/install.sh" bench
step "$BUILDINGS buildings" 'Required for the measurements.' load_fleet "$BUILDINGS"
step "$ISSUES days of forecasts" 'Required for the measurements.' fill
step 'PostgREST' 'Required for the measurements.' serve
step 'the newest issue' 'The error is above.' query -v day=0 -v hours=6 -f "$HERE/beside.sql"
step 'requests' 'The results so far are above.' quiet
step 'by hand' 'The results so far are above.' by_hand
step 'requests while forecasts are issued' 'The results so far are above.' busy
"$PYTHON" "$HERE/report.py" <"$STATE/api.psv"
