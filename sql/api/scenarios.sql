-- Earlier versions had no solar generation.
drop function if exists api.scenarios(integer, text[], bigint);
drop function if exists energy.request_scenarios(integer, text[], bigint);

create or replace function energy.request_scenarios(
    scenarios integer, building_ids text[], seed bigint, with_solar boolean
)
returns table (
    scenario integer, building_id text, valid_at timestamptz, demand_kwh double precision, solar_kwh double precision,
    origins bigint
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
-- Issues, hours and buildings are correlated, which the planner does not know: it would expect one row and nest loops.
set enable_nestloop = off
as $$
#variable_conflict use_column
declare
    shown text[];
    since constant text := energy.iso(energy.clock() - interval '180 days');
begin
    select array_agg(distinct own.lookup_id) into shown
    from energy.request_forecasts as own
    where is_shown and (request_scenarios.building_ids is null or own.lookup_id = any (request_scenarios.building_ids));
    if shown is null then
        return;
    end if;
    return query
    with

    -- Errors name a series: the demand or the solar generation of a building.
    drawn as materialized (
        select scenarios.scenario, split_part(scenarios.series, ' of ', 1) as kind,
            substr(scenarios.series, strpos(scenarios.series, ' of ') + 4) as building_id, scenarios.valid_at,
            scenarios.value, scenarios.origins
        from edf.scenarios(
            format(
                $query$
                with own as materialized (
                    select lookup_id, valid_at, lead_hours, array[yhat_lower, yhat, yhat_upper] as quantile_values
                    from energy.request_forecasts where lookup_id = any (%1$L::text[]) and is_shown
                )

                select 'demand of ' || lookup_id as series, valid_at, lead_hours, quantile_values,
                    array[0.05, 0.5, 0.95] as quantiles
                from own
                union all
                select 'solar generation of ' || building_id, valid_at, roof.lead_hours, roof.quantile_values,
                    array[0.05, 0.5, 0.95]
                from own
                join (
                    select distinct on (building_id, valid_at) building_id, valid_at, lead_hours,
                        array[yhat_lower, yhat, yhat_upper] as quantile_values
                    from energy.solar_forecasts
                    where %2$L and building_id = any (%1$L::text[])
                      and valid_at >= %3$L::timestamptz
                    order by building_id, valid_at, issued_at desc
                ) as roof using (valid_at)
                where roof.building_id = lookup_id
                $query$, shown, with_solar, energy.iso(date_trunc('hour', energy.clock(), 'UTC'))),
            format(
                $query$
                select 'demand of ' || forecasts.building_id as series, forecasts.issued_at, forecasts.lead_hours,
                    consumption_kwh as actual, yhat
                from energy.forecasts
                join energy.building_hours as hours on hours.building_id = forecasts.building_id and hour_at = valid_at
                where forecasts.building_id = any (%1$L::text[])
                  and forecasts.issued_at >= %3$L::timestamptz and valid_at < energy.clock()
                  and hour_at >= %3$L::timestamptz
                union all
                select 'solar generation of ' || forecasts.building_id, forecasts.issued_at, forecasts.lead_hours,
                    solar_kwh, yhat
                from energy.solar_forecasts as forecasts
                join energy.building_hours as hours on hours.building_id = forecasts.building_id and hour_at = valid_at
                where %2$L and forecasts.building_id = any (%1$L::text[])
                  and forecasts.issued_at >= %3$L::timestamptz and valid_at < energy.clock()
                  and hour_at >= %3$L::timestamptz
                $query$, shown, with_solar, since),
            scenarios, seed) as scenarios
    )

    select own.scenario, own.building_id, own.valid_at, own.value, roof.value, own.origins
    from (select * from drawn where kind = 'demand') as own
    left join (select * from drawn where kind = 'solar generation') as roof using (scenario, building_id, valid_at);
end;
$$;
comment on function energy.request_scenarios(integer, text[], bigint, boolean) is
$$edf.scenarios of the newest forecasts that the request may see by building, from the forecast errors of the last 180
days. with_solar: demand and solar generation jointly, from the issues for which the errors of both are known. solar_kwh
is NULL in hours without a solar forecast.$$;
revoke all on function energy.request_scenarios(integer, text[], bigint, boolean) from public;

create or replace function api.scenarios(
    scenarios integer default 20, building_ids text[] default null, seed bigint default 0, solar boolean default false
)
returns table (
    scenario integer, building_id text, first_at timestamptz, demand_kwh double precision[], origins bigint,
    solar_kwh double precision[]
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    if (scenarios.scenarios between 1 and 200) is not true then
        raise exception 'scenarios is %: 1 to 200 can be drawn', coalesce(scenarios.scenarios::text, 'null')
            using errcode = 'invalid_parameter_value', hint = 'Ask for fewer, and again with another seed.';
    end if;
    return query
    select drawn.scenario, drawn.building_id, min(drawn.valid_at), array_agg(drawn.demand_kwh order by drawn.valid_at),
        min(drawn.origins),
        case when count(drawn.solar_kwh) > 0 then array_agg(drawn.solar_kwh order by drawn.valid_at) end
    from energy.request_scenarios(
        scenarios.scenarios, scenarios.building_ids, coalesce(scenarios.seed, 0), coalesce(scenarios.solar, false)
    ) as drawn
    group by drawn.scenario, drawn.building_id
    order by drawn.scenario, drawn.building_id;
exception
    when invalid_parameter_value then
        raise;
    when data_exception then
        perform energy.refuse('PT409', 'no scenarios can be drawn: ' || sqlerrm,
            'They follow what forecasts of all these buildings were wrong by at the same past issues.');
end;
$$;
comment on function api.scenarios(integer, text[], bigint, boolean) is
$$Scenarios of demand

Joint scenarios of your buildings over the coming hours: one row per scenario and building; `demand_kwh` holds the hours
from `first_at` on. Each hour is distributed like its forecast; across hours and buildings, scenarios have the rank
correlation of past forecast errors (the Schaake shuffle, docs/backtesting.md). With `solar=true` solar generation is
drawn jointly with demand: `solar_kwh` holds the same hours, null where there is no forecast. `origins`: the number of
past issues used; 60 or more are recommended. `building_ids`: only these buildings. The same `seed` gives the same
scenarios. 409: too few past errors are known.

Example: `GET /rpc/scenarios?scenarios=20&building_ids={all-homes}&solar=true`$$;
revoke all on function api.scenarios(integer, text[], bigint, boolean) from public;
grant execute on function api.scenarios(integer, text[], bigint, boolean) to supplier;
