create or replace function energy.builtin_design_profile(size_unit text) returns energy.design_profiles
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    -- Shape: standard load profile H0 of German households (VDEW 1999, BDEW), mean over the year's days, in Wh per hour
    -- for 1,000 kWh a year.
    -- Level: 3,000 kWh a year for an apartment (VDEW: 3,074 kWh for a German household in 2005) of 90 m2. Electric
    -- heating is unknown.
    select '', builtin_design_profile.size_unit, '-infinity'::timestamptz, 0,
        array(
            select wh * 3 / 1000 / case builtin_design_profile.size_unit when 'm2' then 90 else 1 end
            from unnest(array[
                66, 49, 44, 43, 44, 53, 94, 130, 137, 134, 128, 130, 145, 142, 124, 112, 109, 123, 152, 175, 168, 151,
                131, 99,
                74, 58, 47, 44, 44, 45, 58, 89, 125, 149, 158, 165, 176, 172, 157, 147, 145, 164, 188, 197, 175, 144,
                136, 114,
                84, 61, 49, 45, 44, 43, 46, 61, 103, 152, 181, 204, 208, 173, 139, 120, 107, 116, 141, 164, 158, 143,
                127, 95
            ]::double precision[]) with ordinality as profile (wh, n)
            order by n
        ),
        array_fill(0::double precision, array[24]), array_fill(0::double precision, array[24]), 0::double precision,
        0::double precision,
        0.15::double precision, 6::double precision, 0.25::double precision, 0.1::double precision
$$;
comment on function energy.builtin_design_profile(text) is
$$The design profile used if no other building is known: the standard load profile H0 of households at 3,000 kWh a year
per apartment, 33 kWh a year per m2, with an interval from one seventh to six times of it.$$;
revoke all on function energy.builtin_design_profile(text) from public;

create or replace function energy.design_members(archetype text, at timestamptz) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(building_id order by building_id), '{}')
    from (
        select building_id from raw.buildings
        where (design_members.archetype = '' or buildings.archetype = design_members.archetype)
          and exists (
              select from energy.building_hours as hours
              where hours.building_id = buildings.building_id and hour_at < at - interval '28 days'
                and consumption_kwh is not null)
        -- Ordering by hash gives a stable, unbiased sample.
        order by md5(building_id)
        limit (select coalesce((energy.current_config() #>> '{training,archetype_buildings}')::integer, 60))
    ) as sample
$$;
comment on function energy.design_members(text, timestamptz) is
$$The buildings used for the design profile of an archetype (empty: of all buildings): those with demand four weeks
ago; a sample if there are more than training.archetype_buildings.$$;
revoke all on function energy.design_members(text, timestamptz) from public;

create or replace function energy.learn_design_profile(archetype text, size_unit text, at timestamptz,
    building_ids text[]) returns setof energy.design_profiles
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return query execute format(
        $query$
        with source as (%1$s),

        hours as materialized (
            select building_id, local_at::date as local_date, extract(hour from local_at)::integer as hour,
                case when is_holiday or extract(isodow from local_at) = 7 then 2
                    when extract(isodow from local_at) = 6 then 1 else 0 end as day_type,
                consumption_kwh / size as demand,
                coalesce(greatest(heating_base_c - temperature_c, 0), 0) as heating_k,
                coalesce(greatest(temperature_c - cooling_base_c, 0), 0) as cooling_k
            from (
                select source.building_id, consumption_kwh, is_holiday::integer = 1 as is_holiday,
                    valid_at at time zone time_zone as local_at, commissioned_on,
                    case %2$L when 'm2' then floor_area_m2 when 'apartment' then nullif(source.apartments, 0)
                        else 1 end as size,
                    -- Thermal inertia of the building: the day before counts too.
                    avg(temperature_c) over (partition by source.building_id
                        order by valid_at rows 23 preceding) as temperature_c,
                    row_number() over (partition by source.building_id order by valid_at) as n
                from source
                join raw.buildings using (building_id)
            ) as read
            cross join energy.degree_day_bases
            where consumption_kwh is not null and size is not null and n >= 24
              and (local_at >= commissioned_on) is not false
        ),

        buildings as (
            select building_id from hours group by building_id having count(*) >= 28 * 24
        ),

        groups as materialized (
            select building_id, day_type, hour, avg(demand) as demand, avg(heating_k) as heating_k,
                avg(cooling_k) as cooling_k, count(*) as n,
                regr_sxx(demand, heating_k) as hh, regr_sxx(demand, cooling_k) as cc,
                regr_sxy(heating_k, cooling_k) as hc,
                regr_sxy(demand, heating_k) as hy, regr_sxy(demand, cooling_k) as cy
            from hours
            join buildings using (building_id)
            group by building_id, day_type, hour
        ),

        -- One fit of all buildings, and one without each.
        folds as (
            select null::text as left_out union all select building_id from buildings
            where (select count(*) from buildings) > 1
        ),

        sums as (
            select left_out, hour, sum(hh) as hh, sum(cc) as cc, sum(hc) as hc, sum(hy) as hy, sum(cy) as cy
            from folds
            join groups on building_id is distinct from left_out
            group by left_out, hour
        ),

        -- Least squares with slopes of at least zero: a negative slope is set to zero and the other fitted alone.
        slopes as (
            select left_out, hour,
                case when both_fit then both_heating when cy > 0 and cc > 0 and (both_cooling > 0 or hy <= 0) then 0
                    when hy > 0 and hh > 0 then hy / hh else 0 end as heating,
                case when both_fit then both_cooling when cy > 0 and cc > 0
                    and (both_cooling > 0 or hy <= 0) then cy / cc else 0 end as cooling
            from sums
            cross join lateral (select nullif(hh * cc - hc * hc, 0) as determinant) as d
            cross join lateral (select (hy * cc - cy * hc) / determinant as both_heating,
                (cy * hh - hy * hc) / determinant as both_cooling) as b
            cross join lateral (select coalesce(both_heating >= 0 and both_cooling >= 0, false) as both_fit) as f
        ),

        bases as (
            select folds.left_out, day_type, hour, avg(demand - heating * heating_k - cooling * cooling_k) as base
            from folds
            join groups on building_id is distinct from left_out
            join slopes using (hour)
            where slopes.left_out is not distinct from folds.left_out
            group by 1, 2, 3
        ),

        -- Types of day without data use the mean of the others.
        filled as (
            select slopes.left_out, day_type, slopes.hour, heating, cooling,
                coalesce(base, avg(base) over (partition by slopes.left_out, slopes.hour),
                    avg(base) over (partition by slopes.left_out)) as base
            from slopes
            cross join generate_series(0, 2) as day_type
            left join lateral (
                select base from bases
                where bases.left_out is not distinct from slopes.left_out and bases.day_type = day_type.day_type
                  and bases.hour = slopes.hour
            ) as base on true
        ),

        held_out as (
            select building_id, local_date, demand,
                greatest(base + heating * heating_k + cooling * cooling_k, 0) as yhat
            from hours
            join filled on left_out = building_id and filled.day_type = hours.day_type and filled.hour = hours.hour
        ),

        weeks as (
            select ln(sum(demand) / sum(yhat)) as level
            from held_out
            group by building_id, (local_date - date '2000-01-01') / 7
            having count(*) >= 5 * 24 and sum(demand) > 0 and sum(yhat) > 0
        ),

        days as (
            select local_date, ln(sum(demand) / sum(yhat)) as level, lag(local_date) over before as day_before,
                lag(ln(sum(demand) / sum(yhat))) over before as level_before
            from held_out
            group by building_id, local_date
            having count(*) >= 20 and sum(demand) > 0 and sum(yhat) > 0
            window before as (partition by building_id order by local_date)
        )

        select %3$L, %2$L, %4$L::timestamptz, (select count(*) from buildings)::integer,
            (select array_agg(base order by day_type, hour) from filled where left_out is null),
            (select array_agg(heating order by hour) from slopes where left_out is null),
            (select array_agg(cooling order by hour) from slopes where left_out is null),
            (select avg(heating_k) from hours), (select avg(cooling_k) from hours),
            least(coalesce((select percentile_cont(0.05) within group (order by demand / yhat) from held_out
                where yhat > 0), builtin.lower_ratio), 1),
            greatest(coalesce((select percentile_cont(0.95) within group (order by demand / yhat) from held_out
                where yhat > 0), builtin.upper_ratio), 1),
            coalesce((select avg(level ^ 2) from weeks), builtin.between_variance),
            coalesce((select avg((level - level_before) ^ 2) / 2 from days where day_before = local_date - 1),
                builtin.daily_variance)
        from energy.builtin_design_profile(%2$L) as builtin
        where (select count(*) from (select from slopes where left_out is null) as whole) = 24
        $query$,
        energy.archetype_training_query(building_ids, at), size_unit, archetype, energy.iso(at));
end;
$$;
comment on function energy.learn_design_profile(text, text, timestamptz, text[]) is
$$The design profile of some buildings as of a time, per unit of size (m2, apartment, building): mean over the buildings
by local hour and type of day, with non-negative least-squares slopes over heating and cooling degrees; and the spread
of the ratio of demand to forecast when each building is forecast by the profile of the others. Writes nothing. No row
if no building of known size has four weeks of demand, or an hour of the day is never known.$$;
revoke all on function energy.learn_design_profile(text, text, timestamptz, text[]) from public;

create or replace function energy.learn_design_profiles(archetypes text[]) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    now_at  constant timestamptz := energy.clock();
    kind    text;
    unit    text;
    written bigint := 0;
begin
    for kind in
        select kinds.archetype from unnest(archetypes) as kinds (archetype)
        where not exists (
            select from energy.design_profiles as known
            where known.archetype = kinds.archetype and known.learnt_at > now_at - interval '7 days')
        order by 1
    loop
        foreach unit in array array['m2', 'apartment', 'building'] loop
            insert into energy.design_profiles
            select * from energy.learn_design_profile(kind, unit, now_at, energy.design_members(kind, now_at));
            written := written + found::integer;
        end loop;
    end loop;
    return written;
end;
$$;
comment on function energy.learn_design_profiles(text[]) is
$$Learns those design profiles of some archetypes, and of all buildings together for '', that are older than a week,
into energy.design_profiles. Returns how many. energy.review_life_cycle() calls it.$$;
revoke all on function energy.learn_design_profiles(text[]) from public;
-- Earlier versions recorded failures themselves.
drop function if exists energy.learn_design_profiles();
