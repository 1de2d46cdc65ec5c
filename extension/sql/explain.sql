create function edf.explain(
    subject    text,
    input_data text,
    horizon    interval    default '72 hours',
    issued_at  timestamptz default null,
    regressor_forecasts text default null,
    model_id   bigint      default null
) returns table (
    valid_at     timestamptz,
    lead_hours   double precision,
    feature      text,
    value        double precision,
    contribution double precision
)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    model edf.models;
begin
    perform edf.require('subject', explain.subject is not null), edf.require('input_data', input_data is not null),
            edf.require('horizon', horizon is not null);
    select * into model
    from edf.models
    where models.subject = explain.subject
      and (models.model_id = explain.model_id or explain.model_id is null and status = 'approved');
    if not found then
        raise exception '% forecasts "%"', coalesce('no model ' || explain.model_id, 'no approved model'), explain.subject
            using errcode = 'undefined_object', hint = 'select model_id, subject, status from edf.models lists them.';
    end if;
    perform edf.require_artifact(model);
    return query
    select c.valid_at, c.lead_hours, c.feature, c.value, c.contribution
    from edf.contributions(model.artifact, edf.series_of(input_data, regressor_forecasts), horizon, explain.issued_at) as c;
end;
$$;
comment on function edf.explain is
$$Explains a forecast: for each step ahead one row for each feature that the model reads. The contributions of a step
add up to yhat of edf.forecast.

The arguments are those of edf.forecast; model_id: another model of the subject than the approved one, such as a
pending one. value: the value of the feature, NULL where it is missing or the row is not a feature. contribution: in
the unit of the target. For trees it is the SHAP value (Lundberg and Lee, 2017) given the training set, for a linear
function weight x (value - mean), which is the SHAP value of independent features; with a logarithmic target both are
rescaled in proportion. Members of an ensemble contribute theirs times their weights.
Names in parentheses are not features: (base), the forecast at average features, per hour where the model has a
function for each hour; (recent errors), the correction by the errors of the last hours and days; (bounds), the
effect of clamping; (history) of strategies that repeat the past; (trend) and (seasons); (irradiance), (usual sky)
and (last day) of solar. Contributions explain the model, not the cause of demand: correlated features, such as
temperature_c and hdd, share a contribution.
Memory: 16 bytes per step and feature, twice that for an ensemble. Errors: as edf.forecast; 42704 the model is of
another subject; 55000 its artifact was emptied; 0A000 its trees were trained by an earlier release: train it again.$$;
revoke all on function edf.explain from public;

create function edf.feature_importance(model_id bigint) returns table (
    feature           text,
    mean_contribution double precision,
    share             double precision
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    model edf.models;
begin
    perform edf.require('model_id', model_id is not null);
    model := edf.require_model(model_id);
    if jsonb_typeof(model.metrics -> 'importance') is distinct from 'object' then
        raise exception 'the importance of the features of model % was not measured when it was trained', model_id
            using errcode = 'feature_not_supported',
                  hint = 'Train it again: earlier releases did not measure it. Trees of more than 64 levels have none.';
    end if;
    return query
    select i.name, i.value::double precision, i.value::double precision / sum(i.value::double precision) over ()
    from jsonb_each_text(model.metrics -> 'importance') as i (name, value)
    order by 2 desc, 1;
end;
$$;
comment on function edf.feature_importance is
$$The importance of each feature for a model, the most important first: mean_contribution is the mean absolute
contribution, as returned by edf.explain, to forecasts of up to twelve issues spread over the history at training, in
the unit of the target; share is its part of the total. (base) is left out. For an ensemble the weights and
corrections at the end of its training are used.

This is the usual global SHAP importance (Lundberg et al., From local explanations to global understanding with
explainable AI for trees, 2020), the same for all strategies, and not the gain of the trees' splits, which favours
features with many values (Strobl et al., Bias in random forest variable importance measures, 2007). It does not say
how accurate a model would be without the feature: correlated features share the importance. Errors: 22004 a NULL
argument, 42704 no such model, 0A000 it was not measured.$$;
revoke all on function edf.feature_importance from public;
