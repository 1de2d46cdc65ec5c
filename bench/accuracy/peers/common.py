"""Shared by the peers: gap filling, a calendar in local time, and prediction intervals for methods without their
own."""

import numpy as np
import pandas as pd

from protocol import COLUMNS, DAY, HORIZON, HOUR, QUANTILES

CALIBRATION_DAYS = 28


def filled(history: pd.DataFrame) -> pd.DataFrame:
    """For methods without support of gaps: a missing hour is that of the week before, else the last known one."""
    demand = history["demand"]
    demand = demand.fillna(demand.shift(168)).fillna(demand.shift(336)).ffill().bfill()
    return history.assign(demand=demand)


def calendar(index: pd.DatetimeIndex, time_zone: str) -> pd.DataFrame:
    local = index.tz_convert(time_zone)
    return pd.DataFrame({"hour": local.hour, "weekday": local.day_of_week, "month": local.month}, index).astype(float)


def is_day_off(frame: pd.DataFrame, time_zone: str) -> np.ndarray:
    return (frame.index.tz_convert(time_zone).day_of_week >= 5) | (frame["is_holiday"] == 1).to_numpy()


def degrees(frame: pd.DataFrame) -> pd.DataFrame:
    """Heating and cooling degrees, the temperature of the hours and the day before, and a smoothed one (half-life of a
    day)."""
    if "temperature_c" not in frame:
        return pd.DataFrame(index=frame.index)
    temperature = frame["temperature_c"]
    day = temperature.rolling(24, min_periods=1)
    return pd.DataFrame(
        {
            "heating": (18 - temperature).clip(lower=0),
            "cooling": (temperature - 22).clip(lower=0),
            **{f"temperature_{hours}h_ago": temperature.shift(hours) for hours in (1, 2, 3, 24)},
            "day_mean": day.mean(),
            "day_max": day.max(),
            "day_min": day.min(),
            "smoothed": temperature.ewm(halflife=24).mean(),
        }
    )


class Conformal:
    """Quantiles of a point method by lead day and hour: errors over the last four weeks, which the fit has not seen.

    Errors of neighbouring hours of the day are included, so each quantile is estimated from about 84 of them.
    """

    def __init__(self, make):
        self.make = make

    def fit(self, history: pd.DataFrame) -> None:
        end = history.index[-1] + HOUR
        cut = end - CALIBRATION_DAYS * DAY
        inner = self.make()
        inner.fit(history[: cut - HOUR])
        known, errors = history["demand"], []
        for origin in pd.date_range(cut, end - DAY, freq=DAY):
            future = history[origin : origin + (HORIZON - 1) * HOUR].drop(columns="demand")
            yhat = inner.predict(history[: origin - HOUR], future)
            errors.append(
                pd.DataFrame({"lead": np.arange(1, len(future) + 1), "error": known[future.index].to_numpy() - yhat})
            )
        errors = pd.concat(errors).dropna()
        self.quantiles = np.empty((HORIZON, len(QUANTILES)))
        for lead in range(1, HORIZON + 1):
            day, hour = divmod(lead - 1, 24)
            apart = (errors["lead"] - 1) % 24 - hour
            near = ((errors["lead"] - 1) // 24 == day) & apart.isin([-23, -1, 0, 1, 23])
            self.quantiles[lead - 1] = np.quantile(errors["error"][near], QUANTILES)
        self.method = self.make()
        self.method.fit(history)

    def predict(self, history: pd.DataFrame, future: pd.DataFrame) -> pd.DataFrame:
        yhat = np.asarray(self.method.predict(history, future))
        return pd.DataFrame(yhat[:, None] + self.quantiles, future.index, list(COLUMNS)).assign(yhat=yhat)
