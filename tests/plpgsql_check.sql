-- Checks all PL/pgSQL routines of the deployed pipeline and of the extension with plpgsql_check; fails if there is a
-- finding. Run with psql as a superuser, after dbt: routines read its views. Nothing is left in the database.
--
-- Included are errors, other warnings (unused variables, assignments without a cast) and extra warnings (dead code,
-- variables and arguments that are never read, a missing RETURN). Left out are:
--   * performance warnings: they ask for a lower volatility where a routine calls others by name, or has settings
--   * security warnings: each EXECUTE of a table's name or a query that is an argument is one, and these are arguments
--     of the owner, names from energy.storage, or queries of analysts, which run with the caller's rights
--   * what follows of columns that only a run knows: of EXECUTE, and of arguments of type record
--   * routines that call TimescaleDB or Citus, where the server has it not
\set ON_ERROR_STOP on
\set QUIET on
begin;
create extension plpgsql_check;

create temporary table findings on commit drop as
select routines.oid::regprocedure as routine, found.lineno as line, found.level, found.sqlstate, found.message,
    concat_ws(' ', found.detail, found.hint, found.query) as detail
from pg_proc as routines
-- Partitions have the triggers of their table.
left join pg_trigger as triggers
    on triggers.tgfoid = routines.oid and not triggers.tgisinternal and triggers.tgparentid = 0
cross join lateral plpgsql_check_function_tb(
    routines.oid, coalesce(triggers.tgrelid, 0), fatal_errors => false, oldtable => triggers.tgoldtable,
    newtable => triggers.tgnewtable) as found
where routines.prolang = (select oid from pg_language where lanname = 'plpgsql')
  and routines.pronamespace::regnamespace::text in ('edf', 'raw', 'processed', 'features', 'energy', 'api')
  and (routines.prorettype <> 'trigger'::regtype or triggers.oid is not null);

delete from findings
where split_part(routine::text, '(', 1) = any (array['energy.drop_old_rows', 'energy.enable_timescaledb',
    'energy.make_building_days_aggregate', 'energy.make_hypertable', 'energy.set_policy'])
  and not exists (select from pg_extension where extname = 'timescaledb');

delete from findings
where routine::text ~ '^energy\.(enable_citus|grant_on_workers|has_nodes|require_citus)\('
  and not exists (select from pg_extension where extname = 'citus');

-- Columns that only a run knows; in such a routine the check does not see each use of a variable either.
delete from findings using findings as unknown
where unknown.routine = findings.routine
  and (unknown.sqlstate = '55000' and unknown.message ~ '^record ".*" is not assigned yet$'
       or unknown.detail ~ 'dynamic SQL')
  and (findings = unknown or findings.level = 'warning extra');

delete from findings using (values
    -- Several OUT arguments of which one is composite: intended.
    ('.', 'composite OUT variable ".*" is not single argument'),
    -- The signature of a job of TimescaleDB.
    ('energy.run_timescaledb_job\(', 'unused parameter "job_id"'),
    -- Chooses the node of Citus.
    ('energy.(fit|scores)_on_node\(', 'unused parameter "building_id"'),
    -- Literals as initial values; the extension's SQL changes with its upgrade scripts.
    ('^edf\.', 'target type is different type than source type'),
    -- CASE without ELSE raises, and all its branches return.
    ('energy.do_training_step\(', 'control reached end of function without RETURN')
) as accepted (routine, message)
where findings.routine::text ~ accepted.routine and findings.message ~ accepted.message;

select routine, line, level, message, detail from findings order by routine::text, line;
do $$
begin
    if exists (select from findings) then
        raise exception 'plpgsql_check has % findings, listed above', (select count(*) from findings);
    end if;
end;
$$;
rollback;
