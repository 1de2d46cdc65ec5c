create or replace function energy.days_of_weather(weather_location_id text, as_of timestamptz, from_at timestamptz,
    to_at timestamptz)
returns table (day_at timestamptz, temperature_c double precision, ghi_w_m2 double precision)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Days with most of their hours: a weather run may end within a day.
    select date_trunc('day', valid_at, 'UTC'), avg(hours.temperature_c), avg(hours.ghi_w_m2)
    from energy.weather_hours($1, as_of, from_at, to_at) as hours
    where hours.temperature_c is not null and hours.ghi_w_m2 is not null
    group by 1
    having count(*) >= 18
$$;
comment on function energy.days_of_weather(text, timestamptz, timestamptz, timestamptz) is
    'Mean temperature and irradiance of a place by UTC day, as known at as_of.';
revoke all on function energy.days_of_weather(text, timestamptz, timestamptz, timestamptz) from public;

create or replace procedure energy.learn_weather_days()
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    today constant timestamptz := date_trunc('day', energy.clock(), 'UTC');
    place text;
begin
    for place in select distinct weather_location_id from raw.buildings loop
        -- The last two years, as training data of models. The last week is updated, since observations arrive late.
        insert into energy.weather_days as known (weather_location_id, day_at, temperature_c, ghi_w_m2)
        select place, days.*
        from energy.days_of_weather(
            place, energy.clock(),
            coalesce((select max(day_at) - interval '7 days' from energy.weather_days
                where weather_location_id = place), today - interval '2 years'), today) as days
        on conflict on constraint weather_days_pkey do update set (temperature_c, ghi_w_m2) = (excluded.temperature_c,
            excluded.ghi_w_m2)
            where (known.temperature_c, known.ghi_w_m2) is distinct from (excluded.temperature_c, excluded.ghi_w_m2);
        delete from energy.weather_days where weather_location_id = place and day_at < today - interval '2 years';
        -- Typical differences between days: a distance of 1 is four degrees or 40 W/m2.
        update energy.weather_days as known set nearest = fresh.nearest
        from (
            select one.day_at,
                sqrt(min(((one.temperature_c - other.temperature_c) / 4) ^ 2
                         + ((one.ghi_w_m2 - other.ghi_w_m2) / 40) ^ 2)) as nearest
            from energy.weather_days as one
            join energy.weather_days as other on other.weather_location_id = place and other.day_at <> one.day_at
            where one.weather_location_id = place
            group by one.day_at
        ) as fresh
        where known.weather_location_id = place and known.day_at = fresh.day_at
          and known.nearest is distinct from fresh.nearest;
    end loop;
end;
$$;
comment on procedure energy.learn_weather_days() is
$$Refreshes energy.weather_days: the days of the last two years of each place, and the distance of each to the most
similar other one.$$;
revoke all on procedure energy.learn_weather_days() from public;

create or replace function energy.weather_likeness(weather_location_id text, as_of timestamptz, from_at timestamptz,
    to_at timestamptz)
returns table (day_at timestamptz, temperature_c double precision, ghi_w_m2 double precision, nearest double precision,
    usual double precision, likeness double precision)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- At least a month of days; only days known at as_of.
    with known as materialized (
        select days.temperature_c, days.ghi_w_m2, days.nearest from energy.weather_days as days
        where days.weather_location_id = $1 and days.day_at < date_trunc('day', as_of, 'UTC')
    ),

    norm as (
        select percentile_cont(0.99) within group (order by known.nearest) as usual from known
        having count(known.nearest) >= 30
    )

    select ahead.day_at, ahead.temperature_c, ahead.ghi_w_m2, near.est, norm.usual,
        greatest(0, least(1, 1 - (near.est - norm.usual) / 2))
    from norm
    cross join energy.days_of_weather($1, as_of, from_at, to_at) as ahead
    cross join lateral (
        select sqrt(min(((ahead.temperature_c - known.temperature_c) / 4) ^ 2
                        + ((ahead.ghi_w_m2 - known.ghi_w_m2) / 40) ^ 2)) as est
        from known
    ) as near
$$;
comment on function energy.weather_likeness(text, timestamptz, timestamptz, timestamptz) is
$$Joint similarity of a place's weather forecast to known days, by UTC day: a sunny, very cold day is unlike all others
if cold and sun are known but never occurred together. nearest: distance to the most similar known day, 1 being four
degrees or 40 W/m2; usual: the 99th percentile of that distance among known days; likeness: 1 up to there, falling to 0
two units beyond. No row if fewer than 30 days are known. A nearest-neighbour novelty score (Ramaswamy et al., SIGMOD
2000).$$;
revoke all on function energy.weather_likeness(text, timestamptz, timestamptz, timestamptz) from public;
