create or replace function energy.take_issue_seat() returns boolean
language sql
set search_path = pg_catalog, pg_temp
as $$
    -- The first seat belongs to the run itself.
    select exists (
        select from generate_series(2,
            coalesce((energy.current_config() #>> '{inference,workers}')::integer, 1)) as seat
        where pg_try_advisory_xact_lock(hashtext('energy.work_on_forecasts'), seat))
$$;
comment on function energy.take_issue_seat() is
$$Takes one of the inference.workers seats beside a run, until the end of the caller's transaction. False: all are
taken.$$;
revoke all on function energy.take_issue_seat() from public;

-- It commits after each batch, so it cannot have a SET clause; every name is qualified instead.
create or replace procedure energy.work_on_forecasts()
language plpgsql
as $$
declare
    -- A scheduler may start the job and its workers in any order.
    patient_until constant timestamptz := pg_catalog.clock_timestamp() + interval '15 seconds';
    inputs        energy.place_inputs;
    run_at        timestamptz;
    began_at      timestamptz;
begin
    perform energy.check_timescaledb();
    perform edf.cancel_after(timeout) from energy.jobs where job_name = 'issue_forecasts';
    loop
        if not energy.take_issue_seat() then
            raise notice 'inference.workers sessions are already issuing forecasts';
            return;
        end if;
        run_at := energy.run_at_work('issue_forecasts');
        began_at := coalesce(run_at, began_at);
        inputs := energy.issue_next(null, coalesce(began_at, '-infinity'), inputs);
        if inputs.slot_at is null then
            exit when run_at is null and (began_at is not null or pg_catalog.clock_timestamp() > patient_until);
            perform pg_catalog.pg_sleep(0.1);
        end if;
        commit;
    end loop;
end;
$$;
comment on procedure energy.work_on_forecasts() is
$$Shares the work of the active run of job issue_forecasts, or of one that starts within 15 seconds, until it ends:
issues batches of due forecasts that no other session has claimed, one transaction each. Call it in inference.workers -
1 sessions beside each run; further ones return. A run counts the work of its workers; slots of killed workers are taken
over. Without a run it issues due forecasts that were not tried yet.$$;
revoke all on procedure energy.work_on_forecasts() from public;
