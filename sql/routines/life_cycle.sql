create or replace view energy.life_cycle_limits as
select
    coalesce((life_cycle ->> 'archetype_after_days')::double precision, 7) as archetype_after_days,
    coalesce((life_cycle ->> 'own_after_days')::double precision, 182) as own_after_days,
    coalesce((life_cycle ->> 'profile_after_days')::double precision, 7) as profile_after_days,
    coalesce((life_cycle ->> 'compare_days')::double precision, 28) as compare_days,
    coalesce((life_cycle ->> 'min_compared_days')::double precision, 14) as min_compared_days,
    coalesce((life_cycle ->> 'margin_pct')::double precision, 2) as margin_pct
from (select energy.current_config() -> 'life_cycle' as life_cycle) as configs;
comment on view energy.life_cycle_limits is 'Section life_cycle of the configuration: one row.';

create or replace function energy.usable_days(building_id text, most_days double precision) returns double precision
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select count(*) / 24.0
    from (
        select from energy.building_hours as hours
        join raw.buildings using (building_id)
        where buildings.building_id = usable_days.building_id and consumption_kwh is not null
          and received_at <= energy.clock() and hour_at < energy.clock()
          and (hour_at >= commissioned_on::timestamp at time zone time_zone) is not false
        limit ceil(24 * most_days)::bigint
    ) as known
$$;
comment on function energy.usable_days(text, double precision) is
    'Number of days, of 24 hours each, with known demand since a building was commissioned; counted up to most_days.';
revoke all on function energy.usable_days(text, double precision) from public;

create or replace function energy.approved_model(building_id text, is_archetype boolean) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (energy.model_of_building(building_id, is_archetype)).model_id;
exception when undefined_object or invalid_parameter_value or data_exception then
    return null;
end;
$$;
comment on function energy.approved_model(text, boolean) is
    'As energy.model_of_building, but NULL if no model can forecast it.';
revoke all on function energy.approved_model(text, boolean) from public;

create or replace function energy.compare_own_model(building_id text, since timestamptz)
returns table (days double precision, rmse_own_kwh double precision, rmse_archetype_kwh double precision,
    improvement_pct double precision, p_value double precision)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    -- Models change over time: the model in service at each issue counts.
    select days, rmse_a, rmse_b, compared.improvement_pct, compared.p_value
    from raw.buildings
    cross join lateral energy.compare_models(
        array(select model_id from edf.models
            where subject = buildings.building_id and status in ('approved', 'retired')),
        array(select model_id from edf.models
            where subject = energy.archetype_subject(archetype) and status in ('approved', 'retired')),
        since, alternative => 'less', building_id => buildings.building_id) as compared
    where buildings.building_id = compare_own_model.building_id
$$;
comment on function energy.compare_own_model(text, timestamptz) is
$$Compares a building's own models with those of its archetype, on the hours that both forecast from the same issues
since a time, in service or in shadow: see energy.compare_models.$$;
revoke all on function energy.compare_own_model(text, timestamptz) from public;

create or replace function energy.judge_stage(
    building_id text, out stage text, out usable_days double precision, out is_compared boolean, out reason text,
    out numbers jsonb
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    limits   constant energy.life_cycle_limits := (select l from energy.life_cycle_limits as l);
    was      constant text := (select stages.stage from energy.building_stages as stages
        where stages.building_id = judge_stage.building_id);
    own      constant bigint := energy.approved_model(building_id, false);
    shared   constant bigint := energy.approved_model(building_id, true);
    compared record;
begin
    usable_days := energy.usable_days(building_id, greatest(limits.own_after_days, limits.archetype_after_days));
    is_compared := usable_days >= limits.own_after_days and own is not null and shared is not null;
    numbers := jsonb_build_object(
        'usable_days', round(usable_days::numeric, 1), 'own_model', own, 'archetype_model', shared,
        'config_id', energy.current_config_id());
    if usable_days < limits.archetype_after_days then
        stage := 'design';
        reason := format('demand is known for %s days, life_cycle.archetype_after_days is %s', floor(usable_days),
            limits.archetype_after_days);
    elsif usable_days < limits.own_after_days then
        stage := 'archetype';
        reason := format('demand is known for %s days, life_cycle.own_after_days is %s', floor(usable_days),
            limits.own_after_days);
    elsif own is null then
        stage := 'archetype';
        reason := 'it has no approved model of its own';
    elsif shared is null then
        stage := 'own';
        reason := 'its archetype has no approved model that can forecast it';
    else
        select * into compared from energy.compare_own_model(building_id,
            energy.clock() - limits.compare_days * interval '24 hours');
        numbers := numbers || jsonb_build_object(
            'compared_days', round(compared.days::numeric, 1), 'rmse_own_kwh', round(compared.rmse_own_kwh::numeric, 4),
            'rmse_archetype_kwh', round(compared.rmse_archetype_kwh::numeric, 4),
            'improvement_pct', round(compared.improvement_pct::numeric, 2),
            'p_value', round(compared.p_value::numeric, 4), 'margin_pct', limits.margin_pct);
        if (compared.days >= limits.min_compared_days) is not true then
            -- A building that started with its own model keeps it until the models can be compared.
            stage := coalesce(nullif(was, 'design'), case when was is null then 'own' else 'archetype' end);
            reason := format('%s days with forecasts of both models, life_cycle.min_compared_days is %s',
                floor(coalesce(compared.days, 0)), limits.min_compared_days);
        else
            stage := case
                when compared.improvement_pct >= case when was in ('design', 'archetype') then limits.margin_pct
                    else -limits.margin_pct end then 'own'
                else 'archetype' end;
            reason := format('RMSE of its own model %s %% below that of its archetype''s over %s days; '
                             'life_cycle.margin_pct is %s',
                             round(compared.improvement_pct::numeric, 1), floor(compared.days), limits.margin_pct);
        end if;
    end if;
end;
$$;
comment on function energy.judge_stage(text) is
$$The current stage of a building: design below life_cycle.archetype_after_days of usable days; then archetype; own from
life_cycle.own_after_days on, if its approved model beats that of its archetype by life_cycle.margin_pct of RMSE over
the last weeks (energy.compare_own_model), until it is worse by that margin. numbers: the figures behind it. Writes
nothing.$$;
revoke all on function energy.judge_stage(text) from public;

create or replace function energy.review_buildings(building_ids text[]) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    now_at   constant timestamptz := energy.clock();
    building text;
    was      text;
    judged   record;
    switched bigint := 0;
begin
    foreach building in array building_ids loop
        perform energy.assign_archetype(building);
        was := (select stage from energy.building_stages where building_id = building);
        select * into judged from energy.judge_stage(building);
        insert into energy.building_stages as known (building_id, stage, since, usable_days, is_compared, reason,
            numbers, reviewed_at)
        values (building, judged.stage, now_at, judged.usable_days, judged.is_compared, judged.reason, judged.numbers,
            now_at)
        on conflict (building_id) do update set
            stage = excluded.stage, since = case when known.stage = excluded.stage then known.since
                else excluded.since end,
            usable_days = excluded.usable_days, is_compared = excluded.is_compared, reason = excluded.reason,
            numbers = excluded.numbers,
            reviewed_at = excluded.reviewed_at;
        if judged.stage is distinct from was then
            insert into energy.life_cycle_events (building_id, at, event, from_value, to_value, reason, numbers,
                made_by)
            values (building, now_at, 'stage', was, judged.stage, judged.reason, judged.numbers, edf.acting_role());
            switched := switched + 1;
        end if;
    end loop;
    return switched;
end;
$$;
comment on function energy.review_buildings(text[]) is
$$Updates the stage of some buildings (energy.judge_stage), assigns missing archetypes, and writes an event for each
change. Returns the number of changes. energy.review_life_cycle() calls it.$$;
revoke all on function energy.review_buildings(text[]) from public;

create or replace procedure energy.review_life_cycle()
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    started_at constant timestamptz := clock_timestamp();
    buildings  record;
    profiles   record;
begin
    if not pg_try_advisory_xact_lock(hashtextextended('energy.review_life_cycle', 0)) then
        perform energy.record_job_run('review_life_cycle', null, energy.clock(), started_at, 'skipped',
            message => 'another run is in progress');
        return;
    end if;
    buildings := energy.run_for_each(
        'review_life_cycle', 'building', array(select building_id from raw.buildings),
        'select energy.review_buildings($1)');
    profiles := energy.run_for_each(
        'review_life_cycle', 'archetype',
        array(select '' union select archetype from raw.buildings where archetype is not null),
        'select energy.learn_design_profiles($1)');
    perform energy.record_failures(
        'review_life_cycle', started_at, buildings.written + profiles.written, buildings.failed, profiles.failed);
end;
$$;
comment on procedure energy.review_life_cycle() is
$$Updates the stage of each building, assigns missing archetypes, and learns design profiles that are older than a week.
Running it twice changes nothing. A building or archetype that fails is recorded in energy.job_runs; the others
continue.$$;
revoke all on procedure energy.review_life_cycle() from public;

create or replace function energy.sources_of(building_id text, known_days double precision) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case
            when stage = 'design' then array['design', 'archetype', 'model']
            when stage = 'archetype' then array['archetype', 'model']
            else array['model', 'archetype'] end
        || case when stage = 'design' then array['profile', 'last_week']
            when known_days < profile_after_days then array['design', 'profile', 'last_week']
            else array['profile', 'last_week', 'design'] end
        || array['recent_mean']
    from energy.life_cycle_limits
    left join energy.building_stages as stages on stages.building_id = sources_of.building_id
$$;
comment on function energy.sources_of(text, double precision) is
$$The sources of a building's forecast in the order in which they are tried: by its stage; its own model first if it was
not reviewed yet. A design forecast precedes its own hours if demand is known for fewer than
life_cycle.profile_after_days of the forecast's history.$$;
revoke all on function energy.sources_of(text, double precision) from public;

create or replace function energy.served_regressors(building_id text) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select energy.model_regressors((
        select energy.approved_model(building_id, source = 'archetype')
        from unnest(energy.sources_of(building_id, 0)) with ordinality as sources (source, at)
        where source in ('model', 'archetype') and energy.approved_model(building_id, source = 'archetype') is not null
        order by at
        limit 1))
$$;
comment on function energy.served_regressors(text) is
$$The regressors used by a building's forecast: those of the model that forecasts it, its own or that of its archetype.
Without a model, the configured ones.$$;
revoke all on function energy.served_regressors(text) from public;

create or replace function energy.keep_life_cycle_events() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'life cycle events cannot be changed or deleted'
        using errcode = 'object_not_in_prerequisite_state', hint = 'The next change of stage adds an event.';
end;
$$;
comment on function energy.keep_life_cycle_events() is
    'Keeps energy.life_cycle_events append-only, also for its owner. Errors: 55000.';
revoke all on function energy.keep_life_cycle_events() from public;
create or replace trigger keep_events before update or delete on energy.life_cycle_events
for each row execute function energy.keep_life_cycle_events();
create or replace trigger keep_events_whole before truncate on energy.life_cycle_events
for each statement execute function energy.keep_life_cycle_events();
-- Also in sessions that disable triggers.
alter table energy.life_cycle_events enable always trigger keep_events, enable always trigger keep_events_whole;
