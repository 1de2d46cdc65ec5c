-- Models of anomalies beside rules: which there are, what they read, and which judges an apartment. Until an apartment has
-- been known for a month rules alone do, then the model of its archetype, and that of its building once it is approved.
create or replace view energy.anomaly_model_limits as
select
    coalesce((models ->> 'enabled')::boolean, true) as enabled,
    coalesce((models ->> 'archetype_after_days')::integer, 30) as archetype_after_days,
    coalesce((models ->> 'own_after_days')::integer, 182) as own_after_days,
    coalesce((models ->> 'history')::interval, interval '1 year') as history,
    coalesce((models ->> 'archetype_apartments')::integer, 100) as archetype_apartments,
    coalesce((models ->> 'test_days')::integer, 28) as test_days,
    coalesce((models ->> 'alarm_share')::double precision, 0.01) as alarm_share
from (select energy.current_config() #> '{anomalies,models}' as models) as configs;
comment on view energy.anomaly_model_limits is 'Section anomalies.models of the configuration: one row.';

create or replace function energy.anomaly_models() returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
return array['expected_energy', 'isolation_forest', 'local_outlier_factor'];
comment on function energy.anomaly_models() is 'The models that judge days, by their strategies in edf.';
revoke all on function energy.anomaly_models() from public;

create or replace function energy.anomaly_subject(detector text, building_id text, archetype text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
return detector || ':' || coalesce(building_id, 'archetype:' || archetype);
comment on function energy.anomaly_subject(text, text, text) is
$$The subject in edf.models of the models of anomalies of a building or, where there is none, of an archetype; no building
has such an id.$$;
revoke all on function energy.anomaly_subject(text, text, text) from public;

create or replace function energy.anomaly_features(detector text) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select case detector
        when 'expected_energy' then array['hdd', 'hdd_inertia', 'sun_kwh_m2', 'is_day_off', 'setpoint_c']
        else array['energy_to_like_days', 'energy_to_neighbours', 'energy_ratio_7d', 'avg_temp_diff',
            'temp_diff_roll_std_3d', 'gap_hours', 'most_over_c', 'most_under_c', 'steepest_fall_c', 'room_to_neighbours_c',
            'hot_water_ratio_7d', 'hot_water_night_min_l'] end
$$;
comment on function energy.anomaly_features(text) is
    'The features that a model of anomalies reads, of energy.anomaly_rows_query; those that most days lack are left out when it is trained.';
revoke all on function energy.anomaly_features(text) from public;

create or replace function energy.anomaly_rows_query(
    building_ids text[], from_date date, to_date date, energy_measures text, condition text default 'true'
) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $query$
        select jsonb_build_array(days.building_id, days.apartment_id, days.local_date)::text as key,
            apartments.model_key::text as apartment,
            days.building_id, days.apartment_id, days.local_date, days.weather_in_range,
            case when days.energy_measures = %4$L then days.daily_energy_kwh end as daily_energy_kwh,
            days.hdd, days.hdd_inertia, days.sun_kwh_m2, days.is_day_off, days.setpoint_c,
            -- Of next to nothing a ratio is any number. least() alone would make five of none.
            case when days.energy_to_like_days is not null then least(days.energy_to_like_days, 5) end as energy_to_like_days,
            case when days.energy_to_neighbours is not null then least(days.energy_to_neighbours, 5) end as energy_to_neighbours,
            case when days.energy_ratio_7d is not null then least(days.energy_ratio_7d, 5) end as energy_ratio_7d,
            days.avg_temp_diff, days.temp_diff_roll_std_3d, days.gap_hours, days.most_over_c, days.most_under_c,
            days.steepest_fall_c, days.room_to_neighbours_c,
            case when days.hot_water_ratio_7d is not null then least(days.hot_water_ratio_7d, 5) end as hot_water_ratio_7d, days.hot_water_night_min_l
        from energy.apartment_features as days
        join raw.apartments as apartments
            on apartments.building_id = days.building_id and apartments.apartment_id = days.apartment_id
        where days.building_id = any (%1$L::text[]) and days.local_date between %2$L and %3$L and %5$s
        order by days.building_id, days.apartment_id, days.local_date
        $query$, building_ids, from_date, to_date, energy_measures, condition)
$$;
comment on function energy.anomaly_rows_query(text[], date, date, text, text) is
$$The query by which models of anomalies are trained and days are scored, each with the columns of all of them.
energy_measures: which energy the model explains; condition: of further rows of energy.apartment_features as days.$$;
revoke all on function energy.anomaly_rows_query(text[], date, date, text, text) from public;

create or replace function energy.anomaly_models_of(detector text, building_ids text[])
returns table (building_id text, model_id bigint, energy_measures text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select buildings.building_id, models.model_id, trainings.recipe ->> 'energy_measures'
    from raw.buildings
    cross join lateral (
        select approved.model_id
        from unnest(array[
            energy.anomaly_subject(detector, buildings.building_id, null),
            energy.anomaly_subject(detector, null, buildings.archetype)]) with ordinality as named (subject, place)
        join edf.models as approved on approved.subject = named.subject and approved.status = 'approved'
        order by named.place
        limit 1
    ) as models
    join energy.trainings as trainings on trainings.model_id = models.model_id
    where buildings.building_id = any (building_ids) and (select enabled from energy.anomaly_model_limits)
$$;
comment on function energy.anomaly_models_of(text, text[]) is
$$The approved model of a detector that judges the days of each of these buildings: its own or, until one is approved, that
of its archetype. A building without either has no row.$$;
revoke all on function energy.anomaly_models_of(text, text[]) from public;

-- edf.score_anomalies starts sums anew after a gap, so that sums are parted by moving dates: days of a fault of the
-- whole building have a run of their own, before all others, and after a repair another one begins.
create or replace function energy.run_dates_query(query text, building_ids text[], from_date date, to_date date)
returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $query$
        with repairs as materialized (
            select apartments.building_id, apartments.apartment_id, array_agg(alerts.run_until) as dates
            from raw.apartments
            join energy.anomaly_alerts as alerts
                on alerts.building_id = apartments.building_id and alerts.apartment_id in (apartments.apartment_id, '')
            where apartments.building_id = any (%2$L::text[]) and alerts.status = 'Resolved-True Positive'
              and alerts.run_until >= %3$L
            group by apartments.building_id, apartments.apartment_id
        )

        select days.key, days.apartment, days.daily_energy_kwh, %5$s,
            case when faults.local_date is not null then days.local_date - 100000
                 when repairs.dates is null then days.local_date
                 else days.local_date + 1000 * (
                     select count(*)::integer from unnest(repairs.dates) as repaired_on
                     where repaired_on < days.local_date)
            end as local_date
        from (%1$s) as days
        left join energy.building_fault_days(%2$L, %3$L, %4$L) as faults
            on faults.building_id = days.building_id and faults.local_date = days.local_date
        left join repairs on repairs.building_id = days.building_id and repairs.apartment_id = days.apartment_id
        $query$, query, building_ids, from_date, to_date,
        (
            select string_agg(format('days.%I', name), ', ')
            from unnest(energy.anomaly_features('expected_energy')) as name
        ))
$$;
comment on function energy.run_dates_query(text, text[], date, date) is
$$energy.anomaly_rows_query for expected_energy, with dates that part the sums of an apartment: those of days with a
fault of the whole building (energy.building_fault_days), which explains them, and those up to a fault that a technician
has confirmed, from those after it.$$;
revoke all on function energy.run_dates_query(text, text[], date, date) from public;

create or replace function energy.days_by_model(detector text, building_ids text[], from_date date, to_date date)
returns table (
    building_id text, apartment_id text, local_date date, score double precision, is_alarm boolean,
    hours double precision, evidence jsonb, model_id bigint
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    known_days constant integer := (select archetype_after_days from energy.anomaly_model_limits);
    -- Sums of a run of days begin some weeks before.
    look_back  constant integer := 30;
    served  record;
    query   text;
    scored  text;
    message text;
    advice  text;
begin
    for served in
        select models.model_id, models.energy_measures, array_agg(models.building_id order by models.building_id) as ids
        from energy.anomaly_models_of(days_by_model.detector, days_by_model.building_ids) as models
        group by models.model_id, models.energy_measures
        order by models.model_id
    loop
        query := energy.anomaly_rows_query(served.ids, from_date, to_date, served.energy_measures);
        scored := case detector when 'expected_energy'
            then energy.run_dates_query(
                energy.anomaly_rows_query(served.ids, from_date - look_back, to_date, served.energy_measures),
                served.ids, from_date - look_back, to_date)
            else query end;
        begin
            return query execute format(
                $query$
                with rows as materialized (%1$s),

                -- An apartment that is new is judged by rules alone.
                firsts as materialized (
                    select apartments.building_id, apartments.apartment_id, first.local_date
                    from raw.apartments
                    cross join lateral (
                        select days.local_date from energy.apartment_features as days
                        where days.building_id = apartments.building_id
                          and days.apartment_id = apartments.apartment_id
                        order by days.local_date
                        limit 1
                    ) as first
                    where apartments.building_id = any ($2)
                ),

                verdicts as materialized (
                    select * from edf.score_anomalies($1, %2$L)
                )

                select rows.building_id, rows.apartment_id, rows.local_date, verdicts.score,
                    verdicts.is_anomaly and ($4 <> 'expected_energy' or rows.weather_in_range is not false),
                    case when verdicts.is_anomaly and verdicts.run_days > 1 then 24.0 * verdicts.run_days end::double precision,
                    case when $4 = 'expected_energy' then jsonb_strip_nulls(jsonb_build_object(
                            'daily_energy_kwh', round(rows.daily_energy_kwh::numeric, 2),
                            'expected_kwh', round(verdicts.expected::numeric, 2),
                            'lower_kwh', round(verdicts.lower::numeric, 2), 'upper_kwh', round(verdicts.upper::numeric, 2),
                            'weather_in_range', nullif(rows.weather_in_range, true)))
                        else coalesce(parts.evidence, '{}') end,
                    $1
                from verdicts
                join rows on rows.key = verdicts.key
                join firsts
                    on firsts.building_id = rows.building_id and firsts.apartment_id = rows.apartment_id
                left join lateral (
                    select jsonb_object_agg(odd.feature, round(odd.value::numeric, 2))
                        || jsonb_object_agg('usual_' || odd.feature, round(odd.typical::numeric, 2)) as evidence
                    from (
                        select explained.feature, explained.value, explained.typical
                        from edf.explain_anomaly($1, to_jsonb(rows)) as explained
                        -- Within, so that it is asked of alarms alone.
                        where verdicts.is_anomaly and $4 <> 'expected_energy' and explained.value is not null
                        order by explained.contribution desc
                        limit 3
                    ) as odd
                ) as parts on true
                where verdicts.score is not null and firsts.local_date <= rows.local_date - $3
                $query$, query, scored)
            using served.model_id, served.ids, known_days, detector;
        exception when others then
            get stacked diagnostics message = message_text, advice = pg_exception_hint;
            raise exception 'model % of %: %', served.model_id, detector, message using errcode = sqlstate, hint = advice;
        end;
    end loop;
end;
$$;
comment on function energy.days_by_model(text, text[], date, date) is
$$What the approved models of a detector say of days of these buildings, a row for each that is known, with what a technician
reads: the expected range, or the three features that are oddest beside what is usual of each. One call of
edf.score_anomalies for each model. A day colder or warmer than any that was learnt from raises no alarm of
expected_energy.$$;
revoke all on function energy.days_by_model(text, text[], date, date) from public;
