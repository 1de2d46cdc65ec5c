create function edf.train(
    subject       text,
    training_data text,
    strategy      text     default 'xgboost',
    parameters    jsonb    default '{}',
    features      jsonb    default '{}',
    horizon       interval default '72 hours',
    regressor_forecasts text default null,
    issue_hours   integer[] default null,
    availability  interval default null
) returns bigint
language plpgsql
as $$
declare
    fitted record;
begin
    perform edf.require('subject', subject is not null), edf.require('training_data', training_data is not null),
            edf.require('strategy', strategy is not null), edf.require('parameters', parameters is not null),
            edf.require('features', features is not null), edf.require('horizon', horizon is not null);
    select * into strict fitted
    from edf.fit(strategy, edf.series_of(training_data, regressor_forecasts), parameters, features, horizon, issue_hours, availability);
    return edf.register_model(
        subject, strategy, fitted.artifact, fitted.parameters_used, fitted.features_used, fitted.feature_names,
        fitted.training_start, fitted.training_end, fitted.training_rows, fitted.metrics);
end;
$$;
comment on function edf.train is
$$Trains a model on a query and writes it to edf.models as pending; returns its id.

subject: what the model forecasts, any name. training_data: a query of (time timestamptz, target, regressors...),
columns by position, one row per step, NULL where a value is missing; a column received_at (timestamptz) says when
each row was first known. strategy: ensemble, lear, xgboost, sarimax, prophet, mstl, profile or seasonal_naive; solar
for the generation of a roof; global trains on one series what edf.train_global trains on many.
parameters: hyperparameters of the strategy. features: preset (basic, advanced or linear), time_zone, latitude and
longitude, past (regressors known only up to the issue time), fit_bases, non_negative, and any field of the preset,
such as lags_h. horizon: the longest lead. regressor_forecasts: a query of (time, received_at, regressors...),
forecasts of some of the regressors; a training row for a forecast issued at T reads, for times from T on, the newest
row with received_at <= T, or training_data's value if there is none.
issue_hours: the hours of the local day at which forecasts will be issued, by default that at which training_data
ends; at other hours the model forecasts from the newest of its times of day. availability: how long after its end a
row is known, if there is no received_at.
A value of the target far outside its recent range is treated as a spike: a notice reports it, and metrics -> spikes
lists it. A series that was never negative has no negative forecast, unless features say {"non_negative": false}.
Limits: 400,000 rows, 3,000 steps ahead, 200 values in a list of the features; rows x features of the feature table,
and of the training matrix, are at most 150 million numbers each, 600 MB. Memory: five times the numbers of the
queries while they are read (eight bytes each), then four bytes for each number of the table and of the matrix, and
as much again for trees.
Errors: 22000 too little history, NaN or infinite values, irregular steps; 22004 a NULL argument; 22023 a wrong
argument; 42704 an unknown strategy.$$;
revoke all on function edf.train from public;
