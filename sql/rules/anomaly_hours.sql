create or replace function energy.anomaly_hours(building_ids text[], apartment_ids text[], from_date date, to_date date)
returns table (
    building_id text, apartment_id text, room_name text, hour_at timestamptz, local_date date, local_time text,
    room_c double precision, setpoint_c double precision, heating_kwh double precision,
    heating_mean_kwh double precision, outdoor_c double precision
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
-- Planned with the times between which is looked: that leaves few chunks or partitions to open.
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
    -- Whatever the time zone, local dates lie between these.
    near_from constant timestamptz := (from_date - 1)::timestamp at time zone 'UTC';
    near_to   constant timestamptz := (to_date + 2)::timestamp at time zone 'UTC';
begin
    if coalesce(cardinality(apartment_ids), 0) = 0 then
        return;
    end if;
    return query
    -- Apartments by number: sorting hours by names takes longer than all the rest.
    with wanted as materialized (
        select row_number() over () as place, ids.building_id, ids.apartment_id, buildings.time_zone,
            buildings.weather_location_id,
            from_date::timestamp at time zone buildings.time_zone as from_at,
            (to_date + 1)::timestamp at time zone buildings.time_zone as to_at
        from unnest(building_ids, apartment_ids) as ids (building_id, apartment_id)
        join raw.buildings as buildings on buildings.building_id = ids.building_id
    ),

    hours as (
        select wanted.place, hours.hour_at, hours.room_name,
            max(hours.value) filter (where measures = 'room_temperature') as room_c,
            max(hours.value) filter (where measures = 'setpoint') as own_setpoint_c,
            -- The apartment's, in the row without a room.
            max(hours.value) filter (where measures = 'heating') as own_heating_kwh
        from wanted
        join energy.measure_hours as hours
            on hours.building_id = wanted.building_id and hours.apartment_id = wanted.apartment_id
            and hours.hour_at >= near_from and hours.hour_at < near_to
            and hours.hour_at >= wanted.from_at and hours.hour_at < wanted.to_at
            and hours.measures in ('room_temperature', 'setpoint', 'heating')
        group by wanted.place, hours.hour_at, hours.room_name
    ),

    -- In one pass: a join of rooms with heat would compare each hour with each wherever the planner expects few.
    rooms as materialized (
        select *,
            -- What a room has no setpoint of its own for is asked for in the whole apartment.
            coalesce(own_setpoint_c, max(own_setpoint_c) filter (where room_name = '') over hour) as asked_c,
            max(own_heating_kwh) over hour as heating_kwh,
            -- A meter that counts in large steps says nothing of a single hour.
            avg(own_heating_kwh) over (
                partition by place order by hour_at range between interval '2 hours' preceding and current row
            ) as heating_mean_kwh
        from hours
        window hour as (partition by place, hour_at)
    )

    select wanted.building_id, wanted.apartment_id, rooms.room_name, rooms.hour_at,
        (rooms.hour_at at time zone wanted.time_zone)::date,
        to_char(rooms.hour_at at time zone wanted.time_zone, 'YYYY-MM-DD HH24:MI'),
        rooms.room_c, rooms.asked_c, rooms.heating_kwh, rooms.heating_mean_kwh, weather.temperature_c
    from rooms
    join wanted on wanted.place = rooms.place
    left join raw.weather_observations as weather
        on weather.weather_location_id = wanted.weather_location_id and weather.valid_at = rooms.hour_at
        and weather.valid_at >= near_from and weather.valid_at < near_to
    where rooms.room_c is not null;
end;
$$;
comment on function energy.anomaly_hours(text[], text[], date, date) is
$$The hours of the rooms of some apartments (building and apartment in pairs) over some local days, for rules: known
room temperature, its setpoint or that of the apartment, the apartment's heat in the hour and on average over three, and the
outdoor temperature as observed. NULL: not known.$$;
revoke all on function energy.anomaly_hours(text[], text[], date, date) from public;

create or replace function energy.outdoor_days(building_ids text[], from_date date, to_date date)
returns table (building_id text, local_date date, outdoor_c double precision)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with places as (
        select distinct weather_location_id, time_zone from raw.buildings where building_id = any (building_ids)
    ),

    days as (
        select weather_location_id, time_zone, (valid_at at time zone time_zone)::date as local_date,
            avg(temperature_c) as outdoor_c
        from places
        join raw.weather_observations using (weather_location_id)
        where valid_at >= (from_date - 1)::timestamp at time zone 'UTC'
            and valid_at < (to_date + 2)::timestamp at time zone 'UTC'
        group by 1, 2, 3
        -- A day of which too little is known has no temperature.
        having count(temperature_c) >= 18
    )

    select buildings.building_id, days.local_date, days.outdoor_c
    from raw.buildings
    join days using (weather_location_id, time_zone)
    where buildings.building_id = any (building_ids) and days.local_date between from_date and to_date
$$;
comment on function energy.outdoor_days(text[], date, date) is
    'Mean outdoor temperature of local days as observed; no row of a day of which less than 18 hours are known.';
revoke all on function energy.outdoor_days(text[], date, date) from public;

create or replace function energy.without_one(sorted double precision[], place bigint) returns double precision
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    -- Of n others the two in the middle, or twice the one; those after the one that is left out are one further on.
    select case when n >= 1
        then (sorted[low + (low >= place)::integer] + sorted[high + (high >= place)::integer]) / 2 end
    from (
        select n, (n + 1) / 2 as low, n / 2 + 1 as high
        from (select coalesce(cardinality(sorted), 0) - (place is not null)::integer as n) as counted
    ) as middle
$$;
comment on function energy.without_one(double precision[], bigint) is
    'The median of sorted values without the one at a place (NULL: of all): what the others of a building are like.';
revoke all on function energy.without_one(double precision[], bigint) from public;
