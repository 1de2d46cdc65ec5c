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
language plpgsql stable
set search_path = pg_catalog, pg_temp
-- Issues, hours and buildings are correlated, which the planner does not know: it would expect one row and nest loops.
set enable_nestloop = off
as $$
#variable_conflict use_column
declare
    paths         constant integer := 100;
    -- With fewer past issues the correlation is not reliable.
    least_origins constant integer := 20;
begin
    begin
        return query
        with drawn as materialized (
            select * from edf.scenarios(
                format(
                    $query$
                    select series, valid_at, lead_hours, quantile_values, array[0.05, 0.5, 0.95] as quantiles
                    from jsonb_to_recordset(%L::jsonb) as hours
                        (valid_at timestamptz, lead_hours integer, demand float8[], solar float8[])
                    cross join lateral (values ('demand', demand), ('solar', solar)) as two (series, quantile_values)
                    $query$, ahead),
                format(
                    $query$
                    select two.*
                    from energy.building_hours as hours
                    join energy.forecasts as own using (building_id)
                    join energy.solar_forecasts as roof using (building_id, issued_at, valid_at)
                    cross join lateral (values
                        ('demand', own.issued_at, own.lead_hours, hours.consumption_kwh, own.yhat),
                        ('solar', roof.issued_at, roof.lead_hours, hours.solar_kwh, roof.yhat)
                    ) as two (series, issued_at, lead_hours, actual, yhat)
                    where hours.building_id = %1$L and own.valid_at = hour_at
                      and own.lead_hours between %2$s and %3$s
                      and own.issued_at >= energy.clock() - interval '90 days'
                      and own.valid_at >= energy.clock() - interval '90 days' and own.valid_at < energy.clock()
                      and hour_at >= energy.clock() - interval '90 days' and hour_at < energy.clock()
                    $query$, building_id, (
                        select min((hour ->> 'lead_hours')::integer) from jsonb_array_elements(ahead) as hour
                    ), (
                        select max((hour ->> 'lead_hours')::integer) from jsonb_array_elements(ahead) as hour
                    )),
                paths) as scenarios
        )

        select own.scenario, own.valid_at, greatest(roof.value - own.value, 0), 'scenarios'
        from drawn as own
        join drawn as roof using (scenario, valid_at)
        where (own.series, roof.series) = ('demand', 'solar') and own.origins >= least_origins;
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
