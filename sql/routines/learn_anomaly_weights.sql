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
    keys      text[];
    target    double precision[];
    priors    double precision[];
    strengths jsonb[];
    names     text[];
    facts     double precision[];
    model     record;
begin
    select array_agg(taught.alert_id order by taught.alert_id),
        array_agg(taught.is_fault::integer::double precision order by taught.alert_id),
        array_agg(taught.prior order by taught.alert_id), array_agg(taught.strengths order by taught.alert_id)
    into keys, target, priors, strengths
    from energy.anomaly_labels(fitted_anomaly_weights.archetype) as taught;
    labels := coalesce(cardinality(keys), 0);
    if labels < min_labels then
        return;
    end if;
    select sum(fault) into positives from unnest(target) as fault;
    select array['(prior)'] || array_agg(distinct name order by name) into names
    from unnest(strengths) as spoken (strength)
    cross join lateral jsonb_object_keys(strength) as name;
    -- One column after the other.
    select array_agg(
        case when name = '(prior)' then ln(clipped / (1 - clipped))
            else coalesce((strength ->> name)::double precision, 0) end
        order by place, n)
    into facts
    from unnest(names) with ordinality as features (name, place)
    cross join unnest(priors, strengths) with ordinality as taught (prior, strength, n)
    cross join lateral (select least(greatest(prior, 1e-6), 0.999) as clipped) as clips;
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

create or replace function energy.learn_weights_of(archetypes text[]) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    settings  constant energy.anomaly_alert_settings := (select s from energy.anomaly_alert_settings as s);
    until     constant date := (select max(local_date) from energy.anomaly_findings);
    kind      text;
    buildings text[];
    fresh     jsonb;
    known     jsonb;
    changed   bigint := 0;
begin
    -- Of all first: an archetype with answers of its own does without.
    for kind in select name from unnest(archetypes) as name order by name loop
        select jsonb_object_agg(detector, jsonb_build_array(weight, labels, positives)) into fresh
        from energy.fitted_anomaly_weights(kind);
        select jsonb_object_agg(detector, jsonb_build_array(weight, labels, positives)) into known
        from energy.anomaly_weights as weights
        where weights.archetype = kind and learnt_at = (
            select max(newest.learnt_at) from energy.anomaly_weights as newest where newest.archetype = kind);
        continue when fresh is null or fresh is not distinct from known;
        insert into energy.anomaly_weights (archetype, detector, learnt_at, weight, labels, positives)
        select kind, key, energy.clock(), (value -> 0)::double precision, (value -> 1)::integer, (value -> 2)::integer
        from jsonb_each(fresh)
        on conflict on constraint anomaly_weights_pkey do update set
            weight = excluded.weight, labels = excluded.labels, positives = excluded.positives;
        -- The budget ranks the scores of the past weeks: all by the same weights.
        buildings := array(select building_id from raw.buildings where kind in (buildings.archetype, ''));
        perform energy.refresh_anomaly_findings(buildings, until - 7 * settings.budget_weeks, until);
        changed := changed + 1;
    end loop;
    return changed;
end;
$$;
comment on function energy.learn_weights_of(text[]) is
$$Learns the weights of some archetypes anew, of all together for '', and brings the days that the budget ranks up to
date. Returns for how many they changed. energy.learn_anomaly_weights() calls it.$$;
revoke all on function energy.learn_weights_of(text[]) from public;
-- Earlier versions learnt of one.
drop function if exists energy.learn_weights_of(text);

create or replace procedure energy.learn_anomaly_weights()
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    started_at constant timestamptz := clock_timestamp();
    done       record;
begin
    perform pg_advisory_xact_lock(hashtextextended('energy.raise_anomaly_alerts', 0));
    done := energy.run_for_each(
        'learn_anomaly_weights', 'archetype',
        array(select '' union select archetype from raw.buildings where archetype is not null),
        'select energy.learn_weights_of($1)');
    perform energy.record_failures('learn_anomaly_weights', started_at, done.written, archetypes => done.failed);
    if done.failed = 0 then
        perform energy.record_job_run(
            'learn_anomaly_weights', null, energy.clock(), started_at, 'succeeded', done.written);
    end if;
end;
$$;
comment on procedure energy.learn_anomaly_weights() is
$$Learns from resolved alerts what each detector is worth: weights of energy.anomaly_weights by archetype, and for all
together, once there are anomaly_alerts.min_labels. Running it twice changes nothing. An archetype that fails is
recorded in energy.job_runs; the others continue.$$;
revoke all on procedure energy.learn_anomaly_weights() from public;
