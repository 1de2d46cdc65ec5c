create function edf.features(
    input_data text,
    features   jsonb       default '{}',
    horizon    interval    default '72 hours',
    issued_at  timestamptz default null,
    regressor_forecasts text default null,
    availability interval  default null
) returns table (
    valid_at   timestamptz,
    lead_hours double precision,
    feature    text,
    unit       text,
    value      double precision,
    known      text
)
language plpgsql stable
as $$
begin
    perform edf.require('input_data', input_data is not null), edf.require('features', features is not null),
            edf.require('horizon', horizon is not null);
    -- $4 is issued_at, which as a name would be read as an output or as a field of the argument features.
    return query
    select f.* from edf.feature_rows(edf.series_of(input_data, regressor_forecasts), features, horizon, $4, availability) as f;
end;
$$;
comment on function edf.features is
$$The features that a forecast issued at issued_at reads: one row per step ahead and feature. value is NULL where it
is not known at that lead; known says when it is known. The features of training are computed by the same code.
regressor_forecasts, availability and a column received_at: as in edf.train. Limits and memory: as edf.train. Errors:
as edf.train.$$;
revoke all on function edf.features from public;
