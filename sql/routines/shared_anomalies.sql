-- What most apartments of a building have on a day, by one detector, is one fault of the building.
create or replace function energy.shared_anomalies(building_ids text[], from_date date, to_date date)
returns table (
    building_id text, local_date date, detector text, score double precision, alarms bigint, day_alarms bigint,
    apartments bigint, model_id bigint, config_id bigint
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with settings as materialized (
        select building_share, building_min_apartments from energy.anomaly_alert_settings
    ),

    several as (
        select scores.building_id, scores.local_date, scores.detector, max(scores.score) as score, count(*) as alarms,
            count(*) filter (where is_of_the_day) as day_alarms, max(scores.model_id) as model_id,
            max(scores.config_id) as config_id
        from energy.anomaly_scores as scores
        -- Of a day within its range only the run is unusual.
        cross join lateral (
            select (
                (evidence ->> 'daily_energy_kwh')::double precision
                between (evidence ->> 'lower_kwh')::double precision and (evidence ->> 'upper_kwh')::double precision
            ) is not true as is_of_the_day
        ) as days
        where scores.building_id = any (building_ids) and scores.local_date between from_date and to_date and is_alarm
          and scores.apartment_id <> ''
        group by scores.building_id, scores.local_date, scores.detector
        having count(*) >= (select building_share * building_min_apartments from settings)
    )

    select several.building_id, several.local_date, several.detector, several.score, several.alarms, several.day_alarms,
        known.apartments, several.model_id, several.config_id
    from several
    cross join settings
    cross join lateral (
        select count(*) as apartments from energy.anomaly_scores as scores
        where scores.building_id = several.building_id and scores.local_date = several.local_date
          and scores.detector = several.detector and scores.apartment_id <> ''
    ) as known
    where known.apartments >= building_min_apartments and several.alarms >= building_share * known.apartments
$$;
comment on function energy.shared_anomalies(text[], date, date) is
$$Days of buildings on which a detector has an alarm for anomaly_alerts.building_share of the apartments that it knows
(apartments). day_alarms: those alarms that are not of the sum of a run alone.$$;
revoke all on function energy.shared_anomalies(text[], date, date) from public;

create or replace function energy.building_fault_days(building_ids text[], from_date date, to_date date)
returns table (building_id text, local_date date)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select distinct faults.building_id, faults.local_date
    from (
        select scores.building_id, scores.local_date, scores.detector
        from energy.anomaly_scores as scores
        where scores.building_id = any (building_ids) and scores.local_date between from_date and to_date and is_alarm
          and scores.apartment_id = ''
        union all
        select shared.building_id, shared.local_date, shared.detector
        from energy.shared_anomalies(building_ids, from_date, to_date) as shared
        cross join (select building_share from energy.anomaly_alert_settings) as settings
        -- Runs are left out, as their sums are without these days.
        where shared.day_alarms >= building_share * shared.apartments
    ) as faults
    left join energy.anomaly_detectors as detectors on detectors.detector = faults.detector
    -- These explain no energy.
    where coalesce(detectors.family, faults.detector) not in ('sensor', 'hot_water')
$$;
comment on function energy.building_fault_days(text[], date, date) is
$$Days of buildings with a fault of the building as a whole that may explain the energy of its apartments: the sums of
expected_energy leave them out.$$;
revoke all on function energy.building_fault_days(text[], date, date) from public;
