create or replace function energy.wanted_levels(levels double precision[]) returns double precision[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if (array_ndims(levels) = 1 and cardinality(levels) <= 50) is not true
       or exists (select from unnest(levels) as level where (level between 0.01 and 0.99) is not true) then
        raise exception 'levels is %: 1 to 50 levels from 0.01 to 0.99 can be asked for',
            coalesce(left(levels::text, 80), 'missing')
            using errcode = 'invalid_parameter_value',
                  hint = 'Write them as levels={0.1,0.25,0.75,0.9}; beyond 0.01 and 0.99 too little is known.';
    end if;
    return array(select distinct level from unnest(levels) as level order by level);
end;
$$;
comment on function energy.wanted_levels(double precision[]) is
$$Quantile levels of a request, ascending and distinct. Errors: 22023 there are none or more than 50, or a level is not
between 0.01 and 0.99.$$;
revoke all on function energy.wanted_levels(double precision[]) from public;
grant execute on function energy.wanted_levels(double precision[]) to supplier, resident, operator;

-- With the caller's rights: it shows what api.forecasts shows. Names are resolved once, at creation.
create or replace function api.forecast_quantiles(
    levels double precision[] default null, building_ids text[] default null
)
returns table (
    building_id text, valid_at timestamptz, issued_at timestamptz, refreshed_at timestamptz,
    quantile_levels double precision[], quantile_values double precision[]
)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    select own.building_id, own.valid_at, own.issued_at, own.refreshed_at, wanted.levels,
        edf.interpolate_quantiles(own.quantile_values, own.quantile_levels, wanted.levels)
    from api.forecasts as own
    cross join (select energy.wanted_levels(forecast_quantiles.levels) as levels offset 0) as wanted
    -- Validates the levels even if there is no forecast.
    where energy.wanted_levels(forecast_quantiles.levels) is not null
      and (forecast_quantiles.building_ids is null or own.building_id = any (forecast_quantiles.building_ids))
    order by own.building_id, own.valid_at;
end;
comment on function api.forecast_quantiles(double precision[], text[]) is
$$Forecasts at other quantile levels

The forecasts of /forecasts at any quantile levels from 0.01 to 0.99: one row per hour, with the values in
`quantile_values` in the order of `quantile_levels`, ascending. Between 5, 50 and 95 %, the levels that models are
trained for, values are interpolated by a two-piece normal distribution, and extrapolated by it beyond; docs/api.md has
its measured calibration. `building_ids`: only these buildings.

Example: `GET /rpc/forecast_quantiles?levels={0.1,0.25,0.75,0.9}&building_ids={all-homes}`$$;
revoke all on function api.forecast_quantiles(double precision[], text[]) from public;
grant execute on function api.forecast_quantiles(double precision[], text[]) to supplier, resident, operator;
