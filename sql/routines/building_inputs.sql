create or replace function energy.issue_hours(building_id text, at timestamptz) returns integer[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Over a year, an hour in UTC is one local hour, or two with daylight saving time; today's comes first.
    with hours as (
        select extract(hour from issued_at at time zone time_zone)::integer as hour,
            abs(extract(epoch from issued_at - at)) as distance
        from raw.buildings
        cross join generate_series(0, 364, 13) as days
        cross join lateral unnest(energy.issue_times(time_zone, at + days * interval '24 hours',
            at + (days + 1) * interval '24 hours')) as issued_at
        where buildings.building_id = issue_hours.building_id
    )

    select array_agg(hour order by nearest)
    from (select hour, min(distance) as nearest from hours group by hour) as distinct_hours
$$;
comment on function energy.issue_hours(text, timestamptz) is
    'The local hours at which a building''s forecasts are issued over a year, for issue_hours of edf.train.';
revoke all on function energy.issue_hours(text, timestamptz) from public;

create or replace function energy.inputs_with_weather(
    weather text, building_id text, as_of timestamptz, since timestamptz, until timestamptz, regressors text[]
) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- The grid has every hour: an unknown hour is a row without demand, not a gap.
    select format(
        $query$
        select grid.valid_at,
            case when hours.received_at <= %2$L then hours.consumption_kwh end as consumption_kwh,
            case when hours.received_at <= %2$L
                and hours.received_at <= grid.valid_at + %6$L::interval then hours.received_at end as received_at,
            weather.temperature_c,
            weather.ghi_w_m2,
            %5$s%8$s
        from generate_series(%3$L::timestamptz, %4$L::timestamptz - interval '1 hour',
            interval '1 hour') as grid (valid_at)
        join raw.buildings on buildings.building_id = %1$L
        -- Limiting the dates, with a day of margin for any time zone, limits the calendar that is computed.
        left join processed.int_building_calendar as calendar
            on calendar.building_id = %1$L
            and calendar.local_date = (grid.valid_at at time zone buildings.time_zone)::date
            and calendar.local_date >= %3$L::date - 1
            and calendar.local_date <= %4$L::date + 1
        left join energy.building_hours as hours
            on hours.building_id = %1$L and hours.hour_at = grid.valid_at and hours.hour_at < %2$L
        left join %7$s as weather on weather.valid_at = grid.valid_at%9$s
        $query$,
        building_id, energy.iso(as_of), energy.iso(since), energy.iso(until), energy.calendar_regressors(),
        energy.exact(energy.backfill_after()), weather, added.columns, added.joins)
    from energy.regressor_joins(regressors, building_id, as_of, since, until) as added
$$;
comment on function energy.inputs_with_weather(text, text, timestamptz, timestamptz, timestamptz, text[]) is
    'energy.building_inputs with the weather from a relation, so that buildings at the same place can share it.';
revoke all on function energy.inputs_with_weather(text, text, timestamptz, timestamptz, timestamptz, text[])
    from public;

create or replace function energy.building_inputs(
    building_id text, as_of timestamptz, since timestamptz, until timestamptz, regressors text[]
) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select energy.inputs_with_weather(
        format('energy.weather_as_of((select weather_location_id from raw.buildings where building_id = %L), %L, %L, '
               '%L)',
               building_id, energy.iso(as_of), energy.iso(since), energy.iso(until)),
        building_id, as_of, since, until, regressors)
$$;
comment on function energy.building_inputs(text, timestamptz, timestamptz, timestamptz, text[]) is
$$The query of a building's inputs for edf.train, edf.backtest and edf.forecast: its hours from since up to but
excluding until, as of as_of.

It uses demand with received_at <= as_of, the weather of energy.weather_as_of, and the newest version of each of the
regressors, names in raw.regressors. received_at is when each hour was first known; it is NULL, meaning the usual
lateness, if the hour was received more than training.backfill_after late: a bulk-loaded history says nothing about the
lateness of readings. The first value of a corrected hour is not kept, so the hour is missing until its correction was
received.$$;
revoke all on function energy.building_inputs(text, timestamptz, timestamptz, timestamptz, text[]) from public;

create or replace function energy.building_inputs(building_id text, as_of timestamptz, since timestamptz,
    until timestamptz) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$ select energy.building_inputs(building_id, as_of, since, until, energy.regressors_of(energy.current_config())) $$;
comment on function energy.building_inputs(text, timestamptz, timestamptz, timestamptz) is
    'As with regressors, using the configured ones: the inputs of a training.';
revoke all on function energy.building_inputs(text, timestamptz, timestamptz, timestamptz) from public;
