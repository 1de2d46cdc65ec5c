insert into energy.alert_rules as known (rule, severity, every, within, meaning, advice) values
    ('meters_late', 'warning', '5 minutes', '15 minutes',
     'No meter of a building has reported for monitoring.meters_late.',
     'Check its gateway; forecasts continue from older readings, with lower confidence.'),
    ('demand_late', 'warning', '5 minutes', '15 minutes',
     'A building reports, but its demand has been unknown for monitoring.demand_late.',
     'Too few of its apartments report: see fct_apartment_days, and raw.sensors for the silent meter.'),
    ('weather_late', 'critical', '5 minutes', '15 minutes',
     'No weather run with future hours was received for monitoring.weather_late.',
     'Check raw.weather_fetches and the weather service.'),
    ('forecasts_late', 'critical', '5 minutes', '15 minutes',
     'A building with an approved model has no forecast younger than monitoring.forecasts_late.',
     'Check its rows of energy.job_runs.'),
    ('job_failed', 'warning', '5 minutes', '15 minutes',
     'The last run of a job failed, completely or for some buildings, or was killed.',
     'Its rows of energy.job_runs say why.'),
    ('job_late', 'critical', '5 minutes', '30 minutes', 'A job did not run on time: energy.late_jobs.',
     'Check whether the scheduler is running, and whether another run is stuck: energy.job_status.'),
    ('messages_rejected', 'warning', '5 minutes', '15 minutes',
     'More than monitoring.max_rejected_share of a day''s meter messages were rejected.',
     'Check raw.rejected_messages; once the cause is fixed, ingest them with energy.replay_rejected.'),
    ('fallback_used', 'warning', '5 minutes', '15 minutes',
     'The newest forecast of a building was made without a model (source design, profile, last_week or recent_mean), '
     'although it has one and is past its first weeks.',
     'Its row of energy.forecast_slots says what failed; approve or train a model.'),
    ('alerts_undelivered', 'critical', '5 minutes', '30 minutes',
     'An alert could not be delivered to a receiver for fifteen minutes.',
     'Check whether edf-alerts is running, and energy.alert_deliveries.reason.'),
    ('api_errors', 'warning', '5 minutes', '15 minutes',
     'More than monitoring.max_api_errors requests to the API ended with status 500 or above within fifteen minutes.',
     'Check energy.api_errors and the logs of PostgREST and the database.'),
    ('accuracy_worse', 'warning', '1 hour', '2 hours',
     'RMSE of the first day of lead exceeds monitoring.max_rmse_ratio times that of the champion''s evaluation.',
     'It is retrained automatically; decide on the resulting model.'),
    ('coverage_low', 'warning', '1 hour', '2 hours',
     'The 90 % interval covers less than monitoring.min_coverage_pct of the hours.', 'Train again.'),
    ('errors_grow', 'warning', '1 hour', '2 hours',
     'The errors of a building have started to grow: energy.error_drift.',
     'Check energy.feature_drift. It is retrained automatically; decide on the resulting model.'),
    ('inputs_drift', 'info', '1 hour', '1 day',
     'The distribution of a building''s demand or weather has shifted since a year ago: energy.feature_drift.',
     'Train again.'),
    ('unusual_weather', 'info', '5 minutes', '15 minutes',
     'The weather forecast of a coming day is unlike all known days at its place: energy.weather_likeness.',
     'Models have no such training data: use forecasts of that day with caution, and with their interval.'),
    ('unusual_inputs', 'info', '5 minutes', '15 minutes',
     'A forecast is based on weather or demand outside of its model''s training data: confidence below '
     'monitoring.min_confidence.',
     'Use it with caution, and with its interval.')
on conflict (rule) do update
    set (severity, every, within, meaning, advice) = (excluded.severity, excluded.every, excluded.within,
        excluded.meaning, excluded.advice)
    where (known.severity, known.every, known.within, known.meaning, known.advice)
        is distinct from (excluded.severity, excluded.every, excluded.within, excluded.meaning, excluded.advice);

create or replace view energy.alert_conditions as
with

limits as materialized (
    select *, energy.clock() as now_at from energy.monitoring_limits
),

forecasters as materialized (
    select building_id from raw.buildings
    where exists (
        select from edf.models
        where status = 'approved' and subject in (buildings.building_id, energy.archetype_subject(buildings.archetype)))
)

select what || '_late' as rule, subject,
    case when newest_at is null then format('%s of %s: there are none', what, subject)
         else format('%s of %s: the newest are of %s', what, subject,
             to_char(newest_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')) end as message
from energy.freshness
where (age <= late_after) is not true
  and case what
      when 'forecasts' then subject in (select building_id from forecasters)
      -- Excludes buildings without any readings.
      when 'demand' then newest_at is not null
          and subject in (select heard.subject from energy.freshness as heard
              where what = 'meters' and heard.age <= heard.late_after)
      else true
  end
union all
select 'job_failed', job_name, format('%s: %s', job_name, coalesce(message, sqlstate, 'failed'))
from (
    select distinct on (job_name) job_name, status, message, sqlstate from energy.job_runs
    where building_id is null and archetype is null and status in ('succeeded', 'failed', 'killed')
      and started_at > now() - interval '7 days'
    order by job_name, job_run_id desc
) as newest
where status <> 'succeeded'
union all
select 'job_late', job_name,
    format('%s: it was due at %s', job_name, to_char(due_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'))
from energy.late_jobs
union all
select 'messages_rejected', 'ingestion',
    format('%s of %s meter messages of the last day were rejected', sum(messages_rejected), sum(messages))
from raw.ingestions
cross join limits
where received_at > now_at - interval '1 day' and received_at <= now_at
group by max_rejected_share
having sum(messages_rejected) > max_rejected_share * sum(messages)
union all
-- Only buildings that have a model: new buildings have none.
select 'fallback_used', building_id,
    format('%s: forecast by %s%s', building_id, source, coalesce(', since ' || newest.message, ''))
from (
    select distinct on (building_id) building_id, source, message from energy.forecast_slots
    cross join limits
    where status = 'issued' and slot_at > now_at - interval '3 days'
      and building_id in (select building_id from forecasters)
    order by building_id, slot_at desc
) as newest
left join energy.building_stages using (building_id)
-- Design forecasts are expected in stage design.
where source in ('profile', 'last_week', 'recent_mean') or source = 'design' and stage is distinct from 'design'
union all
select 'alerts_undelivered', receiver, format('%s: %s alerts wait since %s%s', receiver, count(*),
                                              to_char(min(created_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'),
                                              coalesce(', ' || max(reason), ''))
from energy.alert_deliveries
join energy.alert_receivers using (receiver)
where delivered_at is null and created_at < clock_timestamp() - interval '15 minutes'
group by receiver
union all
select 'api_errors', 'api', format('%s requests failed within 15 minutes: %s', sum(requests),
    string_agg(format('%s %s with %s', requests, path, status), ', ' order by requests desc, path))
from (
    select path, status, sum(requests) as requests from energy.api_errors
    where status >= 500 and minute > now() - interval '15 minutes' group by path, status
) as errors
cross join limits
group by max_api_errors
having sum(requests) > max_api_errors
union all
select 'accuracy_worse', building_id,
    format('%s: RMSE of the first day of lead is %s kWh over %s days, %s times that of the evaluation', building_id,
                                             round(rmse_kwh::numeric, 3), days, round(rmse_ratio::numeric, 2))
from energy.accuracy
cross join limits
where lead_day = 1 and days >= 7 and rmse_ratio > max_rmse_ratio
union all
select 'coverage_low', building_id,
    format('%s: the 90 %% interval covers %s %% of %s hours', building_id, round(coverage_pct::numeric, 1), hours)
from energy.accuracy
cross join limits
where lead_day = 1 and days >= 7 and coverage_pct < min_coverage_pct
union all
select 'errors_grow', building_id, format('%s: errors have been growing for days (Page-Hinkley statistic %s)',
    building_id, round(statistic::numeric, 1))
from energy.error_drift
where is_alarm
union all
select 'inputs_drift', building_id,
    format('%s: %s (population stability index %s)', building_id, string_agg(feature, ', ' order by feature),
                                           string_agg(round(psi::numeric, 2)::text, ', ' order by feature))
from energy.feature_drift
cross join limits
where psi > max_psi
group by building_id
union all
select 'unusual_weather', weather_location_id,
    format('%s: %s', weather_location_id,
           string_agg(format('%s with %s degC and %s W/m2', to_char(day_at at time zone 'UTC', 'YYYY-MM-DD'),
               round(temperature_c::numeric, 1),
                             round(ghi_w_m2::numeric)), ', ' order by day_at))
from (select distinct weather_location_id from raw.buildings) as places
cross join limits
cross join lateral energy.weather_likeness(weather_location_id, now_at,
    date_trunc('day', now_at, 'UTC') + interval '1 day', now_at + interval '3 days')
where likeness < min_confidence
group by weather_location_id
union all
select 'unusual_inputs', building_id,
    format('%s: confidence falls to %s at %s', building_id, round(min(confidence)::numeric, 2),
                                             to_char((array_agg(valid_at order by confidence,
                                                 valid_at))[1] at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'))
from raw.buildings
cross join limits
join lateral (
    select distinct on (valid_at) valid_at, confidence, min_confidence from energy.forecasts
    where forecasts.building_id = buildings.building_id and valid_at >= now_at
    order by valid_at, issued_at desc
) as ahead on true
where confidence < limits.min_confidence
group by building_id;
comment on view energy.alert_conditions is
$$Current problems by rule of energy.alert_rules and subject; energy.check_alerts() records them in energy.alerts. A
condition on rule computes only these rules.$$;

-- Earlier versions took no arguments and checked all rules.
drop procedure if exists energy.check_alerts();

create or replace procedure energy.check_alerts(all_rules boolean default false)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    now_at  constant timestamptz := energy.clock();
    due     text[];
    changed record;
    worse   text[];
    state   text;
    said    text;
    advice  text;
begin
    perform pg_advisory_xact_lock(hashtextextended('energy.check_alerts', 0));
    -- Once per interval of the rule, aligned to the clock: a run that starts a second early does not skip it.
    with checked as (
        update energy.alert_rules set checked_at = now_at
        where all_rules or checked_at is null
           or date_bin(every, checked_at, timestamptz 'epoch') <> date_bin(every, now_at, timestamptz 'epoch')
        returning rule
    )

    select array_agg(rule) into due from checked;
    for changed in
        with conditions as materialized (
            select rule, severity, subject, message
            from energy.alert_conditions
            join energy.alert_rules using (rule)
            where alert_conditions.rule = any (due)
        ),

        resolved as (
            update energy.alerts set resolved_at = greatest(now_at, opened_at)
            where resolved_at is null and rule = any (due)
              and not exists (select from conditions
                  where (conditions.rule, conditions.subject) = (alerts.rule, alerts.subject))
            returning alerts as alert
        ),

        seen as (
            update energy.alerts set seen_at = now_at, message = conditions.message, severity = conditions.severity
            from conditions
            where resolved_at is null and (conditions.rule, conditions.subject) = (alerts.rule, alerts.subject)
        ),

        opened as (
            insert into energy.alerts (rule, severity, subject, message, opened_at, seen_at)
            select rule, severity, subject, message, now_at, now_at from conditions
            where not exists (
                select from energy.alerts
                where resolved_at is null and (alerts.rule, alerts.subject) = (conditions.rule, conditions.subject))
            returning alerts as alert
        )

        select 'opened' as event, alert from opened
        union all
        select 'resolved', alert from resolved
    loop
        perform energy.queue_alert_deliveries(changed.alert,
            case changed.event when 'opened' then 'firing' else 'resolved' end);
        -- A notification is limited to 8,000 bytes.
        perform pg_notify('edf_alerts', json_build_object(
            'event', changed.event, 'alert_id', (changed.alert).alert_id, 'rule', (changed.alert).rule,
            'severity', (changed.alert).severity,
            'subject', left((changed.alert).subject, 200), 'message', left((changed.alert).message, 500))::text);
        if changed.event = 'opened' and (changed.alert).rule in ('errors_grow', 'accuracy_worse') then
            worse := worse || (changed.alert).subject;
        end if;
    end loop;
    perform energy.repeat_alert_deliveries();
    if worse is not null then
        begin
            perform energy.queue_trainings(worse, only_due => true);
        exception when others then
            -- A failure must not prevent alerts; the daily job queues the training again.
            get stacked diagnostics state = returned_sqlstate, said = message_text, advice = pg_exception_hint;
            perform energy.record_job_run('train_models', null, now_at, clock_timestamp(), 'failed', 0, state, said,
                advice);
        end;
    end if;
end;
$$;
comment on procedure energy.check_alerts(boolean) is
$$Opens one alert per problem while it lasts, and resolves alerts whose problem is gone. Each change is sent as NOTIFY
edf_alerts, JSON with event, alert_id, rule, severity, subject and message, and queued for each receiver of
energy.alert_receivers; unacknowledged alerts are repeated. A building whose errors have grown is queued for training if
energy.training_due requires it.

all_rules: true checks all rules, false only those that are due by energy.alert_rules.every.$$;
revoke all on procedure energy.check_alerts(boolean) from public;

create or replace procedure energy.acknowledge_alert(alert_id bigint, note text default null)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    open_one energy.alerts;
begin
    select * into open_one from energy.alerts where alerts.alert_id = acknowledge_alert.alert_id for update;
    if not found then
        raise exception 'there is no alert %', coalesce(acknowledge_alert.alert_id::text, 'null')
            using errcode = 'undefined_object', hint = 'select * from energy.alerts lists them.';
    end if;
    if open_one.resolved_at is not null then
        raise exception 'alert % was resolved at %', open_one.alert_id, open_one.resolved_at
            using errcode = 'object_not_in_prerequisite_state', hint = 'Only open alerts can be acknowledged.';
    end if;
    update energy.alerts
    set acknowledged_at = energy.clock(), acknowledged_by = coalesce(energy.person(), session_user),
        note = coalesce(acknowledge_alert.note, alerts.note)
    where alerts.alert_id = acknowledge_alert.alert_id;
end;
$$;
comment on procedure energy.acknowledge_alert(bigint, text) is
    'Acknowledges an alert, with a note. Errors: 42704 no such alert; 55000 it is resolved.';
revoke all on procedure energy.acknowledge_alert(bigint, text) from public;
