create function edf.forecast(
    subject    text,
    input_data text,
    horizon    interval    default '72 hours',
    issued_at  timestamptz default null,
    regressor_forecasts text default null,
    levels double precision[] default '{0.05,0.1,0.25,0.5,0.75,0.9,0.95}'
) returns table (
    valid_at   timestamptz,
    lead_hours double precision,
    yhat       double precision,
    yhat_lower double precision,
    yhat_upper double precision,
    model_id   bigint,
    quantile_values double precision[],
    quantiles double precision[],
    confidence double precision
)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    model edf.models;
begin
    perform edf.require('subject', forecast.subject is not null), edf.require('input_data', input_data is not null),
            edf.require('horizon', horizon is not null),
            edf.require('levels', levels is not null and array_position(levels, null) is null);
    select * into model from edf.models where models.subject = forecast.subject and status = 'approved';
    if not found then
        raise exception 'no approved model forecasts "%"', forecast.subject
            using errcode = 'undefined_object',
                  hint = 'Approve one: select edf.approve_model(model_id) from edf.models where subject = ... and status = ''pending''.';
    end if;
    return query
    select p.valid_at, p.lead_hours, p.yhat, p.yhat_lower, p.yhat_upper, model.model_id, p.quantile_values, levels, p.confidence
    from edf.predict(model.artifact, edf.series_of(input_data, regressor_forecasts), horizon, forecast.issued_at, levels) as p;
end;
$$;
comment on function edf.forecast is
$$Forecasts a subject with its approved model; one row per step ahead.

input_data: a query of (time, target, regressors...) as in edf.train: history at least as long as the longest lag,
and with regressors also the hours ahead, their target NULL. issued_at: the first step to forecast, by default the
first at which all of the input was known; later targets are not read, nor those with a later received_at. Without
that column, rows are assumed to be available as in training. Leads are counted from the newest known row: the later
the data, the longer the lead. regressor_forecasts: as in edf.train; it is also used to forecast the days since the
training again, for strategies that adapt to their errors. A regressor far outside its training range is treated as
missing: a warning names it.
Returns valid_at (start of the step), lead_hours (from the issue to the end of the step), yhat with its 90 % interval
in the unit of the target, the model, quantile_values at the levels quantiles, and confidence: from 1, where the
inputs are like the training set, down to 0. It is the mean score of the step's regressors (1 inside the training
range, falling to 0 at a distance of one width of the range; 0 where missing or implausible) times that of the target
over the newest four weeks, in which the weight of a step halves with each week and an unknown step scores 0; usual
delays do not lower it. The intervals do not depend on it. Errors: 22000 too little history, 22004 a NULL argument,
22023 a wrong argument or horizon, 42704 no approved model, XX001 a damaged artifact.$$;
revoke all on function edf.forecast from public;
