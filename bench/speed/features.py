"""The features of edf's preset advanced, in pandas and numpy: whole columns, then selected for every origin and lead.

bench.sh checks names and values against edf.features.
"""

import numpy as np
import pandas as pd

DAY, HORIZON, YEAR = 24, 72, 8760
LAGS, DAYS, RECENT, WINDOWS = (168, 336), range(1, 8), (1, 2, 3, 24), (24, 168)
SAME_HOUR, SAME_TYPE = (
    ((1, DAY, "1d"), (7, DAY, "7d"), (28, DAY, "28d"), (1, 7 * DAY, "1w"), (4, 7 * DAY, "4w")),
    (4, 10),
)
HEATING_BASE, COOLING_BASE, SUN_GAIN = 18.0, 22.0, 0.03
HISTORY = max(LAGS)


def shifted(values: np.ndarray, rows: int) -> np.ndarray:
    out = np.full(len(values), np.nan)
    out[rows:] = values[: len(values) - rows]
    return out


def mean_by_season(values: np.ndarray, season: int, count: int) -> np.ndarray:
    back = np.stack([shifted(values, n * season) for n in range(count)])
    known = ~np.isnan(back)
    with np.errstate(invalid="ignore"):
        return np.where(known, back, 0).sum(axis=0) / known.sum(axis=0)


def mean_by_type(values: np.ndarray, off: np.ndarray, count: int) -> np.ndarray:
    """The newest `count` days of the row's own type, workday or day off, within twice the weeks needed for these
    days."""
    total, taken = np.zeros(len(values)), np.zeros(len(values))
    for back in range(7 * -(-count // 2) + 7):
        before, type_before = shifted(values, back * DAY), shifted(off, back * DAY)
        take = (type_before == off) & ~np.isnan(before) & (taken < count)
        total, taken = total + np.where(take, before, 0), taken + take
    with np.errstate(invalid="ignore"):
        return total / taken


def weather(frame: pd.DataFrame, weekend: np.ndarray) -> dict[str, np.ndarray]:
    temperature, sun = frame["temperature_c"], frame["ghi_w_m2"]
    columns = {name: frame[name] for name in ("temperature_c", "ghi_w_m2", "is_holiday")}
    for name, values in (("temperature", temperature), ("irradiance", sun)):
        columns |= {f"{name}_lag_{hours}h": values.shift(hours) for hours in (1, 3, 24)}
        window = values.rolling(24, min_periods=12)
        columns[f"{name}_mean_24h"] = window.mean()
        if name == "temperature":
            columns |= {"temperature_min_24h": window.min(), "temperature_max_24h": window.max()}
    heating = lambda values: (HEATING_BASE - values).clip(lower=0)
    cooling = lambda values: (values - COOLING_BASE).clip(lower=0)
    columns |= {"hdd": heating(temperature), "cdd": cooling(temperature)}
    for name, values in (("smoothed", temperature), ("sol_air", temperature + SUN_GAIN * sun)):
        for hours in (6, 24, 72):
            smoothed = values.ewm(halflife=hours, adjust=False).mean()
            columns |= {f"hdd_{name}_{hours}h": heating(smoothed), f"cdd_{name}_{hours}h": cooling(smoothed)}
    hdd, cdd = columns["hdd"], columns["cdd"]
    columns |= {
        "hdd_squared": hdd**2,
        "cdd_squared": cdd**2,
        "hdd_weekend": hdd * weekend,
        "cdd_weekend": cdd * weekend,
        "hdd_irradiance": hdd * sun,
    }
    return {name: values.to_numpy(float) for name, values in columns.items()}


class Table:
    """All features of one building's hours; with less than a year of training hours, none of the season."""

    def __init__(self, frame: pd.DataFrame, time_zone: str, history: int):
        demand = self.demand = frame["demand_kwh"].to_numpy(float)
        local = frame.index.tz_convert(time_zone)
        weekend = (local.dayofweek >= 5).astype(float)
        off = self.off = np.maximum(weekend, (frame["is_holiday"].to_numpy(float) > 0.5).astype(float))
        rolling = pd.Series(demand).rolling
        self.at_issue = {f"recent_{hours}h": shifted(demand, hours - 1) for hours in RECENT}
        for hours in WINDOWS:
            window = rolling(hours, min_periods=hours // 2)
            self.at_issue |= {
                f"rolling_{name}_{hours}h": getattr(window, name)().to_numpy() for name in ("mean", "std", "min", "max")
            }
        self.same_hour = {
            f"same_hour_{label}": (mean_by_season(demand, season, count), season) for count, season, label in SAME_HOUR
        }
        self.same_type = {f"same_type_{count}d": mean_by_type(demand, off, count) for count in SAME_TYPE}
        year = 2 * np.pi * (local.dayofyear.to_numpy() - 1) / 365.25
        self.ahead = weather(frame, weekend) | {
            "hour": local.hour.to_numpy(float), "weekday": local.dayofweek.to_numpy(float) + 1, "is_weekend": weekend,
        }
        if history >= YEAR:
            self.ahead |= {"year_sin": np.sin(year), "year_cos": np.cos(year)}

    def names(self) -> list[str]:
        return [
            "lead",
            *(f"lag_{hours}h" for hours in LAGS),
            *(f"newest_day_{n}" for n in DAYS),
            *self.at_issue,
            *self.same_hour,
            *self.same_type,
            *self.ahead,
        ]

    def matrix(self, origin: np.ndarray, target: np.ndarray) -> np.ndarray:
        """One row per sample: `origin` is the first unknown hour, `target` the hour that is forecast."""
        lead = target - origin + 1
        columns = [lead]
        for hours in LAGS:
            source = target - hours
            columns.append(np.where((source >= 0) & (source < origin), self.demand[np.clip(source, 0, None)], np.nan))
        nearest = -(-lead // DAY)
        for days in DAYS:
            source = target - (nearest + days - 1) * DAY
            columns.append(np.where(source >= 0, self.demand[np.clip(source, 0, None)], np.nan))
        columns += [values[origin - 1] for values in self.at_issue.values()]
        columns += [values[target - season * -(-lead // season)] for values, season in self.same_hour.values()]
        newest = np.full(len(target), -1)
        for more in range(14):
            row = target - (nearest + more) * DAY
            newest = np.where(
                (newest < 0) & (row >= 0) & (self.off[np.clip(row, 0, None)] == self.off[target]), row, newest
            )
        columns += [np.where(newest >= 0, values[newest], np.nan) for values in self.same_type.values()]
        columns += [values[target] for values in self.ahead.values()]
        matrix = np.empty((len(target), len(columns)), np.float32)
        for at, column in enumerate(columns):
            matrix[:, at] = column
        return matrix


def samples(origins: np.ndarray, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Every hour up to the horizon ahead of each origin, before `end`."""
    origin, target = np.repeat(origins, HORIZON), (origins[:, None] + np.arange(HORIZON)).ravel()
    return origin[target < end], target[target < end]
