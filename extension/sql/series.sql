-- A series and a fitted model as values.

create type edf.series as (
    times                timestamptz[],
    target               double precision[],
    received_at          timestamptz[],
    regressor_names      text[],
    regressors           double precision[],
    forecast_times       timestamptz[],
    forecast_received_at timestamptz[],
    forecast_names       text[],
    forecast_values      double precision[]
);
comment on type edf.series is
$$A series as arrays: times (start of each step), target, when each row was first known (NULL: at its end), names of
the regressors, and the regressors one column after the other; forecasts of regressors: times, when each was
received, names, and values one column after the other.$$;

create type edf.fitted as (
    artifact        bytea,
    parameters_used jsonb,
    features_used   jsonb,
    feature_names   text[],
    training_start  timestamptz,
    training_end    timestamptz,
    training_rows   bigint,
    metrics         jsonb
);
comment on type edf.fitted is 'A fitted model, with the columns that edf.models stores.';

create function edf.require(name text, given boolean) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if given is not true then
        raise exception 'argument % is NULL', name
            using errcode = 'null_value_not_allowed', hint = 'Give it a value, or leave it out for its default.';
    end if;
end;
$$;
comment on function edf.require(text, boolean) is 'Raises 22004 if an argument is NULL; the message names it.';
