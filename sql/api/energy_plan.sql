create or replace function energy.quantiles_object(quantile_values double precision[]) returns jsonb
language sql immutable strict
set search_path = pg_catalog, pg_temp
return jsonb_build_object('lower', quantile_values[1], 'expected', quantile_values[2], 'upper', quantile_values[3]);
comment on function energy.quantiles_object(double precision[]) is
    'Quantiles at 5, 50 and 95 % as lower, expected and upper.';
revoke all on function energy.quantiles_object(double precision[]) from public;

create or replace function api.energy_plan(
    building_id text default null, energy_kwh double precision default null,
    duration_hours double precision default null, deadline text default null
) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    own constant raw.buildings := energy.request_building(energy_plan.building_id);
    run jsonb;
begin
    if num_nonnulls(energy_plan.energy_kwh, energy_plan.duration_hours, energy_plan.deadline) > 0 then
        select to_jsonb(advised) - '{building_id,start_local,run}'::text[] into run
        from energy.advise(
            own, array[energy_plan.energy_kwh], array[energy_plan.duration_hours], energy_plan.deadline) as advised;
    end if;
    return (
        select jsonb_build_object(
            'version', '1.0', 'building_id', own.building_id, 'time_zone', own.time_zone, 'made_at', energy.clock(),
            'run', run, 'hours', jsonb_agg(jsonb_build_object(
                'start_at', valid_at, 'end_at', valid_at + interval '1 hour',
                'demand_kwh', energy.quantiles_object(demand), 'solar_kwh', energy.quantiles_object(solar),
                'surplus_kwh', expected_surplus, 'price_per_kwh', price_per_kwh,
                'feed_in_price_per_kwh', feed_in_price_per_kwh, 'currency', currency,
                'co2_g_per_kwh', co2_g_per_kwh) order by valid_at))
        from energy.request_outlook(own.building_id));
end;
$$;
comment on function api.energy_plan(text, double precision, double precision, text) is
$$Energy plan of the coming hours for home automation

One JSON object, as defined in docs/energy_plan.schema.json: each of the next 48 hours with demand, solar generation,
surplus, price and CO2, null where not known. With `energy_kwh`, `duration_hours` and optionally `deadline`, `run` has
the result of /rpc/energy_advice. The first number of `version` changes only with a breaking change.

Example: `GET /rpc/energy_plan?building_id=all-homes&energy_kwh=1.2&duration_hours=2&deadline=18:00`$$;
revoke all on function api.energy_plan(text, double precision, double precision, text) from public;
grant execute on function api.energy_plan(text, double precision, double precision, text) to resident;
