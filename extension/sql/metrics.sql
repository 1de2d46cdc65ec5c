-- Metrics as aggregates over (actual, predicted); pairs with a NULL are skipped, no pair gives NULL.

create aggregate edf.mape(actual double precision, predicted double precision) (
    sfunc = edf.errors_add, stype = double precision[], initcond = '{0,0,0,0,0}',
    finalfunc = edf.errors_mape, combinefunc = edf.errors_merge, parallel = safe
);
comment on aggregate edf.mape(double precision, double precision) is
    'Mean absolute percentage error, in percent; hours whose actual value is zero are skipped. Hyndman and Athanasopoulos, FPP3, 5.8.';

create aggregate edf.rmse(actual double precision, predicted double precision) (
    sfunc = edf.errors_add, stype = double precision[], initcond = '{0,0,0,0,0}',
    finalfunc = edf.errors_rmse, combinefunc = edf.errors_merge, parallel = safe
);
comment on aggregate edf.rmse(double precision, double precision) is
    'Root mean squared error, in the unit of the target. Hyndman and Athanasopoulos, FPP3, 5.8.';

create aggregate edf.mae(actual double precision, predicted double precision) (
    sfunc = edf.errors_add, stype = double precision[], initcond = '{0,0,0,0,0}',
    finalfunc = edf.errors_mae, combinefunc = edf.errors_merge, parallel = safe
);
comment on aggregate edf.mae(double precision, double precision) is
    'Mean absolute error, in the unit of the target. Hyndman and Athanasopoulos, FPP3, 5.8.';
