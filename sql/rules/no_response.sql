create or replace function energy.rule_no_response(building_ids text[], from_date date, to_date date, settings jsonb)
returns table (
    building_id text, apartment_id text, local_date date, score double precision, hours double precision, evidence jsonb
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select * from energy.cold_room_days(
        building_ids, from_date, to_date, settings,
        min_kwh => (settings ->> 'min_heating_kwh')::double precision, max_kwh => 'infinity')
$$;
comment on function energy.rule_no_response(text[], date, date, jsonb) is
'Rule: heat flows and a room that is asked to be warmer does not get warmer.';
revoke all on function energy.rule_no_response(text[], date, date, jsonb) from public;
