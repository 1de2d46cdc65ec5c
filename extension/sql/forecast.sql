create function edf.forecast(
    subject    text,
    input_data text,
    horizon    interval    default '72 hours',
    issued_at  timestamptz default null,
    regressor_forecasts text default null
) returns table (
    valid_at   timestamptz,
    lead_hours double precision,
    yhat       double precision,
    yhat_lower double precision,
    yhat_upper double precision,
    model_id   bigint
)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    series   edf.series;
    outlooks edf.series;
    model    edf.models;
begin
    perform edf.require('subject', forecast.subject is not null), edf.require('input_data', input_data is not null),
            edf.require('horizon', horizon is not null);
    select * into model from edf.models where models.subject = forecast.subject and status = 'approved';
    if not found then
        raise exception 'no approved model forecasts "%"', forecast.subject
            using errcode = 'undefined_object',
                  hint = 'Approve one: select edf.approve_model(model_id) from edf.models where subject = ... and status = ''pending''.';
    end if;
    series := edf.series_of(input_data);
    outlooks := edf.series_of(regressor_forecasts, known_at => true);
    return query
    select p.valid_at, p.lead_hours, p.yhat, p.yhat_lower, p.yhat_upper, model.model_id
    from edf.predict(model.artifact, series.times, series.target, series.regressor_names, series.regressors,
                     outlooks.times, outlooks.target, outlooks.regressor_names, outlooks.regressors,
                     horizon, forecast.issued_at) as p;
end;
$$;
comment on function edf.forecast is
$$Forecasts a subject with its approved model; one row per step ahead.

input_data: a query of (time, target, regressors...) as in edf.train: at least the longest lag of history, and with regressors also the hours ahead, their
target NULL. issued_at: the first step to forecast, by default the one after the last known target; targets from there on are not read. regressor_forecasts: as in edf.train; days since
the training are forecast again from it, where the strategy learns from them.
Returns valid_at (start of the step), lead_hours (from the issue to the end of the step), yhat with its 90 % interval in the unit of
the target, and the model. Errors: 22000 too little history, 22023 a wrong argument or horizon, 42704 no approved model, XX001 a damaged artifact.$$;
revoke all on function edf.forecast from public;
