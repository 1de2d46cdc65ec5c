#!/usr/bin/env bash
# The complete demo: from an empty machine to forecasts over HTTP. Safe to run again.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cluster.sh"
. "$(dirname "$0")/tools.sh"
. "$(dirname "$0")/api.sh"

# The data ends in 2017, so the demo sets the pipeline's clock. Models are trained on Sunday night, as scheduled in
# config/edf.yaml, and serve the following days.
TRAINED='2017-07-23 01:00+00'
GATED='2017-07-23 04:00+00'
SERVED=('2017-07-'{23..29}' 05:00+00')
LATER='2017-07-29 06:00+00'

# move_to TIME: sets the pipeline's clock and sends the data received by then.
move_to() {
    query -c "alter database edf set energy.clock = '$1'"
    "$PYTHON" "$ROOT/docker/local/load.py" --until "$1" --delayed
}

load() {
    move_to "$TRAINED"
    deploy storage
}

clean_hours() { query -U pipeline -c "call energy.refresh_building_hours('-infinity')" -c 'call energy.refresh_apartment_days()'; }

train() {
    query -U pipeline -c 'call energy.train_models()'
    move_to "$GATED"
    query -U pipeline -c 'call energy.gate_models()'
}

# Approval is a person's decision; here it accepts all models that pass the gate.
approve() {
    query -c 'set role edf_approver' \
        -c "select subject || ': model ' || model_id || coalesce(' is not approved: ' || problem, '') from energy.approve_models('passed the gate')"
    if [ "$(approved)" = 0 ]; then
        query -c "select subject, event, reason from edf.model_events join edf.models using (model_id) where event = 'rejected'" \
            -c "select building_id, archetype, message from energy.job_runs where status = 'failed'"
        return 1
    fi
}

approved() { query -c "select count(*) from edf.models where status = 'approved'"; }

serve() {
    local slot
    for slot in "${SERVED[@]}"; do
        move_to "$slot"
        query -U pipeline -c 'call energy.issue_forecasts()'
    done
    query -U pipeline -c 'call energy.refresh_apartment_days()'
    query -c 'select building_id, count(distinct issued_at), count(*) from energy.forecasts group by building_id order by 1'
}

is_served() { [ "$(query -c "select count(*) from energy.forecasts where issued_at = '${SERVED[-1]}'")" != 0 ]; }

# An hour later, a run that is not called: pg_cron starts the job.
cron_run() {
    local run=''
    move_to "$LATER"
    query -c "select cron.schedule_in_database('edf demo', '* * * * *', 'call energy.issue_forecasts(date_trunc(''hour'', energy.clock()))', 'edf', 'pipeline')" >/dev/null
    for _ in {1..90}; do
        run=$(cron_row)
        [ -z "$run" ] || break
        echo 'waiting for the next full minute'
        sleep 1
    done
    query -c "select cron.unschedule(jobid) from cron.job where jobname = 'edf demo'" >/dev/null
    if [ -z "$run" ]; then
        query -c 'select start_time, status, return_message from cron.job_run_details order by runid desc limit 5'
        return 1
    fi
    echo "$run"
}

cron_row() {
    query -c "select format('pg_cron started issue_forecasts at %s: %s, %s rows for %s UTC', date_trunc('second', started_at),
                            status, rows_written, to_char(slot_at, 'YYYY-MM-DD HH24:MI'))
              from energy.job_runs
              where job_name = 'issue_forecasts' and building_id is null and slot_at = '$LATER' and rows_written > 0 limit 1"
}

compare() {
    "$PYTHON" "$ROOT/docker/local/served.py" >"$STATE/served.new"
    mv "$STATE/served.new" "$STATE/served.txt"
}

# The four small buildings consist of the homes of the large one: each portfolio has every home once.
grant_access() {
    query -c "begin; delete from energy.building_access where subject like 'demo-%'" \
        -c "insert into energy.building_access (subject, building_id)
            select case building_id when 'all-homes' then 'demo-supplier' else 'demo-grid-operator' end, building_id from raw.buildings" \
        -c 'commit'
    # The correlation of the buildings' errors is learnt from forecasts issued to those who may see them.
    query -U pipeline -c 'call energy.score_forecasts()'
}

at_the_end() {
    [ "$1" != 0 ] || return 0
    api_stop
    cluster_stop
    say 'The demo was interrupted; nothing is left running. make demo continues from here.' >&2
}

take_lock
on_end at_the_end
began=$(date +%s.%N)
say 'edf: forecasts of 15 real homes, from an empty machine to HTTP'
install_steps
step 'private cluster' 'make clean begins with an empty one.' create_and_start
cluster_env
step 'roles, migrations, routines' 'make clean begins with an empty database.' deploy database migrations sql config
if [ "$(approved)" = 0 ]; then
    step 'a year of 15 real homes, sent as their meters would' 'make clean begins with an empty database.' load
    step 'dbt build' 'The model or test that failed is named above.' deploy dbt
    step 'clean hours' 'make sql Q="select * from energy.job_runs" says more.' clean_hours
    step 'train, evaluate, gate' 'make sql Q="select * from energy.job_runs" says more.' train
    step 'approve' 'No model can be used: the reasons are above.' approve
else
    step 'dbt build' 'The model or test that failed is named above.' deploy dbt
fi
if ! is_served; then
    rm -f "$STATE/served.txt"
    step 'a week of daily forecasts' 'make sql Q="select * from energy.job_runs" says more.' serve
fi
step 'PostgREST' 'Its output is above.' api_start
step 'cron jobs' 'make clean begins with an empty database.' deploy jobs
if [ -z "$(cron_row)" ]; then
    step 'a run started by pg_cron' 'The job did not run within 90 seconds: the output of pg_cron is above.' cron_run
fi
step 'access for a supplier and a grid operator, accuracy' 'make clean begins with an empty database.' grant_access
if [ ! -s "$STATE/served.txt" ]; then
    step 'a backtest of the served week' 'make clean begins with an empty database.' compare
fi

say
cron_row
say
"$PYTHON" "$ROOT/docker/local/report.py"
say
cat "$STATE/served.txt"
cat <<EOF

Done in $(seconds_since "$began"). The servers stay up. Go on with:
  make sql Q='select * from energy.forecasts limit 5'
  psql -h $PGHOST -p $PGPORT -U analyst edf
  API=$(api_url)
  TOKEN=$(api_token demo-supplier supplier)   # sees all-homes
  curl -s -H "Authorization: Bearer \$TOKEN" "\$API/forecasts?limit=3"
  TOKEN=$(api_token demo-grid-operator supplier)   # sees the sum of four smaller buildings only
  curl -s -H "Authorization: Bearer \$TOKEN" "\$API/portfolio_forecasts?limit=3"
  make stop      stop the servers; make demo starts them again
  make clean     stop them and remove the demo's database
EOF
