-- Between two daily issues the newest actuals and weather correct the coming hours: the model forecasts them again from
-- the current full hour, and extrapolates its recent errors since the hour of day that it was trained for (intraday
-- correction, docs/strategies.md).
create or replace view energy.refreshes_due as
with

now as materialized (
    select
        energy.clock() as at,
        date_trunc('hour', energy.clock(), 'UTC') as slot_at,
        energy.inference_span('refresh_ahead') as horizon,
        (energy.current_config() #>> '{inference,horizon}')::interval as usual
)

select
    places.building_id,
    places.place,
    places.weather_location_id,
    places.time_zone,
    now.slot_at,
    now.horizon,
    issued.slot_at as issued_at,
    issued.source
from now
cross join energy.building_places as places
cross join lateral (
    select slots.slot_at, source, coalesce(slots.horizon, now.usual) as horizon,
        coalesce(known_at, slots.slot_at) as known_at
    from energy.forecast_slots as slots
    where slots.building_id = places.building_id and slots.slot_at <= now.slot_at and status = 'issued'
    order by slots.slot_at desc
    limit 1
) as issued
cross join lateral (
    select greatest(issued.known_at, max(refreshed_at)) as known_at
    from energy.refreshed_forecasts as refreshed
    where refreshed.building_id = places.building_id and valid_at >= now.slot_at
) as last
-- Only models: profiles and means do not change with the last hour.
where issued.source in ('model', 'archetype')
  and now.slot_at < issued.slot_at + issued.horizon
  and (
      exists (
          select from energy.building_hours as hours
          where hours.building_id = places.building_id
            and hour_at >= now.slot_at - interval '48 hours' and hour_at < now.slot_at
            and received_at > last.known_at and received_at <= now.at)
      or exists (
          select from raw.weather_forecasts as runs
          where runs.weather_location_id = places.weather_location_id
            and valid_at >= now.slot_at and valid_at < now.slot_at + interval '1 hour'
            and received_at > last.known_at and received_at <= now.at)
  );
comment on view energy.refreshes_due is
$$Buildings that energy.refresh_forecasts() forecasts again: actuals of the last two days, or a weather forecast of the
current hour, were received since their newest forecast or refresh. Only buildings forecast by a model.$$;
comment on column energy.refreshes_due.slot_at is 'The current full hour, the first one that is forecast.';
comment on column energy.refreshes_due.issued_at is 'Issue of the newest forecast, which the refresh corrects.';
comment on column energy.refreshes_due.source is 'Source of that forecast and of the refresh.';

create or replace function energy.correction_share(age interval) returns double precision
language sql immutable
set search_path = pg_catalog, pg_temp
return case
    when age < interval '1 hour' then 0.8
    when age < interval '2 hours' then 0.5
    when age < interval '3 hours' then 0.4
    else 0.3
end;
comment on function energy.correction_share(interval) is
$$The share of a correction that is applied, by the age of the newest actual relative to the hour before the current
one; NULL (no actual) counts as oldest.

Corrections are partly noise. For a correction that is right on average, a share of 0.5 has 0.75 of the gain (2 x 0.5 -
0.5^2) and a quarter (0.5^2) of the squared error added where there is nothing to correct. Older errors are more often
over, so their share is lower. bench/README.md has the results of other shares, also on quiet days.$$;
revoke all on function energy.correction_share(interval) from public;

create or replace function energy.refresh_forecast(
    due energy.refreshes_due, inputs energy.place_inputs, target double precision[], received_at timestamptz[],
    reasons text[]
) returns bigint
language sql
set search_path = pg_catalog, pg_temp
as $$
    with written as (
        insert into energy.refreshed_forecasts
            (building_id, valid_at, refreshed_at, issued_at, lead_hours, yhat, yhat_lower, yhat_upper, confidence,
             source,
             quality, quality_reasons, model_id, archetype, weather_issued_at, config_id)
        select due.building_id, fresh.valid_at, inputs.known_at, due.issued_at, fresh.lead_hours,
            fresh.yhat - kept * (fresh.yhat - issued.yhat),
            fresh.yhat_lower - kept * (fresh.yhat_lower - issued.yhat_lower),
            fresh.yhat_upper - kept * (fresh.yhat_upper - issued.yhat_upper), fresh.confidence, due.source,
            fresh.quality,
            fresh.quality_reasons, fresh.model_id, fresh.archetype, inputs.weather_issued_at, energy.current_config_id()
        from energy.rated_forecast(
            due.source, due.building_id, inputs, target, received_at,
            inputs.reasons || refresh_forecast.reasons) as fresh
        join energy.forecasts as issued
            on (issued.building_id, issued.issued_at, issued.valid_at)
                = (due.building_id, due.issued_at, fresh.valid_at)
        cross join (
            select 1 - energy.correction_share(due.slot_at - interval '1 hour' - max(at)) as kept
            from unnest(inputs.times, target) as known (at, value)
            where value is not null and at < due.slot_at
        ) as share
        on conflict do nothing
        returning valid_at
    )

    select count(*) from written
$$;
comment on function energy.refresh_forecast(
    energy.refreshes_due, energy.place_inputs, double precision[], timestamptz[], text[]) is
$$Writes the refresh of a building, from energy.rated_forecast. Returns the rows written. Errors: as
energy.forecast_by.$$;
revoke all on function energy.refresh_forecast(
    energy.refreshes_due, energy.place_inputs, double precision[], timestamptz[], text[]) from public;

create or replace function energy.refresh_batch(
    due energy.refreshes_due[], started_at timestamptz, inout inputs energy.place_inputs, out written bigint,
    out failed bigint
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    first    constant energy.refreshes_due := due[1];
    ids      constant text[] := array(select building_id from unnest(due) order by building_id);
    building energy.refreshes_due;
    demand   record;
    one      record;
    state    text;
    message  text;
    advice   text;
begin
    written := 0;
    failed := 0;
    -- Read once for all batches of a place.
    if inputs.place is distinct from first.place then
        inputs := energy.inputs_of_place(
            first.weather_location_id, ids[1], first.time_zone, first.slot_at, first.horizon, true);
    end if;
    for demand in select * from energy.demand_of(ids, first.slot_at, inputs.known_at, inputs.times) loop
        begin
            select * into strict building from unnest(due) as listed where listed.building_id = demand.building_id;
            written := written
                + energy.refresh_forecast(building, inputs, demand.target, demand.received_at, demand.reasons);
        exception when others then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            perform energy.record_job_run(
                'refresh_forecasts', demand.building_id, first.slot_at, started_at, 'failed', 0, state, message,
                advice);
            failed := failed + 1;
        end;
    end loop;
exception when others then
    get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
    written := 0;
    if cardinality(due) = 1 then
        perform energy.record_job_run(
            'refresh_forecasts', first.building_id, first.slot_at, started_at, 'failed', 0, state, message, advice);
        failed := 1;
        return;
    end if;
    -- A building whose demand cannot be read does not stop the others.
    failed := 0;
    foreach building in array due loop
        select * into one from energy.refresh_batch(array[building], started_at, inputs);
        inputs := one.inputs;
        written := written + one.written;
        failed := failed + one.failed;
    end loop;
end;
$$;
comment on function energy.refresh_batch(energy.refreshes_due[], timestamptz, energy.place_inputs) is
$$Refreshes the forecasts of some buildings of one place, in the caller's transaction. inputs: those of the place read
last; returned for the next call. A building that fails is recorded in energy.job_runs and counted in failed; the others
continue.$$;
revoke all on function energy.refresh_batch(energy.refreshes_due[], timestamptz, energy.place_inputs) from public;

-- It commits after each batch, so it cannot have a SET clause; every name is qualified instead.
create or replace procedure energy.refresh_forecasts()
language plpgsql
as $$
declare
    started_at constant timestamptz := pg_catalog.clock_timestamp();
    inputs     energy.place_inputs;
    batch      record;
    done       record;
    written    bigint := 0;
    failed     bigint := 0;
    state      text;
    message    text;
    advice     text;
begin
    perform energy.check_timescaledb();
    for batch in
        select pg_catalog.array_agg(listed order by building_id) as due
        from (
            select due as listed, place, building_id,
                (pg_catalog.row_number() over (partition by place order by building_id) - 1) / 40 as n
            from energy.refreshes_due as due
        ) as numbered
        group by place, n
        order by place, n
    loop
        begin
            if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('energy.refresh_forecasts', 0)) then
                message := 'another run is in progress';
            else
                select * into done from energy.refresh_batch(batch.due, started_at, inputs);
                inputs := done.inputs;
                written := written + done.written;
                failed := failed + done.failed;
            end if;
        exception when query_canceled then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
        end;
        commit;
        exit when message is not null;
    end loop;
    perform energy.record_job_run(
        'refresh_forecasts', null, energy.clock(), started_at,
        case when state is not null or failed > 0 then 'failed' when message is not null then 'skipped'
            else 'succeeded' end,
        written, state, pg_catalog.concat_ws('; ', message, nullif(failed, 0) || ' buildings failed'), advice);
end;
$$;
comment on procedure energy.refresh_forecasts() is
$$Forecasts the next inference.refresh_ahead again if actuals or weather have been received since the last forecast
(energy.refreshes_due): rows of energy.refreshed_forecasts, beside the issued forecasts. Running it twice changes
nothing. A building that fails keeps its issued forecast and is recorded in energy.job_runs; the others continue. It
commits after each batch of up to 40 buildings of a place.$$;
revoke all on procedure energy.refresh_forecasts() from public;
