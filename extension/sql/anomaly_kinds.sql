-- Anomaly models, in the same registry as models of forecasts.

create function edf.anomaly_strategies() returns text[]
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return array['expected_energy', 'isolation_forest', 'local_outlier_factor', 'alert_probability'];
comment on function edf.anomaly_strategies() is 'The strategies of edf.train_anomaly_model.';

create function edf.require_kind(subject text, strategy text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    other edf.models;
begin
    perform edf.require('subject', subject is not null), edf.require('strategy', strategy is not null);
    select * into other
    from edf.models
    where models.subject = require_kind.subject
      and (models.strategy = any (edf.anomaly_strategies())) <> (require_kind.strategy = any (edf.anomaly_strategies()))
    limit 1;
    if found then
        raise exception '"%" has models of strategy %: a model of strategy % needs another subject',
            subject, other.strategy, strategy
            using errcode = 'invalid_parameter_value', hint = format('Choose another name, such as %L.', strategy || ' of ' || subject);
    end if;
end;
$$;
comment on function edf.require_kind(text, text) is
$$Raises 22023 if a subject already has models of the other kind, of forecasts or of anomalies. A subject has one
approved model, so approving one kind would retire the other.$$;
revoke all on function edf.require_kind(text, text) from public;

create function edf.anomaly_model(model_id bigint) returns edf.models
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    model edf.models;
begin
    perform edf.require('model_id', model_id is not null);
    model := edf.require_model(model_id);
    if model.strategy <> all (edf.anomaly_strategies()) then
        raise exception 'model % of "%" is a forecasting model (strategy %), not an anomaly model',
            model_id, model.subject, model.strategy
            using errcode = 'feature_not_supported',
                  hint = 'Train one with edf.train_anomaly_model, for another subject.';
    end if;
    perform edf.require_artifact(model);
    return model;
end;
$$;
comment on function edf.anomaly_model(bigint) is
$$A model of edf.train_anomaly_model whose artifact is intact. Errors: 42704 no such model, 0A000 it is a forecasting
model, 55000 its artifact was emptied, XX001 its artifact is damaged.$$;
revoke all on function edf.anomaly_model(bigint) from public;
