"""A well-engineered Python pipeline outside of the database: read, features, fit, evaluate, store.

    pipeline.py train|forecast|backtest BUILDINGS [--processes N] [--settings JSON]      in the database of PGHOST etc.
    pipeline.py check                                      compares names and values of the features with edf.features

The same samples and features as edf's strategy xgboost: an origin a day, 72 hours ahead, a model for each day of lead,
each fitted twice: without the newest eight weeks, whose errors give metrics and quantiles, and on all data.
Hyperparameters are common starting values, or those of --settings. One thread per process.
"""

import argparse
import json
import multiprocessing
import pickle

import numpy as np
import pandas as pd
import psycopg
import xgboost

from features import DAY, HISTORY, HORIZON, YEAR, Table, samples

TIME_ZONE = "Etc/GMT+8"
HELD_OUT_DAYS = 56
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
START = {"rounds": 150, "eta": 0.1, "max_depth": 5, "subsample": 0.7, "colsample_bytree": 0.7}
READ = (
    "select hour_at, demand_kwh, temperature_c, ghi_w_m2, is_holiday from hours"
    " where number = %s and hour_at >= %s and hour_at < %s order by hour_at"
)


def read(connection, number: int, since, until) -> pd.DataFrame:
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(READ, (number, since, until)).fetchall()
    frame = pd.DataFrame(rows, columns=["hour_at", "demand_kwh", "temperature_c", "ghi_w_m2", "is_holiday"])
    return frame.set_index(pd.DatetimeIndex(frame.pop("hour_at")).tz_convert("UTC"))


def clock(connection) -> dict:
    names = ("starts_at", "trained_until", "issued_at", "ends_at")
    return dict(
        zip(names, connection.execute("select starts_at, trained_until, issued_at, ends_at from clock").fetchone())
    )


class Model:
    """A booster for each day of lead."""

    settings = START

    def __init__(self, table: Table, end: int):
        parameters = {"objective": "reg:squarederror", "tree_method": "hist", "nthread": 1, "seed": 0} | self.settings
        rounds = parameters.pop("rounds")
        origin, target = samples(np.arange(HISTORY + (end - HISTORY) % DAY, end, DAY), end)
        known = ~np.isnan(table.demand[target])
        origin, target = origin[known], target[known]
        matrix, lead_day = table.matrix(origin, target), (target - origin) // DAY
        self.boosters = []
        for day in range(HORIZON // DAY):
            rows = lead_day == day
            data = xgboost.DMatrix(matrix[rows], table.demand[target[rows]], nthread=1)
            self.boosters.append(xgboost.train(parameters, data, rounds))

    def predict(self, table: Table, origins: np.ndarray, end: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        origin, target = samples(origins, end)
        matrix, lead_day = table.matrix(origin, target), (target - origin) // DAY
        yhat = np.empty(len(target))
        for day, booster in enumerate(self.boosters):
            yhat[lead_day == day] = booster.inplace_predict(matrix[lead_day == day])
        return origin, target, yhat


def fit(table: Table, end: int) -> tuple[Model, np.ndarray, dict]:
    """The model, the quantiles of its errors by lead day and hour, and its metrics on held-out data."""
    origins = end - DAY * np.arange(min(end // DAY // 5, HELD_OUT_DAYS), 0, -1)
    origin, target, yhat = Model(table, origins[0]).predict(table, origins, end)
    error, lead = table.demand[target] - yhat, target - origin
    quantiles = np.empty((HORIZON, len(LEVELS)))
    for at in range(HORIZON):
        near = (lead // DAY == at // DAY) & np.isin((lead - at) % DAY, (0, 1, DAY - 1))
        quantiles[at] = np.nanquantile(error[near], LEVELS)
    actual = table.demand[target]
    metrics = {
        "rmse": np.sqrt(np.nanmean(error**2)),
        "mae": np.nanmean(abs(error)),
        "mape_pct": 100 * np.nanmean(abs(error / actual)[actual != 0]),
    }
    naive = actual - table.demand[target - 168]
    metrics["naive_rmse"] = np.sqrt(np.nanmean(naive**2))
    return Model(table, end), quantiles, metrics


def train(connection, number: int, times: dict) -> None:
    frame = read(connection, number, times["starts_at"], times["trained_until"])
    model, quantiles, metrics = fit(Table(frame, TIME_ZONE, len(frame)), len(frame))
    stored = pickle.dumps({"boosters": [booster.save_raw("ubj") for booster in model.boosters], "quantiles": quantiles})
    connection.execute(
        "insert into python_models (number, model, metrics) values (%s, %s, %s)", (number, stored, json.dumps(metrics))
    )
    connection.commit()


def forecast(connection, number: int, times: dict) -> None:
    stored = connection.execute("select model from python_models where number = %s", (number,), binary=True).fetchone()[
        0
    ]
    stored, model = pickle.loads(stored), Model.__new__(Model)
    model.boosters = [xgboost.Booster({"nthread": 1}, model_file=raw) for raw in stored["boosters"]]
    frame = read(connection, number, times["issued_at"] - pd.Timedelta("60 days"), times["ends_at"])
    origin = int(frame.index.searchsorted(times["issued_at"]))
    _, target, yhat = model.predict(Table(frame, TIME_ZONE, YEAR), np.array([origin]), len(frame))
    fan = yhat[:, None] + stored["quantiles"]
    with connection.cursor().copy("copy python_forecasts from stdin") as copy:
        for at, value, quantiles in zip(frame.index[target], yhat, fan):
            copy.write_row((number, times["issued_at"], at, value, quantiles[0], quantiles[-1], quantiles.tolist()))
    connection.commit()


def backtest(connection, number: int, times: dict) -> None:
    """Ten weeks of daily origins, a new fit every 14 days."""
    frame = read(connection, number, times["starts_at"], times["trained_until"])
    end = len(frame)
    table = Table(frame, TIME_ZONE, end - 70 * DAY)
    with connection.cursor().copy("copy python_backtests from stdin") as copy:
        for first in range(end - 70 * DAY, end, 14 * DAY):
            model, quantiles, _ = fit(table, first)
            origin, target, yhat = model.predict(table, np.arange(first, first + 14 * DAY, DAY), end)
            fan = yhat[:, None] + quantiles[target - origin]
            for issued_at, at, actual, value, row in zip(
                frame.index[origin], frame.index[target], table.demand[target], yhat, fan
            ):
                copy.write_row((number, issued_at, at, actual, value, row[0], row[-1], row.tolist()))
    connection.commit()


def work(task: str, numbers: list[int], settings: dict) -> None:
    Model.settings = settings
    with psycopg.connect() as connection:
        times = clock(connection)
        for number in numbers:
            {"train": train, "forecast": forecast, "backtest": backtest}[task](connection, number, times)


def check() -> None:
    """Checks that training and service use the same features: two origins, in single precision."""
    with psycopg.connect() as connection:
        times = clock(connection)
        frame = read(connection, 0, times["starts_at"], times["ends_at"])
        for back in (0, 100):
            table = Table(frame, TIME_ZONE, int(frame.index.searchsorted(times["issued_at"])) - back * DAY)
            issued_at = times["issued_at"] - back * pd.Timedelta("1 day")
            rows = connection.execute(
                "select lead_hours, feature, value from check_features(%s)", (issued_at,)
            ).fetchall()
            theirs = pd.DataFrame(rows, columns=["lead", "feature", "value"]).pivot(
                index="lead", columns="feature", values="value"
            )
            origin = int(frame.index.searchsorted(issued_at))
            ours = pd.DataFrame(
                table.matrix(np.full(HORIZON, origin), origin + np.arange(HORIZON)), columns=table.names()
            )
            if set(ours) != set(theirs):
                raise SystemExit(f"features.py and edf differ in features: {sorted(set(ours) ^ set(theirs))}")
            theirs = theirs[list(ours)].to_numpy(float)
            bad = ~np.isclose(ours.to_numpy(float), theirs, rtol=1e-3, atol=1e-3, equal_nan=True)
            if bad.any():
                raise SystemExit(f"features.py and edf differ in values of: {', '.join(ours.columns[bad.any(axis=0)])}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["train", "forecast", "backtest", "check"])
    parser.add_argument("buildings", type=int, nargs="?", default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--settings", type=json.loads, default=START)
    options = parser.parse_args()
    if options.task == "check":
        return check()
    parts = [list(range(options.buildings))[at :: options.processes] for at in range(options.processes)]
    if options.processes == 1:
        return work(options.task, parts[0], options.settings)
    with multiprocessing.Pool(options.processes) as pool:
        pool.starmap(work, [(options.task, part, options.settings) for part in parts])


if __name__ == "__main__":
    main()
