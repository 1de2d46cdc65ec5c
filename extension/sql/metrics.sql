-- Metrics as aggregates over any table: rows with a NULL are skipped, no row gives NULL, NaN or infinity raises 22000.

create aggregate edf.bias(actual double precision, predicted double precision) (
    sfunc = edf.errors_add, stype = double precision[], initcond = '{0,0,0,0,0,0,0,0}',
    finalfunc = edf.errors_bias, combinefunc = edf.errors_merge, parallel = safe
);
comment on aggregate edf.bias(double precision, double precision) is
    'Mean error, predicted minus actual, in the unit of the target: above zero where forecasts are too high. Hyndman and Athanasopoulos, FPP3, 5.8.';

create aggregate edf.mae(actual double precision, predicted double precision) (
    sfunc = edf.errors_add, stype = double precision[], initcond = '{0,0,0,0,0,0,0,0}',
    finalfunc = edf.errors_mae, combinefunc = edf.errors_merge, parallel = safe
);
comment on aggregate edf.mae(double precision, double precision) is
    'Mean absolute error, in the unit of the target. Hyndman and Athanasopoulos, FPP3, 5.8.';

create aggregate edf.rmse(actual double precision, predicted double precision) (
    sfunc = edf.errors_add, stype = double precision[], initcond = '{0,0,0,0,0,0,0,0}',
    finalfunc = edf.errors_rmse, combinefunc = edf.errors_merge, parallel = safe
);
comment on aggregate edf.rmse(double precision, double precision) is
    'Root mean squared error, in the unit of the target. Hyndman and Athanasopoulos, FPP3, 5.8.';

create aggregate edf.mape(actual double precision, predicted double precision) (
    sfunc = edf.errors_add, stype = double precision[], initcond = '{0,0,0,0,0,0,0,0}',
    finalfunc = edf.errors_mape, combinefunc = edf.errors_merge, parallel = safe
);
comment on aggregate edf.mape(double precision, double precision) is
    'Mean absolute percentage error, in percent; rows whose actual value is zero are skipped. Hyndman and Athanasopoulos, FPP3, 5.8.';

create aggregate edf.smape(actual double precision, predicted double precision) (
    sfunc = edf.errors_add, stype = double precision[], initcond = '{0,0,0,0,0,0,0,0}',
    finalfunc = edf.errors_smape, combinefunc = edf.errors_merge, parallel = safe
);
comment on aggregate edf.smape(double precision, double precision) is
    'Symmetric mean absolute percentage error, 2 |error| / (|actual| + |predicted|), in percent from 0 to 200; zero for zero is perfect. Hyndman and Athanasopoulos, FPP3, 5.8.';

create aggregate edf.wape(actual double precision, predicted double precision) (
    sfunc = edf.errors_add, stype = double precision[], initcond = '{0,0,0,0,0,0,0,0}',
    finalfunc = edf.errors_wape, combinefunc = edf.errors_merge, parallel = safe
);
comment on aggregate edf.wape(double precision, double precision) is
    'Weighted absolute percentage error, sum of |error| / sum of |actual|, in percent; NULL where all actual values are zero. Kolassa and Schütz (2007).';

create aggregate edf.mase(actual double precision, predicted double precision, scale double precision) (
    sfunc = edf.scaled_add, stype = double precision[], initcond = '{0,0}',
    finalfunc = edf.mean_value, combinefunc = edf.mean_merge, parallel = safe
);
comment on aggregate edf.mase(double precision, double precision, double precision) is
    'Mean absolute scaled error, a ratio: |error| / scale, the scale being the mean absolute error of seasonal naive inside the training data (edf.mase_scale). Rows whose scale is zero are skipped. Hyndman and Koehler (2006).';

create aggregate edf.pinball(actual double precision, predicted double precision, quantile double precision) (
    sfunc = edf.pinball_add, stype = double precision[], initcond = '{0,0}',
    finalfunc = edf.mean_value, combinefunc = edf.mean_merge, parallel = safe
);
comment on aggregate edf.pinball(double precision, double precision, double precision) is
    'Pinball (quantile) loss of one quantile, in the unit of the target; quantile lies between 0 and 1. Koenker and Bassett (1978).';

create aggregate edf.pinball(actual double precision, quantile_values double precision[], quantiles double precision[]) (
    sfunc = edf.pinballs_add, stype = double precision[], initcond = '{0,0}',
    finalfunc = edf.mean_value, combinefunc = edf.mean_merge, parallel = safe
);
comment on aggregate edf.pinball(double precision, double precision[], double precision[]) is
    'Pinball loss, mean over several quantiles, in the unit of the target; quantiles ascend between 0 and 1. GEFCom2014: Hong et al. (2016).';

create aggregate edf.crps(actual double precision, quantile_values double precision[], quantiles double precision[]) (
    sfunc = edf.crps_add, stype = double precision[], initcond = '{0,0}',
    finalfunc = edf.mean_value, combinefunc = edf.mean_merge, parallel = safe
);
comment on aggregate edf.crps(double precision, double precision[], double precision[]) is
$$Continuous ranked probability score, in the unit of the target: twice the pinball loss, each quantile weighted by
the share of levels nearest to it. An approximation, coarse if there are few quantiles. Laio and Tamea (2007),
OpenSTEF 4.$$;

create aggregate edf.rcrps(actual double precision, quantile_values double precision[], quantiles double precision[]) (
    sfunc = edf.rcrps_add, stype = internal, finalfunc = edf.rcrps_value,
    combinefunc = edf.rcrps_merge, serialfunc = edf.rcrps_save, deserialfunc = edf.rcrps_load, parallel = safe
);
comment on aggregate edf.rcrps(double precision, double precision[], double precision[]) is
    'Relative CRPS, a ratio: edf.crps / (95 % quantile - 5 % quantile of actual); NULL where the actual values have no such range. Memory: 16 bytes a row. OpenSTEF 4.';

create aggregate edf.coverage(actual double precision, lower double precision, upper double precision) (
    sfunc = edf.coverage_add, stype = double precision[], initcond = '{0,0}',
    finalfunc = edf.mean_value, combinefunc = edf.mean_merge, parallel = safe
);
comment on aggregate edf.coverage(double precision, double precision, double precision) is
    'Share of rows whose actual value lies in the interval, bounds included, in percent: an interval of 90 % should cover 90. Gneiting and Raftery (2007).';

create aggregate edf.interval_width(lower double precision, upper double precision) (
    sfunc = edf.width_add, stype = double precision[], initcond = '{0,0}',
    finalfunc = edf.mean_value, combinefunc = edf.mean_merge, parallel = safe
);
comment on aggregate edf.interval_width(double precision, double precision) is
    'Mean width of the interval, in the unit of the target: of two with the same coverage the narrower is better. Gneiting and Raftery (2007).';

create aggregate edf.peak_error(actual double precision, predicted double precision) (
    sfunc = edf.peak_add, stype = double precision[], initcond = '{-Infinity,-Infinity}',
    finalfunc = edf.peak_value, combinefunc = edf.peak_merge, parallel = safe
);
comment on aggregate edf.peak_error(double precision, double precision) is
$$Difference between the highest predicted and the highest actual value, whenever they occurred, in percent of the
latter; group by day for the daily peak. BigDEAL Challenge 2022: Shukla and Hong (2024).$$;

comment on function edf.errors_add is 'Adds a pair to the sums of errors; state function of the metrics of the expected value.';
comment on function edf.errors_merge is 'Merges two sums of errors; combine function.';
comment on function edf.errors_bias is 'Mean error of the sums.';
comment on function edf.errors_mae is 'Mean absolute error of the sums.';
comment on function edf.errors_rmse is 'Root mean squared error of the sums.';
comment on function edf.errors_mape is 'Mean absolute percentage error of the sums.';
comment on function edf.errors_smape is 'Symmetric mean absolute percentage error of the sums.';
comment on function edf.errors_wape is 'Weighted absolute percentage error of the sums.';
comment on function edf.mean_merge is 'Merges two means; combine function.';
comment on function edf.mean_value is 'The mean; final function of the metrics that are means.';
comment on function edf.scaled_add is 'State function of edf.mase.';
comment on function edf.pinball_add is 'State function of edf.pinball.';
comment on function edf.pinballs_add is 'State function of edf.pinball over arrays.';
comment on function edf.crps_add is 'State function of edf.crps.';
comment on function edf.coverage_add is 'State function of edf.coverage.';
comment on function edf.width_add is 'State function of edf.interval_width.';
comment on function edf.peak_add is 'State function of edf.peak_error.';
comment on function edf.peak_merge is 'Combine function of edf.peak_error.';
comment on function edf.peak_value is 'Final function of edf.peak_error.';
comment on function edf.rcrps_add is 'State function of edf.rcrps.';
comment on function edf.rcrps_merge is 'Combine function of edf.rcrps.';
comment on function edf.rcrps_save is 'Serialises a state of edf.rcrps for another process.';
comment on function edf.rcrps_load is 'Reads what edf.rcrps_save wrote.';
comment on function edf.rcrps_value is 'Final function of edf.rcrps.';
comment on function edf.require_known is
    'Raises 22023 for a name that is not known, and suggests the nearest known one.';

comment on function edf.mase_scale is
$$The scale of edf.mase: mean absolute error of seasonal naive inside a training history, NULL where there is no pair of values one season apart.

history: values in order of time, one per step, NULL where missing; season: its steps (168 hours are a week). Hyndman and Koehler (2006).
Errors: 22023 a season below 1, 22000 NaN or infinite values.$$;
comment on function edf.diebold_mariano is
$$The Diebold-Mariano test: is forecast a better or worse than b by more than chance? One row: n pairs,
mean_difference of the losses (a minus b: below zero where a is better), statistic and p_value.

errors_a, errors_b: errors at the same steps in order of time; steps with a NULL are left out. horizon: steps ahead
of the forecasts; the variance includes autocovariances up to lag horizon - 1. power: of the loss, 1 absolute, 2
squared. alternative: two_sided, less (a is better), greater. kernel: bartlett (Newey and West), rectangular (as in
the paper of 1995; its variance may be negative, which gives no statistic).
statistic and p_value (Student t, n - 1 degrees of freedom) are corrected for small samples. They are NULL if the
difference of the losses is constant, as for identical forecasts, or there are no more pairs than horizon. Diebold
and Mariano (1995); Harvey, Leybourne and Newbold (1997).
Errors: 22023 arrays of unequal length or an argument out of range, 22000 NaN or infinite values.$$;
