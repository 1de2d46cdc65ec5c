create or replace view energy.building_places as
select building_id, weather_location_id, time_zone,
    (
        weather_location_id, time_zone, region,
        case when exists (
            select from raw.calendar_events as events
            where events.building_id = buildings.building_id) then building_id end
    )::text as place
from raw.buildings;
comment on view energy.building_places is
$$The buildings that share weather and calendar: those of one place, i.e. one weather location, time zone and region. A
building with its own calendar events is its own place.$$;

-- Earlier versions had no known_at.
drop function if exists energy.inputs_of_place(text, text, text, timestamptz, interval, boolean);

create or replace function energy.weather_hours(weather_location_id text, as_of timestamptz, from_at timestamptz,
    to_at timestamptz)
returns table (valid_at timestamptz, temperature_c double precision, ghi_w_m2 double precision, issued_at timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
-- Planned with the actual time range, so that few chunks of a hypertable are opened.
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
    -- One look-up per hour finds the newest run without reading hundreds of older ones.
    return query
    select hours.valid_at, coalesce(seen.temperature_c, run.temperature_c, temperature.value),
        coalesce(seen.ghi_w_m2, run.ghi_w_m2, ghi.value), run.issued_at
    from generate_series(from_at, to_at - interval '1 hour', interval '1 hour') as hours (valid_at)
    left join raw.weather_observations as seen
        on seen.weather_location_id = weather_hours.weather_location_id
        and seen.valid_at = hours.valid_at and seen.valid_at >= from_at and seen.valid_at < to_at
        and seen.received_at <= as_of
    left join lateral (
        select * from raw.weather_forecasts as runs
        where (seen.temperature_c is null or seen.ghi_w_m2 is null)
          and runs.weather_location_id = weather_hours.weather_location_id and runs.valid_at = hours.valid_at
          and received_at <= as_of
          and runs.valid_at >= from_at and runs.valid_at < to_at
        order by issued_at desc limit 1
    ) as run on true
    left join lateral (
        select temperature_c as value from raw.weather_forecasts as runs
        where runs.weather_location_id = weather_hours.weather_location_id and runs.valid_at = hours.valid_at
          and received_at <= as_of
          and runs.valid_at >= from_at and runs.valid_at < to_at
          and run.issued_at is not null and run.temperature_c is null and seen.temperature_c is null
          and temperature_c is not null
        order by issued_at desc limit 1
    ) as temperature on true
    left join lateral (
        select ghi_w_m2 as value from raw.weather_forecasts as runs
        where runs.weather_location_id = weather_hours.weather_location_id and runs.valid_at = hours.valid_at
          and received_at <= as_of
          and runs.valid_at >= from_at and runs.valid_at < to_at
          and run.issued_at is not null and run.ghi_w_m2 is null and seen.ghi_w_m2 is null and ghi_w_m2 is not null
        order by issued_at desc limit 1
    ) as ghi on true
    order by hours.valid_at;
end;
$$;
comment on function energy.weather_hours(text, timestamptz, timestamptz, timestamptz) is
$$energy.weather_as_of for full hours, one row each, efficient with many stored runs; same values. issued_at is that
of the newest known run, NULL if all was observed.$$;
revoke all on function energy.weather_hours(text, timestamptz, timestamptz, timestamptz) from public;

create or replace function energy.weather_reaches(weather_location_id text, as_of timestamptz, slot_at timestamptz,
    to_at timestamptz) returns timestamptz
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- A series that was missing a day before too is not available at the place.
    with hours as materialized (
        select * from energy.weather_hours(weather_location_id, as_of, slot_at - interval '1 day', to_at)
    ),

    ends as (
        select max(valid_at) filter (where value is not null and valid_at >= slot_at) as last_at
        from hours cross join lateral (values ('temperature', temperature_c), ('ghi', ghi_w_m2)) as columns (series,
            value)
        group by series
        having count(value) > 0
    )

    select case when count(*) > 0 and bool_and(last_at is not null) then min(last_at) + interval '1 hour'
        else slot_at end from ends
$$;
comment on function energy.weather_reaches(text, timestamptz, timestamptz, timestamptz) is
$$Until when, at most to_at, the weather forecast of a place known at as_of reaches from slot_at on, in all series
available at the place; slot_at: there is none.$$;
revoke all on function energy.weather_reaches(text, timestamptz, timestamptz, timestamptz) from public;

create or replace function energy.weather_climatology(weather_location_id text, as_of timestamptz, from_at timestamptz,
    to_at timestamptz)
returns table (valid_at timestamptz, temperature_c double precision, ghi_w_m2 double precision)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- The days around the same date in earlier years and, for new places, the last four weeks.
    with spans as (
        select from_at - interval '28 days' as since, from_at as until
        union all
        select from_at - years * interval '1 year' - interval '14 days',
            from_at - years * interval '1 year' + interval '14 days' from generate_series(1, 5) as years
    ),

    by_hour as (
        select extract(hour from hours.valid_at)::integer as hour, avg(hours.temperature_c) as temperature_c,
            avg(hours.ghi_w_m2) as ghi_w_m2
        from spans
        cross join lateral energy.weather_hours(weather_location_id, as_of, since, until) as hours
        where hours.valid_at < as_of
        group by 1
    )

    select ahead.valid_at, by_hour.temperature_c, by_hour.ghi_w_m2
    from generate_series(from_at, to_at - interval '1 hour', interval '1 hour') as ahead (valid_at)
    join by_hour on by_hour.hour = extract(hour from ahead.valid_at)::integer
$$;
comment on function energy.weather_climatology(text, timestamptz, timestamptz, timestamptz) is
$$Climatology of a place at these hours: the mean of the same hour of the day over four weeks around the date in the
last five years, and over the last four weeks, as of as_of. No row for hours without data.$$;
revoke all on function energy.weather_climatology(text, timestamptz, timestamptz, timestamptz) from public;

create or replace function energy.inputs_of_place(
    weather_location_id text, building_id text, time_zone text, slot_at timestamptz, horizon interval,
    is_revision boolean,
    known_at timestamptz default null
) returns energy.place_inputs
language plpgsql stable
set search_path = pg_catalog, pg_temp
-- Planned with the actual time range, so that few chunks of a hypertable are opened.
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
    inputs   energy.place_inputs;
    now_at   constant timestamptz := greatest(energy.clock(), slot_at);
    since    constant timestamptz := slot_at - (energy.current_config() #>> '{inference,history}')::interval;
    until    constant timestamptz := slot_at + horizon;
    columns  text;
    slots    timestamptz[];
begin
    inputs.place := (
        select place from energy.building_places as places where places.building_id = inputs_of_place.building_id);
    inputs.slot_at := slot_at;
    inputs.horizon := horizon;
    inputs.is_revision := is_revision;
    inputs.known_at := coalesce(known_at, case when is_revision then now_at else slot_at end);
    inputs.weather_reaches_to := energy.weather_reaches(weather_location_id, inputs.known_at, slot_at, until);
    -- Late weather is better than none.
    if known_at is null and inputs.weather_reaches_to < until and now_at > inputs.known_at then
        inputs.weather_reaches_to := energy.weather_reaches(weather_location_id, now_at, slot_at, until);
        inputs.known_at := now_at;
    end if;
    inputs.is_waiting := known_at is null and inputs.weather_reaches_to < until and not is_revision
        and now_at < slot_at + energy.inference_span('weather_deadline')
        and exists (
            select from raw.weather_forecasts as runs
            where runs.weather_location_id = inputs_of_place.weather_location_id
              and runs.issued_at > slot_at - interval '7 days');
    if inputs.is_waiting then
        return inputs;
    end if;

    select string_agg(format('array_agg(calendar.%s::integer::double precision order by hours.valid_at)', name), ' || '
        order by at), array_agg(trim('"' from name) order by at)
    into columns, inputs.names
    from unnest(string_to_array(energy.calendar_regressors(), ', ')) with ordinality as named (name, at);
    inputs.names := array['temperature_c', 'ghi_w_m2'] || inputs.names;
    -- With a day of margin for any time zone.
    execute format(
        $query$
        with climatology as materialized (
            select * from energy.weather_climatology($1, $2, $7, $4) where $7 < $4
        ),

        calendar as materialized (
            select * from processed.int_building_calendar
            where building_id = $5 and local_date >= $3::date - 1 and local_date <= $4::date + 1
        )

        select max(hours.issued_at), array_agg(hours.valid_at order by hours.valid_at),
            array_agg(coalesce(hours.temperature_c, climatology.temperature_c) order by hours.valid_at)
            || array_agg(coalesce(hours.ghi_w_m2, climatology.ghi_w_m2) order by hours.valid_at) || %s
        from energy.weather_hours($1, $2, $3, $4) as hours
        left join climatology using (valid_at)
        left join calendar on calendar.local_date = (hours.valid_at at time zone $6)::date
        $query$, columns)
    into inputs.weather_issued_at, inputs.times, inputs.regressors
    using weather_location_id, inputs.known_at, since, until, building_id, time_zone, inputs.weather_reaches_to;
    inputs.reasons := array_remove(array[
        case when inputs.weather_reaches_to < until
            then case when inputs.weather_reaches_to = slot_at then 'weather_missing' else 'weather_short' end end,
        case when inputs.weather_issued_at < slot_at - energy.inference_span('weather_stale_after')
            then 'weather_stale' end], null);

    -- Each hour as forecast when each of the last days' forecasts was issued; runs in between were never used.
    slots := array(select distinct at
        from unnest(energy.issue_times(time_zone, since - horizon, slot_at) || slot_at) as at where at is not null
        order by at);
    with asked as (
        select hours.valid_at, least(run.received_at, slot_at) as received_at, run.issued_at, run.temperature_c,
            run.ghi_w_m2
        from unnest(slots) as slot (at)
        cross join lateral generate_series(greatest(slot.at, since),
            least(slot.at + horizon, until) - interval '1 hour', interval '1 hour') as hours (valid_at)
        cross join lateral (
            select * from raw.weather_forecasts as runs
            where runs.weather_location_id = inputs_of_place.weather_location_id and runs.valid_at = hours.valid_at
              and runs.valid_at >= since and runs.valid_at < until
              and runs.received_at <= case when slot.at = slot_at then inputs.known_at else slot.at end
              -- Skips the runs of an hour that were issued later.
              and runs.issued_at <= case when slot.at = slot_at then 'infinity' else slot.at end
            order by runs.issued_at desc limit 1
        ) as run
    ),

    versions as (
        select distinct on (valid_at, received_at) * from asked order by valid_at, received_at, issued_at desc
    )

    select array_agg(valid_at order by valid_at, received_at), array_agg(received_at order by valid_at, received_at),
        array_agg(temperature_c order by valid_at, received_at) || array_agg(ghi_w_m2 order by valid_at, received_at)
    into inputs.forecast_times, inputs.forecast_received_at, inputs.forecast_values
    from versions;
    select array_agg(day_at order by day_at), array_agg(likeness order by day_at) into inputs.likeness_days,
        inputs.likeness
    from energy.weather_likeness(
        weather_location_id, inputs.known_at, date_trunc('day', slot_at, 'UTC'),
        date_trunc('day', until, 'UTC') + interval '1 day');
    return inputs;
end;
$$;
comment on function energy.inputs_of_place(text, text, text, timestamptz, interval, boolean, timestamptz) is
$$The inputs of a slot's forecasts that all buildings of a place share, i.e. all but their own demand: hours, weather
and calendar, as of building_id, one of the buildings. Missing weather is replaced by energy.weather_climatology and
recorded in reasons. Revisions, and forecasts issued late because of late weather, use the weather known now;
is_waiting: weather may still arrive. known_at: use the weather known at that time, for example that of an issued
forecast. likeness: energy.weather_likeness of its days.$$;
revoke all on function energy.inputs_of_place(text, text, text, timestamptz, interval, boolean, timestamptz)
    from public;
