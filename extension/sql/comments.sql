-- pgrx makes no COMMENT from doc comments.

comment on function edf.fit is
    'Fits a model over arrays and returns its artifact; edf.train is the way to call it. Errors: as edf.train.';
revoke all on function edf.fit from public;
comment on function edf.predict is
    'Forecasts with an artifact over arrays; edf.forecast is the way to call it. Errors: as edf.forecast.';
revoke all on function edf.predict from public;
comment on function edf.contributions is
    'What adds up to a forecast, over arrays; edf.explain is the way to call it. Errors: as edf.explain.';
revoke all on function edf.contributions from public;
comment on function edf.xgboost_files is
    'The trees of an artifact as files of XGBoost; edf.export_xgboost is the way to call it. Errors: as edf.export_xgboost.';
revoke all on function edf.xgboost_files from public;
comment on function edf.fit_xgboost_files is
    'A model of trees that were made elsewhere, over arrays; edf.import_xgboost is the way to call it. Errors: as edf.import_xgboost.';
revoke all on function edf.fit_xgboost_files from public;
comment on function edf.backtest_series is
    'Rolling-origin evaluation over arrays; edf.backtest is the way to call it. Errors: as edf.train.';
revoke all on function edf.backtest_series from public;
comment on function edf.feature_rows is
    'Features over arrays; edf.features is the way to call it. Errors: as edf.train.';
revoke all on function edf.feature_rows from public;
comment on function edf.portfolio_quantiles is
    'Quantiles of sums over arrays; edf.portfolio is the way to call it. Errors: as edf.portfolio.';
revoke all on function edf.portfolio_quantiles from public;
comment on function edf.draw_scenarios is
    'Scenarios over arrays, one row each; edf.scenarios is the way to call it. Errors: as edf.scenarios.';
revoke all on function edf.draw_scenarios from public;
comment on function edf.interpolate_quantiles is
$$Quantiles of a forecast at other levels than those that it has, such as at 10, 25, 75 and 90 % of one with 5, 50 and 95 %. Between two levels the value is linear in the standard normal
quantile of the level, beyond the outer two it goes on so (the two-piece normal distribution; Wallis, 2014); not below zero where no quantile is. edf.scenarios draws from the same.

quantile_values: at quantiles, two or more, ascending. levels: up to 200, ascending, between 0 and 1. Quantiles that a model makes by itself, the argument levels of edf.forecast, are
better where they can be had. Errors: 22023 quantiles or levels that do not ascend or fit together; 22000 NaN or infinite values; 22004 a NULL.$$;
comment on function edf.energy_score is
    'Energy score of scenarios, one path after the other, each as long as actual; in the unit of actual. Errors: 22023 paths of another length, too many; 22004 a NULL; 22000 NaN or infinite values.';
comment on function edf.variogram_score is
    'Variogram score of order 0.5 of scenarios, one path after the other, each as long as actual; in the unit of actual. Errors: as edf.energy_score.';
comment on function edf.forecast_chart is
$$A forecast as a picture, in SVG: the 90 % interval as a fan, the forecast, what was measured, solar generation. It has a title and a description in words.

hour_at: starts of hours, of which actual, yhat, yhat_lower, yhat_upper and solar are the values in kWh; NULL is not known. title: at most 120 letters. time_zone: of the hours below the
picture. width, height: in pixels, 200 to 4,000. Limit: 840 hours. Errors: 22023 an unknown time zone or size, columns of unequal length, too many hours; 22000 NaN or infinite
values; 22004 a NULL.$$;
comment on function edf.tuning_space is
    'What edf.tune tries of a strategy: a space with nothing left out, or where it is NULL the strategy''s own. Errors: 22023 an unknown hyperparameter, an empty range, values of another type; 42704 an unknown strategy.';
comment on function edf.next_trial is
    'What edf.tune tries next, after trials (a JSON array of parameters and score, null where one failed): NULL where everything has been. Limits: 10,000 trials, 200 values in a list. Errors: as edf.tuning_space.';
comment on function edf.parse_meter_messages is
    'Reads meter messages (JSON text): one row per reading, at being the message''s place in the array and unit that of the value where the message names it; what cannot be read is a row with reason_code and reason.';
comment on function edf.cancel_after is
$$Cancels the statement that runs once this much more time has passed, with the error of statement_timeout (57014): that setting is read when a statement
begins, so that a procedure cannot limit itself by it. An earlier limit stays. The limit ends with the statement.

timeout: 1 millisecond to 24 days. Errors: 22004 a NULL, 22023 another span.$$;
comment on function edf.convert_unit is
$$A value in another unit; to_unit is by default the one that edf has for the quantity: kWh, litres, degrees Celsius, percent, W/m2. NULL where the one does not become the other.

Read are energies (Wh, kWh, MWh, GWh, J, kJ, MJ, GJ), volumes (mL, dL, L, hL, m3), temperatures (degC, degF, K), shares (%, fraction, oktas) and irradiances (W/m2, kW/m2, and the energy of an hour in
Wh/m2, kWh/m2, J/m2, kJ/m2, MJ/m2, J/cm2), however they are spelled; any other unit is only itself.$$;
comment on function edf.register_hours is
$$Energy in kWh by UTC hour from from_at up to to_at, from the readings of one cumulative register, reported on change; any order.

Of a register that counts something else, such as litres of water, energy_kwh is the amount in its unit, and so are resolution_kwh, jitter_kwh and width_kwh; max_kw is the most in an hour.

The register is interpolated at the border of each hour, so that hours add up to its difference. quality: measured, interpolated, estimated or missing.
known_at: when the last reading that the hour rests on was received; rests_on_silence: it rests also on what came after the last one. settings: sample_minutes, max_silence_h, max_interpolation_h, max_gap_h, long_gaps, resolution_kwh, jitter_kwh,
jitter_h, width_kwh, max_kw. heard_at: a silent register is unchanged until then, for at most max_silence_h. replaced_at: when the meter was
replaced by one at zero. profile: 24 weights of the hours of the day in time_zone, for gaps longer than max_interpolation_h where long_gaps is profile;
profile_known_at: what is spread by it counts as known no earlier.
Give the readings inside the span, the nearest one on either side, and those up to four times jitter_h before that and twice jitter_h after it. Limits: a span of ten years. Memory: 200 bytes a reading or
hour. A gap of more than ten years is spread evenly. Errors: 22004 a NULL, 22023 a wrong argument.$$;
comment on function edf.gauge_hours is
$$Time-weighted mean by UTC hour from from_at up to to_at, from the readings of one gauge, in its unit; any order.

Each value holds until the next one, at most max_silence_h. quality and the other arguments: as in edf.register_hours. Errors: 22023 a wrong argument.$$;
comment on function edf.parse_weather_document is
    'Reads an Open-Meteo style document (JSON text): one row per hour, radiation being the mean of the hour that ends at its label, values in the columns'' units, whatever hourly_units says; one that cannot be read is a row with reason_code and reason.';
comment on function edf.validate_json is
$$What of a document (JSON text) does not keep to a JSON Schema: one row for each place, with its path, what is wrong, and what is allowed (the schema's description).

Keywords: type, enum, const, minimum, exclusiveMinimum, maximum, pattern, minItems, maxItems, uniqueItems, items, properties,
additionalProperties, propertyNames, required, if, then, else, $ref within the schema. At most 1,000 places are told. Errors: 22004 a NULL, 22023 another keyword, or a schema without end.$$;
comment on function edf.read_features is
    'A feature spec with the defaults filled in that it has for a strategy. Errors: 22023 an unknown name or a wrong value; 42704 an unknown strategy.';
comment on function edf.history_hours is
    'Hours before its issue time that a forecast of this recipe reads. Errors: as edf.train.';
comment on function edf.read_parameters is
    'A strategy''s hyperparameters with the defaults filled in. Errors: 22023 an unknown name or a wrong value; 42704 an unknown strategy.';
comment on function edf.read_meter_settings is
    'A meter''s settings with the defaults filled in. Errors: 22023 an unknown name or a wrong value.';
comment on function edf.read_anomaly_parameters is
    'Parameters of edf.train_anomaly_model for a strategy, with the defaults filled in. Errors: 22023 an unknown name or a wrong value; 42704 an unknown strategy; 22004 a NULL.';
comment on function edf.fit_anomalies is
    'Fits a model of anomalies over arrays; edf.train_anomaly_model is the way to call it. Errors: as edf.train_anomaly_model.';
revoke all on function edf.fit_anomalies from public;
comment on function edf.anomaly_scores is
    'Scores rows by an artifact, over arrays; edf.score_anomalies is the way to call it. Errors: as edf.score_anomalies.';
revoke all on function edf.anomaly_scores from public;
comment on function edf.own_anomaly_scores is
    'Scores rows by what they themselves teach, over arrays; edf.detect_anomalies is the way to call it. Errors: as edf.train_anomaly_model.';
revoke all on function edf.own_anomaly_scores from public;
comment on function edf.anomaly_parts is
    'What made the score of a row, over arrays; edf.explain_anomaly is the way to call it. Errors: as edf.explain_anomaly.';
revoke all on function edf.anomaly_parts from public;
