-- The schema of config/edf.yaml, from the file that editors and pre-deployment checks use.
\set schema `cat ../config/edf.schema.json`
select format($query$
    create or replace function energy.config_schema() returns json
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
    return %L::json
$query$, :'schema')
\gexec
comment on function energy.config_schema() is 'The JSON Schema of a configuration: config/edf.schema.json.';
revoke all on function energy.config_schema() from public;
