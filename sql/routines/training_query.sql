-- energy.building_inputs lists the columns.
drop function if exists energy.training_columns(timestamptz);

create or replace function energy.training_query(building_id text, before timestamptz) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select energy.building_inputs(training_query.building_id, before, since.at, date_trunc('hour', before))
    from (
        select coalesce(min(hour_at), date_trunc('hour', before) - interval '1 hour') as at
        from energy.building_hours
        where building_hours.building_id = training_query.building_id
    ) as since
$$;
comment on function energy.training_query(text, timestamptz) is
    'energy.building_inputs of all hours of a building before a time, as known at that time.';
revoke all on function energy.training_query(text, timestamptz) from public;
