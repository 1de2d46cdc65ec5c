create function edf.tuning_metric(metric text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Errors that are least for the best forecast; bias is not, and the others read more than a backtest gives.
    known constant text[] := array(
        select m.metric from edf.score_metrics() as m
        where m.reads <@ array['actual', 'yhat', 'quantile_values', 'quantiles'] and m.metric <> 'bias');
begin
    perform edf.require('metric', metric is not null), edf.require_known('metric to tune for', metric, known);
    return (select m.expression from edf.score_metrics() as m where m.metric = tuning_metric.metric);
end;
$$;
comment on function edf.tuning_metric is
    'The expression of a metric that edf.tune can minimise. Errors: 22023 another metric.';

create function edf.rows_before(query text, before timestamptz, known_at boolean default false) returns text
language plpgsql stable
as $$
declare
    conditions text;
begin
    if query is null then
        return null;
    end if;
    perform edf.require('before', before is not null);
    -- edf.series_of rejects columns of other types. ISO 8601 is independent of the session's settings.
    select string_agg(format('q.%I < %L', c.name, to_jsonb(before) #>> '{}'), ' and ') into conditions
    from edf.columns_of(query) with ordinality as c (name, type, at)
    where at <= case when known_at then 2 else 1 end and type = 'timestamp with time zone';
    return format(e'select * from (\n%s\n) as q where %s', rtrim(query, e' \t\r\n;'), coalesce(conditions, 'true'));
end;
$$;
comment on function edf.rows_before is
$$A query restricted to rows before a time; with known_at also to those whose second column, when they were known, is
before it.$$;
revoke all on function edf.rows_before from public;

create function edf.end_of_target(query text) returns timestamptz
language plpgsql stable
as $$
declare
    columns text[];
    ends_at timestamptz;
begin
    select array_agg(c.name) into columns from edf.columns_of(query) as c;
    -- Steps are regular, so that one of them is their mean.
    execute format(
        e'select max(q.%1$I) filter (where q.%2$I is not null) + (max(q.%1$I) - min(q.%1$I)) / (count(*) - 1) from (\n%3$s\n) as q having count(*) > 1',
        columns[1], columns[2], rtrim(query, e' \t\r\n;')) into ends_at;
    if ends_at is null then
        raise exception 'no target of the query is known' using errcode = 'data_exception', hint = 'Check its conditions.';
    end if;
    return ends_at;
end;
$$;
comment on function edf.end_of_target is 'The end of the newest step of a query of (time, target, ...) whose target is known. Errors: 22000 there is none.';
revoke all on function edf.end_of_target from public;

-- It commits after each trial, so it can have no SET clause; what it calls is qualified instead.
create procedure edf.tune(
    subject       text,
    training_data text,
    strategy      text        default 'xgboost',
    space         jsonb       default null,
    trials        integer     default 30,
    time_limit    interval    default null,
    before        timestamptz default null,
    metric        text        default 'rmse',
    settings      jsonb       default '{}',
    regressor_forecasts text  default null,
    seed          integer     default 0
)
language plpgsql
as $$
declare
    started    constant timestamptz := pg_catalog.clock_timestamp();
    expression text;
    used       jsonb;
    -- Does not change the result.
    workers    jsonb;
    whole      jsonb;
    tuning     bigint;
    data       text;
    vintages   text;
    past       jsonb;
    tried      integer;
    parameters jsonb;
    began      timestamptz;
    took       double precision;
    score      double precision;
    origins    bigint;
    state      text;
    message    text;
    best       record;
begin
    perform edf.require('subject', subject is not null), edf.require('training_data', training_data is not null),
            edf.require('strategy', strategy is not null), edf.require('trials', trials is not null), edf.require('seed', seed is not null);
    if trials < 1 then
        raise exception 'trials is %, at least one is needed', trials
            using errcode = 'invalid_parameter_value',
                  hint = 'It counts all trials of this search, including those of earlier calls.';
    end if;
    if time_limit <= interval '0' then
        raise exception 'time_limit is %, it must be above zero', time_limit
            using errcode = 'invalid_parameter_value', hint = 'Leave it out for no limit.';
    end if;
    expression := edf.tuning_metric(metric);
    whole := edf.tuning_space(strategy, space);
    used := edf.backtest_settings(settings, array['strategy', 'parameters', 'candidates']);
    workers := used -> 'workers';
    used := used - 'workers';
    before := coalesce(before, edf.end_of_target(training_data)
                       - pg_catalog.make_interval(secs => extract(epoch from (edf.schedule_of(used -> 'schedule')).test_period)::double precision));
    data := edf.rows_before(training_data, before);
    vintages := edf.rows_before(regressor_forecasts, before, known_at => true);
    -- An error in the query or the settings would fail every trial, so it is raised at once.
    perform from edf.run_backtest(data, used || '{"strategy": "seasonal_naive", "parameters": {}, "candidates": null, "workers": 1}', vintages);
    tuning := edf.open_tuning(subject, strategy, whole, metric, training_data, regressor_forecasts, used, before, seed);
    commit;

    loop
        select pg_catalog.count(*), coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('parameters', t.parameters, 'score', t.score) order by t.number), '[]')
        into tried, past
        from edf.trials as t where t.tuning_id = tuning;
        exit when tried >= trials or pg_catalog.clock_timestamp() - started >= time_limit;
        -- The lock ends with the trial, so that a cancelled call leaves none behind.
        if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('edf.trials', tuning)) then
            raise exception 'another call is running this search'
                using errcode = 'object_in_use', hint = 'Wait for it, or use another seed.';
        end if;
        parameters := edf.next_trial(strategy, whole, past, seed);
        if parameters is null then
            raise notice 'all points of the space have been tried';
            exit;
        end if;
        began := pg_catalog.clock_timestamp();
        score := null;
        origins := null;
        message := null;
        begin
            execute pg_catalog.format(
                'with backtest as materialized (select * from edf.run_backtest($1, $2, $3)) select %s, count(distinct issued_at) from backtest', expression)
            into score, origins
            using data, used || pg_catalog.jsonb_build_object('strategy', strategy, 'parameters', parameters, 'candidates', null, 'workers', workers), vintages;
            if score is null then
                message := pg_catalog.format('%s has no value on these hours', metric);
            end if;
        exception when others then
            get stacked diagnostics state = returned_sqlstate, message = message_text;
            message := state || ': ' || message;
        end;
        took := extract(epoch from pg_catalog.clock_timestamp() - began);
        perform edf.register_trial(tuning, tried + 1, parameters, score, origins, took, message);
        commit;
        select t.score, t.number into best from edf.trials as t where t.tuning_id = tuning and t.state = 'succeeded' order by t.score, t.number limit 1;
        raise notice 'trial % of %: %, % s (best % at trial %): %', tried + 1, trials, coalesce(metric || ' ' || pg_catalog.round(score::numeric, 4), message),
            pg_catalog.round(took::numeric, 1), coalesce(pg_catalog.round(best.score::numeric, 4)::text, 'none'), coalesce(best.number::text, '-'), parameters;
    end loop;
end;
$$;
comment on procedure edf.tune is
$$Searches for the hyperparameters with which a strategy forecasts a subject best: each trial is a backtest, and a
row of edf.trials. edf.best_parameters returns the best ones, for edf.train.

Each trial is committed: a cancelled call keeps the completed trials, and the same call again continues the search.
For that reason it cannot run inside a transaction. A failed trial is a row with its error.
subject, training_data, strategy, regressor_forecasts: as in edf.train. space: the values to try of each
hyperparameter, a range or a list, such as {"eta": {"low": 0.01, "high": 0.3, "log": true}, "max_depth": {"low": 3,
"high": 8}, "half_life_days": [0, 90]}; by default that of the strategy, see edf.tuning_space. trials: their number,
including those of earlier calls. time_limit: after it, no further trial starts. before: rows from that time on are
not read; by default it is test_period before the end, so that a backtest over that period remains a test. metric:
mape, smape, wape, rmse, mae, pinball, crps or rcrps. settings: arguments of edf.backtest by name, such as
{"schedule": {"refit": "28 days"}, "workers": 2}; origins are in the test_period before the time before. seed: of the
search; the same seed repeats it.
The search: tree-structured Parzen estimators (Bergstra et al., 2011), starting at the defaults of the strategy.
Errors: 22023 an unknown hyperparameter, metric or setting, an empty range, a wrong limit; 42704 an unknown strategy;
55006 another call is running this search; and those of the query.$$;
revoke all on procedure edf.tune from public;
