create or replace function energy.current_config() returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    current_config jsonb;
begin
    select config into current_config from energy.configs order by config_id desc limit 1;
    if not found then
        raise exception 'no configuration is loaded'
            using errcode = 'object_not_in_prerequisite_state', hint = 'Load config/edf.yaml: call energy.load_config(config).';
    end if;
    return current_config;
end;
$$;
comment on function energy.current_config() is 'The newest configuration. Errors: 55000 where none is loaded.';
revoke all on function energy.current_config() from public;
