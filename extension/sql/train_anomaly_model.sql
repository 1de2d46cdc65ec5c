create function edf.train_anomaly_model(
    subject        text,
    query          text,
    strategy       text   default 'expected_energy',
    parameters     jsonb  default '{}',
    prior_model_id bigint default null
) returns bigint
language plpgsql
as $$
declare
    prior  edf.models;
    used   jsonb;
    rows   edf.observations;
    fitted record;
    first  double precision;
    last   double precision;
begin
    perform edf.require('subject', subject is not null), edf.require('query', query is not null), edf.require('strategy', strategy is not null),
            edf.require('parameters', parameters is not null);
    used := edf.read_anomaly_parameters(strategy, parameters);
    perform edf.require_kind(subject, strategy);
    if prior_model_id is not null then
        prior := edf.anomaly_model(prior_model_id);
    end if;
    rows := edf.observations_of(query, used, prior.feature_names);
    select * into strict fitted from edf.fit_anomalies(strategy, rows, parameters, prior.artifact);
    select min(day), max(day) into first, last from unnest(rows.days) as day;
    return edf.register_model(
        subject, strategy, fitted.artifact, fitted.parameters_used, fitted.features_used, fitted.feature_names,
        coalesce(to_timestamp(first * 86400), now()), coalesce(to_timestamp((floor(last) + 1) * 86400), now()), fitted.training_rows,
        fitted.metrics, case when prior_model_id is not null then format('its prior is that of model %s', prior_model_id) end);
end;
$$;
comment on function edf.train_anomaly_model is
$$Trains an anomaly model on the rows of a query and writes it to edf.models as pending; returns its id. It is
approved, rejected and rolled back like a model of forecasts.

subject: any name. A subject has one approved model, so each strategy needs a subject of its own, other than those of
forecasts. query: its first column is the key of a row, such as a day; the other columns are features, numbers or
booleans, NULL where a value is missing, except those that parameters name: target, group (such as the apartment;
each group has its own weights), time (date or timestamptz, by default the key if it is one), features (an array:
only these are read).
strategy, and its further parameters:
expected_energy explains the target, such as energy in kWh per day, by the features: Bayesian linear regression with
conjugate priors (Gelman et al., Bayesian Data Analysis, 2013). The prior is estimated from all groups (empirical
Bayes), or that of prior_model_id, an earlier model of the same features. Rows further than trim (4) robust standard
deviations from a Huber fit are not trained on. alarm_share (0.01): share of normal rows that may be alarms; side:
both, upper or lower; noise_by_level (true): noise grows with the level; runs (true): small deviations over many days
are detected, by CUSUM (Page, 1954) with run_drift (0.5) and one false alarm in run_arl_days (730), calibrated by
simulation to the correlation of days; max_gap_days (7): after a longer gap a run restarts.
isolation_forest (Liu, Ting and Zhou, 2008): alarm_share, trees (200), sample (256), seed. A row with a missing value
follows both branches of a split.
local_outlier_factor (Breunig et al., 2000): alarm_share, neighbours (20), max_rows (5000) that are stored for
comparison, scale (true), seed. Distances between rows with missing values use the features that both have.
alert_probability: how likely alerts are real, by logistic regression on detectors' scores; target is true, false or
NULL (not labelled). base_rate (0.01), weight (1 for each decade of rarity) and weights by name define the prior,
precision (1) its precision; without labels the model is the prior. alarm_probability (0.5); scores (true): features
are scores between 0 and 1.
Limits: 1,000,000 rows, 200 features, 75 million numbers. Memory: seven times the numbers. Errors: 22000 too few
rows, NaN or infinite values, no convergence, a NULL key or group; 22004 a NULL argument; 22023 wrong columns or
parameters, a subject that has forecasting models; 42704 an unknown strategy or prior model; 55000 the artifact of
the prior model was emptied; 0A000 the prior model is a forecasting model.$$;
revoke all on function edf.train_anomaly_model from public;
