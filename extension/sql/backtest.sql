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
    regressor_forecasts text default null
) returns table (
    issued_at  timestamptz,
    valid_at   timestamptz,
    lead_hours double precision,
    actual     double precision,
    yhat       double precision,
    yhat_lower double precision,
    yhat_upper double precision
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
            edf.require('step', step is not null), edf.require('refit', refit is not null);
    series := edf.series_of(training_data);
    outlooks := edf.series_of(regressor_forecasts, known_at => true);
    return query
    select b.* from edf.backtest_series(
        strategy, series.times, series.target, series.regressor_names, series.regressors,
        outlooks.times, outlooks.target, outlooks.regressor_names, outlooks.regressors,
        parameters, features, horizon, test_period, step, refit, first_origin) as b;
end;
$$;
comment on function edf.backtest is
$$Rolling-origin evaluation: what the forecasts would have been; one row per origin and step ahead.

From first_origin (by default test_period before the end) a forecast is issued every step from what was known then; the model is fitted anew on all
before the origin every refit. regressor_forecasts: as in edf.train, so that weather is read as it was known. Nothing is written. Score the rows with edf.mape, edf.rmse and edf.mae. Source: Tashman (2000).
Errors: as edf.train.$$;
revoke all on function edf.backtest from public;
