create or replace function energy.run_by_building(job_name text, building_ids text[], statement text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    started_at constant timestamptz := clock_timestamp();
    slot_at    constant timestamptz := energy.clock();
    -- Buildings that failed recently are run separately, so that the others succeed at the first attempt.
    suspects   constant text[] := array(
        select distinct runs.building_id from energy.job_runs as runs
        where runs.job_name = run_by_building.job_name and runs.started_at > now() - interval '1 day'
          and runs.status = 'failed'
          and runs.building_id = any (building_ids));
    groups     jsonb := jsonb_build_array(array(select id from unnest(building_ids) as id where id <> all (suspects)
        order by id))
                        || array_to_json(array(select jsonb_build_array(id) from unnest(suspects) as id
                            order by id))::jsonb;
    ids        text[];
    failed     bigint := 0;
    state      text;
    message    text;
    advice     text;
begin
    while groups <> '[]' loop
        ids := array(select jsonb_array_elements_text(groups -> 0));
        groups := groups - 0;
        continue when ids = '{}';
        begin
            execute statement using ids;
        exception when others then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            -- Not caused by the data: retrying at once would fail again.
            if left(state, 2) in ('40', '53', '57', '58') or state = '55P03' then
                raise;
            elsif cardinality(ids) > 1 then
                groups := groups || array_to_json(array(select jsonb_build_array(id) from unnest(ids) as id))::jsonb;
            else
                perform energy.record_job_run(job_name, ids[1], slot_at, started_at, 'failed', 0, state, message,
                    advice);
                failed := failed + 1;
            end if;
        end;
    end loop;
    if failed > 0 then
        perform energy.record_job_run(job_name, null, slot_at, started_at, 'failed',
            message => failed || ' buildings failed');
        raise warning '%: % buildings failed', job_name, failed using hint = 'Table energy.job_runs says why.';
    end if;
    return failed;
end;
$$;
comment on function energy.run_by_building(text, text[], text) is
$$Runs a statement for the buildings $1: for all at once or, if it fails, for each. A building that fails has no
effects, and is recorded in energy.job_runs with SQLSTATE, message and hint; the others continue. Returns the number of
failures. Errors not caused by the data, such as a deadlock, are raised.$$;
revoke all on function energy.run_by_building(text, text[], text) from public;
