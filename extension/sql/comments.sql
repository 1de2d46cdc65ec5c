-- pgrx makes no COMMENT from doc comments.

comment on function edf.fit is
    'Fits a model over arrays and returns its artifact; called by edf.train. Errors: as edf.train.';
revoke all on function edf.fit from public;
comment on function edf.predict is
    'Forecasts with an artifact over arrays; called by edf.forecast. Errors: as edf.forecast.';
revoke all on function edf.predict from public;
comment on function edf.contributions is
    'Contributions to a forecast, over arrays; called by edf.explain. Errors: as edf.explain.';
revoke all on function edf.contributions from public;
comment on function edf.xgboost_files is
    'The trees of an artifact as files of XGBoost; called by edf.export_xgboost. Errors: as edf.export_xgboost.';
revoke all on function edf.xgboost_files from public;
comment on function edf.fit_xgboost_files is
$$A model of trees that were trained elsewhere, over arrays; called by edf.import_xgboost. Errors: as
edf.import_xgboost.$$;
revoke all on function edf.fit_xgboost_files from public;
comment on function edf.backtest_series is
    'Rolling-origin evaluation over arrays; called by edf.backtest. Errors: as edf.train.';
revoke all on function edf.backtest_series from public;
comment on function edf.feature_rows is 'Features over arrays; called by edf.features. Errors: as edf.train.';
revoke all on function edf.feature_rows from public;
comment on function edf.portfolio_quantiles is
    'Quantiles of sums over arrays; called by edf.portfolio. Errors: as edf.portfolio.';
revoke all on function edf.portfolio_quantiles from public;
comment on function edf.draw_scenarios is
    'Scenarios over arrays, one row each; called by edf.scenarios. Errors: as edf.scenarios.';
revoke all on function edf.draw_scenarios from public;
comment on function edf.interpolate_quantiles is
$$Quantiles of a forecast at other levels than its own, such as 10, 25, 75 and 90 % of a forecast with 5, 50 and 95
%. Between two levels the value is linear in the standard normal quantile of the level, and it is extrapolated beyond
the outer two (the two-piece normal distribution; Wallis, 2014); it is negative only if a given quantile is.
edf.scenarios draws from the same distribution.

quantile_values: the values at quantiles, two or more, ascending. levels: up to 200, ascending, between 0 and 1.
Quantiles that the model itself forecasts (argument levels of edf.forecast) are better where available. Errors: 22023
quantiles or levels that do not ascend or differ in number; 22000 NaN or infinite values; 22004 a NULL.$$;
comment on function edf.energy_score is
$$Energy score of scenarios, in the unit of actual. The paths follow one another, each as long as actual. Errors:
22023 paths of another length, too many; 22004 a NULL; 22000 NaN or infinite values.$$;
comment on function edf.variogram_score is
$$Variogram score of order 0.5 of scenarios, in the unit of actual. The paths follow one another, each as long as
actual. Errors: as edf.energy_score.$$;
comment on function edf.forecast_chart is
$$A forecast as an SVG image: the 90 % interval as a band, the forecast, actuals and solar generation, with a title
and a description in words.

hour_at: starts of the hours of actual, yhat, yhat_lower, yhat_upper and solar, in kWh; NULL is unknown. title: at
most 120 characters. time_zone: of the labels of the hours. width, height: in pixels, 200 to 4,000. Limit: 840 hours.
Errors: 22023 an unknown time zone or size, columns of unequal length, too many hours; 22000 NaN or infinite values;
22004 a NULL.$$;
comment on function edf.tuning_space is
$$The complete search space of edf.tune for a strategy; NULL is the strategy's default. Errors: 22023 an unknown
hyperparameter, an empty range, values of another type; 42704 an unknown strategy.$$;
comment on function edf.next_trial is
$$The next parameters that edf.tune tries, given the trials so far (a JSON array of parameters and score, null for a
failed trial); NULL when all of the space has been tried. Limits: 10,000 trials, 200 values in a list. Errors: as
edf.tuning_space.$$;
comment on function edf.parse_meter_messages is
$$Parses meter messages (JSON text): one row per reading, with the index of its message in the array (at) and the
unit of the value if the message names it. What cannot be read is a row with reason_code and reason.$$;
comment on function edf.cancel_after is
$$Cancels the current statement after this much more time, with the error of statement_timeout (57014). That setting
is read when a statement begins, so a procedure cannot limit itself with it. An earlier limit still applies. The
limit ends with the statement.

timeout: 1 millisecond to 24 days. Errors: 22004 a NULL, 22023 another duration.$$;
comment on function edf.convert_unit is
$$Converts a value to another unit, by default to the one that edf uses for the quantity: kWh, litres, degrees
Celsius, percent, W/m2. NULL if the units measure different quantities.

Supported are energies (Wh, kWh, MWh, GWh, J, kJ, MJ, GJ), volumes (mL, dL, L, hL, m3), temperatures (degC, degF, K),
shares (%, fraction, oktas) and irradiances (W/m2, kW/m2, and the energy of an hour in Wh/m2, kWh/m2, J/m2, kJ/m2,
MJ/m2, J/cm2), in any common spelling; any other unit converts only to itself.$$;
comment on function edf.register_hours is
$$Energy in kWh per UTC hour from from_at until to_at, from the readings of one cumulative register that reports
changes; readings in any order.

For a register of another quantity, such as litres of water, energy_kwh is the amount in its unit, and so are
resolution_kwh, jitter_kwh and width_kwh; max_kw is the maximum in an hour.

The register is interpolated at the start of each hour, so that hours add up to its difference. quality: measured,
interpolated, estimated or missing. known_at: when the last reading that the hour depends on was received;
rests_on_silence: whether the hour also depends on the silence after the last reading. settings: sample_minutes,
max_silence_h, max_interpolation_h, max_gap_h, long_gaps, resolution_kwh, jitter_kwh, jitter_h, width_kwh, max_kw.
heard_at: a silent register counts as unchanged until then, for at most max_silence_h. replaced_at: when the meter
was replaced by one that starts at zero. profile: 24 weights of the hours of the day in time_zone, to distribute gaps
longer than max_interpolation_h where long_gaps is profile; profile_known_at: hours distributed by the profile are
known no earlier than that.
Pass the readings inside the range, the nearest one on either side, and those up to four times jitter_h before the
first of these and twice jitter_h after the last. Limits: a range of ten years. Memory: 200 bytes per reading or
hour. A gap of more than ten years is distributed evenly. Errors: 22004 a NULL, 22023 a wrong argument.$$;
comment on function edf.gauge_hours is
$$Time-weighted mean per UTC hour from from_at until to_at, from the readings of one gauge, in its unit; readings in
any order.

Each value is valid until the next one, for at most max_silence_h. quality and the other arguments: as in
edf.register_hours. Errors: 22023 a wrong argument.$$;
comment on function edf.parse_weather_document is
$$Parses an Open-Meteo style document (JSON text): one row per hour, its values converted from hourly_units to the
units of the columns; radiation is the mean of the hour that ends at its label. A document that cannot be read is a
row with reason_code and reason.$$;
comment on function edf.validate_json is
$$Validates a document (JSON text) against a JSON Schema: one row per violation, with its path, what is wrong, and
what is allowed (the schema's description). A valid document has none.

Keywords: type, enum, const, minimum, exclusiveMinimum, maximum, pattern, minItems, maxItems, uniqueItems, items,
properties, additionalProperties, propertyNames, required, if, then, else, $ref within the schema. At most 1,000
violations are returned. Errors: 22004 a NULL, 22023 an unsupported keyword or a recursive schema.$$;
comment on function edf.read_features is
$$A strategy's feature spec, with its defaults filled in. Errors: 22023 an unknown name or a wrong value; 42704 an
unknown strategy.$$;
comment on function edf.history_hours is
    'The hours of history before its issue time that a forecast of this recipe reads. Errors: as edf.train.';
comment on function edf.read_parameters is
    'A strategy''s hyperparameters with the defaults filled in. Errors: 22023 an unknown name or a wrong value; 42704 an unknown strategy.';
comment on function edf.read_meter_settings is
    'A meter''s settings with the defaults filled in. Errors: 22023 an unknown name or a wrong value.';
comment on function edf.read_anomaly_parameters is
    'Parameters of edf.train_anomaly_model for a strategy, with the defaults filled in. Errors: 22023 an unknown name or a wrong value; 42704 an unknown strategy; 22004 a NULL.';
comment on function edf.fit_anomalies is
    'Fits an anomaly model over arrays; called by edf.train_anomaly_model. Errors: as edf.train_anomaly_model.';
revoke all on function edf.fit_anomalies from public;
comment on function edf.anomaly_scores is
    'Scores rows with an artifact, over arrays; called by edf.score_anomalies. Errors: as edf.score_anomalies.';
revoke all on function edf.anomaly_scores from public;
comment on function edf.own_anomaly_scores is
$$Scores rows with a model that is fitted on the same rows, over arrays; called by edf.detect_anomalies. Errors: as
edf.train_anomaly_model.$$;
revoke all on function edf.own_anomaly_scores from public;
comment on function edf.anomaly_parts is
    'Contributions to the score of a row, over arrays; called by edf.explain_anomaly. Errors: as edf.explain_anomaly.';
revoke all on function edf.anomaly_parts from public;
