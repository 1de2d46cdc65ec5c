create or replace function energy.stress_limits() returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
return '{"max_heating_drop_pct": 20, "min_width_ratio": 0.9, "max_jump_ratio": 2, "max_peak_ratio": 3}'::jsonb
    || coalesce(nullif(energy.current_config() #> '{evaluation,stress}', 'null'), '{}');
comment on function energy.stress_limits() is 'evaluation.stress of the configuration, with defaults.';
revoke all on function energy.stress_limits() from public;

create or replace function energy.stress_inputs(model_id bigint, out issued_at timestamptz, out inputs text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    config   constant jsonb := energy.current_config();
    training energy.trainings;
    building text;
begin
    select * into training from energy.trainings where trainings.model_id = stress_inputs.model_id;
    if not found then
        raise exception 'model % was not trained by the pipeline: its inputs are not known', stress_inputs.model_id
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Train it by energy.train_models or energy.train_model.';
    end if;
    building := coalesce(training.building_id, (energy.archetype_members(training.archetype, training.known_at))[1]);
    -- Ends at the building's newest Sunday, so that a Monday follows.
    select slot.at into issued_at
    from raw.buildings
    cross join unnest(energy.issue_times(time_zone, training.known_at - interval '8 days',
        training.known_at + interval '1 microsecond')) as slot (at)
    where buildings.building_id = building and extract(isodow from slot.at at time zone time_zone) = 7
    order by slot.at desc
    limit 1;
    inputs := energy.building_inputs(
        building, issued_at, issued_at - (config #>> '{inference,history}')::interval,
        issued_at + (config #>> '{inference,horizon}')::interval,
        (select energy.regressors_of(configs.config) from energy.configs where configs.config_id = training.config_id));
    if training.archetype is not null then
        inputs := energy.with_apartments(inputs, building, issued_at);
    end if;
end;
$$;
comment on function energy.stress_inputs(bigint) is
$$The query of a building's recent history and the hours ahead, for energy.stress_test, and the issue time: for a
model's building, or the first one of its archetype. Errors: 55000 the model was not trained by the pipeline.$$;
revoke all on function energy.stress_inputs(bigint) from public;

create or replace function energy.stress_scenarios(series edf.series, history integer, features jsonb, time_zone text)
returns table (scenario text, is_unseen boolean, series_of edf.series)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
    rows      constant integer := cardinality(series.times);
    ahead     constant integer := rows - history;
    -- Regressors are columns of a two-dimensional array.
    temp_at   constant integer := array_position(series.regressor_names, features ->> 'temperature');
    sun_at    constant integer := array_position(series.regressor_names, features ->> 'irradiance');
    free_at   constant integer := array_position(series.regressor_names, features ->> 'holiday');
    temps     constant double precision[] := array(select unnest(series.regressors[temp_at : temp_at][1 : history]));
    suns      double precision[];
    coldest   double precision;
    cool      double precision;
    warmest   double precision;
    usual     double precision;
    base_temp double precision[];
    base_sun  double precision[];
    clear_sky double precision[];
    base      edf.series := series;
begin
    select min(t), percentile_cont(0.1) within group (order by t), max(t), avg(t) into coldest, cool, warmest, usual
    from unnest(temps) as t where t = t;
    -- The weather of the last days repeated.
    base_temp := array(select coalesce(nullif(temps[history - ahead + n], 'NaN'), usual)
        from generate_series(1, ahead) as n order by n);
    base.regressors[temp_at : temp_at][history + 1 : rows] := array[base_temp];
    if sun_at is not null then
        suns := array(select unnest(series.regressors[sun_at : sun_at][1 : history]));
        base_sun := array(select coalesce(nullif(suns[history - ahead + n], 'NaN'), 0)
            from generate_series(1, ahead) as n order by n);
        base.regressors[sun_at : sun_at][history + 1 : rows] := array[base_sun];
        with by_hour as (
            select extract(hour from series.times[n]) as hour, max(nullif(suns[n], 'NaN')) as ghi
            from generate_series(1, history) as n group by 1
        )

        select array_agg(coalesce(ghi, 0) order by n) into clear_sky
        from generate_series(1, ahead) as n left join by_hour on hour = extract(hour from series.times[history + n]);
    end if;
    base.target[history + 1 : rows] := array_fill(null::double precision, array[ahead]);
    scenario := 'weather of the last days'; is_unseen := false; series_of := base;
    return next;
    scenario := 'cool'; series_of := base;
    series_of.regressors[temp_at : temp_at][history + 1 : rows] := array[array_fill(cool, array[ahead])];
    return next;
    scenario := 'colder'; series_of := base;
    series_of.regressors[temp_at : temp_at][history + 1 : rows] := array[array_fill(cool - 8, array[ahead])];
    return next;
    is_unseen := true;
    scenario := 'heat wave'; series_of := base;
    series_of.regressors[temp_at : temp_at][history + 1 : rows] :=
array[array(select t - (select max(b) from unnest(base_temp) as b) + warmest + 6
    from unnest(base_temp) with ordinality as bases (t, n) order by n)];
    return next;
    if sun_at is not null then
        scenario := 'bitterly cold and sunny'; series_of := base;
        series_of.regressors[temp_at : temp_at][history + 1 : rows] := array[array_fill(coldest - 12, array[ahead])];
        series_of.regressors[sun_at : sun_at][history + 1 : rows] := array[clear_sky];
        return next;
        is_unseen := false;
        scenario := 'no sun'; series_of := base;
        series_of.regressors[sun_at : sun_at][history + 1 : rows] := array[array_fill(0::double precision,
            array[ahead])];
        return next;
    end if;
    is_unseen := false;
    if free_at is not null then
        scenario := 'holiday on a Monday'; series_of := base;
        series_of.regressors[free_at : free_at][history + 1 : rows] := array[array(
            select (extract(isodow from series.times[history + n] at time zone time_zone) = 1)::integer::double precision
            from generate_series(1, ahead) as n order by n)];
        return next;
    end if;
    -- Base load only, for the three days before the issue.
    scenario := 'everything off'; series_of := base;
    series_of.target[history - 71 : history] := array_fill((select min(d) from unnest(series.target[1 : history]) as d
        where d = d), array[72]);
    return next;
end;
$$;
comment on function energy.stress_scenarios(edf.series, integer, jsonb, text) is
$$The scenarios of energy.stress_test: series with synthetic hours ahead; the first history rows are past. features:
those of the model, for the names of temperature, irradiance and holiday. is_unseen: far outside of the training
data.$$;
revoke all on function energy.stress_scenarios(edf.series, integer, jsonb, text) from public;

create or replace function energy.stress_test(model_id bigint)
returns table (scenario text, rule text, passed boolean, value double precision, limit_value double precision,
    reason text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    limits  constant jsonb := energy.stress_limits();
    horizon constant interval := (energy.current_config() #>> '{inference,horizon}')::interval;
    model   constant edf.models := energy.forecasting_model(model_id);
    given   record;
    series  edf.series;
    history integer;
    zone    text;
begin
    given := energy.stress_inputs(model.model_id);
    series := edf.series_of(given.inputs);
    zone := model.features ->> 'time_zone';
    select count(*) into history from unnest(series.times) as at where at < given.issued_at;
    if array_position(series.regressor_names, model.features ->> 'temperature') is null then
        raise exception 'model % does not use temperature, which the stress test varies', model.model_id
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Name it in features.temperature of the configuration.';
    end if;
    return query
    with past as (
        select max(demand) as peak, min(demand) as least, percentile_cont(0.999) within
        group (order by abs(demand - before)) as jump
        from (
            select nullif(demand, 'NaN') as demand, lag(nullif(demand, 'NaN')) over (order by n) as before
            from unnest(series.target[1 : history]) with ordinality as hours (demand, n)
        ) as hours
    ),

    forecasts as (
        select s.scenario, s.is_unseen, f.valid_at, f.yhat, f.yhat_lower, f.yhat_upper,
            abs(f.yhat - lag(f.yhat) over (partition by s.scenario order by f.valid_at)) as jump
        from energy.stress_scenarios(series, history, model.features, zone) as s
        cross join lateral edf.predict(model.artifact, s.series_of, horizon, given.issued_at, '{0.05,0.95}') as f
    ),

    summed as (
        select scenario, is_unseen, avg(yhat) as mean, min(yhat) as least, max(yhat) as peak, max(jump) as jump,
            avg(yhat_upper - yhat_lower) as width
        from forecasts group by scenario, is_unseen
    ),

    base as (select * from summed where scenario = 'weather of the last days'),

    checked (scenario, rule, value, limit_value, passed, text) as (
        select s.scenario, 'no negative demand', s.least, 0, past.least < 0 or s.least >= -1e-9,
            'the least hour is %s kWh, the building''s was never below %s kWh'
        from summed as s, past
        union all
        select s.scenario, 'no jump', s.jump, (limits ->> 'max_jump_ratio')::double precision * past.jump,
            s.jump <= (limits ->> 'max_jump_ratio')::double precision * past.jump,
            'it jumps by %s kWh from one hour to the next, at most %s kWh is allowed'
        from summed as s, past
        union all
        select s.scenario, 'no peak', s.peak, (limits ->> 'max_peak_ratio')::double precision * past.peak,
            s.peak <= (limits ->> 'max_peak_ratio')::double precision * past.peak,
            'it peaks at %s kWh, at most %s kWh is allowed'
        from summed as s, past
        union all
        select 'colder', 'colder never lowers heating demand', 100 * (1 - colder.mean / nullif(cool.mean, 0)),
            (limits ->> 'max_heating_drop_pct')::double precision,
            colder.mean >= cool.mean * (1 - (limits ->> 'max_heating_drop_pct')::double precision / 100),
            'with 8 degrees less it forecasts %s %% less, at most %s %% is allowed'
        from summed as colder, summed as cool where colder.scenario = 'colder' and cool.scenario = 'cool'
        union all
        select s.scenario, 'intervals no narrower out of distribution', s.width / nullif(base.width, 0),
            (limits ->> 'min_width_ratio')::double precision,
            s.width >= base.width * (limits ->> 'min_width_ratio')::double precision,
            'its interval is %s times as wide as in usual weather, at least %s times is required'
        from summed as s, base where s.is_unseen
        union all
        select s.scenario, 'demand falls with what is switched off', s.mean / nullif(base.mean, 0), 1.1,
            s.mean <= 1.1 * base.mean,
            'after three days of base load it forecasts %s times the usual demand, at most %s times is allowed'
        from summed as s, base where s.scenario = 'everything off'
    )

    select scenario, rule, coalesce(passed, false), value, limit_value,
        case when passed is not true then scenario || ': ' || format(text, round(value::numeric, 2),
            round(limit_value::numeric, 2)) end
    from checked
    order by scenario, rule;
end;
$$;
comment on function energy.stress_test(bigint) is
$$Tests a model, in any state, on conditions outside of its training data, over the recent history of its building, and
checks rules: one row per scenario and rule.

Scenarios: the weather of the last days repeated, cool and 8 degrees colder, a heat wave, severe cold with clear sky, no
sun, a holiday on a Monday, everything switched off for three days. Rules: no negative demand if there was none before;
no jump and no peak far above those of the history; colder weather never lowers demand by more than
max_heating_drop_pct; intervals no narrower out of distribution; demand does not rise when everything is switched off.
Limits: evaluation.stress of the configuration. Writes nothing: energy.record_stress_test does. Errors: as edf.predict;
42704 no such model; 0A000 it finds anomalies; 55000 it was not trained by the pipeline, or does not use temperature.$$;
revoke all on function energy.stress_test(bigint) from public;

create or replace function energy.record_stress_test(model_id bigint) returns text[]
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    insert into energy.stress_tests (model_id, tested_at, scenario, rule, passed, value, limit_value, reason)
    select record_stress_test.model_id, clock.at, scenario, rule, passed, value, limit_value, reason
    from (select clock_timestamp() as at) as clock
    cross join lateral energy.stress_test(record_stress_test.model_id);
    return energy.stress_failures(record_stress_test.model_id);
end;
$$;
comment on function energy.record_stress_test(bigint) is
$$Runs energy.stress_test and stores the result in energy.stress_tests. Returns the failures, none if it passed.
Errors: as energy.stress_test.$$;
revoke all on function energy.record_stress_test(bigint) from public;

create or replace function energy.stress_failures(model_id bigint) returns text[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(reason order by scenario, rule), '{}')
    from energy.stress_tests
    where stress_tests.model_id = stress_failures.model_id and not passed
      and tested_at = (select max(tested_at) from energy.stress_tests as newest
          where newest.model_id = stress_failures.model_id)
$$;
comment on function energy.stress_failures(bigint) is
    'Failures of a model''s newest stress test; empty if it passed or was never tested.';
revoke all on function energy.stress_failures(bigint) from public;
