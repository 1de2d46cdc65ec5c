-- What technicians' answers teach about detectors: ridge logistic regression of edf (alert_probability), drawn to the score
-- that the configuration's precisions give, so that a few answers move it a little.
create or replace function energy.anomaly_labels(archetype text)
returns table (alert_id text, is_fault boolean, prior double precision, strengths jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Of each alert its strongest day up to the answer.
    select distinct on (alerts.alert_id)
        alerts.alert_id, alerts.status = 'Resolved-True Positive', coalesce(days.prior, days.anomaly_score), days.strengths
    from energy.anomaly_alerts as alerts
    join raw.buildings using (building_id)
    join energy.anomaly_findings as days on days.alert_id = alerts.alert_id and days.local_date <= alerts.last_date
    where alerts.status like 'Resolved-%' and anomaly_labels.archetype in (buildings.archetype, '')
    order by alerts.alert_id, coalesce(days.prior, days.anomaly_score) desc, days.local_date
$$;
comment on function energy.anomaly_labels(text) is
$$Resolved alerts of an archetype, or of all for '', as rows to learn from: whether it was a fault, the score by the
configuration's precisions, and how strongly each detector spoke on its strongest day.$$;
revoke all on function energy.anomaly_labels(text) from public;

create or replace function energy.fitted_anomaly_weights(archetype text)
returns table (detector text, weight double precision, labels integer, positives integer)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    min_labels constant integer := (select min_labels from energy.anomaly_alert_settings);
    names  text[];
    facts  double precision[];
    target double precision[];
    keys   text[];
    model  record;
begin
    select array_agg(alert_id order by alert_id), array_agg(is_fault::integer::double precision order by alert_id)
    into keys, target
    from energy.anomaly_labels(fitted_anomaly_weights.archetype);
    labels := coalesce(cardinality(keys), 0);
    if labels < min_labels then
        return;
    end if;
    select sum(fault) into positives from unnest(target) as fault;
    select array['(prior)'] || array_agg(distinct name order by name) into names
    from energy.anomaly_labels(fitted_anomaly_weights.archetype) as taught
    cross join lateral jsonb_object_keys(taught.strengths) as name;
    -- One column after the other.
    select array_agg(fact order by place, alert_id) into facts
    from (
        select place, alert_id, case when name = '(prior)'
            then ln(clipped / (1 - clipped)) else coalesce((taught.strengths ->> name)::double precision, 0) end as fact
        from unnest(names) with ordinality as features (name, place)
        cross join energy.anomaly_labels(fitted_anomaly_weights.archetype) as taught
        cross join lateral (select least(greatest(taught.prior, 1e-6), 0.999) as clipped) as priors
    ) as numbers;
    select * into strict model from edf.fit_anomalies(
        'alert_probability', row(keys, names, facts, target, null, null)::edf.observations,
        '{"scores": false, "base_rate": 0.5, "weight": 0, "weights": {"(prior)": 1}}'::jsonb, null::bytea);
    -- Where answers that were left out are told worse by what was learnt, the configuration's precisions go on.
    if ((model.metrics ->> 'log_loss')::double precision < (model.metrics ->> 'log_loss_of_prior')::double precision) is not true then
        return query select named.detector, named.weight, fitted_anomaly_weights.labels, fitted_anomaly_weights.positives
        from (values ('(intercept)', 0::double precision), ('(prior)', 1)) as named (detector, weight);
        return;
    end if;
    -- Of a row of ones what each feature adds is its weight.
    return query
    select case parts.feature when '(base)' then '(intercept)' else parts.feature end, round(parts.contribution::numeric, 6)::double precision,
        fitted_anomaly_weights.labels, fitted_anomaly_weights.positives
    from edf.anomaly_parts(
        model.artifact,
        row(array['1'], names, array_fill(1::double precision, array[cardinality(names)]), null, null, null)::edf.observations) as parts;
end;
$$;
comment on function energy.fitted_anomaly_weights(text) is
$$The weights that the answers of an archetype, or all for '', teach now; no row where there are fewer than
anomaly_alerts.min_labels. Those of the configuration's precisions alone, (prior) 1, where answers that were left out in turn
are told no better with what was learnt from the others.$$;
revoke all on function energy.fitted_anomaly_weights(text) from public;

create or replace function energy.learn_weights_of(archetype text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    settings  constant energy.anomaly_alert_settings := (select s from energy.anomaly_alert_settings as s);
    until     constant date := (select max(local_date) from energy.anomaly_findings);
    buildings text[];
    fresh     jsonb;
    known     jsonb;
begin
    select jsonb_object_agg(detector, jsonb_build_array(weight, labels, positives)) into fresh
    from energy.fitted_anomaly_weights(learn_weights_of.archetype);
    select jsonb_object_agg(detector, jsonb_build_array(weight, labels, positives)) into known
    from energy.anomaly_weights as weights
    where weights.archetype = learn_weights_of.archetype and learnt_at = (
        select max(newest.learnt_at) from energy.anomaly_weights as newest where newest.archetype = learn_weights_of.archetype);
    if fresh is null or fresh is not distinct from known then
        return false;
    end if;
    insert into energy.anomaly_weights (archetype, detector, learnt_at, weight, labels, positives)
    select learn_weights_of.archetype, key, energy.clock(), (value -> 0)::double precision, (value -> 1)::integer, (value -> 2)::integer
    from jsonb_each(fresh)
    on conflict on constraint anomaly_weights_pkey do update set
        weight = excluded.weight, labels = excluded.labels, positives = excluded.positives;
    -- The budget ranks the scores of the past weeks: all by the same weights.
    buildings := array(
        select building_id from raw.buildings where learn_weights_of.archetype in (buildings.archetype, ''));
    perform energy.refresh_anomaly_findings(buildings, until - 7 * settings.budget_weeks, until);
    return true;
end;
$$;
comment on function energy.learn_weights_of(text) is
$$Learns the weights of an archetype anew, of all for '', and brings the days that the budget ranks up to date; whether they
changed. energy.learn_anomaly_weights() calls it.$$;
revoke all on function energy.learn_weights_of(text) from public;

create or replace procedure energy.learn_anomaly_weights()
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    started_at constant timestamptz := clock_timestamp();
    kind    text;
    state   text;
    message text;
    advice  text;
    failed  bigint := 0;
    changed bigint := 0;
begin
    perform pg_advisory_xact_lock(hashtextextended('energy.raise_anomaly_alerts', 0));
    -- Of all first: an archetype with answers of its own does without.
    for kind in select '' union select archetype from raw.buildings order by 1 loop
        begin
            changed := changed + energy.learn_weights_of(kind)::integer;
        exception when others then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            perform energy.record_job_run(
                'learn_anomaly_weights', null, energy.clock(), started_at, 'failed', 0, state, message, advice, nullif(kind, ''));
            failed := failed + 1;
        end;
    end loop;
    perform energy.record_job_run(
        'learn_anomaly_weights', null, energy.clock(), started_at, case when failed = 0 then 'succeeded' else 'failed' end, changed,
        state, case when failed > 0 then failed || ' archetypes failed: ' || message end, advice);
end;
$$;
comment on procedure energy.learn_anomaly_weights() is
$$Learns from resolved alerts what each detector is worth: weights of energy.anomaly_weights by archetype, and for all
together, once there are anomaly_alerts.min_labels. Running it twice changes nothing. An archetype that fails is a row of
energy.job_runs; the others go on.$$;
revoke all on procedure energy.learn_anomaly_weights() from public;
