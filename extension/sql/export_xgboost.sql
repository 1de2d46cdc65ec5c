create function edf.export_xgboost(model_id bigint) returns table (
    issue_slot    integer,
    lead_day      integer,
    ubj           bytea,
    feature_names text[],
    around        jsonb
)
language plpgsql stable
as $$
declare
    model edf.models;
begin
    perform edf.require('model_id', model_id is not null);
    select * into model from edf.models where models.model_id = export_xgboost.model_id;
    if not found then
        raise exception 'there is no model %', model_id
            using errcode = 'undefined_object', hint = 'select model_id, subject, status from edf.models lists them.';
    end if;
    if model.strategy <> 'xgboost' then
        raise exception 'model % is of strategy %, which is not trees alone', model_id, model.strategy
            using errcode = 'feature_not_supported', hint = 'Only models of strategy xgboost are exported.';
    end if;
    perform edf.require_artifact(model);
    return query select f.issue_slot, f.lead_day, f.ubj, model.feature_names, f.around from edf.xgboost_files(model.artifact) as f;
end;
$$;
comment on function edf.export_xgboost is
$$The trees of a model of strategy xgboost as files in XGBoost's own UBJ format: one row for each local time of day from which it forecasts (issue_slot, the hour for
hourly data) and day of lead, the last one for all later ones too. Python reads one by xgboost.Booster().load_model(bytearray(ubj)) and predicts the same.

feature_names: the columns, in order, as edf.features makes them; NULL is missing, and booleans are 0 and 1. around: base, where it is not null, is added to the trees'
prediction: intercept plus, for each of its terms, weight x (feature - mean), where the feature is not missing, the sum lying between least and most. asinh_unit, where it is not
null: the sum is y of asinh(demand / asinh_unit), before least and most. What edf.forecast adds beside that is no part of it: the intraday correction, and that demand is not negative.
Errors: 22004 a NULL argument, 42704 no such model, 0A000 another strategy, 55000 its artifact was emptied, XX001 it is damaged.$$;
revoke all on function edf.export_xgboost from public;
