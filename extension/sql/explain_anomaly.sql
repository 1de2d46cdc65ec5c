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
                using errcode = 'invalid_parameter_value', hint = 'Features are numbers or booleans; null or nothing is a missing value.';
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
$$What made the score of a row, by a model of edf.train_anomaly_model: a row for each feature, and in parentheses what is none.

features: a row of the query that edf.score_anomalies takes, as to_jsonb makes it; what is missing or null is not known, what the model does not read is ignored. value: the feature's, typical: its median among
the rows that were learnt from, both in the feature's unit. contribution: of expected_energy what the feature adds to a typical day of this group, in the unit of the target; (base) is such a day, (unexplained) what
is left, and all add up to the target. would_explain: by how much the feature would have to be another one for nothing to be left, in the feature's unit; NULL where its weight may be nothing. Of isolation_forest and
local_outlier_factor what the raw score is more than with a typical value of this feature alone; two features that are only odd together have each the whole. Of alert_probability what the score adds to the log-odds.
Errors: 22004 a NULL argument, 22023 a value that is no number, 42704 no such model, 55000 its artifact was emptied, XX001 it is damaged, 0A000 it forecasts.$$;
revoke all on function edf.explain_anomaly from public;
