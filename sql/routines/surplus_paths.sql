create or replace function energy.quantile_at(quantile_values double precision[], level double precision)
returns double precision
language sql immutable strict
set search_path = pg_catalog, pg_temp
return case
    when level <= 0.5 then quantile_values[1] + (quantile_values[2] - quantile_values[1]) * (level - 0.05) / 0.45
    else quantile_values[2] + (quantile_values[3] - quantile_values[2]) * (level - 0.5) / 0.45
end;
comment on function energy.quantile_at(double precision[], double precision) is
    'The value at a level from 0.05 to 0.95, linearly interpolated between the quantiles at 5, 50 and 95 %.';
revoke all on function energy.quantile_at(double precision[], double precision) from public;

create or replace function energy.surplus_paths(building_id text, ahead jsonb)
returns table (path integer, valid_at timestamptz, surplus_kwh double precision, method text)
language plpgsql stable rows 4800
set search_path = pg_catalog, pg_temp
-- Issues, hours and buildings are correlated, which the planner does not know: it would expect one row and nest loops.
set enable_nestloop = off
-- As in energy.request_outlook.
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    paths         constant integer := 100;
    -- With fewer past issues the correlation is not reliable.
    least_origins constant integer := 20;
    now_at        constant timestamptz := energy.clock();
    from_at       constant timestamptz := now_at - interval '90 days';
    steps         record;
    errors        record;
begin
    select array_agg(hours.valid_at order by hours.valid_at) as valid_at,
        array_agg(lead_hours::double precision order by hours.valid_at) as lead_hours,
        array_agg(demand order by hours.valid_at) as demand, array_agg(solar order by hours.valid_at) as solar,
        count(*)::integer as hours, min(lead_hours) as least_lead, max(lead_hours) as most_lead
    into steps
    from jsonb_to_recordset(ahead) as hours
        (valid_at timestamptz, lead_hours integer, demand double precision[], solar double precision[]);
    -- Demand is series 0, solar generation series 1.
    select array_agg(series order by issued_at, series, lead_hours) as series,
        array_agg(issued_at order by issued_at, series, lead_hours) as issued_at,
        array_agg(lead_hours::double precision order by issued_at, series, lead_hours) as lead_hours,
        array_agg(error order by issued_at, series, lead_hours) as error
    into errors
    from (
        select two.*
        from energy.building_hours as hours
        join energy.forecasts as own using (building_id)
        join energy.solar_forecasts as roof using (building_id, issued_at, valid_at)
        cross join lateral (values
            (0, own.issued_at, own.lead_hours, hours.consumption_kwh - own.yhat),
            (1, roof.issued_at, roof.lead_hours, hours.solar_kwh - roof.yhat)
        ) as two (series, issued_at, lead_hours, error)
        where hours.building_id = surplus_paths.building_id and own.valid_at = hour_at
          and own.lead_hours between steps.least_lead and steps.most_lead
          and own.issued_at >= from_at and own.valid_at >= from_at and own.valid_at < now_at
          and hour_at >= from_at and hour_at < now_at
    ) as past
    where error is not null;
    begin
        -- Not by edf.scenarios, which plans each query several times to find out its columns.
        return query
        select drawn.scenario, hours.valid_at,
            greatest(scenario_values[steps.hours + n] - scenario_values[n], 0), 'scenarios'
        from edf.draw_scenarios(
            array_fill(0, array[steps.hours]) || array_fill(1, array[steps.hours]),
            steps.valid_at || steps.valid_at, steps.lead_hours || steps.lead_hours,
            array(select unnest(steps.demand || steps.solar)), array[0.05, 0.5, 0.95],
            errors.series, errors.issued_at, errors.lead_hours, errors.error, paths, 0) as drawn
        cross join lateral unnest(steps.valid_at) with ordinality as hours (valid_at, n)
        where drawn.origins >= least_origins;
        if found then
            return;
        end if;
    exception when data_exception then
        -- No common past errors of demand and solar are known.
        null;
    end;
    return query
    select (10 * demand_level + solar_level)::integer, hours.valid_at,
        greatest(energy.quantile_at(solar, 0.05 + solar_level / 10.0)
                 - energy.quantile_at(demand, 0.05 + demand_level / 10.0), 0),
        'quantiles'
    from jsonb_to_recordset(ahead) as hours (valid_at timestamptz, demand double precision[], solar double precision[])
    cross join generate_series(0, 9) as demand_level
    cross join generate_series(0, 9) as solar_level;
end;
$$;
comment on function energy.surplus_paths(text, jsonb) is
$$A hundred equally likely scenarios of a building's surplus: solar generation minus demand per hour, at least zero.
ahead: objects with valid_at, lead_hours and the quantiles of demand and solar at 5, 50 and 95 %.

method scenarios: edf.scenarios of both, with the correlation of the last 90 days' errors. quantiles, with fewer than
20 past issues: ten levels of demand by ten of generation, independent of each other, each at the same level in all
hours.$$;
revoke all on function energy.surplus_paths(text, jsonb) from public;
