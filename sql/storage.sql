-- Stores the large tables as configured in section storage. Run with psql as a superuser, outside of a transaction.
\set ON_ERROR_STOP on
do $$ begin perform energy.check_timescaledb(); end; $$;
select exists (select from pg_extension where extname = 'timescaledb') as has_timescaledb \gset
\if :has_timescaledb
    -- TimescaleDB runs policies as the tables' owner, which needs login. Without a password it cannot be used where
    -- pg_hba.conf requires one.
    alter role edf_owner login;
    call energy.enable_timescaledb();
\else
    call energy.make_partitions();
    do $$
    declare
        last_run energy.job_runs;
    begin
        select * into last_run from energy.job_runs where job_name = 'make_partitions' order by job_run_id desc limit 1;
        if last_run.status = 'failed' then
            raise exception '%', last_run.message using errcode = last_run.sqlstate, hint = coalesce(last_run.hint, '');
        end if;
    end;
    $$;
\endif
