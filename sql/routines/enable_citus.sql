create or replace function energy.require_citus() returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    workers bigint;
begin
    if not exists (select from pg_extension where extname = 'citus') then
        raise exception 'extension citus is not created in database %', current_database()
            using errcode = 'object_not_in_prerequisite_state',
                hint = case when exists (select from pg_available_extensions where name = 'citus')
                    then 'On every node: add citus to shared_preload_libraries, restart the server, then as a superuser: '
                         'create extension citus.'
                    else 'Citus is not installed on this server; without it, this server computes everything.' end;
    elsif not (select rolsuper from pg_roles where rolname = current_user) then
        raise exception 'role % is not a superuser', current_user
            using errcode = 'insufficient_privilege',
                hint = 'Functions of the extension are granted on the workers: call it as a superuser.';
    elsif not (select rolcanlogin from pg_roles where rolname = 'edf_owner') then
        raise exception 'role edf_owner may not log in, so Citus could not reach the workers'
            using errcode = 'object_not_in_prerequisite_state',
                hint = 'alter role edf_owner login. pg_hba.conf of the workers must admit it from the coordinator.';
    end if;
    execute 'select count(*) from pg_dist_node where groupid <> 0 and isactive and noderole = ''primary''' into workers;
    if workers = 0 then
        raise exception 'the coordinator has no active worker'
            using errcode = 'object_not_in_prerequisite_state',
                hint = 'select citus_set_coordinator_host(host, port); then for each worker, in whose database of this '
                       'name extension citus is created: select citus_add_node(host, port).';
    end if;
end;
$$;
comment on function energy.require_citus() is
$$Errors: 55000 Citus is not created in this database, has no active worker, or role edf_owner may not log in; 42501 the
caller is not a superuser.$$;
revoke all on function energy.require_citus() from public;

create or replace function energy.grant_on_workers(privileges text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Workers accept no changes of distributed objects but from the coordinator, which does not pass on grants on
    -- functions of an extension.
    command constant text := format(
        'do %L', format('begin perform set_config(''citus.enable_ddl_propagation'', ''off'', true); grant %s; end',
                        privileges));
    worker  record;
begin
    for worker in execute 'select * from run_command_on_workers($1)' using command loop
        if not worker.success then
            raise exception 'worker %:% refused a grant: %', worker.nodename, worker.nodeport, worker.result
                using errcode = 'external_routine_exception', hint = 'grant ' || privileges;
        end if;
    end loop;
end;
$$;
comment on function energy.grant_on_workers(text) is 'Runs a GRANT on all workers. Errors: 38000 one of them refuses it.';
revoke all on function energy.grant_on_workers(text) from public;

-- It commits before models are placed, so it cannot have a SET clause; every name is qualified instead.
create or replace procedure energy.enable_citus(forecasts boolean default false)
language plpgsql
as $$
declare
    routine text;
begin
    perform energy.require_citus();
    -- Deployments replace routines and views that Citus cannot distribute; only this procedure changes the workers.
    execute pg_catalog.format(
        'alter database %I set citus.enable_ddl_propagation = off', pg_catalog.current_database());
    execute pg_catalog.format(
        'alter database %I set energy.forecasts_on_nodes = %L', pg_catalog.current_database(), forecasts);
    perform pg_catalog.set_config('energy.forecasts_on_nodes', forecasts::text, false);
    perform pg_catalog.set_config('citus.enable_ddl_propagation', 'on', true),
        -- Functions cannot follow shards that were made in parallel in the same transaction.
        pg_catalog.set_config('citus.multi_shard_modify_mode', 'sequential', true),
        pg_catalog.set_config('client_min_messages', 'warning', true);
    if not energy.has_nodes() then
        execute $sql$
            select pg_catalog.create_distributed_table('energy.node_models', 'building_id', colocate_with => 'none')
            $sql$;
    end if;
    -- Citus sends each definition to the workers.
    execute pg_catalog.pg_get_functiondef('energy.backtest_scores'::regproc);
    foreach routine in array array['energy.fit_on_node', 'energy.scores_on_node', 'energy.predict_on_node'] loop
        execute pg_catalog.pg_get_functiondef(routine::regproc);
        execute $sql$
            select pg_catalog.create_distributed_function(
                $1::regproc::regprocedure, 'building_id', 'energy.node_models', force_delegation => true)
            $sql$ using routine;
    end loop;
    perform energy.grant_on_workers('usage on schema edf to edf_owner');
    perform energy.grant_on_workers('execute on all functions in schema edf to edf_owner');
    -- Citus works as the owner of a routine: in one transaction, only one role may use the shards.
    commit;
    perform energy.place_models();
end;
$$;
comment on procedure energy.enable_citus(boolean) is
$$Lets the workers of a Citus cluster train and evaluate models of the buildings that they have: makes the functions
energy.fit_on_node and energy.scores_on_node distributed by building. All other tables stay on the coordinator, which
jobs, API and users connect to as before. Call it on the coordinator as a superuser, after citus_add_node, and again
after each deployment and each new worker. Running it twice changes nothing. It turns off Citus's propagation of DDL in
this database. docs/sizing.md has the limits.

forecasts: workers also forecast their buildings, with copies of the approved models (energy.node_models,
energy.predict_on_node). To send the inputs costs the coordinator more than the forecast itself.

Errors: 55000 Citus is not created in this database, has no active worker, or role edf_owner may not log in; 42501 the
caller is not a superuser; 38000 a worker refuses a grant.$$;
revoke all on procedure energy.enable_citus(boolean) from public;
