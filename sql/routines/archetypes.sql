create or replace function energy.archetype_subject(archetype text) returns text
language sql immutable strict
set search_path = pg_catalog, pg_temp
return 'archetype:' || archetype;
comment on function energy.archetype_subject(text) is
    'The subject in edf.models of an archetype''s models; no building has such an id.';
revoke all on function energy.archetype_subject(text) from public;

create or replace function energy.archetype_history() returns interval
language sql stable
set search_path = pg_catalog, pg_temp
return coalesce(energy.current_config() #>> '{training,archetype_history}', '180 days')::interval;
comment on function energy.archetype_history() is
    'How much of the newest history the model of an archetype learns from: that of all its buildings is in memory at once.';
revoke all on function energy.archetype_history() from public;

create or replace function energy.archetype_members(archetype text, before timestamptz) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Eight days, as strategy global has it. The order of their digests is none of theirs, and stays.
    with taught as (
        select building_id
        from raw.buildings
        join energy.building_hours using (building_id)
        where buildings.archetype = archetype_members.archetype
          -- The size of a building is its number of apartments.
          and exists (select from raw.apartments where apartments.building_id = buildings.building_id)
          and hour_at >= (select before - energy.archetype_history()) and hour_at < before and received_at <= before
        group by building_id
        having count(consumption_kwh) >= 8 * 24
        order by md5(building_id)
        limit (select coalesce((energy.current_config() #>> '{training,archetype_buildings}')::integer, 60))
    )

    select coalesce(array_agg(building_id order by building_id), '{}') from taught
$$;
comment on function energy.archetype_members(text, timestamptz) is
    'The buildings that the model of an archetype learns from: those with eight days of demand as was known at a time, of more than training.archetype_buildings a sample.';
revoke all on function energy.archetype_members(text, timestamptz) from public;

create or replace function energy.archetype_training_query(building_ids text[], before timestamptz) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $query$
        select building_id, valid_at,
            case when received_at <= %1$L then consumption_kwh end as consumption_kwh,
            case when received_at <= %1$L and received_at <= valid_at + %2$L::interval then received_at end as received_at,
            case when weather_received_at <= %1$L then temperature_c end as temperature_c,
            case when weather_received_at <= %1$L then ghi_w_m2 end as ghi_w_m2,
            %3$s,
            apartments
        from features.fct_training_samples
        join (
            select building_id, count(*) as apartments from raw.apartments
            where (valid_from <= %1$L) is not false and (valid_to > %1$L) is not false
            group by building_id
        ) as sizes using (building_id)
        where building_id = any (%4$L) and valid_at < %1$L and valid_at >= %1$L::timestamptz - %5$L::interval
        $query$,
        energy.iso(before), energy.exact(energy.backfill_after()), energy.calendar_regressors(),
        building_ids, energy.exact(energy.archetype_history()));
$$;
comment on function energy.archetype_training_query(text[], timestamptz) is
    'The query of several buildings for edf.train_global: hours and observed weather as they were known at a time, with the number of apartments, no older than training.archetype_history.';
revoke all on function energy.archetype_training_query(text[], timestamptz) from public;

create or replace function energy.newcomer_query(building_id text, issued_at timestamptz, horizon interval) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $query$
        select hours.*,
            (
                select count(*) from raw.apartments
                where building_id = %1$L and (valid_from <= %2$L) is not false and (valid_to > %2$L) is not false
            ) as apartments
        from (%3$s) as hours
        $query$,
        building_id, energy.iso(issued_at), energy.forecast_query(building_id, issued_at, horizon));
$$;
comment on function energy.newcomer_query(text, timestamptz, interval) is
    'energy.forecast_query with the number of the building''s apartments, for a forecast by the model of its archetype.';
revoke all on function energy.newcomer_query(text, timestamptz, interval) from public;
