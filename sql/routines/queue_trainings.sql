create or replace function energy.validate_training(building_id text, archetype text, at timestamptz) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    first_at timestamptz;
    hours    record;
    members  text[];
    least    constant double precision := coalesce(
        (energy.current_config() #>> '{training,min_known_share}')::double precision, 0.5);
begin
    if validate_training.archetype is not null then
        members := energy.archetype_members(validate_training.archetype, at);
        if cardinality(members) < 2 then
            raise exception 'archetype "%" has % buildings with eight days of demand and apartments, two are needed',
                validate_training.archetype, cardinality(members)
                using errcode = 'data_exception',
                      hint = 'Wait for more readings, or give more buildings this archetype in raw.buildings.';
        end if;
        return jsonb_build_object('buildings', cardinality(members));
    end if;
    if not exists (select from raw.buildings where buildings.building_id = validate_training.building_id) then
        raise exception 'there is no building "%"', validate_training.building_id
            using errcode = 'undefined_object', hint = 'select building_id from raw.buildings lists them.';
    end if;
    first_at := energy.evaluation_start(validate_training.building_id, at);
    select min(hour_at) as first_at, max(hour_at) filter (where consumption_kwh is not null) as last_at,
        count(consumption_kwh) as known,
        count(*) filter (where quality = 'estimated') as estimated,
        count(consumption_kwh) filter (where hour_at >= evaluation.at) / greatest(extract(epoch
            from validate_training.at - evaluation.at) / 3600, 1) as recent_share
    into hours
    from energy.building_hours
    cross join (select first_at as at) as evaluation
    where building_hours.building_id = validate_training.building_id and received_at <= validate_training.at
    group by evaluation.at;
    if hours.recent_share < least then
        raise exception 'the demand of building "%" is known in % %% of the hours since %, at least % %% are required',
            validate_training.building_id, round((100 * hours.recent_share)::numeric, 1), first_at, 100 * least
            using errcode = 'data_exception',
                  hint = 'See energy.building_hours for missing hours, features.fct_apartment_days for their '
                         'apartments; the limit is training.min_known_share.';
    end if;
    return jsonb_build_object(
        'first_hour', hours.first_at, 'last_hour', hours.last_at, 'known_hours', hours.known,
        'estimated_hours', hours.estimated,
        'evaluation_from', first_at, 'known_share', round(hours.recent_share::numeric, 3));
end;
$$;
comment on function energy.validate_training(text, text, timestamptz) is
$$Whether the data of a building, or of an archetype, suffice for a training at a time, with the numbers.

Errors: 42704 no such building; 22000 its hours do not reach back to the evaluation, or demand is known in less than
training.min_known_share of it; fewer than two buildings of the archetype have data.$$;
revoke all on function energy.validate_training(text, text, timestamptz) from public;

create or replace function energy.queued_training(building_id text, archetype text, detector text default null) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select format('run %s of it is already %s', run_id, state)
    from energy.training_runs as runs
    where (runs.building_id = queued_training.building_id or runs.archetype = queued_training.archetype)
      and runs.detector is not distinct from queued_training.detector and state in ('queued', 'running')
$$;
comment on function energy.queued_training(text, text, text) is
$$Why a building, or an archetype, is not queued for training now: the run that is queued or running; NULL if there is none.
detector: of its anomaly model by this strategy, instead of its forecasting model.$$;
revoke all on function energy.queued_training(text, text, text) from public;

-- Earlier versions had no argument only_due.
drop function if exists energy.plan_trainings(text[], text[], text, jsonb, jsonb);
drop function if exists energy.queue_trainings(text[], text[], text, jsonb, jsonb, text);

create or replace function energy.plan_trainings(
    building_ids text[] default null, archetypes text[] default null,
    strategy text default null, parameters jsonb default null, features jsonb default null,
    only_due boolean default false
)
returns table (building_id text, archetype text, will_train boolean, is_due boolean, reason text, problem text,
    recipe jsonb, champion bigint, champion_trained_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    slot_at constant timestamptz := energy.clock();
    queued  text;
    due     text;
begin
    for building_id, archetype in
        select buildings.building_id, null::text
        from raw.buildings
        where (plan_trainings.building_ids is null or buildings.building_id = any (plan_trainings.building_ids))
          and (plan_trainings.archetypes is null or buildings.archetype = any (plan_trainings.archetypes))
        union all
        -- Requested but unknown names return a row with the problem.
        select named, null from unnest(plan_trainings.building_ids) as named
        where not exists (select from raw.buildings where buildings.building_id = named)
        union all
        select null, kinds.archetype
        from (select distinct archetype from raw.buildings) as kinds
        where plan_trainings.building_ids is null
          and (kinds.archetype = any (plan_trainings.archetypes)
               or plan_trainings.archetypes is null
               and cardinality(energy.archetype_members(kinds.archetype, slot_at)) >= 2)
        order by 1 nulls last, 2
    loop
        champion := null; champion_trained_at := null; problem := null; recipe := null;
        due := energy.training_due(plan_trainings.building_id, plan_trainings.archetype, slot_at);
        is_due := due is not null;
        continue when only_due and not is_due;
        select model_id, created_at into champion, champion_trained_at
        from edf.models where subject = coalesce(building_id, energy.archetype_subject(archetype))
            and status = 'approved';
        queued := energy.queued_training(plan_trainings.building_id, plan_trainings.archetype);
        will_train := queued is null;
        reason := coalesce(queued,
            case when champion is null then 'it has no approved model'
                 else format('model %s forecasts it, trained on what was known until %s%s', champion,
                             (select known_at from energy.trainings where model_id = champion), ': ' || due) end);
        begin
            perform energy.validate_training(plan_trainings.building_id, plan_trainings.archetype, slot_at);
            if building_id is not null then
                recipe := energy.recipe(plan_trainings.building_id, plan_trainings.strategy, plan_trainings.parameters,
                    plan_trainings.features);
                perform edf.read_features(recipe -> 'features', recipe ->> 'strategy'),
                    edf.read_parameters(recipe ->> 'strategy', recipe -> 'parameters');
            else
                recipe := jsonb_build_object('strategy', 'global', 'parameters',
                    coalesce(plan_trainings.parameters, '{}'), 'features', coalesce(plan_trainings.features, '{}'));
            end if;
        exception when data_exception or invalid_parameter_value or undefined_object then
            problem := sqlerrm;
        end;
        return next;
    end loop;
end;
$$;
comment on function energy.plan_trainings(text[], text[], text, jsonb, jsonb, boolean) is
$$Dry run of energy.queue_trainings with the same arguments; it writes nothing. One row for each building, then for each
archetype: whether it would be queued, whether it is due (energy.training_due), the reason, the problem at which it
would fail (NULL: none found), the recipe, and the model currently in service.

building_ids: only these; archetypes: buildings of these, with their own models too; neither: all, and the archetypes
with two buildings that have enough history. strategy, parameters, features, only_due: as in energy.queue_trainings.$$;
revoke all on function energy.plan_trainings(text[], text[], text, jsonb, jsonb, boolean) from public;

create or replace function energy.queue_trainings(
    building_ids text[] default null, archetypes text[] default null,
    strategy text default null, parameters jsonb default null, features jsonb default null, reason text default null,
    only_due boolean default false,
    out batch_id bigint, out queued bigint
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    -- Validated once: an invalid argument is not a failure of each building.
    if queue_trainings.strategy is not null or queue_trainings.parameters is not null then
        perform edf.read_parameters(named.strategy, coalesce(queue_trainings.parameters, '{}'))
        from (
            select coalesce(queue_trainings.strategy, energy.current_config() #>> '{training,strategy}')
            where queue_trainings.building_ids is not null or queue_trainings.archetypes is null
            union all
            select 'global' where queue_trainings.archetypes is not null
        ) as named (strategy);
    end if;
    if queue_trainings.features is not null then
        perform edf.read_features((energy.current_config() -> 'features') || queue_trainings.features,
                                  coalesce(queue_trainings.strategy,
                                      energy.current_config() #>> '{training,strategy}'));
    end if;
    batch_id := nextval('energy.training_batches');
    insert into energy.training_runs (batch_id, building_id, archetype, reason, strategy, parameters, features, slot_at,
        requested_by)
    select queue_trainings.batch_id, plan.building_id, plan.archetype,
        concat_ws(': ', queue_trainings.reason, plan.reason),
        case when plan.building_id is not null then queue_trainings.strategy end, queue_trainings.parameters,
        queue_trainings.features,
        energy.clock(), edf.acting_role()
    from energy.plan_trainings(queue_trainings.building_ids, queue_trainings.archetypes, queue_trainings.strategy,
        queue_trainings.parameters, queue_trainings.features,
                               queue_trainings.only_due) as plan
    where will_train
    order by plan.building_id nulls last, plan.archetype
    on conflict do nothing;
    get diagnostics queued = row_count;
end;
$$;
comment on function energy.queue_trainings(text[], text[], text, jsonb, jsonb, text, boolean) is
$$Queues the trainings listed by energy.plan_trainings, and returns the batch and the number of queued trainings;
subjects already queued or in training are skipped. Sessions that call energy.work_on_trainings() execute them.

strategy, parameters, features: override the configuration for this training (features are merged); parameters of an
archetype's model are those of strategy global. reason: stored with each run. only_due: skip trainings that are not
required by energy.training_due. Errors: 22023, 42704 as edf.train for strategy, parameters and features.$$;
revoke all on function energy.queue_trainings(text[], text[], text, jsonb, jsonb, text, boolean) from public;

create or replace function energy.cancel_trainings(reason text, batch_id bigint default null,
    building_ids text[] default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    cancelled bigint;
    asked     bigint;
begin
    perform edf.require('reason', reason is not null);
    with taken as (
        select run_id from energy.training_runs
        where state = 'queued'
          and (cancel_trainings.batch_id is null or training_runs.batch_id = cancel_trainings.batch_id)
          and (cancel_trainings.building_ids is null or building_id = any (cancel_trainings.building_ids))
        for update skip locked
    )

    update energy.training_runs
    set state = 'cancelled', finished_at = clock_timestamp(),
        message = format('cancelled by %s: %s', edf.acting_role(), cancel_trainings.reason)
    where run_id in (select run_id from taken);
    get diagnostics cancelled = row_count;
    insert into energy.training_cancels (run_id, reason, asked_by)
    select run_id, cancel_trainings.reason, edf.acting_role()
    from energy.training_runs
    where state = 'running'
      and (cancel_trainings.batch_id is null or training_runs.batch_id = cancel_trainings.batch_id)
      and (cancel_trainings.building_ids is null or building_id = any (cancel_trainings.building_ids))
    on conflict do nothing;
    get diagnostics asked = row_count;
    return cancelled + asked;
end;
$$;
comment on function energy.cancel_trainings(text, bigint, text[]) is
$$Cancels trainings, by default all: queued ones at once, running ones before their next step (pg_cancel_backend of
energy.training_runs.worker_pid ends the current step). Returns their number. Errors: 22004 no reason.$$;
revoke all on function energy.cancel_trainings(text, bigint, text[]) from public;

create or replace view energy.training_progress as
select
    batch_id,
    min(requested_at) as requested_at,
    count(*) as total,
    count(*) filter (where state not in ('queued', 'running')) as done,
    count(*) filter (where state = 'registered') as registered,
    count(*) filter (where state = 'failed') as failed,
    count(*) filter (where state = 'cancelled') as cancelled,
    count(*) filter (where state = 'running') as running,
    coalesce(case when bool_or(state in ('queued', 'running')) then clock_timestamp()
        else max(finished_at) end - min(started_at), interval '0') as elapsed,
    (clock_timestamp() - min(started_at)) * (count(*) filter (where state in ('queued', 'running')))
        / nullif(count(*) filter (where state in ('registered', 'failed')), 0) as remaining
from energy.training_runs
group by batch_id;
comment on view energy.training_progress is
$$Progress of each batch of trainings: done and total, elapsed time, and remaining time estimated from finished
trainings.$$;
