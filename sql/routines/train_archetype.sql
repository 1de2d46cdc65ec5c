-- Earlier versions had no arguments for parameters and features.
drop function if exists energy.train_archetype(text);

create or replace function energy.train_archetype(archetype text, parameters jsonb default null,
    features jsonb default null, at timestamptz default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    known_at constant timestamptz := coalesce(train_archetype.at, energy.clock());
    version  constant bigint := energy.current_config_id();
    config   constant jsonb := (select config from energy.configs where config_id = version);
    zone     constant text := energy.archetype_zone(train_archetype.archetype);
    used     jsonb;
    other    record;
    model    bigint;
begin
    if zone is null then
        raise exception 'there is no building of archetype "%"', train_archetype.archetype
            using errcode = 'undefined_object', hint = 'select distinct archetype from raw.buildings lists archetypes.';
    end if;
    -- A model has a single time zone.
    for other in
        select building_id, format('building "%s" is in time zone %s, but the model of its archetype "%s" uses %s, as '
                                   'most of its buildings do',
                                   building_id, time_zone, buildings.archetype, zone) as message
        from raw.buildings where buildings.archetype = train_archetype.archetype and time_zone <> zone
        order by building_id
    loop
        raise warning '%', other.message using errcode = 'invalid_parameter_value',
            hint = 'Give it an archetype of its own time zone in raw.buildings.';
        perform energy.record_job_run(
            'train_models', other.building_id, energy.clock(), clock_timestamp(), 'failed', 0, '22023', other.message,
            'Give it an archetype of its own time zone in raw.buildings.', train_archetype.archetype);
    end loop;
    select jsonb_build_object('latitude', avg(latitude), 'longitude', avg(longitude)) || (config -> 'features')
        || jsonb_build_object('time_zone', zone) || coalesce(train_archetype.features, '{}')
    into used
    from raw.buildings where buildings.archetype = train_archetype.archetype and time_zone = zone;
    model := edf.train_global(
        energy.archetype_subject(train_archetype.archetype),
        energy.archetype_training_query(energy.archetype_members(train_archetype.archetype, known_at), known_at),
        '{"size": "apartments"}'::jsonb || coalesce(train_archetype.parameters, '{}'), used,
        (config #>> '{inference,horizon}')::interval,
        (select energy.issue_hours(min(building_id), known_at) from raw.buildings
         where buildings.archetype = train_archetype.archetype and time_zone = zone));
    insert into energy.trainings (model_id, config_id, archetype, known_at, recipe)
    values (model, version, train_archetype.archetype, known_at, jsonb_build_object(
        'strategy', 'global', 'parameters', '{"size": "apartments"}'::jsonb || coalesce(train_archetype.parameters,
            '{}'), 'features', used));
    insert into energy.model_scores (model_id, strategy, lead_day, n, mape_pct, rmse_kwh, mae_kwh)
    select model, sides.strategy, 0, (held_out ->> hours)::double precision::bigint, mape_pct, rmse, mae
    from edf.models
    cross join lateral (select metrics -> 'held_out' as held_out) as metrics
    cross join (values ('global', 'model', 'hours'),
        ('seasonal_naive', 'seasonal_naive', 'hours_after_a_week')) as sides (strategy, side, hours)
    cross join lateral jsonb_to_record(held_out -> side) as scores (mape_pct double precision, rmse double precision,
        mae double precision)
    where model_id = model;
    return model;
end;
$$;
comment on function energy.train_archetype(text, jsonb, jsonb, timestamptz) is
$$Trains one model for all buildings of an archetype that have no model of their own, with the configured features:
edf.train_global on energy.archetype_training_query, with the number of apartments as size. Its location is the mean of
theirs.

parameters and features are merged into the configured ones; only data received by at is used, by default the pipeline's
clock. Returns the id of the pending model, whose subject is energy.archetype_subject(archetype). Its scores in
energy.model_scores, lead_day 0, are those of newcomers: each building forecast by a model of the others as if it were
new. A building in another time zone than most is left out and recorded in energy.job_runs. Errors: as edf.train_global;
42704 the archetype has no buildings.$$;
revoke all on function energy.train_archetype(text, jsonb, jsonb, timestamptz) from public;
