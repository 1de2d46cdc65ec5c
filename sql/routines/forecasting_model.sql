create or replace function energy.forecasting_model(model_id bigint) returns edf.models
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    model edf.models;
begin
    select * into model from edf.models where models.model_id = forecasting_model.model_id;
    if not found then
        raise exception 'there is no model %', coalesce(forecasting_model.model_id::text, 'null')
            using errcode = 'undefined_object', hint = 'select model_id, subject, status from edf.models lists them.';
    end if;
    if model.strategy = any (edf.anomaly_strategies()) then
        raise exception 'model % of "%" finds anomalies by % and does not forecast', model.model_id, model.subject,
            model.strategy
            using errcode = 'feature_not_supported',
                  hint = 'energy.model_scores has its share of alarms; energy.approve_models approves it.';
    end if;
    return model;
end;
$$;
comment on function energy.forecasting_model(bigint) is
$$A model that forecasts; the counterpart of edf.anomaly_model. Errors: 42704 no such model, 0A000 it finds
anomalies.$$;
revoke all on function energy.forecasting_model(bigint) from public;
