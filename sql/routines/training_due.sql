create or replace function energy.training_due(
    building_id text, archetype text, at timestamptz, detector text default null
) returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    named    constant text := case when detector is null then coalesce(building_id, energy.archetype_subject(archetype))
        else energy.anomaly_subject(detector, building_id, archetype) end;
    config   constant jsonb := energy.current_config() -> 'training';
    max_age  constant interval := coalesce((config ->> 'max_age')::interval, interval '30 days');
    rest     constant interval := coalesce((config ->> 'rest')::interval, interval '7 days');
    champion record;
    last_at  timestamptz;
    alarms   text;
begin
    select model_id, coalesce(known_at, created_at) as known_at into champion
    from edf.models
    left join energy.trainings using (model_id)
    where models.subject = named and status = 'approved';
    select max(slot_at) into last_at
    from energy.training_runs as runs
    where coalesce(runs.building_id, 'archetype:' || runs.archetype) = coalesce(training_due.building_id,
        'archetype:' || training_due.archetype)
      and coalesce(runs.detector, '') = coalesce(training_due.detector, '') and state <> 'cancelled' and slot_at <= at;
    last_at := greatest(last_at, champion.known_at);
    if last_at > at - rest then
        return null;
    end if;
    -- A pending model needs a decision first.
    if exists (
        select from edf.models
        left join energy.trainings using (model_id)
        where models.subject = named and status = 'pending'
          and (champion.model_id is null or models.model_id > champion.model_id)
          and coalesce(known_at, created_at) > at - max_age) then
        return null;
    end if;
    if champion.model_id is null then
        return 'it has no approved model';
    end if;
    select string_agg(format('%s since %s', rule, to_char(opened_at at time zone 'UTC', 'YYYY-MM-DD')), ', '
        order by rule) into alarms
    from energy.alerts
    where resolved_at is null and rule in ('errors_grow', 'accuracy_worse') and alerts.subject = named;
    return coalesce(alarms, case when last_at <= at - max_age then format('it was trained %s days ago',
        floor(extract(epoch from at - last_at) / 86400)) end);
end;
$$;
comment on function energy.training_due(text, text, timestamptz, text) is
$$Why a building, or an archetype, is due for training at a time; NULL: it is not. Due: it has no approved model, an
alert reports growing errors (errors_grow, accuracy_worse), or it was last trained training.max_age ago. Not due: it was
trained within training.rest, with any result, or it has a newer pending model.
detector: the strategy of its anomaly model, instead of its forecasting model.$$;
revoke all on function energy.training_due(text, text, timestamptz, text) from public;
