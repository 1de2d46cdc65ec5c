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
$$Trains a model that finds anomalies, on the rows of a query, and writes it to edf.models as pending; returns its id. Approval and the rest are those of forecasts.

subject: any name; of a subject one model is approved, so that each strategy needs a subject of its own, and one that forecasts another. query: its first column is the key of a row, such as a day;
other columns are features, numbers or booleans, NULL where a value is missing, but for those that parameters name: target, group (such as the apartment, each of which has its own weights), time (date
or timestamptz, by default the key if it is one), features (an array: only these are read).
strategy, and its parameters beside these:
expected_energy explains the target, such as energy in kWh a day, by the features: Bayesian linear regression with conjugate priors (Gelman et al., Bayesian Data Analysis, 2013), which the groups teach each
other (empirical Bayes) or prior_model_id gives, an earlier model on the same features. Rows further than trim (4) robust standard deviations from a Huber fit are not learnt from. alarm_share (0.01): share
of normal rows that may be alarms; side: both, upper or lower; noise_by_level (true): noise grows with the level; runs (true): small deviations of many days count, by CUSUM (Page, 1954) with run_drift (0.5)
and a false alarm in run_arl_days (730), calibrated by simulation to the correlation of days; max_gap_days (7): after which a run starts anew.
isolation_forest (Liu, Ting and Zhou, 2008): alarm_share, trees (200), sample (256), seed. A missing value goes both ways of a cut.
local_outlier_factor (Breunig et al., 2000): alarm_share, neighbours (20), max_rows (5000) that are kept to compare with, scale (true), seed. Distances between rows with missing values are of the features
that both know.
alert_probability: how likely rows are real, by logistic regression on detectors' scores; target is true, false or NULL (not labelled). base_rate (0.01), weight (1 for each decade of rarity) and weights by name are
the prior, precision (1) how sure it is: without labels it is the model. alarm_probability (0.5); scores (true): features are scores between 0 and 1.
Limits: 1,000,000 rows, 200 features, 75 million numbers. Memory: seven times the numbers. Errors: 22000 too few rows, NaN or infinite values, no convergence, a NULL key or group; 22004 a NULL argument;
22023 wrong columns or parameters, a subject that forecasts; 42704 an unknown strategy or prior model; 55000 its artifact was emptied; 0A000 it is none of anomalies.$$;
revoke all on function edf.train_anomaly_model from public;
