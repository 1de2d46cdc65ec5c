-- Security definer, so that every configuration is validated.
create or replace function energy.keep_config(config jsonb, restored_from bigint) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    mistakes text[];
    advice   text;
begin
    -- One at a time: it is compared with the newest version.
    lock table energy.configs in share row exclusive mode;
    select array_agg(concat_ws(': ', nullif(path, ''), message)), (array_agg(hint))[1] into mistakes, advice
    from energy.config_errors(keep_config.config);
    if mistakes is not null then
        raise exception 'the configuration is invalid: %', mistakes[1]
            using errcode = 'invalid_parameter_value',
                  detail = coalesce(nullif(array_to_string(mistakes[2:20], e'\n'), ''), 'There are no other errors.'),
                  hint = coalesce(nullif(advice, ''), 'config/edf.schema.json says what is allowed.');
    end if;
    insert into energy.configs (config, checksum, loaded_by, restored_from)
    select keep_config.config, encode(sha256(convert_to(keep_config.config::text, 'UTF8')), 'hex'), edf.acting_role(),
        keep_config.restored_from
    where keep_config.config is distinct from
          (select configs.config from energy.configs order by config_id desc limit 1);
    perform energy.define_jobs();
    perform energy.reschedule_jobs();
    -- PostgREST reads in advance whether API keys can be exchanged, and the key that signs their tokens.
    if (select exchange_lifetime from energy.api_limits) is not null
       and not exists (select from energy.token_keys where secret is not null) then
        perform energy.rotate_signing_key();
    end if;
    notify pgrst, 'reload config';
end;
$$;
comment on function energy.keep_config(jsonb, bigint) is
$$Validates a configuration and stores it as the newest version unless it is unchanged, with its jobs and schedules;
energy.load_config and energy.restore_config call it. Errors: 22023.$$;
revoke all on function energy.keep_config(jsonb, bigint) from public;

create or replace procedure energy.load_config(config jsonb)
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    select energy.keep_config(config, null);
$$;
comment on procedure energy.load_config(jsonb) is
$$Makes a configuration the current version; loading it again changes nothing. With pg_cron the new schedules apply at
once.

Errors: 22023 it is invalid; the message has the first error, the detail the others. energy.config_errors() lists
them.$$;
revoke all on procedure energy.load_config(jsonb) from public;

create or replace procedure energy.restore_config(config_id bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    earlier jsonb;
begin
    select config into earlier from energy.configs where configs.config_id = restore_config.config_id;
    if not found then
        raise exception 'there is no version % of the configuration', coalesce(restore_config.config_id::text, 'null')
            using errcode = 'undefined_object',
                  hint = 'select config_id, loaded_at, loaded_by from energy.configs lists them.';
    end if;
    perform energy.keep_config(earlier, restore_config.config_id);
end;
$$;
comment on procedure energy.restore_config(bigint) is
$$Makes an earlier version of the configuration current again, as a new version, with its schedules: see
energy.load_config.

Errors: 42704 no such version; 22023 it is no longer valid.$$;
revoke all on procedure energy.restore_config(bigint) from public;
