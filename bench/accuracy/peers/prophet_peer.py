"""Prophet: trend, daily, weekly and (with over a year of history) yearly seasons; regressors are holidays, weather and
degree days.

Uses local time. Intervals are quantiles of its predictive samples.
"""

import logging

import numpy as np
import pandas as pd
from prophet import Prophet

from peers.common import degrees
from protocol import COLUMNS, DAY, QUANTILES

logging.getLogger("cmdstanpy").disabled = True
REGRESSORS = ("temperature_c", "heating", "cooling", "smoothed", "ghi_w_m2", "is_holiday")


class Peer:
    def __init__(self, time_zone):
        self.time_zone = time_zone

    def rows(self, frame):
        rows = pd.concat([frame, degrees(frame)], axis=1)
        rows = rows[[name for name in (*REGRESSORS, "demand") if name in rows]].rename(columns={"demand": "y"})
        local = rows.index.tz_convert(self.time_zone)
        # Days off have a different daily profile.
        off = (local.day_of_week >= 5) | (rows["is_holiday"] == 1)
        return rows.assign(ds=local.tz_localize(None), off=off, working=~off).reset_index(drop=True)

    def fit(self, history):
        rows = self.rows(history)
        yearly = 6 if history.index[-1] - history.index[0] > 365 * DAY else False
        self.model = Prophet(
            daily_seasonality=False,
            weekly_seasonality=3,
            yearly_seasonality=yearly,
            seasonality_mode="multiplicative",
            uncertainty_samples=500,
        )
        for name in ("off", "working"):
            self.model.add_seasonality(f"daily_{name}", period=1, fourier_order=10, condition_name=name)
        for name in REGRESSORS:
            if name in rows:
                self.model.add_regressor(name)
        self.model.fit(rows)

    def predict(self, history, future):
        np.random.seed(1)
        # Thermal inertia needs the preceding hours.
        rows = self.rows(pd.concat([history.drop(columns="demand")[-24 * 14:], future]))[-len(future):]
        yhat = self.model.predict(rows[[name for name in rows if name != "y"]])["yhat"].to_numpy()
        samples = self.model.predictive_samples(rows)["yhat"]
        return pd.DataFrame(np.quantile(samples, QUANTILES, axis=1).T, future.index, list(COLUMNS)).assign(yhat=yhat)


def prophet(series):
    return Peer(series.time_zone)
