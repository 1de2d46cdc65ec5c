-- Inputs of models beside weather and calendar: rows of raw.regressors with the names in training.regressors of the
-- configuration.
create or replace function energy.regressors_of(config jsonb) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
return array(
    select name
    from jsonb_array_elements_text(coalesce(config #> '{training,regressors}', '[]')) with ordinality as named (name,
        at)
    order by at);
comment on function energy.regressors_of(jsonb) is 'The regressors named in a configuration, in its order.';
revoke all on function energy.regressors_of(jsonb) from public;

create or replace function energy.model_regressors(model_id bigint) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Models without a recorded training use the currently configured ones.
    select energy.regressors_of(coalesce(
        (
            select config from energy.trainings join energy.configs using (config_id)
            where trainings.model_id = model_regressors.model_id
        ),
        energy.current_config()))
$$;
comment on function energy.model_regressors(bigint) is
$$The regressors that a model was trained with, regardless of later configurations. NULL: the configured ones.$$;
revoke all on function energy.model_regressors(bigint) from public;

create or replace function energy.approved_regressors(building_id text, is_archetype boolean) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select energy.model_regressors((
        select model_id
        from raw.buildings
        join edf.models on status = 'approved'
            and subject = case when is_archetype then energy.archetype_subject(archetype) else buildings.building_id end
        where buildings.building_id = approved_regressors.building_id))
$$;
comment on function energy.approved_regressors(text, boolean) is
$$The regressors of a building's own approved model, or of that of its archetype. Without a model, the configured
ones.$$;
revoke all on function energy.approved_regressors(text, boolean) from public;

create or replace function energy.regressor_joins(
    regressors text[], building_id text, as_of timestamptz, since timestamptz, until timestamptz, out columns text,
    out joins text
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- A building's own value takes precedence over its region's, the newest version over older ones.
    select coalesce(string_agg(format(', regressor_%s.value as %I', at, name), '' order by at), ''),
        coalesce(string_agg(format(
            $query$
        left join (
            select distinct on (valid_at) valid_at, value from raw.regressors
            where name = %2$L and received_at <= %4$L and valid_at >= %5$L and valid_at < %6$L
              and (regressors.building_id = %3$L
              or region = (select region from raw.buildings where building_id = %3$L))
            order by valid_at, region is null desc, received_at desc
        ) as regressor_%1$s on regressor_%1$s.valid_at = grid.valid_at$query$,
            at, name, building_id, energy.iso(as_of), energy.iso(since), energy.iso(until)), '' order by at), '')
    from unnest(regressors) with ordinality as named (name, at)
$$;
comment on function energy.regressor_joins(text[], text, timestamptz, timestamptz, timestamptz) is
$$Parts of energy.building_inputs: the columns of these regressors as of as_of, and the joins for them.$$;
revoke all on function energy.regressor_joins(text[], text, timestamptz, timestamptz, timestamptz) from public;
