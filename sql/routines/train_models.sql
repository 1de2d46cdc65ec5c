-- It commits after each building, so it can have no SET clause; every name is qualified instead.
create or replace procedure energy.train_models(building_ids text[] default null)
language plpgsql
as $$
declare
    building   text;
    started_at timestamptz;
    slot_at    constant timestamptz := energy.clock();
    state      text;
    message    text;
    advice     text;
begin
    perform energy.check_timescaledb();
    for building in
        select building_id from raw.buildings
        where building_ids is null or building_id = any (building_ids)
        order by building_id
    loop
        -- The lock ends with each transaction, so that a cancelled run leaves none behind.
        if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('energy.train_models', 0)) then
            perform energy.record_job_run('train_models', null, slot_at, pg_catalog.clock_timestamp(), 'skipped',
                                          message => 'another run is training');
            return;
        end if;
        started_at := pg_catalog.clock_timestamp();
        begin
            perform energy.train_model(building);
            perform energy.record_job_run('train_models', building, slot_at, started_at, 'succeeded', 1);
            raise notice 'trained %, % s', building,
                pg_catalog.round(extract(epoch from pg_catalog.clock_timestamp() - started_at)::numeric, 1);
        exception when others then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            perform energy.record_job_run('train_models', building, slot_at, started_at, 'failed', 0, state, message, advice);
            raise warning 'building % was not trained: %', building, message;
        end;
        commit;
    end loop;
end;
$$;
comment on procedure energy.train_models(text[]) is
    'Trains and scores a model of each building (by default all), one transaction each. A building that fails is a row of energy.job_runs; the others go on.';
revoke all on procedure energy.train_models(text[]) from public;
