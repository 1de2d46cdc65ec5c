-- Security is that of the caller: the pipeline writes scores.
create or replace function energy.keep_scores(
    detector text, building_ids text[], from_date date, to_date date, query text, settings jsonb default '{}'
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    changed bigint;
begin
    execute format(
        $query$
        with days as materialized (
            select days.building_id, days.apartment_id, days.local_date, days.received_at,
                max(days.received_at) over (partition by days.building_id, days.local_date) as building_received_at
            from energy.apartment_days as days
            join raw.buildings using (building_id)
            where days.building_id = any ($1) and days.local_date between $2 and $3
              -- The day is over where the building stands.
              and days.local_date < (energy.clock() at time zone buildings.time_zone)::date
        ),

        known as (
            select building_id, apartment_id, local_date, coalesce(received_at, building_received_at) as known_at
                from days
            where building_received_at is not null
            union all
            select building_id, '', local_date, max(building_received_at) from days
            where building_received_at is not null
            group by building_id, local_date
        ),

        fresh as materialized (
            select found.building_id, found.apartment_id, found.local_date, coalesce(found.score, 0) as score,
                coalesce(found.is_alarm, false) as is_alarm, found.hours, coalesce(found.evidence, '{}') as evidence,
                found.model_id, known.known_at
            from (%s) as found
            join known
                on known.building_id = found.building_id and known.apartment_id = found.apartment_id
                    and known.local_date = found.local_date
        ),

        -- Of days that are not known any more.
        gone as (
            delete from energy.anomaly_scores as kept
            where kept.building_id = any ($1) and kept.local_date between $2 and $3 and kept.detector = $5
              -- Hashed, however few rows a rule is thought to return.
              and (kept.building_id, kept.apartment_id, kept.local_date) not in (select building_id, apartment_id,
                  local_date from fresh)
            returning 1
        ),

        written as (
            insert into energy.anomaly_scores as kept
                (building_id, apartment_id, local_date, detector, score, is_alarm, hours, evidence, model_id,
                    config_id, known_at)
            select building_id, apartment_id, local_date, $5, score, is_alarm, hours, evidence, model_id,
                energy.current_config_id(), known_at
            from fresh
            on conflict (building_id, apartment_id, local_date, detector) do update set
                score = excluded.score, is_alarm = excluded.is_alarm, hours = excluded.hours,
                    evidence = excluded.evidence,
                model_id = excluded.model_id, config_id = excluded.config_id, known_at = excluded.known_at
            where (kept.score, kept.is_alarm, kept.hours, kept.evidence, kept.model_id, kept.known_at)
                is distinct from
                  (excluded.score, excluded.is_alarm, excluded.hours, excluded.evidence, excluded.model_id,
                      excluded.known_at)
            returning 1
        )

        select (select count(*) from written) + (select count(*) from gone)
        $query$, query)
    using building_ids, from_date, to_date, settings, detector
    into changed;
    return changed;
end;
$$;
comment on function energy.keep_scores(text, text[], date, date, text, jsonb) is
$$Writes the scores that a detector finds for the days of some buildings, and removes those of days that it no longer
knows. query gives building_id, apartment_id, local_date, score, is_alarm, hours, evidence and model_id; in it $1 are the
buildings, $2 and $3 the dates and $4 the settings. Days that are not over yet or of which nothing was received are left
out. Returns how many rows changed. Rules and models write by it alone.$$;
revoke all on function energy.keep_scores(text, text[], date, date, text, jsonb) from public;

create or replace function energy.no_scores() returns text
language sql immutable
set search_path = pg_catalog, pg_temp
return 'select null::text as building_id, null::text as apartment_id, null::date as local_date, null::float8 as score, '
       'null::boolean as is_alarm, null::float8 as hours, null::jsonb as evidence, null::bigint as model_id where false';
comment on function energy.no_scores() is 'The query for energy.keep_scores of a detector that is off: it has no scores.';
revoke all on function energy.no_scores() from public;

create or replace function energy.score_by_rule(rule text, building_ids text[], from_date date, to_date date)
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    detector constant energy.anomaly_rules := (
        select rules from energy.anomaly_rules as rules where rules.rule = score_by_rule.rule);
    settings constant jsonb := energy.rule_settings(rule);
    message  text;
    advice   text;
begin
    return energy.keep_scores(
        rule, building_ids, from_date, to_date,
        case when (settings ->> 'enabled')::boolean
            then format('select scored.*, scored.score >= 0.5 as is_alarm, null::bigint as model_id '
                        'from energy.%I($1, $2, $3, $4) as scored where (scored.apartment_id = '''') = %L',
                        detector.routine, detector.subject = 'building')
            else energy.no_scores() end,
        settings);
exception when others then
    -- The same error, which says by which rule.
    get stacked diagnostics message = message_text, advice = pg_exception_hint;
    raise exception 'rule "%": %', rule, message using errcode = sqlstate, hint = advice;
end;
$$;
comment on function energy.score_by_rule(text, text[], date, date) is
$$Scores days of buildings by a rule of energy.anomaly_rules; one that is off has no scores. Returns how many scores
changed. Errors: those of the rule, which is named.$$;
revoke all on function energy.score_by_rule(text, text[], date, date) from public;

create or replace function energy.score_by_rules(building_ids text[], from_date date, to_date date) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    changed bigint := 0;
    name    text;
begin
    for name in select rule from energy.anomaly_rules order by rule loop
        changed := changed + energy.score_by_rule(name, building_ids, from_date, to_date);
    end loop;
    return changed;
end;
$$;
comment on function energy.score_by_rules(text[], date, date) is
    'Scores days of buildings by each rule of energy.anomaly_rules that is on. Returns how many scores changed.';
revoke all on function energy.score_by_rules(text[], date, date) from public;

create or replace function energy.score_days_of(building_ids text[], from_date date, to_date date) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    query    constant text := 'select * from energy.days_by_model(%L, $1, $2, $3)';
    changed  bigint;
    detector text;
    known    text[];
begin
    if building_ids is null or from_date is null or to_date is null or to_date < from_date then
        raise exception 'no days from % to %', coalesce(from_date::text, 'null'), coalesce(to_date::text, 'null')
            using errcode = 'invalid_parameter_value',
                hint = 'Name buildings, a first date and a last one that is not before it.';
    end if;
    changed := energy.score_by_rules(building_ids, from_date, to_date);
    foreach detector in array array_remove(energy.anomaly_models(), 'expected_energy') loop
        changed := changed + energy.keep_scores(detector, building_ids, from_date, to_date, format(query, detector));
    end loop;
    -- The last: its sums leave out days of faults of the building, also those that it finds itself.
    known := array(
        select days::text from energy.building_fault_days(building_ids, from_date, to_date) as days order by 1);
    changed := changed + energy.keep_scores(
        'expected_energy', building_ids, from_date, to_date, format(query, 'expected_energy'));
    if known <> array(
        select days::text from energy.building_fault_days(building_ids, from_date, to_date) as days order by 1)
    then
        changed := changed + energy.keep_scores(
            'expected_energy', building_ids, from_date, to_date, format(query, 'expected_energy'));
    end if;

    insert into energy.anomaly_days as kept (building_id, local_date, scored_at, config_id, known_at, weather_known_at)
    select buildings.building_id, from_date + n, energy.clock(), energy.current_config_id(), known.received_at,
        weather.received_at
    from raw.buildings
    cross join generate_series(0, to_date - from_date) as n
    left join lateral (
        select max(received_at) as received_at from energy.apartment_days as days
        where days.building_id = buildings.building_id and days.local_date = from_date + n
    ) as known on true
    cross join lateral energy.weather_of_day(buildings.building_id, from_date + n) as weather
    where buildings.building_id = any (building_ids)
        and from_date + n < (energy.clock() at time zone buildings.time_zone)::date
    on conflict (building_id, local_date) do update set
        scored_at = excluded.scored_at, config_id = excluded.config_id, known_at = excluded.known_at,
            weather_known_at = excluded.weather_known_at
    where (kept.config_id, kept.known_at, kept.weather_known_at)
        is distinct from (excluded.config_id, excluded.known_at, excluded.weather_known_at);
    return changed;
end;
$$;
comment on function energy.score_days_of(text[], date, date) is
$$Scores the days of some buildings from one local date to another by all detectors: rules, and models on the features
that energy.keep_features() has kept. Notes in energy.anomaly_days what they rest on. Days that are not over are left out.
Running it twice changes nothing. Returns how many scores changed.

Errors: 22023 no days; what a rule or a model fails with, under its name.$$;
revoke all on function energy.score_days_of(text[], date, date) from public;

create or replace function energy.weather_of_day(building_id text, local_date date, out received_at timestamptz)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select max(observations.received_at)
    from raw.buildings
    join raw.weather_observations as observations using (weather_location_id)
    where buildings.building_id = $1
      and valid_at >= $2::timestamp at time zone time_zone and valid_at < ($2 + 1)::timestamp at time zone time_zone
$$;
comment on function energy.weather_of_day(text,
    date) is 'When the last hour of observed weather of a building''s day was received; NULL: none was.';
revoke all on function energy.weather_of_day(text, date) from public;

create or replace function energy.anomaly_days_to_score() returns table (building_id text, local_date date)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with places as (
        select building_id, (energy.clock() at time zone time_zone)::date as today from raw.buildings
    ),

    -- Weather that came after the day was scored.
    weathers as (
        select scored.building_id, scored.local_date
        from places
        join energy.anomaly_days as scored on scored.building_id = places.building_id
            and scored.local_date between today - 7 and today - 1
        cross join lateral energy.weather_of_day(scored.building_id, scored.local_date) as weather
        where weather.received_at is distinct from scored.weather_known_at
    ),

    news as (
        select due.building_id, due.local_date from energy.anomaly_days_due as due
        union
        select weathers.building_id, weathers.local_date from weathers
    )

    select news.building_id, news.local_date
    from news
    join places on places.building_id = news.building_id
    where news.local_date < today
$$;
comment on function energy.anomaly_days_to_score() is
    'Days that are over and to be scored: those that changed since they were scored last, and those whose weather came later.';
revoke all on function energy.anomaly_days_to_score() from public;

create or replace function energy.score_due_days(building_ids text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    catch_up constant interval := (select catch_up from energy.anomaly_limits);
    buildings text[];
    dates     date[];
    stretch   record;
begin
    select array_agg(building_id), array_agg(local_date) into buildings, dates
    from energy.anomaly_days_to_score() as due
    where building_id = any (building_ids);
    delete from energy.anomaly_days_due as due
    using unnest(buildings, dates) as scored (building_id, local_date)
    where due.building_id = scored.building_id and due.local_date = scored.local_date;

    -- Features look back for weeks: those of all days after one that changed.
    for stretch in
        select first_date, array_agg(building_id order by building_id) as ids
        from (
            select building_id, min(local_date) as first_date
            from unnest(buildings, dates) as due (building_id, local_date)
            group by building_id
        ) as firsts
        group by first_date
        order by first_date
    loop
        perform energy.keep_features(stretch.ids, stretch.first_date);
    end loop;

    -- What lasts is counted over the days before: a day that changed changes those that were scored after it.
    for stretch in
        with wanted as (
            select distinct due.building_id, due.local_date + n as local_date
            from unnest(buildings, dates) as due (building_id, local_date)
            cross join generate_series(0, 7) as n
            where n = 0 or exists (
                select from energy.anomaly_days as scored
                where scored.building_id = due.building_id and scored.local_date = due.local_date + n)
        ),

        kept as (
            select wanted.building_id, wanted.local_date
            from wanted
            join raw.buildings using (building_id)
            where local_date >= (energy.clock() at time zone time_zone)::date - catch_up
        ),

        spans as (
            select building_id, min(local_date) as first_date, max(local_date) as last_date
            from (
                select *, local_date - (row_number() over (partition by building_id
                    order by local_date))::integer as run from kept
            ) as numbered
            group by building_id, run
        )

        select first_date, last_date, array_agg(building_id order by building_id) as ids
        from spans
        group by first_date, last_date
        order by first_date, last_date
    loop
        perform energy.score_days_of(stretch.ids, stretch.first_date, stretch.last_date);
    end loop;
    perform energy.raise_anomaly_alerts(building_ids);
end;
$$;
comment on function energy.score_due_days(text[]) is
$$Keeps the features of the days of some buildings that are due, scores these and the week after each that was scored
already, and raises alerts about them; energy.score_anomalies() calls it. Days longer ago than
anomalies.catch_up are not scored any more.$$;
revoke all on function energy.score_due_days(text[]) from public;

create or replace procedure energy.score_anomalies()
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('energy.score_anomalies', 0));
    perform energy.run_by_building(
        'score_anomalies', array(select distinct due.building_id
            from energy.anomaly_days_to_score() as due), 'select energy.score_due_days($1)');
end;
$$;
comment on procedure energy.score_anomalies() is
$$Scores the days of apartments that are over and changed since they were scored last: yesterday's, those that
readings or weather came late for, and those that
an outage left behind. Running it twice changes nothing. A building that fails keeps its scores, and what is due, and
is a row of energy.job_runs; the others
go on.$$;
revoke all on procedure energy.score_anomalies() from public;
