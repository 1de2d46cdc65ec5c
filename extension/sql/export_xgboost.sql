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
    model := edf.require_model(model_id);
    if model.strategy <> 'xgboost' then
        raise exception 'model % is of strategy %, which cannot be exported to XGBoost', model_id, model.strategy
            using errcode = 'feature_not_supported', hint = 'Only models of strategy xgboost are exported.';
    end if;
    perform edf.require_artifact(model);
    return query select f.issue_slot, f.lead_day, f.ubj, model.feature_names, f.around from edf.xgboost_files(model.artifact) as f;
end;
$$;
comment on function edf.export_xgboost is
$$The trees of a model of strategy xgboost as files in XGBoost's UBJ format: one row per local time of day at which
its forecasts start (issue_slot, the hour for hourly data) and day of lead, the last of which is also used for all
later days. In Python, xgboost.Booster().load_model(bytearray(ubj)) loads a file and predicts the same.

feature_names: the columns, in order, as returned by edf.features; NULL is missing, and booleans are 0 and 1. around:
base, if it is not null, is added to the prediction of the trees: intercept plus weight x (feature - mean) of each of
its terms whose feature is not missing, clamped to least and most. asinh_unit, if it is not null: the sum is
asinh(demand / asinh_unit), before it is clamped. edf.forecast also corrects forecasts within the day and clamps
demand at zero, which the files do not contain.
Errors: 22004 a NULL argument, 42704 no such model, 0A000 another strategy, 55000 its artifact was emptied, XX001 its
artifact is damaged.$$;
revoke all on function edf.export_xgboost from public;
