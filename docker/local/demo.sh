#!/usr/bin/env bash
# The whole path once: from an empty machine to forecasts over HTTP. Safe to run again.
set -euo pipefail
# shellcheck source=docker/local/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The data ends in 2017, and so does the demo's clock.
CLOCK='2017-07-29 05:00+00'
LATER='2017-07-29 06:00+00'

sql() {
    psql -X -q -At -v ON_ERROR_STOP=1 "$@"
}

load() {
    sql -c "alter database edf set energy.clock = '$CLOCK'"
    "$VENV/bin/python" "$LOCAL/citylearn.py" --cache "$CACHE/downloads" --until "$CLOCK"
}

train() {
    sql -c 'call energy.train_models()'
    sql -c 'call energy.gate_models()'
}

# A person's decision; here the analyst takes over what the gate lets pass.
approve() {
    sql -U analyst -c "select edf.approve_model(model_id, 'passed the gate') from edf.models where status = 'pending'"
    [ "$(sql -c "select count(*) from edf.models where status = 'approved'")" -gt 0 ] || {
        sql -c "select subject, event, reason from edf.model_events join edf.models using (model_id) where event = 'rejected'"
        return 1
    }
}

# An hour later, pg_cron runs the job by itself.
cron_run() {
    sql -c "alter database edf set energy.clock = '$LATER'"
    "$VENV/bin/python" "$LOCAL/citylearn.py" --cache "$CACHE/downloads" --until "$LATER" --days 1
    sql -U pipeline -c 'call energy.refresh_building_hours()'
    local before after
    before=$(sql -c "select coalesce(max(job_run_id), 0) from energy.job_runs")
    sql -c "select cron.schedule_in_database('edf demo', '* * * * *', 'call energy.issue_forecasts()', 'edf', 'pipeline')"
    for _ in $(seq 90); do
        after=$(sql -c "select job_name || ' by pg_cron: ' || status || ', ' || rows_written || ' rows'
            from energy.job_runs where job_run_id > $before and job_name = 'issue_forecasts' and building_id is null
            and status <> 'running' order by job_run_id limit 1")
        [ -z "$after" ] || break
        sleep 1
    done
    sql -c "select cron.unschedule('edf demo')"
    if [ -z "$after" ]; then
        sql -c 'select start_time, status, return_message from cron.job_run_details order by runid desc limit 5'
        return 1
    fi
    echo "$after"
}

finished=no
cleanup() {
    trap '' INT TERM
    [ "$finished" = yes ] || {
        stop_step
        "$LOCAL/api.sh" stop || true
        "$LOCAL/cluster.sh" stop >/dev/null || true
        echo "demo: stopped; nothing is left running. make demo goes on where it can." >&2
    }
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

started=$(date +%s)
step 'system packages' 'Look at the message of apt above; the network or a lock may be in the way.' "$ROOT/docker/install.sh"
step 'build and install the extension' 'A cold build takes about 20 minutes; the compiler says above what it lacks.' install_extension
step 'dbt, PostgREST and tools' 'PyPI and npm must be reachable.' install_tools
step 'private cluster' 'The server says above why it does not start; make clean begins anew.' "$LOCAL/cluster.sh" start
connection
step 'roles, migrations, routines' 'The statement above failed; make clean begins with an empty database.' "$LOCAL/database.sh" deploy
if [ "$(sql -c "select count(*) from edf.models where status = 'approved'")" -eq 0 ]; then
    step 'a year of 15 real homes' 'make clean begins with an empty database.' load
    step 'dbt build' 'The model or test that failed is named above.' "$LOCAL/database.sh" dbt
    step 'clean hours' 'select * from energy.job_runs says more.' sql -U pipeline -c "call energy.refresh_building_hours('-infinity')"
    step 'train, evaluate, gate' 'select * from energy.job_runs says more.' train
    step 'approve' 'No model passed the gate: the reasons are above.' approve
    step 'forecast 72 hours' 'select * from energy.job_runs says more.' sql -U pipeline -c 'call energy.issue_forecasts()'
else
    step 'dbt build' 'The model or test that failed is named above.' "$LOCAL/database.sh" dbt
fi
step 'PostgREST' 'Its log is above.' "$LOCAL/api.sh" start
step 'cron jobs' 'The statement above failed.' "$LOCAL/database.sh" jobs
step 'a run started by pg_cron' 'pg_cron did not start the job within 90 seconds; its own records are above.' cron_run
sql -c "insert into energy.building_access (subject, building_id) select 'demo-supplier', building_id from raw.buildings on conflict do nothing"
finished=yes

echo
tail -n 1 "$STATE/log/a-run-started-by-pg-cron.log"
echo
"$VENV/bin/python" "$LOCAL/report.py"
cat <<EOF

Done in $(($(date +%s) - started)) s. The server stays up. Go on with:
  make sql Q='select * from api.forecasts limit 5'
  psql -h $PGHOST -p $PGPORT -U analyst edf
  curl -H "Authorization: Bearer $("$LOCAL/api.sh" token demo-supplier supplier)" \\
       "$(cat "$STATE/api-url")/forecasts?building_id=eq.all-homes&limit=3"
  make stop      stop the servers; make demo starts them again
  make clean     remove the demo's database
EOF
