create or replace function energy.schedule_field(field text, lowest integer, highest integer) returns integer[]
language sql immutable strict
set search_path = pg_catalog, pg_temp
as $$
    select array_agg(distinct value order by value)
    from unnest(string_to_array(field, ',')) as entry
    cross join lateral regexp_match(entry, '^(?:(\d+)|(?:\*|(\d+)-(\d+))(?:/(\d+))?)$') as parts
    cross join lateral generate_series(
        coalesce(parts[1], parts[2], lowest::text)::integer, coalesce(parts[1], parts[3], highest::text)::integer,
        coalesce(parts[4], '1')::integer) as value
$$;
comment on function energy.schedule_field(text, integer, integer) is
    'The values of one field of a schedule, such as 0, 15, 30 and 45 of */15; energy.schedule_error says whether it is well formed.';
revoke all on function energy.schedule_field(text, integer, integer) from public;

create or replace function energy.scheduled_near(schedule text, at timestamptz, is_after boolean) returns timestamptz
language sql immutable strict
set search_path = pg_catalog, pg_temp
as $$
    with fields as materialized (
        select field[1] as minutes, field[2] as hours,
            energy.schedule_field(field[3], 1, 31) as days, energy.schedule_field(field[4], 1, 12) as months,
            -- Sunday is 0 and 7.
            array(select value % 7 from unnest(energy.schedule_field(field[5], 0, 7)) as value) as week_days,
            -- As in cron: where both the day of the month and of the week are restricted, either will do.
            field[3] like '*%' or field[5] like '*%' as is_both
        from string_to_array(schedule, ' ') as field
    ),

    -- The day itself may have no time left; the 29th of February comes after eight years at the latest.
    dates as (
        select date, fields.minutes, fields.hours
        from fields
        cross join generate_series(0, 3000) as n
        cross join lateral (select (at at time zone 'UTC')::date + case when is_after then n else -n end as date) as near
        where extract(month from date)::integer = any (months)
          and case when is_both then extract(day from date)::integer = any (days) and extract(dow from date)::integer = any (week_days)
                   else extract(day from date)::integer = any (days) or extract(dow from date)::integer = any (week_days) end
        order by n
        limit 2
    ),

    times as (
        select (date + make_interval(hours => hour, mins => minute)) at time zone 'UTC' as time
        from dates
        cross join lateral unnest(energy.schedule_field(dates.hours, 0, 23)) as hour
        cross join lateral unnest(energy.schedule_field(dates.minutes, 0, 59)) as minute
    )

    select case when is_after then min(time) filter (where time > at) else max(time) filter (where time <= at) end from times
$$;
comment on function energy.scheduled_near(text, timestamptz, boolean) is
    'The first time of a schedule (in UTC) after a time or, with is_after false, the last one up to it. NULL where it has none, such as on the 30th of February.';
revoke all on function energy.scheduled_near(text, timestamptz, boolean) from public;
