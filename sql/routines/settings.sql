create or replace function energy.exact(span interval) returns interval
language sql immutable
set search_path = pg_catalog, pg_temp
return make_interval(secs => extract(epoch from span)::double precision);
comment on function energy.exact(interval) is
$$An interval in hours, as text for a query: a day has 24 hours, regardless of time changes in the session's time
zone.$$;
revoke all on function energy.exact(interval) from public;

-- Parts of the current configuration as relations, for routines and dbt.
create or replace view energy.sensor_types as
select
    meters.key as sensor_type,
    meters.value ->> 'kind' as kind,
    meters.value ->> 'measures' as measures,
    meters.value ->> 'unit' as unit,
    (meters.value ->> 'min_value')::double precision as min_value,
    (meters.value ->> 'max_value')::double precision as max_value,
    coalesce(meters.value -> 'settings', '{}') as settings,
    coalesce(meters.value ->> 'kind' = 'register' and demand ? (meters.value ->> 'measures'), false) as is_demand,
    -- Heat and hot water are always included, so that readers need not know the configuration.
    coalesce(
        meters.value ->> 'measures' <> 'solar'
        and (meters.value ->> 'measures' <> 'consumption' or demand <> '["consumption"]'),
        false
    ) as is_kept_apart
from (
    select config, coalesce(config #> '{demand,measures}', '["consumption"]') as demand
    from energy.current_config() as config
) as configs
cross join lateral jsonb_each(config -> 'meters') as meters;
comment on view energy.sensor_types is
$$Known sensor types: section meters of the configuration. kind: register or gauge; measures: what a register counts
(consumption, heating, hot_water, solar) or a gauge measures (room_temperature, setpoint), as named in the
configuration; limits in the type's unit. is_demand: part of demand (section demand). is_kept_apart: its hours are in
energy.measure_hours.$$;

create or replace view energy.measures as
select
    measures,
    min(kind) as kind,
    min(unit) as unit,
    bool_or(is_demand) as is_demand,
    bool_or(is_kept_apart) as is_kept_apart
from energy.sensor_types
where measures is not null
group by measures;
comment on view energy.measures is
$$Measures, from section meters of the configuration: the amount per hour for registers, the mean for gauges, in unit.
is_demand: part of the demand of a building (section demand). is_kept_apart: its hours are in energy.measure_hours;
other measures are columns of energy.apartment_hours.$$;

create or replace view energy.quality_limits as
select
    (quality ->> 'min_coverage_share')::double precision as min_coverage_share,
    case when quality ? 'retired_after' then (quality ->> 'retired_after')::interval
        else interval '30 days' end as retired_after,
    coalesce((quality ->> 'max_ahead_minutes')::double precision, 15) * interval '1 minute' as max_ahead,
    coalesce((quality ->> 'max_step_back')::interval, interval '31 days') as max_step_back,
    coalesce((quality ->> 'max_rejected_mb')::double precision, 50) * 1e6 as max_rejected_bytes
from (select energy.current_config() -> 'quality' as quality) as configs;
comment on view energy.quality_limits is 'Section quality of the configuration: one row.';

create or replace view energy.degree_day_bases as
select
    coalesce((config #>> '{features,heating_base_c}')::double precision, 18) as heating_base_c,
    coalesce((config #>> '{features,cooling_base_c}')::double precision, 22) as cooling_base_c
from energy.current_config() as config;
comment on view energy.degree_day_bases is
    'Base temperatures of heating and cooling degree days, as used by models: one row.';
