-- One probability of what detectors say of a day. Before technicians have answered it is a noisy-or of the precisions
-- that the configuration gives detectors, as if they erred independently. They do not quite: those that read the same
-- (a family) count once, by the strongest, and what is left of dependence makes the score somewhat too sure.
create or replace function energy.combined_anomaly_scores(building_ids text[], from_date date, to_date date)
returns table (
    building_id text, apartment_id text, local_date date, anomaly_score double precision, strengths jsonb,
    detectors text[], severity text, evidence jsonb, model_version text, suppressed text, prior double precision
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with

    settings as materialized (
        select * from energy.anomaly_alert_settings
    ),

    detectors as materialized (
        select * from energy.anomaly_detectors
    ),

    -- Where nothing is found, nothing is added: most rows are left out at once.
    scores as materialized (
        select scores.building_id, scores.apartment_id, scores.local_date, scores.detector, scores.score,
            scores.is_alarm, scores.evidence, scores.hours, scores.model_id, scores.config_id
        from energy.anomaly_scores as scores
        where scores.building_id = any (building_ids) and scores.local_date between from_date and to_date
          and (scores.score > 0 or scores.is_alarm)
    ),

    shared as materialized (
        select * from energy.shared_anomalies(building_ids, from_date, to_date)
    ),

    spoken as (
        select scores.building_id, scores.apartment_id, scores.local_date, scores.detector, scores.score,
            scores.is_alarm, scores.evidence, scores.hours, scores.model_id, scores.config_id
        from scores
        left join shared
            on shared.building_id = scores.building_id and shared.local_date = scores.local_date
            and shared.detector = scores.detector and scores.apartment_id <> ''
        where shared.detector is null
        union all
        select shared.building_id, '' as apartment_id, shared.local_date, shared.detector, shared.score,
            true as is_alarm, jsonb_build_object('apartments', alarms, 'of_apartments', apartments) as evidence,
            null as hours, shared.model_id, shared.config_id
        from shared
    ),

    thresholds as materialized (
        select models.model_id, 1 - (models.parameters ->> 'alarm_share')::double precision as threshold
        from edf.models
        where models.model_id in (select spoken.model_id from spoken)
    ),

    -- How strongly a detector speaks, 0 to 1: an alarm from three quarters on, more the further its threshold is passed;
    -- what is no alarm a twentieth at most, which ranks days below the threshold. Scores of all detectors count by
    -- -log(1 - score), in units of their own threshold, so that a rule that lasts twice as long as required and a model
    -- whose day is as rare as the square of its alarm share say the same.
    strong as (
        select spoken.*,
            case when is_alarm then 1 - 0.5 * power(2, -beyond.times) else 0.1 * (1 - power(2, -beyond.times)) end as strength
        from spoken
        left join thresholds on thresholds.model_id = spoken.model_id
        cross join lateral (
            select ln(1 - least(spoken.score, 0.999999)) / ln(1 - coalesce(thresholds.threshold, 0.5)) as times
        ) as beyond
    ),

    voices as materialized (
        select strong.*, coalesce(detectors.prior_precision, 0.3) * strength as probability,
            coalesce(detectors.severity, 'warning') as severity,
            row_number() over (
                partition by strong.building_id, strong.apartment_id, strong.local_date,
                    coalesce(detectors.family, strong.detector)
                order by coalesce(detectors.prior_precision, 0.3) * strength desc) as place_in_family
        from strong
        left join detectors on detectors.detector = strong.detector
    ),

    -- The newest of each archetype; those of all buildings for archetypes without.
    learnt as materialized (
        select weights.archetype, weights.detector, weights.weight, weights.learnt_at
        from energy.anomaly_weights as weights
        where weights.learnt_at = (
            select max(newest.learnt_at) from energy.anomaly_weights as newest
            where newest.archetype = weights.archetype)
    ),

    taught as materialized (
        select buildings.building_id, own.archetype
        from raw.buildings
        cross join lateral (
            select learnt.archetype from learnt where learnt.archetype in (buildings.archetype, '')
            order by learnt.archetype <> '' desc limit 1
        ) as own
        where buildings.building_id = any (building_ids)
    ),

    days as (
        select voices.building_id, voices.apartment_id, voices.local_date,
            greatest(1 - exp(sum(ln(1 - least(voices.probability, 0.999))) filter (where place_in_family = 1)), 1e-6)
                as prior,
            jsonb_object_agg(voices.detector, round(strength::numeric, 4)) as strengths,
            coalesce(array_agg(voices.detector order by voices.probability desc, voices.detector)
                filter (where is_alarm), '{}') as detectors,
            coalesce((array_agg(voices.severity
                order by array_position(array['critical', 'warning', 'info'], voices.severity))
                filter (where is_alarm))[1], 'info') as severity,
            coalesce(jsonb_object_agg(voices.detector, voices.evidence || case when hours is null then '{}'
                else jsonb_build_object('hours', hours) end) filter (where is_alarm), '{}') as evidence,
            concat_ws('; ', 'configuration ' || max(voices.config_id),
                string_agg(voices.detector || ' ' || model_id, ', ' order by voices.detector)
                    filter (where model_id is not null)) as model_version
        from voices
        group by voices.building_id, voices.apartment_id, voices.local_date
    ),

    combined as (
        select days.*, own.learnt_at,
            case when own.learnt_at is null then days.prior
                 else 1 / (1 + exp(-least(greatest(own.logit, -30), 30))) end as probability
        from days
        left join taught using (building_id)
        left join lateral (
            select max(learnt.learnt_at) as learnt_at, sum(learnt.weight * case learnt.detector
                    when '(intercept)' then 1
                    when '(prior)' then ln(days.prior / (1 - days.prior))
                    else coalesce((days.strengths ->> learnt.detector)::double precision, 0) end) as logit
            from learnt where learnt.archetype = taught.archetype
        ) as own on true
    )

    select
        combined.building_id, combined.apartment_id, combined.local_date,
        round(combined.probability::numeric, 6)::double precision, combined.strengths, combined.detectors,
        combined.severity, combined.evidence,
        concat_ws('; ', combined.model_version,
            'weights of ' || to_char(combined.learnt_at at time zone 'UTC', 'YYYY-MM-DD')),
        case when combined.local_date < buildings.commissioned_on + settings.settle_days
                and not settings.settle_except ?| combined.detectors
             then 'settling' end,
        round(combined.prior::numeric, 6)::double precision
    from combined
    cross join settings
    join raw.buildings on buildings.building_id = combined.building_id
$$;
comment on function energy.combined_anomaly_scores(text[], date, date) is
$$What detectors say of each day as one probability of a fault, of those days of which a detector says anything: with the
weights that technicians' answers have taught (energy.anomaly_weights), else by the precisions of energy.anomaly_detectors,
which prior has in either case.
What most apartments of a building have on a day is one row of the building, and no more of its apartments.$$;
revoke all on function energy.combined_anomaly_scores(text[], date, date) from public;
