create or replace procedure energy.load_config(config jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    missing text;
begin
    select string_agg(key, ', ') into missing
    from unnest(array['meters', 'quality', 'features', 'training', 'evaluation', 'inference', 'storage']) as key
    where jsonb_typeof(load_config.config -> key) is distinct from 'object';
    if missing is not null then
        raise exception 'the configuration lacks: %', missing
            using errcode = 'invalid_parameter_value', hint = 'config/edf.yaml has all its sections.';
    end if;
    perform energy.check_storage(load_config.config -> 'storage');
    insert into energy.configs (config)
    select load_config.config
    where load_config.config is distinct from
          (select configs.config from energy.configs order by config_id desc limit 1);
end;
$$;
comment on procedure energy.load_config(jsonb) is
    'Makes a configuration the current one; the same again changes nothing. Errors: 22023 a section is missing, or storage is wrong.';
revoke all on procedure energy.load_config(jsonb) from public;
