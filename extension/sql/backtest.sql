create function edf.backtest(
    training_data text,
    strategy      text        default 'xgboost',
    parameters    jsonb       default '{}',
    features      jsonb       default '{}',
    horizon       interval    default '72 hours',
    test_period   interval    default '70 days',
    step          interval    default '1 day',
    refit         interval    default '14 days',
    first_origin  timestamptz default null,
    regressor_forecasts text  default null,
    levels double precision[] default '{0.05,0.1,0.25,0.5,0.75,0.9,0.95}',
    last_origin   timestamptz default null,
    training_window interval  default null,
    contenders    jsonb       default null,
    workers       integer     default 1
) returns table (
    contender  text,
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
declare
    series   edf.series;
    outlooks edf.series;
begin
    perform edf.require('training_data', training_data is not null), edf.require('strategy', strategy is not null),
            edf.require('parameters', parameters is not null), edf.require('features', features is not null),
            edf.require('horizon', horizon is not null), edf.require('test_period', test_period is not null),
            edf.require('step', step is not null), edf.require('refit', refit is not null),
            edf.require('levels', levels is not null and array_position(levels, null) is null),
            edf.require('workers', workers is not null);
    series := edf.series_of(training_data);
    outlooks := edf.series_of(regressor_forecasts, known_at => true);
    return query
    select b.*, levels from edf.backtest_series(
        strategy, series.times, series.target, series.regressor_names, series.regressors,
        outlooks.times, outlooks.target, outlooks.regressor_names, outlooks.regressors,
        parameters, features, horizon, test_period, step, refit, first_origin, last_origin, training_window, contenders, workers, levels) as b;
end;
$$;
comment on function edf.backtest is
$$Rolling-origin evaluation: what the forecasts would have been; one row per contender, origin and step ahead.

From first_origin (by default test_period before the end) to last_origin (by default to the end) a forecast is issued every step from what was known
then; every refit the model is fitted anew on all before the origin, or on only so much as training_window (forecasts may read further back).
contenders: several in one call, a JSON array of strategies and of objects such as {"name": "trees", "strategy": "xgboost", "parameters": {}, "features": {}}, these
features laid over those of the call; the column contender tells them apart. Without it, there is the one of strategy and parameters, called as the
strategy. regressor_forecasts: as in edf.train, so that weather is read as it was known. levels: of the quantiles in quantile_values. workers: threads, 1 to
64, among which fits of all contenders are shared out; the result is the same. Nothing is written: edf.keep_backtest keeps one. Score the rows
with edf.score. Source: Tashman (2000).
Errors: as edf.train; of several contenders the message names the one.$$;
revoke all on function edf.backtest from public;
