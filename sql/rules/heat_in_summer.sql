create or replace function energy.rule_heat_in_summer(building_ids text[], from_date date, to_date date, settings jsonb)
returns table (
    building_id text, apartment_id text, local_date date, score double precision, hours double precision, evidence jsonb
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    required constant double precision := (settings ->> 'hours')::double precision;
    warm_c  constant double precision := (settings ->> 'min_outdoor_c')::double precision;
    min_kwh constant double precision := (settings ->> 'min_heating_kwh')::double precision;
begin
    return query
    with known as materialized (
        select building_id, apartment_id, local_date, heating_kwh, outdoor_c, heating_kwh >= min_kwh
            and outdoor_c >= warm_c as is_on
        from energy.apartment_days as days
        join energy.outdoor_days(building_ids, from_date - 14, to_date) as outdoors using (building_id, local_date)
        where days.building_id = any (building_ids) and local_date between from_date - 14 and to_date
            and heating_kwh is not null
    ),

    -- Days in a row: one that is not known ends a run.
    runs as materialized (
        select *, row_number() over run_by_day as days, min(local_date) over run_by_day as since
        from (
            select *, local_date - (row_number() over apartment_by_day)::integer as run
            from known
            where is_on
            window apartment_by_day as (partition by building_id, apartment_id order by local_date)
        ) as numbered
        window run_by_day as (partition by building_id, apartment_id, run order by local_date)
    )

    select known.building_id, known.apartment_id, known.local_date,
        energy.rule_score(24 * runs.days, required, known.heating_kwh / nullif(min_kwh, 0)),
            24 * runs.days::double precision,
        case when runs.days is null then '{}' else jsonb_strip_nulls(jsonb_build_object(
            'heating_kwh', round(known.heating_kwh::numeric, 2), 'outdoor_c',
                round(known.outdoor_c::numeric, 1), 'days', runs.days,
            'since', runs.since)) end
    from known
    left join runs
        on runs.building_id = known.building_id and runs.apartment_id = known.apartment_id
            and runs.local_date = known.local_date
    where known.local_date >= from_date;
end;
$$;
comment on function energy.rule_heat_in_summer(text[], date, date, jsonb) is
$$Rule: an apartment is heated on days that are warm outside. A day whose weather was not observed is not known.$$;
revoke all on function energy.rule_heat_in_summer(text[], date, date, jsonb) from public;
