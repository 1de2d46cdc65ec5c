create or replace function energy.rule_impossible_value(building_ids text[], from_date date, to_date date,
    settings jsonb)
returns table (
    building_id text, apartment_id text, local_date date, score double precision, hours double precision, evidence jsonb
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    required constant double precision := (settings ->> 'hours')::double precision;
    lowest_c  constant double precision := (settings ->> 'min_room_c')::double precision;
    highest_c constant double precision := (settings ->> 'max_room_c')::double precision;
    most_kwh  constant double precision := (settings ->> 'max_heating_kwh')::double precision;
    most_l    constant double precision := (settings ->> 'max_hot_water_l')::double precision;
begin
    return query
    with known as materialized (
        select building_id, apartment_id, local_date,
            coalesce(room_min_c < lowest_c, false) or coalesce(room_max_c > highest_c, false)
                or coalesce(heating_max_kwh > most_kwh, false)
                    or coalesce(hot_water_max_l > most_l, false) as is_suspect
        from energy.apartment_days as days
        where days.building_id = any (building_ids) and local_date between from_date and to_date
          and (rooms > 0 or heating_hours > 0 or hot_water_hours > 0)
    ),

    by_room as (
        select suspects.building_id, suspects.apartment_id, suspects.local_date, hours.measures, hours.room_name,
            count(*) as run_hours,
            -- The one that is furthest out.
            (array_agg(hours.value order by abs(hours.value) desc))[1] as value,
            to_char(min(hours.hour_at) at time zone min(buildings.time_zone), 'YYYY-MM-DD HH24:MI') as since
        from known as suspects
        join raw.buildings as buildings on buildings.building_id = suspects.building_id
        join energy.measure_hours as hours
            on hours.building_id = suspects.building_id and hours.apartment_id = suspects.apartment_id
            and hours.hour_at >= suspects.local_date::timestamp at time zone buildings.time_zone
            and hours.hour_at < (suspects.local_date + 1)::timestamp at time zone buildings.time_zone
            and hours.hour_at >= (from_date - 1)::timestamp at time zone 'UTC'
                and hours.hour_at < (to_date + 2)::timestamp at time zone 'UTC'
        where suspects.is_suspect
          and case hours.measures when 'room_temperature' then hours.value < lowest_c or hours.value > highest_c
              when 'heating' then hours.value > most_kwh when 'hot_water' then hours.value > most_l end
        group by 1, 2, 3, 4, 5
    ),

    -- Once, whatever number of days the planner expects.
    worst as materialized (
        select distinct on (building_id, apartment_id, local_date) *, 1::double precision as excess
        from by_room
        order by building_id, apartment_id, local_date, run_hours desc, measures, room_name
    )

    select known.building_id, known.apartment_id, known.local_date,
        energy.rule_score(worst.run_hours, required, worst.excess), worst.run_hours::double precision,
        case when worst.run_hours is null then '{}' else jsonb_strip_nulls(jsonb_build_object(
            'measures', worst.measures, 'room', nullif(worst.room_name, ''), 'value', round(worst.value::numeric, 1),
            'allowed', case worst.measures when 'room_temperature' then format('%s to %s degC', lowest_c, highest_c)
                when 'heating' then format('up to %s kWh in an hour', most_kwh)
                    else format('up to %s L in an hour', most_l) end,
            'since', worst.since)) end
    from known
    left join worst
        on worst.building_id = known.building_id and worst.apartment_id = known.apartment_id
        and worst.local_date = known.local_date;
end;
$$;
comment on function energy.rule_impossible_value(text[], date, date, jsonb) is
$$Rule: a value that no apartment has: a room temperature, heat of an hour or hot water of an hour beyond all limits.
What is impossible for the kind
of meter is rejected before, by section meters of the configuration.$$;
revoke all on function energy.rule_impossible_value(text[], date, date, jsonb) from public;
