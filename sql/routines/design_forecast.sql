create or replace function energy.design_profile_of(
    building_id text, at timestamptz, out profile energy.design_profiles, out size double precision
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with sizes (size_unit, size, rank) as (
        select unit, size, rank
        from raw.buildings
        cross join lateral (values
            ('m2', floor_area_m2, 1),
            ('apartment', nullif(energy.apartments_of(buildings.building_id, at), 0)::double precision, 2),
            ('building', 1, 3)
        ) as units (unit, size, rank)
        where buildings.building_id = design_profile_of.building_id and size is not null
    ),

    candidates as (
        select (known).buildings < 2 as is_thin, (known).archetype = '' as is_general, rank, known, size
        from raw.buildings
        cross join sizes
        cross join lateral (
            select distinct on (profiles.archetype) profiles as known
            from energy.design_profiles as profiles
            where profiles.archetype in (buildings.archetype, '') and profiles.size_unit = sizes.size_unit
              and learnt_at <= at
            order by profiles.archetype, learnt_at desc
        ) as newest
        where buildings.building_id = design_profile_of.building_id
        union all
        -- Unknown size: one apartment.
        select true, true, 3 + rank,
            energy.builtin_design_profile(case size_unit when 'm2' then 'm2' else 'apartment' end), size from sizes
    )

    select known, size from candidates order by is_thin, is_general, rank limit 1
$$;
comment on function energy.design_profile_of(text, timestamptz) is
$$The design profile used for a building as of a time, and the building's size in the profile's unit. The first of: the
profile of its archetype, the profile of all buildings, each learnt from at least two buildings; one learnt from one
building; energy.builtin_design_profile. Per m2 if its floor area is known, else per apartment, else per building.
NULLs: there is no such building.$$;
revoke all on function energy.design_profile_of(text, timestamptz) from public;

create or replace function energy.shrunken_level(measured_kwh double precision, forecast_kwh double precision,
    days double precision, between_variance double precision, daily_variance double precision)
returns double precision
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select case when measured_kwh > 0 and forecast_kwh > 0 and days > 0 and between_variance > 0
        then (measured_kwh / forecast_kwh) ^ (between_variance / (between_variance + daily_variance / days)) else 1 end
$$;
comment on function energy.shrunken_level(double precision, double precision, double precision, double precision,
    double precision) is
$$The factor that adapts a forecast to a building's own level: the posterior mean of the logarithm of measured to
forecast energy, given a few days as a normal sample (daily_variance: variance of a day) and a normal prior around
zero with between_variance (Efron and Morris, Data analysis using Stein's estimator and its generalizations, 1975). 1
without data.$$;
revoke all on function energy.shrunken_level(double precision, double precision, double precision, double precision,
    double precision) from public;

create or replace function energy.design_forecast(
    building_id text, slot_at timestamptz, inputs energy.place_inputs, target double precision[]
)
returns table (valid_at timestamptz, lead_hours double precision, yhat double precision, yhat_lower double precision,
    yhat_upper double precision)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    m         constant integer := cardinality(inputs.times);
    warmth_at constant integer := array_position(inputs.names, 'temperature_c');
    feast_at  constant integer := array_position(inputs.names, 'is_holiday');
    plan      record;
    zone      text;
begin
    select time_zone into zone from raw.buildings where buildings.building_id = design_forecast.building_id;
    if not found then
        raise exception 'there is no building "%"', design_forecast.building_id
            using errcode = 'undefined_object', hint = 'select building_id from raw.buildings lists them.';
    end if;
    select (profile).*, size into plan from energy.design_profile_of(building_id, slot_at);
    return query
    with grid as (
        select at, target[n] as measured, at at time zone zone as local_at,
            inputs.regressors[(feast_at - 1) * m + n] = 1 as is_holiday,
            avg(inputs.regressors[(warmth_at - 1) * m + n]) over (order by n rows 23 preceding) as temperature_c
        from unnest(inputs.times) with ordinality as times (at, n)
    ),

    hours as (
        select at, measured, plan.size * greatest(
            plan.base_kwh[1 + extract(hour from local_at)::integer
                + case when is_holiday or extract(isodow from local_at) = 7 then 48
                    when extract(isodow from local_at) = 6 then 24 else 0 end]
            + plan.heating_kwh[1 + extract(hour
                from local_at)::integer] * coalesce(greatest(heating_base_c - temperature_c, 0), plan.mean_heating_k)
            + plan.cooling_kwh[1 + extract(hour
                from local_at)::integer] * coalesce(greatest(temperature_c - cooling_base_c, 0), plan.mean_cooling_k),
                    0) as planned
        from grid
        cross join energy.degree_day_bases
    ),

    own as (
        select energy.shrunken_level(sum(measured), sum(planned), count(*) / 24.0, plan.between_variance,
            plan.daily_variance) as level
        from hours
        where measured is not null and at < slot_at and at >= slot_at - interval '28 days'
    )

    select at, extract(epoch from at - slot_at)::double precision / 3600 + 1, level * planned,
        level * planned * plan.lower_ratio, level * planned * plan.upper_ratio
    from hours
    cross join own
    where at >= slot_at
    order by at;
end;
$$;
comment on function energy.design_forecast(text, timestamptz, energy.place_inputs, double precision[]) is
$$Forecasts a building's demand from energy.design_profile_of, the weather and the calendar of the coming hours, in kWh
per hour, multiplied by energy.shrunken_level of the last four weeks. The intervals are those of buildings without any
measurements. Errors: 42704 no such building.$$;
revoke all on function energy.design_forecast(text, timestamptz, energy.place_inputs, double precision[]) from public;
