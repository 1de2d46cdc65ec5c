create or replace function energy.config_values(config jsonb) returns table (path text, key text, value jsonb)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    with recursive nodes (path, key, value) as (
        select '', null::text, config
        union all
        select
            case when nodes.path = '' then member.key else nodes.path || '.' || member.key end,
            member.key,
            member.value
        from nodes
        cross join lateral jsonb_each(case jsonb_typeof(nodes.value) when 'object' then nodes.value
            else '{}' end) as member
    )

    select path, key, value from nodes where path <> ''
$$;
comment on function energy.config_values(jsonb) is
$$Every setting of a configuration with its path, such as evaluation.gate.max_rmse_ratio; includes sections; an array
is one value.$$;
revoke all on function energy.config_values(jsonb) from public;

create or replace function energy.config_changes(from_config_id bigint, to_config_id bigint)
returns table (path text, before jsonb, after jsonb)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    unknown bigint;
begin
    select asked.config_id into unknown
    from unnest(array[from_config_id, to_config_id]) as asked (config_id)
    where asked.config_id is null or not exists (select from energy.configs where configs.config_id = asked.config_id);
    if found then
        raise exception 'there is no version % of the configuration', coalesce(unknown::text, 'null')
            using errcode = 'undefined_object',
                  hint = 'select config_id, loaded_at, loaded_by from energy.configs lists them.';
    end if;
    return query
    with old_values as (
        select old.* from energy.configs cross join lateral energy.config_values(config) as old
        where config_id = from_config_id and jsonb_typeof(value) <> 'object'
    ),

    new_values as (
        select new.* from energy.configs cross join lateral energy.config_values(config) as new
        where config_id = to_config_id and jsonb_typeof(value) <> 'object'
    )

    select path, old_values.value, new_values.value
    from old_values full join new_values using (path)
    where old_values.value is distinct from new_values.value
    order by path;
end;
$$;
comment on function energy.config_changes(bigint, bigint) is
$$Differences between two versions of the configuration: NULL if a setting is missing in one. Errors: 42704 no such
version.$$;
revoke all on function energy.config_changes(bigint, bigint) from public;
