-- pgrx makes no COMMENT from doc comments.

comment on function edf.fit is
    'Fits a model over arrays and returns its artifact; edf.train is the way to call it. Errors: as edf.train.';
revoke all on function edf.fit from public;
comment on function edf.predict is
    'Forecasts with an artifact over arrays; edf.forecast is the way to call it. Errors: as edf.forecast.';
revoke all on function edf.predict from public;
comment on function edf.backtest_series is
    'Rolling-origin evaluation over arrays; edf.backtest is the way to call it. Errors: as edf.train.';
revoke all on function edf.backtest_series from public;
comment on function edf.feature_rows is
    'Features over arrays; edf.features is the way to call it. Errors: as edf.train.';
revoke all on function edf.feature_rows from public;
comment on function edf.parse_meter_message is
    'Reads a meter message (JSON text): one row per reading; what cannot be read is a row with reason_code and reason.';
comment on function edf.parse_weather_document is
    'Reads an Open-Meteo style document (JSON text): one row per hour; one that cannot be read is a row with reason_code and reason.';
comment on function edf.errors_add is 'Adds a pair to the sums of errors; state function of the metrics.';
comment on function edf.errors_merge is 'Merges two sums of errors; combine function of the metrics.';
comment on function edf.errors_mape is 'Mean absolute percentage error of the sums, in percent.';
comment on function edf.errors_rmse is 'Root mean squared error of the sums.';
comment on function edf.errors_mae is 'Mean absolute error of the sums.';
