create or replace function energy.start_challenge(model_id bigint, days integer default 28,
    reason text default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    model     constant edf.models := energy.forecasting_model(model_id);
    champion  bigint;
    challenge bigint;
begin
    if model.status <> 'pending'
        or not exists (select from energy.trainings where trainings.model_id = model.model_id) then
        raise exception 'model % is %; only a pending model trained by the pipeline can be a challenger',
            model.model_id, model.status
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Train one: call energy.train_models(array[building_id]).';
    end if;
    select approved.model_id into champion from edf.models as approved
    where subject = model.subject and status = 'approved';
    if not found then
        raise exception 'there is no approved model of "%" to challenge', model.subject
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Approve the first one: energy.approve_models(reason, model_ids => array[model_id]).';
    end if;
    insert into energy.challenges (model_id, champion_id, first_at, days, reason, started_by)
    values (model.model_id, champion, energy.clock(), start_challenge.days, start_challenge.reason, edf.acting_role())
    on conflict (model_id) where state = 'running' do nothing
    returning challenge_id into challenge;
    if challenge is null then
        raise exception 'model % is a challenger already', model.model_id
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'select * from energy.challenges where state = ''running'' lists them.';
    end if;
    return challenge;
end;
$$;
comment on function energy.start_challenge(bigint, integer, text) is
$$Makes a pending model forecast in shadow beside the approved model of its subject, for every forecast issued from now
on, until they have the given number of days in common. Returns the challenge's id. Errors: 42704 no such model; 0A000
it finds anomalies; 55000 it is not pending, was not trained by the pipeline, is a challenger already, or there is no
champion; 23514 days not between 1 and 3650.$$;
revoke all on function energy.start_challenge(bigint, integer, text) from public;

create or replace function energy.serve_share(challenge_id bigint, share double precision, reason text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    challenge energy.challenges;
    problem   text;
begin
    if coalesce(btrim(serve_share.reason), '') = '' or (serve_share.share between 0 and 1) is not true then
        raise exception 'a share of buildings from 0 to 1 and a reason are needed'
            using errcode = 'invalid_parameter_value',
                  hint = 'Such as: select energy.serve_share(3, 0.2, ''better in shadow for two weeks'').';
    end if;
    select * into challenge from energy.challenges where challenges.challenge_id = serve_share.challenge_id for update;
    if not found then
        raise exception 'there is no challenge %', coalesce(serve_share.challenge_id::text, 'null')
            using errcode = 'undefined_object', hint = 'select * from energy.challenges lists them.';
    end if;
    if challenge.state <> 'running' then
        raise exception 'challenge % is %', challenge.challenge_id, challenge.state
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Start another one: energy.start_challenge(model_id).';
    end if;
    if not exists (select from edf.models
        where model_id = challenge.model_id and starts_with(subject, energy.archetype_subject(''))) then
        raise exception 'challenge % is about one building', challenge.challenge_id
            using errcode = 'invalid_parameter_value',
                  hint = 'A share of buildings can be served by the challenger of an archetype; of one building, '
                         'approve it or not.';
    end if;
    problem := energy.approval_problem(challenge.model_id);
    if problem is not null and serve_share.share > 0 then
        raise exception 'model % may not serve: %', challenge.model_id, problem
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'A serving model must meet the requirements of an approval: see energy.approve_models.';
    end if;
    update energy.challenges
    set share = serve_share.share, share_reason = serve_share.reason, share_set_at = now(),
        share_set_by = edf.acting_role()
    where challenges.challenge_id = challenge.challenge_id;
end;
$$;
comment on function energy.serve_share(bigint, double precision, text) is
$$Makes the challenger of an archetype serve a share of its buildings (0 up to 1) beside its champion; 0 ends that. Each
building is also forecast in shadow by the other model, so that both are compared on all buildings. The buildings are
drawn per challenge. Requires role edf_approver and the requirements of an approval.

Errors: 22023 no reason, a share outside of 0 to 1, or a challenge about one building; 42704 no such challenge; 55000 it
is over, or its model may not be approved.$$;
revoke all on function energy.serve_share(bigint, double precision, text) from public;

-- Earlier versions read the inputs themselves.
drop function if exists energy.shadow_forecast(bigint, text, timestamptz, interval);

create or replace function energy.shadow_forecast(
    model_id bigint, building_id text, inputs energy.place_inputs, target double precision[], received_at timestamptz[]
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    training energy.trainings;
    written  bigint;
begin
    select * into strict training from energy.trainings where trainings.model_id = shadow_forecast.model_id;
    insert into energy.shadow_forecasts (model_id, building_id, issued_at, valid_at, lead_hours, yhat, yhat_lower,
        yhat_upper)
    select models.model_id, shadow_forecast.building_id, inputs.slot_at, p.valid_at, p.lead_hours, p.yhat, p.yhat_lower,
        p.yhat_upper
    from edf.models
    cross join lateral edf.predict(
        models.artifact,
        energy.served_series(
            shadow_forecast.building_id, models.model_id, training.archetype, inputs, target,
            shadow_forecast.received_at),
        inputs.horizon, inputs.slot_at, '{0.05,0.95}') as p
    where models.model_id = shadow_forecast.model_id
    on conflict do nothing;
    get diagnostics written = row_count;
    return written;
end;
$$;
comment on function energy.shadow_forecast(bigint, text, energy.place_inputs, double precision[], timestamptz[]) is
$$Writes a shadow forecast of a building by a model in any state, using the same inputs as energy.issue_slot. Returns
the rows written. Errors: as edf.predict.$$;
revoke all on function energy.shadow_forecast(bigint, text, energy.place_inputs, double precision[], timestamptz[])
    from public;

create or replace function energy.compare_models(
    models_a bigint[], models_b bigint[], since timestamptz default '-infinity', until timestamptz default 'infinity',
    power double precision default 2, alternative text default 'two_sided', building_id text default null
)
returns table (
    buildings bigint, issues bigint, hours bigint, days double precision, rmse_a double precision,
    rmse_b double precision, mae_a double precision, mae_b double precision,
    coverage_a double precision, coverage_b double precision, improvement_pct double precision,
    mean_difference double precision, statistic double precision, p_value double precision
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    with made as (
        select model_id, building_id, issued_at, valid_at, yhat, yhat_lower, yhat_upper
        from energy.forecasts
        where model_id = any (models_a || models_b) and issued_at >= since and issued_at < until
          and (compare_models.building_id is null or forecasts.building_id = compare_models.building_id)
        union
        select model_id, building_id, issued_at, valid_at, yhat, yhat_lower, yhat_upper
        from energy.shadow_forecasts
        where model_id = any (models_a || models_b) and issued_at >= since and issued_at < until
          and (compare_models.building_id is null or shadow_forecasts.building_id = compare_models.building_id)
    ),

    -- The newest model of each side.
    sides as (
        select distinct on (side, building_id, issued_at, valid_at) side, made.*
        from made
        join (select 'a' as side, unnest(models_a) as model_id
            union all select 'b', unnest(models_b)) as named using (model_id)
        order by side, building_id, issued_at, valid_at, model_id desc
    ),

    pairs as (
        select a.building_id, a.issued_at, a.valid_at, consumption_kwh as actual, a.yhat as yhat_a, b.yhat as yhat_b,
            a.yhat_lower as lower_a, a.yhat_upper as upper_a, b.yhat_lower as lower_b, b.yhat_upper as upper_b
        from sides as a
        join sides as b using (building_id, issued_at, valid_at)
        join energy.building_hours as hours on hours.building_id = a.building_id and hour_at = a.valid_at
        where a.side = 'a' and b.side = 'b' and consumption_kwh is not null
    ),

    -- One loss per issue: the hours of one forecast are not independent.
    losses as (
        select issued_at, power(avg(power(abs(actual - yhat_a), compare_models.power)),
            1 / compare_models.power) as loss_a,
            power(avg(power(abs(actual - yhat_b), compare_models.power)), 1 / compare_models.power) as loss_b,
            extract(epoch from max(valid_at) - issued_at) / 3600 + 1 as lead_h,
            extract(epoch from issued_at - lag(issued_at) over (order by issued_at)) / 3600 as gap_h
        from pairs
        group by issued_at
    ),

    listed as (
        select array_agg(loss_a order by issued_at) as a, array_agg(loss_b order by issued_at) as b, count(*) as issues,
            -- Number of overlapping issues.
            greatest(ceil(max(lead_h) / coalesce(percentile_cont(0.5) within group (order by gap_h), max(lead_h))),
                1)::integer as overlap,
            extract(epoch from max(issued_at) - min(issued_at)) / 86400 + 1 as days
        from losses
    )

    select counted.buildings, listed.issues, counted.hours, case when listed.issues = 0 then 0 else listed.days end,
        rmse_a, rmse_b, mae_a, mae_b, coverage_a, coverage_b,
        100 * (1 - rmse_a / nullif(rmse_b, 0)), test.mean_difference, test.statistic, test.p_value
    from listed
    cross join (
        select count(distinct building_id) as buildings, count(*) as hours, edf.rmse(actual, yhat_a) as rmse_a,
            edf.rmse(actual, yhat_b) as rmse_b,
            edf.mae(actual, yhat_a) as mae_a, edf.mae(actual, yhat_b) as mae_b,
            edf.coverage(actual, lower_a, upper_a) as coverage_a, edf.coverage(actual, lower_b, upper_b) as coverage_b
        from pairs
    ) as counted
    cross join lateral edf.diebold_mariano(listed.a, listed.b, least(overlap, greatest(issues, 1))::integer,
        compare_models.power, compare_models.alternative) as test
$$;
comment on function energy.compare_models(bigint[], bigint[], timestamptz, timestamptz, double precision, text, text) is
$$Compares two sequences of models, as energy.compare_models of two models does: if several models of a side forecast an
hour, the newest is used. building_id: only this building.$$;
revoke all on function energy.compare_models(bigint[], bigint[], timestamptz, timestamptz, double precision, text, text)
    from public;

create or replace function energy.compare_models(
    model_a bigint, model_b bigint, since timestamptz default '-infinity', until timestamptz default 'infinity',
    power double precision default 2, alternative text default 'two_sided'
)
returns table (
    buildings bigint, issues bigint, hours bigint, days double precision, rmse_a double precision,
    rmse_b double precision, mae_a double precision, mae_b double precision,
    coverage_a double precision, coverage_b double precision, improvement_pct double precision,
    mean_difference double precision, statistic double precision, p_value double precision
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$ select * from energy.compare_models(array[model_a], array[model_b], since, until, power, alternative) $$;
comment on function energy.compare_models(bigint, bigint, timestamptz, timestamptz, double precision, text) is
$$Compares two models on the hours that both forecast from the same issue, in service or in shadow, and whose demand is
known: one row. RMSE and MAE in kWh, coverage of the 90 % interval in percent, improvement_pct: the reduction of RMSE of
a relative to b.

mean_difference (of the losses, a minus b; negative: a is better), statistic and p_value are those of the
Diebold-Mariano test with the correction of Harvey, Leybourne and Newbold on the loss of each issue
(edf.diebold_mariano), with as many autocovariances as issues overlap. power: 2 squared, 1 absolute errors. alternative:
two_sided, less (a is better), greater. since, until: range of issued_at. NULL if there are too few issues. Errors: as
edf.diebold_mariano.$$;
revoke all on function energy.compare_models(bigint, bigint, timestamptz, timestamptz, double precision, text)
    from public;

create or replace function energy.conclude_challenge(challenge_id bigint) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    rule      constant jsonb := nullif(energy.governance() -> 'promote', 'null');
    challenge energy.challenges;
    found     record;
    numbers   text;
    ending    text := 'ended';
    verdict   text;
begin
    select * into challenge from energy.challenges
    where challenges.challenge_id = conclude_challenge.challenge_id and state = 'running' for update;
    if challenge.challenge_id is null then
        return null;
    end if;
    if exists (
        select from edf.models
        where model_id = challenge.model_id and strategy = any (edf.anomaly_strategies())
    ) then
        -- Earlier versions let one begin, which would never end.
        ending := 'cancelled';
        verdict := format('model %s is an anomaly model and does not forecast', challenge.model_id);
    elsif not exists (select from edf.models where model_id = challenge.model_id and status = 'pending')
       or not exists (select from edf.models where model_id = challenge.champion_id and status = 'approved') then
        ending := 'cancelled';
        verdict := format('model %s is %s and model %s %s',
                          challenge.model_id, (select status from edf.models where model_id = challenge.model_id),
                          challenge.champion_id, (select status from edf.models
                              where model_id = challenge.champion_id));
    else
        select * into found from energy.compare_models(challenge.model_id, challenge.champion_id, challenge.first_at,
            alternative => 'less');
        if (found.days >= challenge.days) is not true then
            return null;
        end if;
        numbers := format('RMSE %s %% below that of model %s over %s days in shadow, p = %s',
            round(found.improvement_pct::numeric, 1), challenge.champion_id,
                          round(found.days::numeric), coalesce(round(found.p_value::numeric, 4)::text, 'unknown'));
        verdict := numbers || '; a person decides';
        if rule is not null then
            if found.improvement_pct >= (rule ->> 'min_improvement_pct')::double precision
                and found.p_value <= (rule ->> 'max_p_value')::double precision
               and energy.stress_failures(challenge.model_id) = '{}' then
                ending := 'promoted';
            end if;
            verdict := format('%s; rule governance.promote of configuration %s requires at least %s %% and p of at '
                              'most %s%s', numbers, energy.current_config_id(),
                              rule ->> 'min_improvement_pct', rule ->> 'max_p_value',
                              case when ending = 'ended' then ': a person decides' end);
        end if;
    end if;
    update energy.challenges set state = ending, ended_at = clock_timestamp(), outcome = verdict
    where challenges.challenge_id = challenge.challenge_id;
    if ending = 'promoted' then
        perform edf.approve_model(challenge.model_id, verdict);
    end if;
    return verdict;
end;
$$;
comment on function energy.conclude_challenge(bigint) is
$$Ends a challenge whose days are over: the challenger is approved if it meets governance.promote of the configuration,
with the rule and the numbers in its event; otherwise it stays pending for a person to decide. A challenge also ends if
challenger or champion has been decided on, or if its model finds anomalies. Returns the outcome; NULL: it continues.$$;
revoke all on function energy.conclude_challenge(bigint) from public;

create or replace view energy.shadows_due as
with

issued as (
    select challenges.model_id, forecasts.building_id, forecasts.issued_at, forecasts.lead_hours, forecasts.known_at,
        forecasts.revision
    from energy.challenges
    join energy.forecasts on forecasts.model_id = champion_id and forecasts.issued_at >= first_at
    where state = 'running'
    union all
    select challenges.champion_id, forecasts.building_id, forecasts.issued_at, forecasts.lead_hours, forecasts.known_at,
        forecasts.revision
    from energy.challenges
    join energy.forecasts on forecasts.model_id = challenges.model_id and forecasts.issued_at >= first_at
    where state = 'running'
    union all
    -- If a building's own model is compared with that of its archetype: the model that did not forecast it, since it
    -- was trained.
    select rivals.model_id, forecasts.building_id, forecasts.issued_at, forecasts.lead_hours, forecasts.known_at,
        forecasts.revision
    from energy.building_stages as stages
    join raw.buildings using (building_id)
    join edf.models as rivals on rivals.status = 'approved'
        and rivals.subject in (stages.building_id, energy.archetype_subject(archetype))
    join energy.trainings on trainings.model_id = rivals.model_id
    join energy.forecasts
        on forecasts.building_id = stages.building_id and forecasts.issued_at >= trainings.known_at
        and forecasts.issued_at > energy.clock() - energy.inference_span('catch_up')
        and forecasts.source = case rivals.subject when stages.building_id then 'archetype' else 'model' end
    where is_compared
)

select model_id, building_id, issued_at, max(lead_hours) * interval '1 hour' as horizon,
    coalesce(max(known_at), issued_at) as known_at, coalesce(max(revision), 0) > 0 as is_revision
from issued
where not exists (
    select from energy.shadow_forecasts as made
    where made.model_id = issued.model_id and made.building_id = issued.building_id
      and made.issued_at = issued.issued_at)
group by model_id, building_id, issued_at;
comment on view energy.shadows_due is
$$Forecasts that energy.issue_shadow_forecasts() makes next: by challengers for their champions' forecasts, by
champions for their challengers' (energy.serve_share), and if a building's own model is compared with that of its
archetype, by the one that did not forecast it.$$;
comment on column energy.shadows_due.known_at is
    'When the weather used by the forecast in service was known; for a revision also its demand.';

create or replace procedure energy.issue_shadow_forecasts()
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    started_at constant timestamptz := clock_timestamp();
    due        record;
    inputs     energy.place_inputs;
    demand     record;
    demand_of  text;
    running    bigint;
    written    bigint := 0;
    failed     bigint := 0;
    state      text;
    message    text;
    advice     text;
begin
    if not exists (select from energy.challenges where state = 'running')
        and not exists (select from energy.building_stages where is_compared) then
        return;
    end if;
    if not pg_try_advisory_xact_lock(hashtextextended('energy.issue_shadow_forecasts', 0)) then
        perform energy.record_job_run('issue_shadow_forecasts', null, energy.clock(), started_at, 'skipped',
            message => 'another run is in progress');
        return;
    end if;
    for due in
        select *
        from energy.shadows_due
        join energy.building_places using (building_id)
        order by issued_at, horizon, is_revision, known_at, place, building_id, model_id
    loop
        begin
            -- Read once for all buildings of a place, and for all models of a building.
            if (due.issued_at, due.horizon, due.is_revision, due.known_at, due.place)
               is distinct from (inputs.slot_at, inputs.horizon, inputs.is_revision, inputs.known_at, inputs.place) then
                demand_of := null;
                inputs := energy.inputs_of_place(
                    due.weather_location_id, due.building_id, due.time_zone, due.issued_at, due.horizon,
                    due.is_revision,
                    due.known_at);
            end if;
            if due.building_id is distinct from demand_of then
                select * into strict demand
                from energy.demand_of(
                    array[due.building_id], due.issued_at,
                    case when due.is_revision then due.known_at else due.issued_at end, inputs.times);
                demand_of := due.building_id;
            end if;
            written := written + energy.shadow_forecast(
                due.model_id, due.building_id, inputs, demand.target, demand.received_at);
        exception when others then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            perform energy.record_job_run('issue_shadow_forecasts', due.building_id, due.issued_at, started_at,
                'failed', 0, state,
                                          format('model %s: %s', due.model_id, message), advice);
            failed := failed + 1;
        end;
    end loop;
    for running in select challenge_id from energy.challenges where challenges.state = 'running'
        order by challenge_id loop
        perform energy.conclude_challenge(running);
    end loop;
    perform energy.record_job_run(
        'issue_shadow_forecasts', null, energy.clock(), started_at,
        case when failed = 0 then 'succeeded' else 'failed' end, written,
        message => case when failed > 0 then failed || ' forecasts failed' end);
end;
$$;
comment on procedure energy.issue_shadow_forecasts() is
$$Makes the forecasts of energy.shadows_due, each from the inputs of the forecast in service, so that it may run late;
then ends the challenges whose days are over (energy.conclude_challenge). Running it twice changes nothing. A forecast
that fails is recorded in energy.job_runs; the others continue.$$;
revoke all on procedure energy.issue_shadow_forecasts() from public;
