create or replace function energy.rule_silent_sensor(building_ids text[], from_date date, to_date date, settings jsonb)
returns table (
    building_id text, apartment_id text, local_date date, score double precision, hours double precision, evidence jsonb
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    required constant double precision := (settings ->> 'hours')::double precision;
    required_all constant double precision := (settings ->> 'apartment_hours')::double precision;
    heard_share  constant double precision := (settings ->> 'min_heard_share')::double precision;
    forgotten    constant integer := (settings ->> 'forget_days')::integer;
    watched      constant text[] := array(select jsonb_array_elements_text(settings -> 'measures'));
begin
    return query
    with expected as materialized (
        select building_id, apartment_id, local_date, hours_in_day, least_room_hours, coalesce(rooms, 0) as rooms,
            max(coalesce(rooms, 0)) over (
                partition by building_id, apartment_id order by local_date
                range between make_interval(days => forgotten) preceding and current row) as usual_rooms,
            sum(is_heard::integer) over (partition by building_id, local_date) as heard_apartments
        from (
            select *, coalesce(room_hours, 0) + coalesce(heating_hours, 0) + coalesce(hot_water_hours,
                0) + consumption_hours > 0 as is_heard
            from energy.apartment_days
            where building_id = any (building_ids) and local_date between from_date - forgotten and to_date
        ) as days
    ),

    -- What never spoke is not silent, and of a building that is silent as a whole nothing is known. Registers are looked
    -- for by the hour alone.
    known as materialized (
        select building_id, apartment_id, local_date,
            rooms < usual_rooms or least_room_hours < hours_in_day or watched <> array['room_temperature'] as is_suspect
        from expected
        where local_date >= from_date and heard_apartments > 0
            and (usual_rooms > 0 or watched <> array['room_temperature'])
    ),

    spans as (
        select known.building_id, known.apartment_id, known.local_date, buildings.time_zone,
            (known.local_date - forgotten)::timestamp at time zone buildings.time_zone as from_at,
            (known.local_date + 1)::timestamp at time zone buildings.time_zone as to_at
        from known
        join raw.buildings as buildings on buildings.building_id = known.building_id
        where known.is_suspect
    ),

    -- Apartment by apartment: few are suspected, and all hours of weeks would be read for them.
    heard as materialized (
        select spans.building_id, spans.apartment_id, spans.local_date, spans.time_zone, spans.from_at, spans.to_at,
            hours.room_name, hours.measures, hours.hour_at
        from spans
        cross join lateral (
            select hours.room_name, hours.measures, hours.hour_at from energy.measure_hours as hours
            where hours.building_id = spans.building_id and hours.apartment_id = spans.apartment_id
              and hours.hour_at >= spans.from_at and hours.hour_at < spans.to_at and hours.value is not null
              and hours.hour_at >= (from_date - forgotten - 1)::timestamp at time zone 'UTC'
              and hours.hour_at < (to_date + 2)::timestamp at time zone 'UTC'
            union all
            select '', 'consumption', hours.hour_at from energy.apartment_hours as hours
            where hours.building_id = spans.building_id and hours.apartment_id = spans.apartment_id
              and hours.hour_at >= spans.from_at and hours.hour_at < spans.to_at and hours.consumption_kwh is not null
              and hours.quality in ('measured', 'interpolated')
              and hours.hour_at >= (from_date - forgotten - 1)::timestamp at time zone 'UTC'
              and hours.hour_at < (to_date + 2)::timestamp at time zone 'UTC'
            offset 0
        ) as hours
    ),

    -- Of each sensor the time since its last known hour, but for those that were said to have gone.
    silences as (
        select heard.building_id, heard.apartment_id, heard.local_date, heard.room_name, heard.measures,
            heard.time_zone, heard.to_at,
            max(heard.hour_at) + interval '1 hour' as since_at
        from heard
        where heard.measures = any (watched)
        group by heard.building_id, heard.apartment_id, heard.local_date, heard.room_name, heard.measures,
            heard.time_zone, heard.to_at
    ),

    counted as (
        select silences.*, extract(epoch from silences.to_at - silences.since_at) / 3600 as silent_hours,
            (
                select count(distinct heard.hour_at) from heard
                where heard.building_id = silences.building_id and heard.apartment_id = silences.apartment_id
                  and heard.local_date = silences.local_date and heard.hour_at >= silences.since_at
            ) as heard_hours
        from silences
        where silences.since_at < silences.to_at
          and not exists (
              select from raw.sensors
              join energy.sensor_types using (sensor_type)
              where sensors.building_id = silences.building_id and sensors.apartment_id = silences.apartment_id
                and sensors.register_id is null and sensor_types.measures = silences.measures
                and (sensors.room_name = silences.room_name or sensor_types.kind = 'register')
              having count(*) > 0 and bool_and(sensors.valid_to <= silences.to_at)
          )
    ),

    -- One sensor while the others speak, or all of an apartment while its building is heard: that takes longer to tell.
    judged as (
        select *, case when heard_hours >= heard_share * silent_hours then required
            else required_all end as required_hours
        from counted
    ),

    -- Once, whatever number of days the planner expects.
    worst as materialized (
        select distinct on (building_id, apartment_id, local_date) *,
            count(*) over (partition by building_id, apartment_id, local_date) as sensors
        from judged
        order by building_id, apartment_id, local_date, silent_hours / required_hours desc, measures, room_name
    )

    select known.building_id, known.apartment_id, known.local_date,
        coalesce(energy.rule_score(worst.silent_hours::double precision, worst.required_hours), 0),
            worst.silent_hours::double precision,
        case when worst.silent_hours is null then '{}' else jsonb_strip_nulls(jsonb_build_object(
            'measures', worst.measures, 'room', nullif(worst.room_name, ''), 'silent_sensors', worst.sensors,
            'rest_of_the_apartment', case when worst.required_hours = required then 'heard' else 'silent too' end,
            'since', to_char(worst.since_at at time zone worst.time_zone, 'YYYY-MM-DD HH24:MI'))) end
    from known
    left join worst
        on worst.building_id = known.building_id and worst.apartment_id = known.apartment_id
        and worst.local_date = known.local_date;
end;
$$;
comment on function energy.rule_silent_sensor(text[], date, date, jsonb) is
$$Rule: a sensor that used to speak says nothing, while the rest of its apartment is heard, or nothing of the
apartment is heard while its
building is. By default of room temperatures alone: a register that reports on change says nothing of a vacant
apartment either.$$;
revoke all on function energy.rule_silent_sensor(text[], date, date, jsonb) from public;
