-- The large tables by month, where the database has no TimescaleDB; where it has, energy.enable_timescaledb() makes hypertables of them.
set local role edf_owner;

create function energy.replace_table(replaced regclass, new_name text, clause text) returns regclass
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    table_name    constant text := replaced::text;
    replaced_name constant text := (select relname from pg_class where oid = replaced);
    owner         constant text := (select relowner::regrole from pg_class where oid = replaced);
    part          record;
    statements    text[];
    statement     text;
begin
    -- The views on the table, with their options; they are read before it moves, since their rules follow it.
    select array_agg(format('create or replace view %s %s as %s', views.oid::regclass,
                            'with (' || array_to_string(views.reloptions, ', ') || ')', pg_get_viewdef(views.oid)))
        filter (where views.reloptions is not null)
        || array_agg(format('create or replace view %s as %s', views.oid::regclass, pg_get_viewdef(views.oid)))
        filter (where views.reloptions is null)
    into statements
    from pg_class as views
    where views.relkind = 'v' and views.oid in (
        select ev_class from pg_depend join pg_rewrite on pg_rewrite.oid = objid
        where pg_depend.classid = 'pg_rewrite'::regclass and refclassid = 'pg_class'::regclass and refobjid = replaced);
    select statements || array_agg(format('alter table %s add constraint %I %s', table_name, conname, pg_get_constraintdef(oid)) order by conname)
    into statements
    from pg_constraint where conrelid = replaced and contype in ('p', 'u', 'f');
    select statements || array_agg(replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ')) into statements
    from pg_index where indrelid = replaced and not exists (select from pg_constraint where conindid = indexrelid and contype in ('p', 'u'));
    select statements || array_agg(format('grant %s on %s to %s', privilege_type, table_name,
                                          case grantee when 0 then 'public' else quote_ident(grantee::regrole::text) end))
    into statements
    from pg_class, aclexplode(relacl) where pg_class.oid = replaced and grantee <> relowner;

    -- Names of indexes are then free for those of the new table.
    for part in select indexrelid::regclass as index, relname from pg_index join pg_class on pg_class.oid = indexrelid where indrelid = replaced loop
        execute format('alter index %s rename to %I', part.index, replace(part.relname, replaced_name, new_name));
    end loop;
    execute format('alter table %s rename to %I', table_name, new_name);
    execute format('create table %s (like %s including all excluding indexes) %s', table_name, replaced, clause);
    execute format('alter table %s owner to %s', table_name, owner);
    execute format('comment on table %s is %L', table_name, obj_description(replaced, 'pg_class'));
    foreach statement in array coalesce(statements, '{}') loop
        execute statement;
    end loop;
    return table_name::regclass;
end;
$$;
comment on function energy.replace_table(regclass, text, text) is
$$Renames a table and puts an empty one like it in its place, made with a clause such as PARTITION BY: columns, defaults, keys, indexes, checks, comments,
owner, grants, and the views on it.$$;
revoke all on function energy.replace_table(regclass, text, text) from public;

-- Each day of a refresh reads the configuration, now longer than what is stored as it is by default.
alter table energy.configs set (toast_tuple_target = 8160);

reset role;

-- Not as the owner: people may have views of their own on these tables.
do $$
declare
    large record;
begin
    if exists (select from pg_extension where extname = 'timescaledb') then
        return;
    end if;
    for large in
        select * from (values
            ('raw.meter_readings', 'read_at'),
            ('raw.weather_forecasts', 'valid_at'),
            ('energy.apartment_hours', 'hour_at'),
            ('energy.building_hours', 'hour_at'),
            ('energy.forecasts', 'valid_at')
        ) as tables (table_name, time_column)
    loop
        -- All that there is becomes the one partition, without a copy; energy.make_partitions() makes months of it.
        perform energy.replace_table(large.table_name::regclass, split_part(large.table_name, '.', 2) || '_later',
                                     format('partition by range (%I)', large.time_column));
        execute format('alter table %s attach partition %1$s_later for values from (minvalue) to (maxvalue)', large.table_name);
        execute format('comment on table %s_later is %L', large.table_name, 'Rows after the months that have a partition.');
    end loop;
end;
$$;
