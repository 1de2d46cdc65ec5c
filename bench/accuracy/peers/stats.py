"""statsforecast: AutoARIMA as dynamic harmonic regression, and MSTL. Both with their own (normal) intervals.

A season of 168 hours is infeasible in ARIMA (the state alone has hundreds of dimensions), so the day is a season of 24
or Fourier terms, the week Fourier terms, weather and holidays are regressors, and the history is the last ten weeks.
The orders are searched at each fit; between fits the model is updated with the newest hours, with fixed parameters.
"""

import numpy as np
import pandas as pd
from statsforecast.models import MSTL, AutoARIMA, AutoETS

from peers.common import degrees, filled, is_day_off
from protocol import COLUMNS

LEVELS = {95: ("q0.025", "q0.975"), 90: ("q0.05", "q0.95"), 80: ("q0.1", "q0.9"), 50: ("q0.25", "q0.75")}
WEEKS = 10


def shaped(found, index) -> pd.DataFrame:
    found = {name: np.asarray(values) for name, values in found.items()}
    columns = {"q0.5": found["mean"]}
    for level, (lower, upper) in LEVELS.items():
        columns |= {lower: found[f"lo-{level}"], upper: found[f"hi-{level}"]}
    return pd.DataFrame(columns, index)[list(COLUMNS)].assign(yhat=found["mean"])


class Arima:
    def __init__(self, time_zone):
        self.time_zone = time_zone

    def regressors(self, frame):
        local = frame.index.tz_convert(self.time_zone)
        hour = local.hour + 24.0 * local.day_of_week
        off = is_day_off(frame, self.time_zone).astype(float)
        known = degrees(frame)
        columns = [known[name] for name in ("heating", "cooling", "smoothed") if name in known]
        columns += [frame["ghi_w_m2"] / 1000] if "ghi_w_m2" in frame else []
        columns += [off]
        for k in range(1, 7):  # the day, separately for working days and days off
            for wave in (np.sin, np.cos):
                course = wave(2 * np.pi * k * hour / 24)
                columns += [course, course * off] if k <= 4 else [course]
        for k in range(1, 4):  # the week
            columns += [np.sin(2 * np.pi * k * hour / 168), np.cos(2 * np.pi * k * hour / 168)]
        return np.column_stack(columns)

    def fit(self, history):
        history = filled(history[-168 * WEEKS:])
        self.model = AutoARIMA(
            season_length=24,
            max_p=3,
            max_q=3,
            max_P=1,
            max_Q=1,
            max_order=4,
            d=0,
            D=0,
            approximation=True,
            stepwise=True,
        )
        X = self.regressors(history)
        self.kept = X.std(axis=0) > 1e-9  # no heating degrees in summer
        self.model.fit(history["demand"].to_numpy(), X[:, self.kept])

    def predict(self, history, future):
        history = filled(history[-168 * WEEKS:])
        X = self.regressors(pd.concat([history.drop(columns="demand"), future]))[:, self.kept]
        found = self.model.forward(
            history["demand"].to_numpy(), len(future), X[: len(history)], X[len(history) :], level=sorted(LEVELS)
        )
        return shaped(found, future.index)


class Mstl:
    """Seasons of 24 and 168 hours, the rest by AutoETS with defaults; no regressors. Refitted at every origin, since it
    cannot be updated."""

    def fit(self, history):
        pass

    def predict(self, history, future):
        history = filled(history[-168 * WEEKS:])
        model = MSTL(season_length=[24, 168], trend_forecaster=AutoETS(model="ZZN"))
        found = model.forecast(history["demand"].to_numpy(), len(future), level=sorted(LEVELS))
        return shaped(found, future.index)


def arima(series):
    return Arima(series.time_zone)


def mstl(series):
    return Mstl()
