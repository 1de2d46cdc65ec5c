create or replace function energy.forecasting_model(model_id bigint) returns edf.models
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    model constant edf.models := edf.require_model(model_id);
begin
    if model.strategy = any (edf.anomaly_strategies()) then
        raise exception 'model % of "%" is an anomaly model (strategy %) and does not forecast',
            model.model_id, model.subject, model.strategy
            using errcode = 'feature_not_supported',
                  hint = 'energy.model_scores has its share of alarms; energy.approve_models approves it.';
    end if;
    return model;
end;
$$;
comment on function energy.forecasting_model(bigint) is
$$A forecasting model; the counterpart of edf.anomaly_model. Errors: 42704 no such model, 0A000 it is an anomaly
model.$$;
revoke all on function energy.forecasting_model(bigint) from public;
