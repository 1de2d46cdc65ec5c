"""The protocol for all methods: rolling origins, available information, and the files of forecasts.

Seventy origins, one a day at 05:00 in the time zone of the data, such that the 72 hours of the last forecast are
within the series: the last ten weeks. At each, a method knows all hours before it (expanding window) and the regressors
of the 72 hours ahead; it is refitted every 14 days. For development the same is done ten weeks earlier, on the series
cut where the test begins: nothing may be tuned on the test weeks.
"""

import hashlib
import json
import pathlib
import time
from typing import Protocol

import numpy as np
import pandas as pd

HORIZON = 72
ORIGINS = 70
REFIT = 14
QUANTILES = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
COLUMNS = tuple(f"q{p:g}" for p in QUANTILES)
HOUR, DAY = pd.Timedelta("1h"), pd.Timedelta("24h")


class Method(Protocol):
    """`fit` sees the history; `predict` also sees the newest hours and the future regressors, and returns yhat and
    COLUMNS by hour."""

    def fit(self, history: pd.DataFrame) -> None: ...

    def predict(self, history: pd.DataFrame, future: pd.DataFrame) -> pd.DataFrame: ...


class Series:
    """A prepared series: hours in UTC, demand, regressors; the calendar of its location."""

    def __init__(self, folder: pathlib.Path, name: str):
        self.name, self.path = name, folder / f"{name}.csv"
        about = json.loads((folder / "series.json").read_text())[name]
        self.group, self.time_zone, self.clock, self.about = about["group"], about["time_zone"], about["clock"], about
        self.frame = pd.read_csv(self.path, index_col="hour_at", parse_dates=True).astype(float).asfreq("h")

    def origins(self, development: bool = False) -> pd.DatetimeIndex:
        first = self._first(self.frame.index[-1] + HOUR)
        return pd.date_range(self._first(first) if development else first, periods=ORIGINS, freq=DAY)

    def _first(self, end: pd.Timestamp) -> pd.Timestamp:
        day = (end.tz_convert(self.clock) - ORIGINS * DAY - HORIZON * HOUR).normalize()
        return (day + 5 * HOUR).tz_convert("UTC")


def backtest(series: Series, make, development: bool = False) -> pd.DataFrame:
    """The forecasts of a method, which is constructed anew for each fit: one row per origin and hour ahead."""
    rows, method = [], None
    for number, origin in enumerate(series.origins(development)):
        history = series.frame[: origin - HOUR]
        future = series.frame[origin : origin + (HORIZON - 1) * HOUR].drop(columns="demand")
        if number % REFIT == 0:
            method = make(series)
            method.fit(history)
        forecast = method.predict(history, future)[["yhat", *COLUMNS]]
        if not np.isfinite(forecast.to_numpy()).all():
            raise ValueError(f"{series.name} {origin}: a forecast is not a number")
        forecast = pd.DataFrame(np.sort(forecast[list(COLUMNS)].to_numpy(), axis=1), future.index, COLUMNS).assign(
            yhat=forecast["yhat"].to_numpy()
        )
        # No series here was ever negative, which all methods may use.
        forecast = forecast.clip(lower=0) if history["demand"].min() >= 0 else forecast
        rows.append(
            forecast.assign(origin=origin, lead_h=np.arange(1, HORIZON + 1)).rename_axis("valid_at").reset_index()
        )
    return pd.concat(rows)[["origin", "valid_at", "lead_h", "yhat", *COLUMNS]]


class Store:
    """Forecasts on disk, FOLDER/SERIES/METHOD.csv.gz, each with a hash of its inputs."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder

    def path(self, series: str, method: str) -> pathlib.Path:
        return self.folder / series / f"{method}.csv.gz"

    def is_fresh(self, series: str, method: str, key: str) -> bool:
        path = self.path(series, method)
        return path.exists() and path.with_suffix(".key").exists() and path.with_suffix(".key").read_text() == key

    def write(self, series: str, method: str, key: str, forecasts: pd.DataFrame) -> None:
        path = self.path(series, method)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".key").unlink(missing_ok=True)
        forecasts.to_csv(path, index=False, float_format="%.6g", date_format="%Y-%m-%dT%H:%M:%SZ")
        path.with_suffix(".key").write_text(key)

    def read(self, series: str, method: str) -> pd.DataFrame:
        return pd.read_csv(self.path(series, method), parse_dates=["origin", "valid_at"])


def key_of(*files: pathlib.Path, more: str = "") -> str:
    return hashlib.sha256(b"\0".join([*(file.read_bytes() for file in files), more.encode()])).hexdigest()


def run(series: Series, name: str, make, sources: list[pathlib.Path], store: Store, development: bool) -> None:
    """Backtests, unless the forecasts are up to date."""
    key = key_of(series.path, pathlib.Path(__file__), *sources, more=f"{series.about} {development}")
    if store.is_fresh(series.name, name, key):
        return
    began = time.monotonic()
    store.write(series.name, name, key, backtest(series, make, development))
    print(f"{series.name:<28} {name:<22} {time.monotonic() - began:7.1f} s", flush=True)
