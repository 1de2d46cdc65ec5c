create or replace function api.my_building(
    inout building_id text default null, out valid_at timestamptz, out local_time timestamp,
    out demand_kwh double precision, out demand_lower_kwh double precision, out demand_upper_kwh double precision,
    out solar_kwh double precision, out solar_lower_kwh double precision, out solar_upper_kwh double precision,
    out surplus_kwh double precision, out solar_share double precision, out price_per_kwh double precision,
    out currency text, out co2_g_per_kwh double precision, out issued_at timestamptz, out refreshed_at timestamptz,
    out solar_issued_at timestamptz
) returns setof record
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    own constant raw.buildings := energy.request_building(my_building.building_id);
begin
    return query
    select own.building_id, ahead.valid_at, ahead.valid_at at time zone own.time_zone, demand[2], demand[1], demand[3],
        solar[2], solar[1], solar[3], expected_surplus, (solar[2] - expected_surplus) / nullif(demand[2], 0),
        ahead.price_per_kwh, ahead.currency, ahead.co2_g_per_kwh, ahead.issued_at, ahead.refreshed_at,
        ahead.solar_issued_at
    from energy.request_outlook(own.building_id) as ahead
    order by ahead.valid_at;
end;
$$;
comment on function api.my_building(text) is
$$The next 48 hours of your building

One row for each hour from the current one on: the demand of the whole building (`demand_kwh`, with its 90 % interval
from `demand_lower_kwh` to `demand_upper_kwh`), the generation of its roof (`solar_kwh` and its bounds), the expected
surplus of generation over demand (`surplus_kwh`), the share of the demand that it covers (`solar_share`, 0 to 1), the
price of a kWh from the grid and its CO2 in grams. The demand of the first hours is corrected every 15 minutes, at
`refreshed_at`. `local_time` is the local time of the building. null: not known, such as the generation of a roof
without panels. `building_id` can be omitted by residents with a single building.

Example: `GET /rpc/my_building?building_id=all-homes`$$;
revoke all on function api.my_building(text) from public;
grant execute on function api.my_building(text) to resident;
