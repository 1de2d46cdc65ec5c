create function edf.backtest(
    training_data text,
    strategy      text     default 'xgboost',
    parameters    jsonb    default '{}',
    features      jsonb    default '{}',
    horizon       interval default '72 hours',
    schedule      jsonb    default '{}',
    regressor_forecasts text default null,
    candidates    jsonb    default null,
    levels double precision[] default '{0.05,0.1,0.25,0.5,0.75,0.9,0.95}',
    issue_hours   integer[] default null,
    availability  interval default null,
    workers       integer  default 1
) returns table (
    candidate  text,
    issued_at  timestamptz,
    valid_at   timestamptz,
    lead_hours double precision,
    actual     double precision,
    yhat       double precision,
    yhat_lower double precision,
    yhat_upper double precision,
    quantile_values double precision[],
    quantiles double precision[]
)
language plpgsql stable
as $$
begin
    perform edf.require('training_data', training_data is not null), edf.require('strategy', strategy is not null),
            edf.require('parameters', parameters is not null), edf.require('features', features is not null),
            edf.require('horizon', horizon is not null), edf.require('schedule', schedule is not null),
            edf.require('levels', levels is not null and array_position(levels, null) is null),
            edf.require('workers', workers is not null);
    if candidates is not null and parameters <> '{}' then
        raise exception 'parameters and candidates cannot be combined: each candidate has its own "parameters"'
            using errcode = 'invalid_parameter_value', hint = 'As in [{"strategy": "xgboost", "parameters": {"eta": 0.1}}].';
    end if;
    return query
    select b.*, levels from edf.backtest_series(
        edf.series_of(training_data, regressor_forecasts),
        coalesce(candidates, jsonb_build_array(jsonb_build_object('strategy', strategy, 'parameters', parameters))),
        features, horizon, edf.schedule_of(schedule), issue_hours, availability, levels, workers) as b;
end;
$$;
comment on function edf.backtest is
$$Rolling-origin evaluation: the forecasts that would have been issued in the past, one row per candidate, issue and
step ahead.

schedule: when forecasts are issued and models are fitted, a JSON object of first_origin (by default test_period, 70
days, before the end), last_origin (by default the end), step (1 day), refit (14 days) and training_window (by
default all history). Every step a forecast is issued from what was known then; every refit the model is fitted again
on all that was known, or on the newest training_window of it (forecasts may read further back).
candidates: several recipes in one call, a JSON array of strategies and of objects such as {"name": "trees",
"strategy": "xgboost", "parameters": {}, "features": {}}; their features override those of the call, and the column
candidate has their names. By default there is one, of strategy and parameters, named after the strategy.
regressor_forecasts, issue_hours, availability and a column received_at: as in edf.train, so that weather and demand
are read as they were known; without issue_hours a model is fitted for the hour of its first issue. actual is NULL
where the value was treated as a spike. levels: of the quantiles in quantile_values. workers: threads, 1 to 64, that
share the fits of all candidates; the result is the same. Fewer fits of a long series run in parallel, so that their
feature tables stay below 600 MB. Nothing is written: edf.keep_backtest stores a backtest. Score the rows with
edf.score. Source: Tashman (2000).
Limits: 100 candidates, 200 levels, 3,000 steps ahead; candidates x origins x (steps ahead and one day) x (9 +
levels) is at most 25 million numbers, 200 MB.
Memory: twice that for the forecasts, plus that of edf.train for each worker.
Errors: as edf.train; with several candidates the message names the candidate.$$;
revoke all on function edf.backtest from public;
