-- Security definer: functions in views run with the rights of the reader, and API roles have none here.
create or replace function energy.current_config_id() returns bigint
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    current_id bigint;
begin
    select max(config_id) into current_id from energy.configs;
    if current_id is null then
        raise exception 'no configuration is loaded'
            using errcode = 'object_not_in_prerequisite_state', hint = 'Load config/edf.yaml: docker/deploy.sh config.';
    end if;
    return current_id;
end;
$$;
comment on function energy.current_config_id() is
    'The version of the current configuration. Errors: 55000 none is loaded.';
revoke all on function energy.current_config_id() from public;

create or replace function energy.current_config() returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
return (select config from energy.configs where config_id = energy.current_config_id());
comment on function energy.current_config() is 'The current configuration. Errors: 55000 none is loaded.';
revoke all on function energy.current_config() from public;
