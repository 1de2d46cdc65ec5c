-- Models of anomalies are trained by the queue and the steps that train those of forecasts: what they learn from, how they
-- are evaluated, and which are due.
create or replace function energy.training_job(detector text) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
return case when detector is null then 'train_models' else 'train_anomaly_models' end;
comment on function energy.training_job(text) is 'The job whose runs record a training. detector: NULL: of a model that forecasts.';
revoke all on function energy.training_job(text) from public;

create or replace function energy.anomaly_members(building_id text, archetype text, before date)
returns table (building_id text, apartment_id text, days bigint)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with limits as materialized (
        select * from energy.anomaly_model_limits
    ),

    taught as (
        select features.building_id, features.apartment_id, count(*) as days
        from raw.buildings
        join energy.apartment_features as features on features.building_id = buildings.building_id
        cross join limits
        where (buildings.building_id = anomaly_members.building_id
               or anomaly_members.building_id is null and buildings.archetype = anomaly_members.archetype)
          and features.local_date < before and features.local_date >= before - limits.history
          and coalesce(features.daily_energy_kwh, features.room_temperature_c) is not null
        group by features.building_id, features.apartment_id, limits.archetype_after_days
        having count(*) >= limits.archetype_after_days
    )

    select taught.building_id, taught.apartment_id, taught.days
    from taught
    cross join limits
    -- Those first that its model judges, which so have weights of their own; then a sample that stays.
    order by anomaly_members.building_id is null and exists (
            select from edf.models
            where subject = energy.anomaly_subject('expected_energy', taught.building_id, null) and status = 'approved'),
        md5(jsonb_build_array(taught.building_id, taught.apartment_id)::text)
    limit (select case when anomaly_members.building_id is null then archetype_apartments end from limits)
$$;
comment on function energy.anomaly_members(text, text, date) is
$$The apartments that a model of anomalies learns from: those of the building or, where that is NULL, of the archetype, of
which a month of days before a date is known; of an archetype at most anomalies.models.archetype_apartments. days: known
ones within anomalies.models.history.$$;
revoke all on function energy.anomaly_members(text, text, date) from public;

create or replace function energy.validate_anomaly_training(building_id text, archetype text, at timestamptz) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    limits constant energy.anomaly_model_limits := (select l from energy.anomaly_model_limits as l);
    found  record;
begin
    if not exists (
        select from raw.buildings
        where buildings.building_id = validate_anomaly_training.building_id
           or validate_anomaly_training.building_id is null and buildings.archetype = validate_anomaly_training.archetype)
    then
        raise exception 'there is no building "%"', coalesce(building_id, 'of archetype ' || archetype)
            using errcode = 'undefined_object', hint = 'select building_id, archetype from raw.buildings lists them.';
    end if;
    select count(*) as apartments, coalesce(max(days), 0) as days, coalesce(sum(days), 0) as rows into found
    from energy.anomaly_members(
        validate_anomaly_training.building_id, validate_anomaly_training.archetype, (at at time zone 'UTC')::date);
    if building_id is not null and found.days < limits.own_after_days then
        raise exception 'building "%" has no apartment of which % days are known, % are the most', building_id, limits.own_after_days, found.days
            using errcode = 'data_exception',
                hint = 'Wait for more readings; until then the model of its archetype judges it. anomalies.models.own_after_days is the limit.';
    elsif found.apartments < 4 and building_id is null then
        raise exception 'archetype "%" has % apartments of which % days are known, four are needed', archetype, found.apartments, limits.archetype_after_days
            using errcode = 'data_exception', hint = 'Wait for more readings; until then rules alone judge its apartments.';
    end if;
    return jsonb_build_object('apartments', found.apartments, 'days', found.rows);
end;
$$;
comment on function energy.validate_anomaly_training(text, text, timestamptz) is
$$Whether the days of a building's apartments, or of an archetype's, suffice for a model of anomalies at a time, with what
was found. Errors: 42704 no such building or archetype; 22000 too few days.$$;
revoke all on function energy.validate_anomaly_training(text, text, timestamptz) from public;

create or replace function energy.anomaly_training_query(
    building_id text, archetype text, from_date date, to_date date, energy_measures text, known_before date
) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select energy.anomaly_rows_query(
        coalesce(array_agg(distinct members.building_id), '{}'), from_date, to_date, energy_measures,
        format(
            $query$(days.building_id, days.apartment_id) in (select * from unnest(%L::text[], %L::text[]))
            and not exists (
                select from energy.anomaly_alerts as alerts
                where alerts.building_id = days.building_id and alerts.apartment_id in (days.apartment_id, '')
                  and alerts.status = 'Resolved-True Positive'
                  and days.local_date between alerts.first_date and alerts.run_until)$query$,
            coalesce(array_agg(members.building_id order by members.building_id, members.apartment_id), '{}'),
            coalesce(array_agg(members.apartment_id order by members.building_id, members.apartment_id), '{}')))
    from energy.anomaly_members(
        anomaly_training_query.building_id, anomaly_training_query.archetype, known_before) as members
$$;
comment on function energy.anomaly_training_query(text, text, date, date, text, date) is
$$energy.anomaly_rows_query of what a model of anomalies learns from: the days between two dates of energy.anomaly_members as
of known_before, without those of alerts that turned out to be faults.$$;
revoke all on function energy.anomaly_training_query(text, text, date, date, text, date) from public;

-- It names no apartment: analysts read it in energy.trainings.
create or replace function energy.anomaly_recipe(detector text, building_id text, archetype text, at timestamptz) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    limits   constant energy.anomaly_model_limits := (select l from energy.anomaly_model_limits as l);
    today    constant date := (at at time zone 'UTC')::date;
    measures text;
    known    jsonb;
    prior    edf.models;
    features text[];
begin
    select mode() within group (order by days.energy_measures) into measures
    from energy.anomaly_members(anomaly_recipe.building_id, anomaly_recipe.archetype, today) as members
    join energy.apartment_features as days
        on days.building_id = members.building_id and days.apartment_id = members.apartment_id
    where days.local_date between today - limits.test_days and today - 1 and days.daily_energy_kwh is not null;
    execute format(
        $query$
        select jsonb_object_agg(name, share)
        from (
            select parts.name, avg((parts.value <> 'null')::integer) as share
            from (%s) as days cross join lateral jsonb_each(to_jsonb(days)) as parts (name, value)
            group by parts.name
        ) as shares
        $query$,
        energy.anomaly_training_query(
            anomaly_recipe.building_id, anomaly_recipe.archetype, today - limits.test_days, today - 1, measures, today))
    into known;
    features := array(
        select name from unnest(energy.anomaly_features(detector)) with ordinality as names (name, place)
        where (known ->> name)::double precision >= 0.5 order by names.place);
    if detector = 'expected_energy' and building_id is not null then
        select models.* into prior
        from edf.models
        join raw.buildings on models.subject = energy.anomaly_subject('expected_energy', null, buildings.archetype)
        where buildings.building_id = anomaly_recipe.building_id and models.status = 'approved';
    end if;
    if prior.model_id is null and cardinality(features) < (case detector when 'expected_energy' then 1 else 3 end) then
        raise exception 'of the newest days that % is to learn from most are known in % features', detector, cardinality(features)
            using errcode = 'data_exception',
                hint = format('It reads %s: see features.fct_apartment_days.', array_to_string(energy.anomaly_features(detector), ', '));
    end if;
    return jsonb_build_object(
        'strategy', detector, 'from_date', (today - limits.history)::date, 'to_date', today - 1, 'test_days', limits.test_days,
        'energy_measures', coalesce(measures, 'heating'), 'prior_model_id', prior.model_id,
        'parameters', jsonb_build_object('alarm_share', limits.alarm_share, 'features', coalesce(prior.feature_names, features))
            || case detector when 'expected_energy'
                then '{"target": "daily_energy_kwh", "group": "apartment", "time": "local_date"}' else '{}' end::jsonb);
end;
$$;
comment on function energy.anomaly_recipe(text, text, text, timestamptz) is
$$How a model of anomalies of a building, or of an archetype, is trained at a time: between which dates, which energy it
explains, the features that half of the newest days know, and for a building's expected_energy the approved model of its
archetype as prior. Errors: 22000 too few features.$$;
revoke all on function energy.anomaly_recipe(text, text, text, timestamptz) from public;

create or replace function energy.fit_anomaly_model(detector text, building_id text, archetype text, at timestamptz) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    recipe constant jsonb := energy.anomaly_recipe(detector, building_id, archetype, at);
    model  bigint;
begin
    model := edf.train_anomaly_model(
        energy.anomaly_subject(detector, building_id, archetype),
        energy.anomaly_training_query(
            building_id, archetype, (recipe ->> 'from_date')::date, (recipe ->> 'to_date')::date, recipe ->> 'energy_measures',
            (recipe ->> 'to_date')::date + 1),
        detector, recipe -> 'parameters', (recipe ->> 'prior_model_id')::bigint);
    insert into energy.trainings (model_id, config_id, building_id, archetype, known_at, recipe)
    values (model, energy.current_config_id(), fit_anomaly_model.building_id,
            case when fit_anomaly_model.building_id is null then fit_anomaly_model.archetype end, at, recipe);
    return model;
end;
$$;
comment on function energy.fit_anomaly_model(text, text, text, timestamptz) is
$$Trains a model of anomalies of a building's apartments or, where that is NULL, of an archetype's, by energy.anomaly_recipe.
Returns the id of the pending model. Errors: as edf.train_anomaly_model.$$;
revoke all on function energy.fit_anomaly_model(text, text, text, timestamptz) from public;

create or replace function energy.evaluate_anomaly_model(model_id bigint) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    model     constant edf.models := edf.anomaly_model(model_id);
    training  constant energy.trainings := (
        select t from energy.trainings as t where t.model_id = evaluate_anomaly_model.model_id);
    recipe    constant jsonb := training.recipe;
    from_date constant date := (recipe ->> 'from_date')::date;
    to_date   constant date := (recipe ->> 'to_date')::date;
    test_from constant date := to_date - (recipe ->> 'test_days')::integer + 1;
    rows      edf.observations;
    fitted    bytea;
    written   bigint;
begin
    -- The same recipe without the newest days, which it then judges.
    rows := edf.observations_of(
        energy.anomaly_training_query(
            training.building_id, training.archetype, from_date, test_from - 1, recipe ->> 'energy_measures', to_date + 1),
        model.parameters, model.feature_names);
    select artifact into strict fitted
    from edf.fit_anomalies(
        model.strategy, rows, recipe -> 'parameters',
        (select prior.artifact from edf.models as prior where prior.model_id = (recipe ->> 'prior_model_id')::bigint));
    rows := edf.observations_of(
        energy.anomaly_training_query(
            training.building_id, training.archetype, test_from - 30, to_date, recipe ->> 'energy_measures', to_date + 1),
        model.parameters, model.feature_names);
    insert into energy.model_scores (model_id, strategy, lead_day, n, rmse_kwh, mae_kwh, coverage_pct)
    select model.model_id, model.strategy, 0, count(*), sqrt(avg((verdicts.expected - days.actual) ^ 2)), avg(abs(verdicts.expected - days.actual)),
        100 * avg(1 - verdicts.is_anomaly::integer)
    from edf.anomaly_scores(fitted, rows) as verdicts
    join unnest(rows.keys, coalesce(rows.target, array_fill(null::double precision, array[cardinality(rows.keys)])))
        with ordinality as days (key, actual, n) using (n)
    where verdicts.score is not null and (days.key::jsonb ->> 2)::date >= test_from
    having count(*) > 0;
    get diagnostics written = row_count;
    return written;
end;
$$;
comment on function energy.evaluate_anomaly_model(bigint) is
$$Fits the recipe of a model of anomalies without its newest anomalies.models.test_days and lets it judge these: a row of
energy.model_scores with the days of apartments, the share that is no alarm (coverage_pct) and, of expected_energy, errors in
kWh a day. Returns the number of rows: 0 where no day could be judged. Errors: as edf.anomaly_model.$$;
revoke all on function energy.evaluate_anomaly_model(bigint) from public;

create or replace function energy.plan_anomaly_trainings(
    building_ids text[] default null, archetypes text[] default null, only_due boolean default false
)
returns table (detector text, building_id text, archetype text, will_train boolean, is_due boolean, reason text, problem text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    slot_at  constant timestamptz := energy.clock();
    is_named constant boolean := num_nonnulls(plan_anomaly_trainings.building_ids, plan_anomaly_trainings.archetypes) > 0;
    queued   text;
    due      text;
begin
    -- An archetype's before those of its buildings, whose prior it is.
    for building_id, archetype in
        select null::text, kinds.archetype
        from (select distinct archetype from raw.buildings) as kinds
        where plan_anomaly_trainings.building_ids is null
          and (plan_anomaly_trainings.archetypes is null or kinds.archetype = any (plan_anomaly_trainings.archetypes))
        union all
        select buildings.building_id, null
        from raw.buildings
        where (plan_anomaly_trainings.building_ids is null or buildings.building_id = any (plan_anomaly_trainings.building_ids))
          and (plan_anomaly_trainings.archetypes is null or buildings.archetype = any (plan_anomaly_trainings.archetypes))
        union all
        select named, null from unnest(plan_anomaly_trainings.building_ids) as named
        where not exists (select from raw.buildings where buildings.building_id = named)
        order by 1 nulls first, 2
    loop
        -- Validation counts a year of features: not where nothing is due.
        continue when only_due and not exists (
            select from unnest(energy.anomaly_models()) as due_detector
            where energy.training_due(plan_anomaly_trainings.building_id, plan_anomaly_trainings.archetype, slot_at, due_detector)
                is not null);
        problem := null;
        begin
            perform energy.validate_anomaly_training(
                plan_anomaly_trainings.building_id, plan_anomaly_trainings.archetype, slot_at);
        exception when data_exception or undefined_object then
            problem := sqlerrm;
        end;
        -- Those that are too young are no failure, unless somebody asks for them.
        continue when problem is not null and not is_named;
        foreach detector in array energy.anomaly_models() loop
            due := energy.training_due(
                plan_anomaly_trainings.building_id, plan_anomaly_trainings.archetype, slot_at, plan_anomaly_trainings.detector);
            is_due := due is not null;
            continue when only_due and not is_due;
            queued := energy.queued_training(
                plan_anomaly_trainings.building_id, plan_anomaly_trainings.archetype, plan_anomaly_trainings.detector);
            will_train := queued is null;
            reason := coalesce(queued, due, 'it was asked for');
            return next;
        end loop;
    end loop;
end;
$$;
comment on function energy.plan_anomaly_trainings(text[], text[], boolean) is
$$Which models of anomalies energy.train_anomaly_models would train with the same arguments, and why; writes nothing. A row
for each detector of each archetype and building of which enough days are known, or which is named: whether it would be
queued, whether it is due (energy.training_due), the reason, and the problem at which it would fail.$$;
revoke all on function energy.plan_anomaly_trainings(text[], text[], boolean) from public;

create or replace function energy.queue_anomaly_trainings(
    building_ids text[] default null, archetypes text[] default null, only_due boolean default false,
    out batch_id bigint, out queued bigint
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    batch_id := nextval('energy.training_batches');
    queued := 0;
    if not (select enabled from energy.anomaly_model_limits) then
        return;
    end if;
    insert into energy.training_runs (batch_id, building_id, archetype, detector, reason, slot_at, requested_by)
    select queue_anomaly_trainings.batch_id, plan.building_id, plan.archetype, plan.detector, plan.reason, energy.clock(), edf.acting_role()
    from energy.plan_anomaly_trainings(
        queue_anomaly_trainings.building_ids, queue_anomaly_trainings.archetypes, queue_anomaly_trainings.only_due) as plan
    where will_train
    order by plan.building_id nulls first, plan.archetype, plan.detector
    on conflict do nothing;
    get diagnostics queued = row_count;
end;
$$;
comment on function energy.queue_anomaly_trainings(text[], text[], boolean) is
$$Queues trainings of models of anomalies, of what energy.plan_anomaly_trainings lists, and returns the batch and how many
were queued; none where anomalies.models.enabled is false. Sessions that call energy.work_on_trainings() do them.$$;
revoke all on function energy.queue_anomaly_trainings(text[], text[], boolean) from public;

-- It commits after each step, so it can have no SET clause; every name is qualified instead.
create or replace procedure energy.train_anomaly_models(
    building_ids text[] default null, archetypes text[] default null, only_due boolean default false
)
language plpgsql
as $$
declare
    batch record;
begin
    batch := energy.queue_anomaly_trainings(building_ids, archetypes, only_due);
    commit;
    if batch.queued = 0 then
        raise notice 'there is no model of anomalies to train' using hint = 'select * from energy.plan_anomaly_trainings() says why.';
        return;
    end if;
    call energy.work_on_trainings(batch.batch_id);
end;
$$;
comment on procedure energy.train_anomaly_models(text[], text[], boolean) is
$$Trains models of anomalies: expected_energy, isolation_forest and local_outlier_factor of each archetype, then of each
building of which anomalies.models.own_after_days are known, through the queue and the steps of energy.train_models. A model
that passes evaluation.gate (max_alarm_pct) is pending, and approved where governance.auto_approve_anomalies says so.

building_ids, archetypes: these alone; only_due: those that energy.training_due names, as the job asks for: without an
approved model, or trained training.max_age ago. One that fails is a row of energy.training_runs and energy.job_runs; the
others go on.$$;
revoke all on procedure energy.train_anomaly_models(text[], text[], boolean) from public;
