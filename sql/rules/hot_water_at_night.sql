create or replace function energy.rule_hot_water_at_night(building_ids text[], from_date date, to_date date,
    settings jsonb)
returns table (
    building_id text, apartment_id text, local_date date, score double precision, hours double precision, evidence jsonb
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    required constant double precision := (settings ->> 'hours')::double precision;
    min_l constant double precision := (settings ->> 'min_l')::double precision;
    night constant integer := (select night_to_hour - night_from_hour from energy.anomaly_limits);
begin
    return query
    -- Known is a night that was measured in each of its hours: no gap that was filled makes a leak.
    with nights as materialized (
        select building_id, apartment_id, local_date, hot_water_night_min_l, hot_water_l,
            hot_water_night_min_l >= min_l as is_on
        from energy.apartment_days as days
        where days.building_id = any (building_ids) and local_date between from_date - 30 and to_date
          and hot_water_night_min_l is not null
    ),

    -- Nights in a row: one that is not known ends a run.
    runs as materialized (
        select *, row_number() over run_by_day as nights, min(local_date) over run_by_day as since
        from (
            select *, local_date - (row_number() over apartment_by_day)::integer as run
            from nights
            where is_on
            window apartment_by_day as (partition by building_id, apartment_id order by local_date)
        ) as numbered
        window run_by_day as (partition by building_id, apartment_id, run order by local_date)
    )

    select known.building_id, known.apartment_id, known.local_date,
        energy.rule_score(runs.nights * night, required, known.hot_water_night_min_l / nullif(min_l, 0)),
            (runs.nights * night)::double precision,
        case when runs.nights is null then '{}' else jsonb_strip_nulls(jsonb_build_object(
            'litres_each_hour_of_the_night', round(known.hot_water_night_min_l::numeric, 1), 'hot_water_l',
                round(known.hot_water_l::numeric),
            'nights', runs.nights, 'since', runs.since)) end
    from nights as known
    left join runs
        on runs.building_id = known.building_id and runs.apartment_id = known.apartment_id
            and runs.local_date = known.local_date
    where known.local_date >= from_date;
end;
$$;
comment on function energy.rule_hot_water_at_night(text[], date, date, jsonb) is
$$Rule: hot water that flows in every hour of the night, night after night: a leak. hours counts hours of nights.$$;
revoke all on function energy.rule_hot_water_at_night(text[], date, date, jsonb) from public;
