create or replace function energy.learn_gap_profiles_of(building_ids text[], known_at timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    quality  constant jsonb := energy.current_config() -> 'quality';
    since    constant timestamptz := known_at - coalesce((quality ->> 'profile_days')::int, 56) * interval '1 day';
    least_n  constant integer := coalesce((quality ->> 'profile_min_days')::int, 14);
    -- Register measures with separate hours, and the demand measure without, if there is only one.
    apart    constant text[] := array(select measures from energy.measures where kind = 'register' and is_kept_apart);
    alone    constant text := (select measures from energy.measures where is_demand and not is_kept_apart);
    changed  text[];
    days     timestamptz[];
begin
    with energies as (
        select building_id, measures, extract(hour from hour_at at time zone time_zone) as local_hour, hour_at, amount
        from (
            select building_id, hour_at, measured.*
            from energy.apartment_hours as hours
            cross join lateral (values
                (alone, consumption_kwh, hours.quality, hours.received_at),
                ('solar', solar_kwh, coalesce(solar_quality, hours.quality),
                 coalesce(solar_received_at, hours.received_at))
            ) as measured (measures, amount, quality, received_at)
            where building_id = any (building_ids) and hour_at >= since
            union all
            select building_id, hour_at, measures, value, quality, received_at
            from energy.measure_hours
            where building_id = any (building_ids) and hour_at >= since and measures = any (apart)
        ) as measured
        join raw.buildings using (building_id)
        where quality = 'measured' and received_at <= known_at and amount is not null and measures is not null
    ),

    by_hour as (
        select building_id, measures, local_hour, avg(amount) as mean_kwh, count(distinct hour_at) as days
        from energies
        group by building_id, measures, local_hour
    ),

    learnt as (
        select building_id, measures,
            array_agg(round((mean_kwh / day_mean_kwh)::numeric, 3)::double precision order by local_hour) as weights
        from (select *, avg(mean_kwh) over (partition by building_id, measures) as day_mean_kwh from by_hour) as by_hour
        where day_mean_kwh > 0
        group by building_id, measures
        having count(*) = 24 and min(days) >= least_n
    ),

    -- A new profile changes all values distributed by the old one: it is stored only if it differs noticeably.
    kept as (
        insert into energy.gap_profiles (building_id, measures, received_at, weights)
        select building_id, measures, known_at, weights
        from learnt
        where not exists (
            select from energy.gap_profiles as old
            where (old.building_id, old.measures) = (learnt.building_id, learnt.measures)
              and old.received_at = (
                  select max(newest.received_at) from energy.gap_profiles as newest
                  where (newest.building_id, newest.measures) = (learnt.building_id, learnt.measures))
              and (select max(abs(was - is_now)) from unnest(old.weights, learnt.weights) as pairs (was, is_now)) <= 0.1
        )
        on conflict (building_id, measures, received_at) do update set weights = excluded.weights
        returning building_id
    )

    select array_agg(distinct building_id) into changed from kept;

    select array_agg(building_id), array_agg(day_at) into changed, days
    from (
        select building_id, date_trunc('day', hour_at, 'UTC') as day_at
        from energy.apartment_hours as hours
        where building_id = any (changed) and (hours.quality >= 'estimated' or solar_quality >= 'estimated')
          and hour_at >= energy.hours_floor()
        union
        select building_id, date_trunc('day', hour_at, 'UTC')
        from energy.measure_hours
        where building_id = any (changed) and quality >= 'estimated' and measures = any (apart)
          and hour_at >= energy.hours_floor()
    ) as spread;
    perform energy.write_hours(changed, days);
end;
$$;
comment on function energy.learn_gap_profiles_of(text[], timestamptz) is
    'Learns the gap profiles of some buildings; energy.learn_gap_profiles() calls it with the lock of the hours held.';
revoke all on function energy.learn_gap_profiles_of(text[], timestamptz) from public;

create or replace procedure energy.learn_gap_profiles(building_ids text[] default null,
    received_at timestamptz default null)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Excludes refreshes, which would otherwise mix old and new profiles.
    perform pg_advisory_xact_lock(hashtextextended('energy.refresh_building_hours', 0));
    perform energy.run_by_building(
        'learn_gap_profiles', coalesce(building_ids, array(select building_id from raw.buildings)),
        format('select energy.learn_gap_profiles_of($1, %L)', energy.iso(coalesce(received_at, energy.clock()))));
end;
$$;
comment on procedure energy.learn_gap_profiles(text[], timestamptz) is
$$Learns the daily profiles of consumption, heat, hot water and solar generation of each building (by default all) by
local hour, and recomputes distributed gaps where a profile has changed.

Based on the measured hours of its apartments in the last quality.profile_days; each local hour needs profile_min_days
of them. A profile is stored as a new row of energy.gap_profiles only if the weight of an hour has changed by more than
0.1. It is used by registers with setting long_gaps profile. A building that fails is recorded in energy.job_runs; the
others continue.$$;
revoke all on procedure energy.learn_gap_profiles(text[], timestamptz) from public;
