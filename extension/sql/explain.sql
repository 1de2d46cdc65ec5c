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
$$What a forecast is made of: for each step ahead a row for each feature that the model reads. The contributions of a step add up to yhat of edf.forecast.

The arguments are those of edf.forecast; model_id: another model of the subject than the approved one, such as a pending one. value: what the model read, NULL where it is missing or
feature is none. contribution: in the unit of the target. Of trees it is their SHAP value (Lundberg and Lee, 2017) given the rows that they have learnt from, of a linear function weight x (value - mean),
which is the SHAP value where features are independent; on a logarithmic target both are rescaled in proportion. Members of an ensemble add theirs times their weights.
In parentheses stands what is no feature: (base), the forecast where features are as on average, of this hour where there is a function for each; (recent errors), what errors since then and on
the days before say of this hour; (bounds), what a bound takes off or puts on; (history) of strategies that repeat the past; (trend) and (seasons); (irradiance), (usual sky) and (last day) of
solar. Contributions say what moves the model, and not what causes demand: of features that tell the same, such as temperature_c and hdd, each has a part.
Memory: 16 bytes a step and feature, for an ensemble twice. Errors: as edf.forecast; 42704 the model is of another subject; 55000 its artifact was emptied; 0A000 an earlier release trained its trees: train
it again.$$;
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
    select * into model from edf.models where models.model_id = feature_importance.model_id;
    if not found then
        raise exception 'there is no model %', model_id
            using errcode = 'undefined_object', hint = 'select model_id, subject, status from edf.models lists them.';
    end if;
    if jsonb_typeof(model.metrics -> 'importance') is distinct from 'object' then
        raise exception 'the importance of the features of model % was not measured when it was trained', model_id
            using errcode = 'feature_not_supported', hint = 'Train it again: earlier releases did not measure it, nor is it of trees of more than 64 levels.';
    end if;
    return query
    select i.name, i.value::double precision, i.value::double precision / sum(i.value::double precision) over ()
    from jsonb_each_text(model.metrics -> 'importance') as i (name, value)
    order by 2 desc, 1;
end;
$$;
comment on function edf.feature_importance is
$$How much each feature matters to a model, the most important first: mean_contribution is the mean absolute contribution, as edf.explain has it, to forecasts of up to twelve issues that were spread over the
history when it was trained, in the unit of the target; share is its part of the sum of all. (base) is left out. Of an ensemble they are of the weights and corrections at the end of its training.

It is the usual global SHAP importance (Lundberg et al., From local explanations to global understanding with explainable AI for trees, 2020), the same for all strategies, and not the gain of the trees' splits,
which favours features of many values (Strobl et al., Bias in random forest variable importance measures, 2007). It does not say what a model would be worth without the feature: of features that tell the same
each has a part. Errors: 22004 a NULL argument, 42704 no such model, 0A000 it was not measured.$$;
revoke all on function edf.feature_importance from public;
