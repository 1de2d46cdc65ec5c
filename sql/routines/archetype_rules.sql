create or replace function energy.archetype_by_rules(building_id text, at timestamptz, out archetype text,
    out priority integer)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(rule.archetype, 'building'), rule.priority
    from raw.buildings
    left join lateral (
        select rules.archetype, rules.priority
        from energy.archetype_rules as rules
        where (rules.time_zone is null or rules.time_zone = buildings.time_zone)
          and (rules.year_built is null or rules.year_built @> buildings.year_built)
          and (rules.floor_area_m2 is null or rules.floor_area_m2 @> buildings.floor_area_m2::numeric)
          and (rules.apartments is null or rules.apartments @> energy.apartments_of(buildings.building_id, at)::integer)
          and (rules.insulation is null or buildings.insulation = any (rules.insulation))
          and (rules.heating_system is null or buildings.heating_system = any (rules.heating_system))
        order by rules.priority
        limit 1
    ) as rule on true
    where buildings.building_id = archetype_by_rules.building_id
$$;
comment on function energy.archetype_by_rules(text, timestamptz) is
$$The archetype that energy.archetype_rules assign to a building, and the priority of the rule; building and NULL if no
rule matches. An unknown value matches no condition. NULLs: there is no such building.$$;
revoke all on function energy.archetype_by_rules(text, timestamptz) from public;

create or replace function energy.assign_archetype(building_id text) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    ruled record;
begin
    perform from raw.buildings
        where buildings.building_id = assign_archetype.building_id and archetype is null for update;
    if not found then
        return null;
    end if;
    select * into ruled from energy.archetype_by_rules(building_id, energy.clock());
    update raw.buildings set archetype = ruled.archetype where buildings.building_id = assign_archetype.building_id;
    insert into energy.life_cycle_events (building_id, at, event, to_value, reason, numbers, made_by)
    select buildings.building_id, energy.clock(), 'archetype', ruled.archetype,
        coalesce('rule ' || ruled.priority || ' of energy.archetype_rules', 'no rule of energy.archetype_rules fits'),
        jsonb_strip_nulls(jsonb_build_object(
            'year_built', year_built, 'floor_area_m2', floor_area_m2, 'insulation', insulation,
            'heating_system', heating_system,
            'apartments', energy.apartments_of(buildings.building_id, energy.clock()))), edf.acting_role()
    from raw.buildings where buildings.building_id = assign_archetype.building_id;
    return ruled.archetype;
end;
$$;
comment on function energy.assign_archetype(text) is
$$Assigns a building without archetype that of energy.archetype_rules, with an event, and returns it; NULL: it already
has one, or there is no such building. energy.review_life_cycle() calls it.$$;
revoke all on function energy.assign_archetype(text) from public;

create or replace procedure energy.describe_building(building_id text, metadata jsonb)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    unknown text;
    was     raw.buildings;
    now_is  raw.buildings;
begin
    select * into was from raw.buildings where buildings.building_id = describe_building.building_id for update;
    if not found then
        raise exception 'there is no building "%"', describe_building.building_id
            using errcode = 'undefined_object', hint = 'select building_id from raw.buildings lists them.';
    end if;
    if jsonb_typeof(metadata) is distinct from 'object' then
        raise exception 'the metadata of building "%" is not an object', was.building_id
            using errcode = 'invalid_parameter_value',
                  hint = 'Send an object such as {"year_built": 1968, "floor_area_m2": 840}.';
    end if;
    select key into unknown from jsonb_object_keys(metadata) as key
    where key <> all (array['archetype', 'commissioned_on', 'year_built', 'floor_area_m2', 'insulation',
        'heating_system']) order by key limit 1;
    if found then
        raise exception '"%" is not a property of buildings', unknown
            using errcode = 'invalid_parameter_value',
                  hint = 'Use archetype, commissioned_on, year_built, floor_area_m2, insulation or heating_system; '
                         'null clears a value.';
    end if;
    begin
        now_is := jsonb_populate_record(was, metadata);
        update raw.buildings
        set archetype = now_is.archetype, commissioned_on = now_is.commissioned_on, year_built = now_is.year_built,
            floor_area_m2 = now_is.floor_area_m2, insulation = now_is.insulation, heating_system = now_is.heating_system
        where buildings.building_id = was.building_id;
    exception when check_violation or data_exception then
        raise exception 'the metadata of building "%" cannot be used: %', was.building_id, sqlerrm
            using errcode = 'invalid_parameter_value',
                  hint = 'insulation is none, partial or full; heating_system district_heating, gas, oil, wood, '
                         'heat_pump, electric, other or none; '
                         'floor_area_m2 is above 0, year_built between 1000 and 2200, commissioned_on a date.';
    end;
    if now_is.archetype is distinct from was.archetype and now_is.archetype is not null then
        insert into energy.life_cycle_events (building_id, at, event, from_value, to_value, reason, made_by)
        values (was.building_id, energy.clock(), 'archetype', was.archetype, now_is.archetype,
            'energy.describe_building', edf.acting_role());
    end if;
end;
$$;
comment on procedure energy.describe_building(text, jsonb) is
$$Sets properties of a building: archetype, commissioned_on (date), year_built, floor_area_m2, insulation,
heating_system. Omitted properties keep their value, null clears it. With archetype null the next review of the life
cycle assigns one by energy.archetype_rules. A change of archetype is recorded in energy.life_cycle_events.

Errors: 42704 no such building; 22023 an unknown property or an invalid value.$$;
revoke all on procedure energy.describe_building(text, jsonb) from public;

create or replace function energy.daily_shape(building_id text, at timestamptz) returns double precision[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case when count(*) = 24 and sum(mean) > 0 then array_agg(mean / total order by hour) end
    from (
        select extract(hour from hour_at at time zone time_zone)::integer as hour,
            greatest(avg(consumption_kwh), 0) as mean,
            sum(greatest(avg(consumption_kwh), 0)) over () as total
        from raw.buildings
        join energy.building_hours as hours using (building_id)
        where buildings.building_id = daily_shape.building_id and hour_at >= at - interval '56 days' and hour_at < at
          and received_at <= at and consumption_kwh is not null
        group by hour
        having count(*) >= 7
    ) as by_hour
    where total > 0
$$;
comment on function energy.daily_shape(text, timestamptz) is
$$A building's mean daily profile over its 24 local hours in the last eight weeks, normalised to a sum of 1. NULL if
an hour is known on fewer than seven days.$$;
revoke all on function energy.daily_shape(text, timestamptz) from public;

create or replace function energy.suggest_archetype(building_id text)
returns table (archetype text, distance double precision, buildings bigint, features integer, reasons text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    perform from raw.buildings where buildings.building_id = suggest_archetype.building_id;
    if not found then
        raise exception 'there is no building "%"', suggest_archetype.building_id
            using errcode = 'undefined_object', hint = 'select building_id from raw.buildings lists them.';
    end if;
    return query
    with described as materialized (
        select building_id, archetype, time_zone, year_built::double precision, ln(floor_area_m2) as log_area,
            insulation, heating_system,
            ln(nullif(energy.apartments_of(building_id, energy.clock()), 0)::double precision) as log_apartments,
            case insulation when 'none' then 0.0 when 'partial' then 0.5
                when 'full' then 1.0 end::double precision as insulated
        from raw.buildings
    ),

    mine as (
        select * from described where building_id = suggest_archetype.building_id
    ),

    spans as (
        select nullif(max(year_built) - min(year_built), 0) as years, nullif(max(log_area) - min(log_area), 0) as areas,
            nullif(max(log_apartments) - min(log_apartments), 0) as sizes
        from described
    ),

    -- Up to twenty of each archetype, chosen by hash so that the sample is stable and unbiased.
    others as materialized (
        select * from (
            select others.*, row_number() over (partition by others.archetype order by md5(others.building_id)) as n,
                count(*) over (partition by others.archetype) as members
            from described as others
            join mine on others.building_id <> mine.building_id and others.time_zone = mine.time_zone
            where others.archetype is not null
        ) as ordered
        where n <= 20
    ),

    shapes as materialized (
        select own.shape as own_shape, others.building_id,
            energy.daily_shape(others.building_id, energy.clock()) as shape
        from (select energy.daily_shape(suggest_archetype.building_id, energy.clock()) as shape) as own
        join others on own.shape is not null
    ),

    parts as (
        select others.archetype, members, others.building_id, feature, distance
        from others
        cross join mine
        cross join spans
        left join shapes on shapes.building_id = others.building_id
        cross join lateral (values
            ('year built', case when others.year_built = mine.year_built then 0
                else abs(others.year_built - mine.year_built) / years end),
            ('floor area', case when others.log_area = mine.log_area then 0
                else abs(others.log_area - mine.log_area) / areas end),
            ('apartments', case when others.log_apartments = mine.log_apartments then 0
                else abs(others.log_apartments - mine.log_apartments) / sizes end),
            ('insulation', abs(others.insulated - mine.insulated)),
            ('heating system', case when others.heating_system = mine.heating_system then 0.0
                when others.heating_system <> mine.heating_system then 1.0 end),
            -- Total variation distance of the two profiles.
            ('shape of the day', (select sum(abs(theirs - own)) / 2
                from unnest(shape, own_shape) as hours (theirs, own)))
        ) as compared (feature, distance)
        where distance is not null
    ),

    by_feature as (
        select archetype, feature, max(members) as members, avg(distance) as distance from parts
        group by archetype, feature
    )

    select archetype, avg(distance), max(members), count(*)::integer,
        string_agg(format('%s: %s', feature, round(distance::numeric, 2)), ', ' order by distance, feature)
    from by_feature
    group by archetype
    order by 2, 1;
end;
$$;
comment on function energy.suggest_archetype(text) is
$$The archetypes of a building's time zone, nearest first, by the Gower distance (Gower, A general coefficient of
similarity and some of its properties, 1971) to up to twenty buildings of each: the mean over the features known for
both, each between 0 (equal) and 1; floor area and apartments on a logarithmic scale. Shape of the day: total variation
distance of the daily profiles, if both have a week of demand. reasons: the distance of each feature. Writes nothing; no
row if nothing can be compared. Errors: 42704 no such building.$$;
revoke all on function energy.suggest_archetype(text) from public;
