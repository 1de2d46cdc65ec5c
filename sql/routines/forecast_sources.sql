create or replace function energy.quality_factor(reason text) returns double precision
language sql immutable strict
set search_path = pg_catalog, pg_temp
return case reason
    -- Sources.
    when 'model' then 1 when 'archetype' then 0.8 when 'profile' then 0.5 when 'last_week' then 0.4
        when 'design' then 0.3 when 'recent_mean' then 0.2
    -- Weather that is not forecast is replaced by the place's climatology.
    when 'weather_missing' then 0.6 when 'weather_short' then 0.6
    when 'weather_stale' then 0.9
    -- Recent demand.
    when 'meter_flat' then 0.6 when 'recent_gap' then 0.8
    else 1
end;
comment on function energy.quality_factor(text) is
$$The factor by which a source of forecasts, or a reason in energy.forecasts.quality_reasons, reduces their quality; 1:
not at all. Failures of a model (model_damaged, model_format, model_failed) have 1, since the source used instead has
its own factor.$$;
revoke all on function energy.quality_factor(text) from public;

create or replace function energy.model_failure(state text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
return case state when 'XX001' then 'model_damaged' when '0A000' then 'model_format' else 'model_failed' end;
comment on function energy.model_failure(text) is 'The name in quality_reasons of a model''s failure, by its SQLSTATE.';
revoke all on function energy.model_failure(text) from public;

create or replace function energy.demand_of(building_ids text[], slot_at timestamptz, known_at timestamptz,
    times timestamptz[])
returns table (building_id text, target double precision[], received_at timestamptz[], known_hours integer,
    reasons text[])
language sql stable
set search_path = pg_catalog, pg_temp
-- Grid and hours have a thousand rows each: a nested loop would take forty times as long.
set enable_nestloop = off
as $$
    with series as (
        select ids.building_id, hours.*
        from (select energy.backfill_after() as within offset 0) as prompt
        cross join unnest(building_ids) as ids (building_id)
        cross join lateral (
            select array_agg(value order by n) as target,
                -- Data that a revision reads and that arrived after the slot counts as known at the slot.
                array_agg(case when received_at <= at + within then least(received_at, slot_at) end
                    order by n) as received_at,
                count(value) filter (where at >= slot_at - interval '48 hours')::integer as known_hours,
                max(value) filter (where at >= slot_at - interval '36 hours') as last_value,
                count(value) filter (where at >= slot_at - interval '36 hours') >= 24
                and max(value) filter (where at >= slot_at - interval '36 hours')
                    - min(value) filter (where at >= slot_at - interval '36 hours') <= 1e-6
                and stddev(value) filter (where at < slot_at - interval '36 hours'
                and at >= slot_at - interval '28 days') > 1e-3 as is_flat
            from unnest(times) with ordinality as grid (at, n)
            left join (
                select hour_at, consumption_kwh as value, known.received_at from energy.building_hours as known
                where known.building_id = ids.building_id and hour_at >= times[1] and hour_at < slot_at
                  and known.received_at <= known_at
            ) as known on hour_at = at
        ) as hours
    )

    select building_id,
        case when is_flat then (
            -- A meter that starts repeating a value for a day and a half is not trusted from the first such hour on.
            select array_agg(case when n <= changed.last_n then value end order by n)
            from unnest(target) with ordinality as said (value, n)
            cross join (
                select max(earlier.n) as last_n from unnest(target) with ordinality as earlier (value, n)
                where abs(earlier.value - last_value) > 1e-6
            ) as changed
        ) else target end,
        received_at, known_hours,
        array_remove(array[case when is_flat then 'meter_flat' end, case when known_hours < 36 then 'recent_gap' end],
            null)
    from series
$$;
comment on function energy.demand_of(text[], timestamptz, timestamptz, timestamptz[]) is
$$The demand of buildings at these hours as used by the forecast of a slot: known at known_at and before the slot, with
when each hour was known, as in energy.building_inputs. known_hours: known hours of the 48 before the slot. reasons: a
flat-lined meter, whose hours are left out, and a gap in the last days.$$;
revoke all on function energy.demand_of(text[], timestamptz, timestamptz, timestamptz[]) from public;

create or replace function energy.fallback_forecast(
    source text, time_zone text, slot_at timestamptz, horizon interval, inputs energy.place_inputs,
    target double precision[]
)
returns table (valid_at timestamptz, lead_hours double precision, yhat double precision, yhat_lower double precision,
    yhat_upper double precision)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    n        constant integer := (select count(*) from unnest(inputs.times) as at where at < slot_at);
    m        constant integer := cardinality(inputs.times);
    place    constant integer := array_position(inputs.names, 'is_holiday');
    names    text[] := '{}'::text[];
    holidays double precision[];
    artifact bytea;
begin
    if source = 'recent_mean' then
        return query
        select at, extract(epoch from at - slot_at)::double precision / 3600 + 1, known.mean, least(0, known.lowest),
            greatest(2 * known.highest, 0)
        from unnest(inputs.times) as at
        cross join (select avg(value) as mean, min(value) as lowest, max(value) as highest
            from unnest(target) as value) as known
        where at >= slot_at and known.mean is not null
        order by at;
        if not found then
            raise exception 'it has no known demand, and no model forecasts it'
                using errcode = 'undefined_object',
                      hint = 'Approve a model of it or of its archetype in edf.models, or wait for its first readings.';
        end if;
        return;
    end if;
    if place is not null then
        names := '{is_holiday}';
        holidays := inputs.regressors[(place - 1) * m + 1 : place * m];
    end if;
    select fitted.artifact into artifact
    from edf.fit(
        case source when 'profile' then 'profile' else 'seasonal_naive' end,
        row(inputs.times[1:n], target[1:n], null, names, coalesce(holidays[1:n], '{}'), null, null, null,
            null)::edf.series,
        case source when 'last_week' then '{"season_h": 168}' else '{}' end::jsonb,
        jsonb_build_object('time_zone', time_zone), horizon, null, null) as fitted;
    -- Wider than the residuals of the few weeks available, which underestimate future errors: this width covered 90 %
    -- in tests.
    return query
    select ahead.valid_at, ahead.lead_hours, ahead.yhat,
        greatest(ahead.yhat - 1.3 * (ahead.yhat - ahead.yhat_lower),
            case when ahead.yhat_lower >= 0 then 0.0 else '-infinity'::double precision end),
        ahead.yhat + 1.3 * (ahead.yhat_upper - ahead.yhat)
    from edf.predict(
        artifact, row(inputs.times, target, null, names, coalesce(holidays, '{}'), null, null, null, null)::edf.series,
        horizon, slot_at, '{}') as ahead;
end;
$$;
comment on function energy.fallback_forecast(text, text, timestamptz, interval, energy.place_inputs,
    double precision[]) is
$$A forecast from a building's own hours alone, in kWh per hour with 90 % intervals: profile and last_week by strategies
profile and seasonal_naive, fitted on these hours; recent_mean: their mean, with an interval from zero to twice their
maximum.

Errors: 22000 too little history for the source; 42704 there is no history.$$;
revoke all on function energy.fallback_forecast(text, text, timestamptz, interval, energy.place_inputs,
    double precision[]) from public;
