create or replace function energy.apartments_of(building_id text, at timestamptz) returns bigint
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select count(*) from raw.apartments
    where apartments.building_id = $1 and (valid_from <= $2) is not false and (valid_to > $2) is not false
$$;
comment on function energy.apartments_of(text, timestamptz) is
    'Number of apartments of a building at a time, its size for the model of its archetype.';
revoke all on function energy.apartments_of(text, timestamptz) from public;

create or replace function energy.with_apartments(inputs text, building_id text, at timestamptz) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select format('select hours.*, %s as apartments from (%s) as hours', energy.apartments_of(building_id, at), inputs)
$$;
comment on function energy.with_apartments(text, text, timestamptz) is
$$A query of a building's hours with a column apartments, its number of apartments at a time, for the model of an
archetype.$$;
revoke all on function energy.with_apartments(text, text, timestamptz) from public;
