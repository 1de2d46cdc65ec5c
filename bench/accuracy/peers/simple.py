"""Baselines without a library: the same hour a week ago, and the mean of the same hour on days of the same type."""

import numpy as np
import pandas as pd

from peers.common import Conformal, filled, is_day_off
from protocol import HOUR


class SeasonalNaive:
    """The same hour, 168 hours before."""

    def fit(self, history):
        pass

    def predict(self, history, future):
        return filled(history[-24 * 28:])["demand"].reindex(future.index - 168 * HOUR).to_numpy()


class DayTypeMean:
    """The mean of the hour over the working days, or the days off, of the last 14 days, in local time."""

    def __init__(self, time_zone):
        self.time_zone = time_zone

    def fit(self, history):
        pass

    def predict(self, history, future):
        past = history[-24 * 14:]
        hours = past.index.tz_convert(self.time_zone).hour
        means = past["demand"].groupby([is_day_off(past, self.time_zone), hours]).mean()
        overall = past["demand"].groupby(hours).mean()
        ahead = future.index.tz_convert(self.time_zone).hour
        found = means.reindex(pd.MultiIndex.from_arrays([is_day_off(future, self.time_zone), ahead])).to_numpy()
        return np.where(np.isnan(found), overall.reindex(ahead).to_numpy(), found)


def seasonal_naive(series):
    return Conformal(SeasonalNaive)


def day_type_mean(series):
    return Conformal(lambda: DayTypeMean(series.time_zone))
