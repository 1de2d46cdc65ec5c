create function edf.explain_anomaly(model_id bigint, features jsonb) returns table (
    feature       text,
    value         double precision,
    typical       double precision,
    contribution  double precision,
    would_explain double precision
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    model  edf.models;
    target text;
    unit   text;
    name   text;
    given  jsonb;
    number double precision;
    numbers double precision[] := '{}';
begin
    perform edf.require('model_id', explain_anomaly.model_id is not null), edf.require('features', features is not null);
    if jsonb_typeof(features) <> 'object' then
        raise exception 'features are given in a JSON object, not in %', left(features::text, 200)
            using errcode = 'invalid_parameter_value', hint = 'select edf.explain_anomaly(model_id, to_jsonb(q)) from (...) as q gives a row.';
    end if;
    model := edf.anomaly_model(explain_anomaly.model_id);
    target := case when model.strategy = 'expected_energy' then model.parameters ->> 'target' end;
    unit := model.parameters ->> 'group';
    foreach name in array model.feature_names || array_remove(array[target], null) loop
        given := nullif(features -> name, 'null');
        begin
            number := case jsonb_typeof(given) when 'boolean' then (given::text = 'true')::integer else (given::text)::double precision end;
        exception when data_exception then
            raise exception 'feature "%" cannot be %', name, left(given::text, 200)
                using errcode = 'invalid_parameter_value',
                      hint = 'Features are numbers or booleans; null or no entry is a missing value.';
        end;
        numbers := numbers || number;
    end loop;
    return query
    select p.*
    from edf.anomaly_parts(
        model.artifact,
        row(array['1'], model.feature_names, numbers[:cardinality(model.feature_names)],
            case when target is not null then numbers[cardinality(model.feature_names) + 1:] end,
            case when unit is not null then array[coalesce(features ->> unit, '')] end, null)::edf.observations) as p;
end;
$$;
comment on function edf.explain_anomaly is
$$Explains the score of a row by a model of edf.train_anomaly_model: one row per feature; names in parentheses are
not features.

features: a row of the query that edf.score_anomalies reads, as a JSON object of to_jsonb; a value that is missing or
null is unknown, names that the model does not read are ignored. value: the feature's value; typical: its median in
the training set; both in the feature's unit. contribution: for expected_energy what the feature adds to a typical
day of this group, in the unit of the target; (base) is the typical day and (unexplained) the residual, and all add
up to the target. would_explain: the change of the feature that would explain the whole residual, in the feature's
unit; NULL if its weight may be zero. For isolation_forest and local_outlier_factor the contribution is how much the
raw score exceeds the one with a typical value of this feature alone; of two features that are only unusual together,
each has the whole. For alert_probability it is what the score adds to the log-odds.
Errors: 22004 a NULL argument, 22023 a value that is not a number, 42704 no such model, 55000 its artifact was
emptied, XX001 its artifact is damaged, 0A000 it is a forecasting model.$$;
revoke all on function edf.explain_anomaly from public;
