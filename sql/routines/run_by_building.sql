-- Runs something for each of a list, of buildings or of archetypes: one that fails is recorded, the others continue.
create or replace function energy.run_for_each(
    job_name text, kind text, names text[], statement text, out failed bigint, out written bigint
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    started_at constant timestamptz := clock_timestamp();
    slot_at    constant timestamptz := energy.clock();
    -- Those that failed recently are run separately, so that the others succeed at the first attempt.
    suspects   constant text[] := array(
        select distinct named.name
        from energy.job_runs as runs
        cross join lateral (
            select case kind when 'building' then runs.building_id when 'archetype' then runs.archetype end as name
        ) as named
        where runs.job_name = run_for_each.job_name and runs.started_at > now() - interval '1 day'
          and runs.status = 'failed'
          and named.name = any (names));
    groups     jsonb := jsonb_build_array(array(select name from unnest(names) as name where name <> all (suspects)
        order by name))
                        || array_to_json(array(select jsonb_build_array(name) from unnest(suspects) as name
                            order by name))::jsonb;
    part       text[];
    result     text;
    state      text;
    message    text;
    advice     text;
begin
    failed := 0;
    written := 0;
    while groups <> '[]' loop
        part := array(select jsonb_array_elements_text(groups -> 0));
        groups := groups - 0;
        continue when part = '{}';
        begin
            execute statement into result using part;
            written := written + coalesce(nullif(result, '')::bigint, 0);
        exception when others then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            -- Not caused by the data: retrying at once would fail again.
            if left(state, 2) in ('40', '53', '57', '58') or state = '55P03' then
                raise;
            elsif cardinality(part) > 1 then
                groups := groups
                          || array_to_json(array(select jsonb_build_array(name) from unnest(part) as name))::jsonb;
            else
                perform energy.record_job_run(job_name, case kind when 'building' then part[1] end, slot_at, started_at,
                    'failed', 0, state, message, advice, case kind when 'archetype' then part[1] end);
                failed := failed + 1;
            end if;
        end;
    end loop;
end;
$$;
comment on function energy.run_for_each(text, text, text[], text) is
$$Runs a statement for the names $1: for all at once or, if it fails, for each. One that fails has no effects, and is
recorded in energy.job_runs with SQLSTATE, message and hint; the others continue. kind: building or archetype, where the
empty name is all of them together. The statement returns nothing, or how many rows it wrote. Returns the number of
failures and of rows; the caller records the run as a whole. Errors not caused by the data, such as a deadlock, are
raised.$$;
revoke all on function energy.run_for_each(text, text, text[], text) from public;

create or replace function energy.record_failures(
    job_name text, started_at timestamptz, written bigint, buildings bigint default 0, archetypes bigint default 0
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    summary constant text := concat_ws('; ',
        case when buildings > 0 then buildings || ' buildings failed' end,
        case when archetypes > 0 then archetypes || ' archetypes failed' end);
begin
    if summary <> '' then
        perform energy.record_job_run(
            job_name, null, energy.clock(), started_at, 'failed', written, message => summary);
        raise warning '%: %', job_name, summary using hint = 'Table energy.job_runs says why.';
    end if;
end;
$$;
comment on function energy.record_failures(text, timestamptz, bigint, bigint, bigint) is
$$Records a run of energy.run_for_each as failed, as a whole, if buildings or archetypes of it failed, and raises a
warning.$$;
revoke all on function energy.record_failures(text, timestamptz, bigint, bigint, bigint) from public;

create or replace function energy.run_by_building(job_name text, building_ids text[], statement text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    started_at constant timestamptz := clock_timestamp();
    done       record;
begin
    done := energy.run_for_each(job_name, 'building', building_ids, statement);
    perform energy.record_failures(job_name, started_at, 0, buildings => done.failed);
    return done.failed;
end;
$$;
comment on function energy.run_by_building(text, text[], text) is
$$energy.run_for_each for buildings, which also records the run as a whole if one of them fails. Returns the number of
failures.$$;
revoke all on function energy.run_by_building(text, text[], text) from public;
