create or replace function energy.request_scenarios(scenarios integer, building_ids text[], seed bigint)
returns table (scenario integer, building_id text, valid_at timestamptz, demand_kwh double precision, origins bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    shown text[];
begin
    select array_agg(distinct own.lookup_id) into shown
    from energy.request_forecasts as own
    where is_shown and (request_scenarios.building_ids is null or own.lookup_id = any (request_scenarios.building_ids));
    if shown is null then
        return;
    end if;
    return query
    select drawn.scenario, drawn.series, drawn.valid_at, drawn.value, drawn.origins
    from edf.scenarios(
        format(
            $query$
            select lookup_id as series, valid_at, lead_hours, array[yhat_lower, yhat, yhat_upper] as quantile_values,
                array[0.05, 0.5, 0.95] as quantiles
            from energy.request_forecasts where lookup_id = any (%L::text[]) and is_shown
            $query$, shown),
        format(
            $query$
            select forecasts.building_id as series, forecasts.issued_at, forecasts.lead_hours,
                consumption_kwh as actual, yhat
            from energy.forecasts
            join energy.building_hours as hours on hours.building_id = forecasts.building_id and hour_at = valid_at
            where forecasts.building_id = any (%1$L::text[])
              and forecasts.issued_at >= energy.clock() - interval '180 days' and valid_at < energy.clock()
              and hour_at >= energy.clock() - interval '180 days'
            $query$, shown),
        scenarios, seed) as drawn;
end;
$$;
comment on function energy.request_scenarios(integer, text[], bigint) is
$$edf.scenarios of the newest forecasts that a request of the API may be shown by building, from what the forecasts of
the last 180 days were wrong by.$$;
revoke all on function energy.request_scenarios(integer, text[], bigint) from public;

create or replace function api.scenarios(
    scenarios integer default 20, building_ids text[] default null, seed bigint default 0
)
returns table (
    scenario integer, building_id text, first_at timestamptz, demand_kwh double precision[], origins bigint
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
        min(drawn.origins)
    from energy.request_scenarios(scenarios.scenarios, scenarios.building_ids, coalesce(scenarios.seed, 0)) as drawn
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
comment on function api.scenarios(integer, text[], bigint) is
$$Possible paths of demand

Joint scenarios of your buildings over the hours ahead: one row per scenario and building, whose `demand_kwh` holds the
hours from `first_at` on. Each hour by itself is distributed as its forecast; hours and buildings of one scenario go
together as the errors of past forecasts did (the Schaake shuffle, docs/backtesting.md). `origins`: past issues that
they follow; 60 or more are good. `building_ids`: these only. The same `seed` draws the same. 409: too little is known.

Example: `GET /rpc/scenarios?scenarios=20&building_ids={all-homes}`$$;
revoke all on function api.scenarios(integer, text[], bigint) from public;
grant execute on function api.scenarios(integer, text[], bigint) to supplier;
