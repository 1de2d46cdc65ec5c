create or replace function energy.record_deployment() returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    with definitions as (
        select oid::regprocedure::text as name, pg_get_functiondef(oid) as definition
        from pg_proc where pronamespace in ('energy'::regnamespace, 'api'::regnamespace) and prokind in ('f', 'p')
        union all
        select oid::regclass::text, pg_get_viewdef(oid)
        from pg_class where relnamespace in ('energy'::regnamespace, 'api'::regnamespace) and relkind = 'v'
    ),

    present as (
        select (select extversion from pg_extension where extname = 'edf') as edf_version,
            encode(sha256(convert_to(string_agg(name || e'\n' || definition, e'\n' order by name collate "C"), 'UTF8')),
                'hex') as checksum
        from definitions
    )

    insert into energy.deployments (edf_version, checksum)
    select edf_version, checksum from present
    where not exists (
        select from energy.deployments
        where deployment_id = (select max(deployment_id) from energy.deployments)
          and deployments.edf_version = present.edf_version and deployments.checksum = present.checksum collate "C"
    )
$$;
comment on function energy.record_deployment() is
$$Records the version of the code in energy.deployments, unless it is that of the newest row. Called at the end of
each deployment.$$;
revoke all on function energy.record_deployment() from public;
