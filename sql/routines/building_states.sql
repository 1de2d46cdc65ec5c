-- The clock in a subquery is read once, and not for each building.
create or replace view energy.building_states as
select
    buildings.building_id,
    buildings.name,
    buildings.time_zone,
    spans.heard_at,
    measured.hour_at + interval '1 hour' as measured_until,
    newest.issued_at,
    newest.forecast_until,
    newest.source,
    ((select energy.clock()) - newest.issued_at <= limits.forecasts_late) is not true as is_late,
    -- Design forecasts are expected in stage design.
    coalesce(
        newest.source in ('profile', 'last_week', 'recent_mean')
        or newest.source = 'design' and stages.stage is distinct from 'design', false) as is_falling_back,
    yesterday.hours * yesterday.mae_kwh as yesterday_error_kwh,
    yesterday.actual_kwh as yesterday_kwh
from raw.buildings
cross join energy.monitoring_limits as limits
left join energy.building_spans as spans using (building_id)
left join energy.building_stages as stages using (building_id)
left join lateral (
    select hour_at from energy.building_hours as hours
    where hours.building_id = buildings.building_id and consumption_kwh is not null
    order by hour_at desc limit 1
) as measured on true
left join lateral (
    select issued_at, max(valid_at) + interval '1 hour' as forecast_until,
        (array_agg(source order by valid_at))[1] as source
    from energy.forecasts
    where forecasts.building_id = buildings.building_id and valid_at >= (select energy.clock())
    group by issued_at order by issued_at desc limit 1
) as newest on true
left join energy.accuracy_days as yesterday
    on yesterday.building_id = buildings.building_id and yesterday.lead_day = 1
    and yesterday.local_date = ((select energy.clock()) at time zone buildings.time_zone)::date - 1;
comment on view energy.building_states is
$$State of each building: how current its measurements and forecasts are, and the accuracy of yesterday's forecasts.$$;
comment on column energy.building_states.heard_at is 'When its meters last reported.';
comment on column energy.building_states.measured_until is 'End of the newest hour with known demand.';
comment on column energy.building_states.source is 'Source of the forecast of its next hour, as in energy.forecasts.';
comment on column energy.building_states.is_late is 'It has no forecast younger than monitoring.forecasts_late.';
comment on column energy.building_states.is_falling_back is
    'It is forecast by neither a model nor a design forecast in stage design.';
comment on column energy.building_states.yesterday_error_kwh is
    'Sum of absolute errors of its last local day, first day of lead; NULL: not scored.';

-- Functions in API views run with the rights of the reader, who has none here: security definer.
create or replace function energy.states_of(building_ids text[]) returns setof energy.building_states
language sql stable security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select * from energy.building_states where building_id = any (building_ids);
end;
comment on function energy.states_of(text[]) is 'energy.building_states of these buildings, for views of the API.';
revoke all on function energy.states_of(text[]) from public;
grant execute on function energy.states_of(text[]) to operator, resident, technician;

create or replace function energy.jobs_now() returns setof energy.job_status
language sql stable security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select * from energy.job_status;
end;
comment on function energy.jobs_now() is 'energy.job_status, for the view of the API.';
revoke all on function energy.jobs_now() from public;
grant execute on function energy.jobs_now() to operator;

create or replace function energy.overview(
    out status text, out words text, out as_of timestamptz, out buildings bigint, out buildings_forecast bigint,
    out buildings_late bigint, out buildings_falling_back bigint, out yesterday_wape_pct double precision,
    out critical_alerts bigint, out warning_alerts bigint, out info_alerts bigint
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select health.status, health.words, energy.clock(), states.*, health.critical_alerts, health.warning_alerts,
        health.info_alerts
    from energy.health
    cross join (
        select count(*), count(*) filter (where not is_late), count(*) filter (where is_late),
            count(*) filter (where is_falling_back), 100 * sum(yesterday_error_kwh) / nullif(sum(yesterday_kwh), 0)
        from energy.building_states
    ) as states;
end;
comment on function energy.overview() is
    'energy.health with counts of energy.building_states, for the view of the API.';
revoke all on function energy.overview() from public;
grant execute on function energy.overview() to operator;
