create or replace function energy.keep_features(building_ids text[], from_date date) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
-- Days are joined with the days before them and with their neighbours: the planner expects one of each.
set enable_nestloop = off
as $$
declare
    -- The view has the columns of the table, in its order.
    columns constant text := (
        select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
        where attrelid = 'energy.apartment_features'::regclass and attnum > 0 and not attisdropped);
    since constant date := greatest(from_date, (energy.cut_at(
        (energy.current_config() #>> '{storage,logs,energy.apartment_features}')::interval) at time zone 'UTC')::date);
begin
    delete from energy.apartment_features as kept
    where kept.building_id = any (keep_features.building_ids) and kept.local_date >= since
      and not exists (
          select from energy.apartment_days as days
          where days.building_id = kept.building_id and days.apartment_id = kept.apartment_id
            and days.local_date = kept.local_date);
    perform energy.set_feature_days(since);
    execute format(
        $query$
        insert into energy.apartment_features as kept (%1$s)
        select %1$s
        from processed.int_apartment_features as fresh
        where fresh.building_id = any ($1) and fresh.local_date >= $2
          and fresh.local_date < (
              select (energy.clock() at time zone time_zone)::date from raw.buildings
              where buildings.building_id = fresh.building_id)
        on conflict (building_id, local_date, apartment_id) do update set (%1$s) = row(excluded.*)
        where kept.* is distinct from excluded.*
        $query$, columns)
    using building_ids, since;
    perform energy.set_feature_days(null);
end;
$$;
comment on function energy.keep_features(text[], date) is
$$Brings energy.apartment_features of some buildings up to date from a local date on: to what processed.int_apartment_features
has of the days that are over. All days after a date that changed are made again, since features look back; nothing older
than storage.logs keeps. energy.score_due_days() calls it. After a change of areas, holidays or thresholds call it for the
days that are to follow it.$$;
revoke all on function energy.keep_features(text[], date) from public;
