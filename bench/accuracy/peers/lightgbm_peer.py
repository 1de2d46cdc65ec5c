"""mlforecast with LightGBM: one model, recursive over 72 hours, with lags, windows, weather, degree days and
calendar."""

import lightgbm
import pandas as pd
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean, RollingStd

from peers.common import Conformal, calendar, degrees, filled

LAGS = (1, 2, 3, 24, 25, 48, 72, 96, 120, 144, 168, 336)
MODEL = {
    "n_estimators": 300,
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_child_samples": 20,
    "subsample": 0.7,
    "subsample_freq": 1,
    "colsample_bytree": 0.7,
    "n_jobs": 1,
    "random_state": 1,
    "verbosity": -1,
}


class Recursive:
    def __init__(self, time_zone):
        self.time_zone = time_zone

    def known(self, frame):
        known = pd.concat(
            [frame.drop(columns="demand", errors="ignore"), calendar(frame.index, self.time_zone), degrees(frame)],
            axis=1,
        )
        return known.bfill()

    def long(self, frame):
        frame = frame.rename_axis("ds").reset_index().assign(unique_id=0)
        return frame.assign(ds=frame["ds"].dt.tz_localize(None))

    def fit(self, history):
        self.forecaster = MLForecast(
            models={"yhat": lightgbm.LGBMRegressor(**MODEL)}, freq="h", lags=list(LAGS),
            lag_transforms={1: [RollingMean(24), RollingStd(24), RollingMean(168)], 24: [RollingMean(168)]},
        )
        rows = self.known(history).assign(y=filled(history)["demand"])
        self.forecaster.fit(self.long(rows), static_features=[])

    def predict(self, history, future):
        history = history[-24 * 30:]
        known = self.known(pd.concat([history.drop(columns="demand"), future]))
        past = known.loc[history.index].assign(y=filled(history)["demand"])
        ahead = self.long(known.loc[future.index])
        return self.forecaster.predict(len(future), new_df=self.long(past), X_df=ahead)["yhat"].to_numpy()


def mlforecast(series):
    return Conformal(lambda: Recursive(series.time_zone))
