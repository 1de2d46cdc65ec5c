"""XGBoost in Python, with features that an analyst would build by hand with pandas and numpy.

Hyperparameters are common starting values: eta 0.1, depth 5, 150 rounds, subsample 0.7, colsample 0.7. One model for
all 72 hours.
"""

import numpy as np
import pandas as pd
import xgboost

from peers.common import Conformal, calendar, degrees
from protocol import HORIZON, HOUR

PARAMETERS = {"eta": 0.1, "max_depth": 5, "subsample": 0.7, "colsample_bytree": 0.7, "nthread": 1, "seed": 1}
ROUNDS = 150
LAGS = (24, 48, 72, 96, 120, 144, 168, 336)
RECENT = (1, 2, 3, 24)
WINDOWS = (24, 168)


def at_hour(history: pd.DataFrame, future: pd.DataFrame, time_zone: str) -> pd.DataFrame:
    """Features of an hour that are known whenever it is forecast: weather and calendar."""
    frame = pd.concat([history.drop(columns="demand"), future])
    return pd.concat([frame, calendar(frame.index, time_zone)], axis=1)


class Basic:
    """Weather, calendar, and lags that are known at every lead: one row per hour."""

    def __init__(self, time_zone):
        self.time_zone = time_zone

    def rows(self, history, future):
        rows = at_hour(history, future, self.time_zone)
        demand = history["demand"].reindex(rows.index)
        return rows.assign(**{f"lag_{lag}": demand.shift(lag) for lag in (72, 96, 168, 336)})

    def fit(self, history):
        rows = self.rows(history, history.drop(columns="demand")[:0])[336:]
        known = history["demand"][336:].notna()
        data = xgboost.DMatrix(rows[known].to_numpy(), history["demand"][336:][known])
        self.booster = xgboost.train(PARAMETERS, data, ROUNDS)

    def predict(self, history, future):
        rows = self.rows(history[-24 * 28:], future).loc[future.index]
        return self.booster.predict(xgboost.DMatrix(rows.to_numpy()))


class Advanced:
    """Direct forecasts: a row per origin and lead, with every lag that is known at that lead, the newest hours, windows
    that end at the origin, means of the same hour over days and weeks, degree days, thermal inertia, cyclic calendar,
    and the lead itself."""

    def __init__(self, time_zone):
        self.time_zone = time_zone

    def rows(self, history, future, origins):
        """`origins` are positions in the history and its end; columns of shape (origins, leads) become rows."""
        known = at_hour(history, future, self.time_zone)
        known = pd.concat([known, degrees(known)], axis=1)
        for name, period in (("hour", 24), ("weekday", 7), ("month", 12)):
            known[f"{name}_sin"], known[f"{name}_cos"] = (
                np.sin(known[name] * 2 * np.pi / period),
                np.cos(known[name] * 2 * np.pi / period),
            )
        demand = history["demand"].to_numpy()
        leads = np.arange(1, HORIZON + 1)
        target = origins[:, None] + leads - 1
        columns = [np.broadcast_to(leads.astype(float), target.shape)]

        def lag(hours):
            source = target - hours
            return np.where(
                (source >= 0) & (source < origins[:, None]), demand[np.clip(source, 0, len(demand) - 1)], np.nan
            )

        columns += [lag(hours) for hours in LAGS]
        for step, counts in ((24, (1, 7, 28)), (168, (1, 4))):
            first = -(-leads // step) * step  # the newest same hour known at the lead
            newest = [lag(first + n * step) for n in range(max(counts))]
            with np.errstate(all="ignore"):
                columns += [np.nanmean(newest[:count], axis=0) for count in counts]
        past = [demand[np.clip(origins - age, 0, None)] for age in RECENT]
        rolling = history["demand"].rolling
        for window in WINDOWS:
            past += [
                getattr(rolling(window, min_periods=window // 2), name)().to_numpy()[origins - 1]
                for name in ("mean", "std", "min", "max")
            ]
        columns += [np.broadcast_to(values[:, None], target.shape) for values in past]
        inside = np.clip(target, 0, len(known) - 1)
        columns += [known[name].to_numpy()[inside] for name in known]
        return np.stack([column.ravel() for column in columns], axis=1), target

    def fit(self, history):
        origins = np.arange(len(history) - 24, 336, -24)[::-1]
        rows, target = self.rows(history, history.drop(columns="demand")[:0], origins)
        demand, target = history["demand"].to_numpy(), target.ravel()
        usable = target < len(history)
        usable[usable] = ~np.isnan(demand[target[usable]])
        self.booster = xgboost.train(PARAMETERS, xgboost.DMatrix(rows[usable], demand[target[usable]]), ROUNDS)

    def predict(self, history, future):
        history = history[-24 * 60:]
        future = future.reindex(pd.date_range(future.index[0], periods=HORIZON, freq=HOUR))
        rows, _ = self.rows(history, future, np.array([len(history)]))
        return self.booster.predict(xgboost.DMatrix(rows))


class Cut:
    """Calibration near the end of the history forecasts fewer than 72 hours."""

    def __init__(self, inner):
        self.inner, self.fit = inner, inner.fit

    def predict(self, history, future):
        return self.inner.predict(history, future)[: len(future)]


def basic(series):
    return Conformal(lambda: Basic(series.time_zone))


def advanced(series):
    return Conformal(lambda: Cut(Advanced(series.time_zone)))
