-- What models read beside weather and calendar: rows of raw.regressors, by the names in training.regressors of the configuration.
create or replace function energy.regressors_of(config jsonb) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
return array(
    select name
    from jsonb_array_elements_text(coalesce(config #> '{training,regressors}', '[]')) with ordinality as named (name, at)
    order by at);
comment on function energy.regressors_of(jsonb) is 'The regressors that a configuration names, in its order.';
revoke all on function energy.regressors_of(jsonb) from public;

create or replace function energy.served_regressors(building_id text) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- The building's own model before that of its archetype, as in energy.model_of_building; one of no training that was noted reads what is named now.
    select coalesce(
        (select energy.regressors_of(configs.config)
         from raw.buildings
         join edf.models on status = 'approved' and subject in (buildings.building_id, energy.archetype_subject(buildings.archetype))
         join energy.trainings using (model_id)
         join energy.configs using (config_id)
         where buildings.building_id = served_regressors.building_id
         order by subject = buildings.building_id desc
         limit 1),
        energy.regressors_of(energy.current_config()))
$$;
comment on function energy.served_regressors(text) is
    'The regressors that a building''s forecast reads: those that its approved model was trained with, whatever the configuration names since.';
revoke all on function energy.served_regressors(text) from public;

create or replace function energy.regressor_joins(
    regressors text[], building_id text, as_of timestamptz, since timestamptz, until timestamptz, out columns text, out joins text
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- A building's own value counts before its region's, the newest version before older ones.
    select coalesce(string_agg(format(', regressor_%s.value as %I', at, name), '' order by at), ''),
        coalesce(string_agg(format(
            $query$
        left join (
            select distinct on (valid_at) valid_at, value from raw.regressors
            where name = %2$L and received_at <= %4$L and valid_at >= %5$L and valid_at < %6$L
              and (regressors.building_id = %3$L or region = (select region from raw.buildings where building_id = %3$L))
            order by valid_at, region is null desc, received_at desc
        ) as regressor_%1$s on regressor_%1$s.valid_at = grid.valid_at$query$,
            at, name, building_id, energy.iso(as_of), energy.iso(since), energy.iso(until)), '' order by at), '')
    from unnest(regressors) with ordinality as named (name, at)
$$;
comment on function energy.regressor_joins(text[], text, timestamptz, timestamptz, timestamptz) is
    'Parts of energy.building_inputs: the columns of these regressors as they were known at as_of, and the joins that they come by.';
revoke all on function energy.regressor_joins(text[], text, timestamptz, timestamptz, timestamptz) from public;
