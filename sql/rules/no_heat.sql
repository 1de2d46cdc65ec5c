create or replace function energy.rule_no_heat(building_ids text[], from_date date, to_date date, settings jsonb)
returns table (
    building_id text, apartment_id text, local_date date, score double precision, hours double precision, evidence jsonb
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select * from energy.cold_room_days(
        building_ids, from_date, to_date, settings, min_kwh => '-infinity',
        max_kwh => (settings ->> 'max_heating_kwh')::double precision,
        max_outdoor_c => (settings ->> 'max_outdoor_c')::double precision)
$$;
comment on function energy.rule_no_heat(text[], date, date, jsonb) is
'Rule: it is cold outside, a room is asked to be warmer, and no heat arrives.';
revoke all on function energy.rule_no_heat(text[], date, date, jsonb) from public;
