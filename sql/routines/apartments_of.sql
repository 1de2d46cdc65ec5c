create or replace function energy.apartments_of(building_id text, at timestamptz) returns bigint
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select count(*) from raw.apartments
    where apartments.building_id = apartments_of.building_id and (valid_from <= at) is not false and (valid_to > at) is not false
$$;
comment on function energy.apartments_of(text, timestamptz) is 'How many apartments a building has at a time.';
revoke all on function energy.apartments_of(text, timestamptz) from public;
