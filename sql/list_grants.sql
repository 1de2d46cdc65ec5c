-- Lists every grant on every object as text, one per line, except those of owners on their own objects. sql/grants.tsv
-- is its output:
--   psql -X -A -t -F $'\t' -f sql/list_grants.sql edf > sql/grants.tsv
-- Grants on partitions are listed once, for their table; PUBLIC is everybody.
with watched as (
    select oid, nspname from pg_catalog.pg_namespace
    where nspname in ('edf', 'raw', 'processed', 'features', 'energy', 'api')
),

grants as (
    select 'database' as kind, 'this one'::text as object, datdba as owner, acl.*
    from pg_catalog.pg_database cross join lateral aclexplode(coalesce(datacl, acldefault('d', datdba))) as acl
    where datname = current_database()
    union all
    select 'schema', nspname, nspowner, acl.*
    from pg_catalog.pg_namespace cross join lateral aclexplode(coalesce(nspacl, acldefault('n', nspowner))) as acl
    where oid in (select oid from watched) or nspname = 'public'
    union all
    select case parts.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'view' else 'table' end,
        format('%I.%I', nspname, wholes.relname), parts.relowner, acl.*
    from pg_catalog.pg_class as parts
    join pg_catalog.pg_class as wholes on wholes.oid = coalesce(pg_partition_root(parts.oid), parts.oid)
    join watched on watched.oid = wholes.relnamespace
    cross join lateral aclexplode(parts.relacl) as acl
    where parts.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select 'column', format('%I.%I.%I', nspname, relname, attname), relowner, acl.*
    from pg_catalog.pg_attribute
    join pg_catalog.pg_class on pg_class.oid = attrelid
    join watched on watched.oid = relnamespace
    cross join lateral aclexplode(attacl) as acl
    where not attisdropped
    union all
    select case prokind when 'p' then 'procedure' else 'function' end,
        format('%I.%I(%s)', nspname, proname, pg_get_function_identity_arguments(pg_proc.oid)), proowner, acl.*
    from pg_catalog.pg_proc
    join watched on watched.oid = pronamespace
    cross join lateral aclexplode(coalesce(proacl, acldefault('f', proowner))) as acl
    union all
    select 'type', format('%I.%I', nspname, typname), typowner, acl.*
    from pg_catalog.pg_type
    join watched on watched.oid = typnamespace
    cross join lateral aclexplode(typacl) as acl
    union all
    -- Default privileges for future objects.
    select 'default of ' || case defaclobjtype when 'r' then 'tables' when 'S' then 'sequences'
        when 'f' then 'functions' when 'T' then 'types' else 'schemas' end,
        concat_ws(' ', 'by', defaclrole::regrole, 'in ' || nspname), defaclrole, acl.*
    from pg_catalog.pg_default_acl
    left join pg_catalog.pg_namespace on pg_namespace.oid = defaclnamespace
    cross join lateral aclexplode(defaclacl) as acl
),

members as (
    select member::regrole::text as grantee, 'role' as kind, roleid::regrole::text as object,
        'member' || case when admin_option then ' with admin option' else '' end as privileges
    from pg_catalog.pg_auth_members where roleid >= 16384
)

select grantee, kind, object, privileges
from (
    select case grantee when 0 then 'PUBLIC' else grantee::regrole::text end as grantee, kind, object,
        string_agg(distinct lower(privilege_type) || case when is_grantable then ' with grant option' else '' end,
            ', ') as privileges
    from grants
    where grantee <> owner
    group by 1, 2, 3
    union all
    select * from members
) as lines
order by grantee collate "C", kind collate "C", object collate "C", privileges collate "C";
