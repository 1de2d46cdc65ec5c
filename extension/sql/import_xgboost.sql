create function edf.import_xgboost(
    subject       text,
    training_data text,
    files         jsonb,
    trained_until timestamptz,
    features      jsonb    default '{}',
    horizon       interval default '72 hours',
    regressor_forecasts text default null,
    availability  interval default null
) returns bigint
language plpgsql
as $$
declare
    slots  integer[];
    days   integer[];
    trees  bytea[];
    fitted record;
begin
    perform edf.require('subject', subject is not null), edf.require('training_data', training_data is not null),
            edf.require('files', files is not null), edf.require('trained_until', trained_until is not null),
            edf.require('features', features is not null), edf.require('horizon', horizon is not null);
    begin
        select coalesce(array_agg((file ->> 'issue_slot')::integer order by n), '{}'), coalesce(array_agg((file ->> 'lead_day')::integer order by n), '{}'),
            coalesce(array_agg(decode(file ->> 'ubj', 'base64') order by n), '{}')
        into slots, days, trees
        from jsonb_array_elements(files) with ordinality as given (file, n);
    exception when data_exception then
        raise exception 'files cannot be read: %', sqlerrm
            using errcode = 'invalid_parameter_value', hint = 'An array of {"issue_slot": 5, "lead_day": 1, "ubj": "in base64"}.';
    end;
    if jsonb_path_exists(files, '$[*].around ? (@.base != null || @.asinh_unit != null)') then
        raise exception 'files whose around has a base or asinh_unit cannot be imported'
            using errcode = 'feature_not_supported', hint = 'Train with parameters {"base": "mean", "target": "plain"}.';
    end if;
    select * into strict fitted
    from edf.fit_xgboost_files(
        edf.series_of(training_data, regressor_forecasts), slots, days, trees, trained_until, features, horizon, availability);
    return edf.register_model(
        subject, 'xgboost', fitted.artifact, fitted.parameters_used, fitted.features_used, fitted.feature_names,
        fitted.training_start, fitted.training_end, fitted.training_rows, fitted.metrics,
        format('imported: trees of %s files, trained elsewhere until %s', cardinality(slots),
               to_char(trained_until at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')));
end;
$$;
comment on function edf.import_xgboost is
$$Registers trees that were trained elsewhere, for example by XGBoost in Python, as a pending model of strategy
xgboost; returns its id. edf.forecast predicts the same as Python does from the rows of edf.features.

files: a JSON array of objects with issue_slot (row of the local day at which forecasts start, the hour for hourly
data), lead_day (from 1; the last one is also used for all later days) and ubj, the file in XGBoost's UBJ format
(booster.save_raw('ubj')) in base64, as returned by edf.export_xgboost for a model with base mean and target plain.
Each file names its features, which must be those that edf.features returns for training_data and features, in that
order; its booster is gbtree, its objective reg:squarederror, reg:absoluteerror or reg:pseudohubererror, and all of
its trees are used. trained_until: the end of the training range of the trees; at least fourteen days of forecasts
after it are needed for intervals and metrics. The other arguments are those of edf.train; training_data includes the
history before trained_until that the features read.
Errors: as edf.train; 22023 a file that cannot be read, or has other features; 22000 too few days after
trained_until; 0A000 files with a base or another scale.$$;
revoke all on function edf.import_xgboost from public;
