-- One model of several series.

create function edf.train_global(
    subject       text,
    training_data text,
    parameters    jsonb    default '{}',
    features      jsonb    default '{}',
    horizon       interval default '72 hours',
    issue_hours   integer[] default null,
    availability  interval default null
) returns bigint
language plpgsql
as $$
declare
    fitted edf.fitted;
begin
    perform edf.require('subject', subject is not null), edf.require('training_data', training_data is not null),
            edf.require('parameters', parameters is not null), edf.require('features', features is not null),
            edf.require('horizon', horizon is not null);
    fitted := (
        select edf.fit_panel(p.name, p.series, parameters, features, horizon, issue_hours, availability)
        from edf.panel_of(training_data) as p);
    return edf.register_model(
        subject, 'global', fitted.artifact, fitted.parameters_used, fitted.features_used, fitted.feature_names,
        fitted.training_start, fitted.training_end, fitted.training_rows, fitted.metrics);
end;
$$;
comment on function edf.train_global is
$$Trains one model on several series, for those with little or no history, and writes it to edf.models as pending;
returns its id.

subject: what the series have in common, such as an archetype of buildings. training_data: a query of (series, time
timestamptz, target, regressors...), columns by position, one row per series and step, NULL where a value is missing.
Regressors that are constant within a series, such as a floor area, distinguish the series. parameters of strategy
global: size (the regressor that demand is proportional to), prior_days, max_rows, trees (as of xgboost). features,
horizon, issue_hours, availability: as in edf.train.
Series with less than eight days of demand are left out. metrics -> held_out lists them, and has the errors for new
series: each series is forecast in its newest weeks by a model of other series that ends before them, as if it had
begun at most a week before. Beside them are the errors of seasonal naive where the week before is known. Forecast a
new series with edf.forecast(subject, input_data, issued_at => ...): its target may be NULL throughout.
Source: Montero-Manso and Hyndman (2021). Memory: eight bytes for each number of the query, which is read series by
series; then max_rows x features x eight bytes for training.
Errors: as edf.train; 22023 fewer than two series, or series whose steps differ.$$;
revoke all on function edf.train_global from public;
