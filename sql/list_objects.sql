-- Lists routines, tables and views with their comments and grants, as one JSON document, for sql/describe.py:
--   psql -X -A -t -f sql/list_objects.sql edf | python sql/describe.py > docs/reference.md
-- Grants of owners on their own objects are left out; those on columns count as grants on the table. PUBLIC is
-- everybody.
with watched as (
    select oid, nspname from pg_catalog.pg_namespace where nspname in ('edf', 'raw', 'energy', 'api')
),

routines as (
    select
        format('%I.%I', nspname, proname) as name,
        case prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end as kind,
        pg_get_function_arguments(pg_proc.oid) as arguments,
        pg_get_function_result(pg_proc.oid) as result,
        obj_description(pg_proc.oid, 'pg_proc') as comment,
        array(
            select distinct case acl.grantee when 0 then 'PUBLIC' else acl.grantee::regrole::text end collate "C"
            from aclexplode(coalesce(proacl, acldefault('f', proowner))) as acl
            where acl.grantee <> proowner
            order by 1
        ) as users,
        '{}'::text[] as writers
    from pg_catalog.pg_proc join watched on watched.oid = pronamespace
),

relation_grants as (
    select pg_class.oid, acl.grantee, acl.privilege_type
    from pg_catalog.pg_class cross join lateral aclexplode(relacl) as acl
    where relnamespace in (select oid from watched) and acl.grantee <> relowner
    union all
    select attrelid, acl.grantee, acl.privilege_type
    from pg_catalog.pg_attribute
    join pg_catalog.pg_class on pg_class.oid = attrelid
    cross join lateral aclexplode(attacl) as acl
    where relnamespace in (select oid from watched) and not attisdropped and acl.grantee <> relowner
),

relations as (
    select
        format('%I.%I', nspname, relname) as name,
        case when relkind in ('v', 'm') then 'view' else 'table' end as kind,
        (
            select string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' order by attnum)
            from pg_catalog.pg_attribute
            where attrelid = pg_class.oid and attnum > 0 and not attisdropped
        ) as arguments,
        null as result,
        obj_description(pg_class.oid, 'pg_class') as comment,
        array(
            select distinct case grantee when 0 then 'PUBLIC' else grantee::regrole::text end collate "C"
            from relation_grants where relation_grants.oid = pg_class.oid and privilege_type = 'SELECT'
            order by 1
        ) as users,
        array(
            select distinct case grantee when 0 then 'PUBLIC' else grantee::regrole::text end collate "C"
            from relation_grants
            where relation_grants.oid = pg_class.oid and privilege_type in ('INSERT', 'UPDATE', 'DELETE')
            order by 1
        ) as writers
    from pg_catalog.pg_class join watched on watched.oid = relnamespace
    where relkind in ('r', 'p', 'v', 'm') and not relispartition
)

select json_agg(row_to_json(objects) order by name collate "C", arguments collate "C")
from (select * from routines union all select * from relations) as objects;
