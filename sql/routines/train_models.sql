-- It commits after each, so it can have no SET clause; every name is qualified instead.
create or replace procedure energy.train_models(building_ids text[] default null)
language plpgsql
as $$
declare
    trainee    record;
    started_at timestamptz;
    slot_at    constant timestamptz := energy.clock();
    state      text;
    message    text;
    advice     text;
begin
    perform energy.check_timescaledb();
    for trainee in
        select building_id, null::text as archetype, building_id as name
        from raw.buildings
        where building_ids is null or building_id = any (building_ids)
        union all
        select null, archetype, energy.archetype_subject(archetype)
        from (select distinct archetype from raw.buildings) as archetypes
        where building_ids is null and pg_catalog.cardinality(energy.archetype_members(archetype, slot_at)) >= 2
        order by building_id nulls last, archetype
    loop
        -- The lock ends with each transaction, so that a cancelled run leaves none behind.
        if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('energy.train_models', 0)) then
            perform energy.record_job_run('train_models', null, slot_at, pg_catalog.clock_timestamp(), 'skipped',
                                          message => 'another run is training');
            return;
        end if;
        started_at := pg_catalog.clock_timestamp();
        begin
            if trainee.archetype is null then
                perform energy.train_model(trainee.building_id);
            else
                perform energy.train_archetype(trainee.archetype);
            end if;
            perform energy.record_job_run('train_models', trainee.building_id, slot_at, started_at, 'succeeded', 1,
                                          archetype => trainee.archetype);
            raise notice 'trained %, % s', trainee.name,
                pg_catalog.round(extract(epoch from pg_catalog.clock_timestamp() - started_at)::numeric, 1);
        exception when others then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            perform energy.record_job_run('train_models', trainee.building_id, slot_at, started_at, 'failed', 0, state, message, advice,
                                          trainee.archetype);
            raise warning '% was not trained: %', trainee.name, message;
        end;
        commit;
    end loop;
end;
$$;
comment on procedure energy.train_models(text[]) is
$$Trains and scores a model of each building (by default all), one transaction each; where none is named, then one of each archetype that has two
buildings with enough history.

A building or archetype that fails is a row of energy.job_runs; the others go on.$$;
revoke all on procedure energy.train_models(text[]) from public;
