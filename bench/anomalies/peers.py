"""Peers on the same daily features: scores of every apartment day, trained on the training part without labels.

    peers.py WORK [--methods A,B] [--scale apartment|all] [--features FILE]

- zscore: the naive baseline, energy per degree day (and energy on warm days) relative to the apartment's own training
  days;
- pyod-iforest and pyod-lof: PyOD's isolation forest and local outlier factor with their defaults except for the number
  of trees and neighbours;
- energy-fault-detector: its autoencoder with the package's quick-start configuration and smaller layers, as its
  documentation advises for few features.

Features are standardised by apartment (median and quartiles of its training days) or over all; the better one for each
peer was chosen on another simulation (seed 2), with labels, and is its default here. Scores go to
WORK/scores/METHOD.csv.gz."""

import argparse
import contextlib
import os
import pathlib

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import json  # noqa: E402

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from features_from_hours import FEATURES, features  # noqa: E402
from metrics import KEY  # noqa: E402

SCALE = dict.fromkeys(("zscore", "pyod-iforest", "pyod-lof", "energy-fault-detector"), "all")
# Degree days from which energy is taken per degree day; below, the quotient is noise.
COLD_K = 8
LEARNT_ROWS = 40_000
# Its time grows with their square.
LEARNT_ROWS_OF_LOF = 12_000


def columns_of(days: pd.DataFrame) -> list[str]:
    """The features of a table of the database: numbers that are known on most days and not constant."""
    if set(FEATURES) <= set(days):
        return FEATURES
    numbers = days.drop(columns=[*KEY, "local_date"]).select_dtypes("number")
    return [name for name in numbers if numbers[name].notna().mean() > 0.5 and numbers[name].nunique() > 2]


def matrix(days: pd.DataFrame, is_train: np.ndarray, scale: str) -> np.ndarray:
    """Standardised features; unknown values are replaced by the median."""
    values = days[columns_of(days)].to_numpy(float)
    result = np.zeros_like(values)
    whole = spread(values[is_train])
    groups = days.groupby(KEY, sort=False).indices.values() if scale == "apartment" else [np.arange(len(days))]
    for rows in groups:
        own = values[rows][is_train[rows]]
        middle, width = spread(own) if len(own) >= 30 else whole
        # A nearly constant feature of an apartment is scaled by at least a fifth of its width over all apartments.
        result[rows] = (values[rows] - middle) / np.maximum(width, 0.2 * whole[1] + 1e-9)
    return np.clip(np.nan_to_num(result), -30, 30)


def spread(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, middle, high = np.nanquantile(values, [0.25, 0.5, 0.75], axis=0)
    return middle, (high - low) / 1.349


def learnt(is_train: np.ndarray, most: int = LEARNT_ROWS) -> np.ndarray:
    rows = np.flatnonzero(is_train)
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False)) if len(rows) > most else rows


def zscore(days: pd.DataFrame, is_train: np.ndarray, scale: str) -> np.ndarray:
    per_degree = (days["daily_energy_kwh"] / days["hdd_inertia"].clip(lower=COLD_K)).to_numpy()
    result = np.zeros(len(days))
    for rows in days.groupby(KEY, sort=False).indices.values():
        cold = days["hdd_inertia"].to_numpy()[rows] >= COLD_K
        for part in (cold, ~cold):
            own = per_degree[rows][part & is_train[rows]]
            if len(own) >= 14:
                result[rows[part]] = np.abs(per_degree[rows][part] - own.mean()) / (own.std() + 1e-3)
    return result


def pyod_iforest(days, is_train, scale):
    from pyod.models.iforest import IForest

    x = matrix(days, is_train, scale)
    return IForest(n_estimators=300, random_state=0, n_jobs=1).fit(x[learnt(is_train)]).decision_function(x)


def pyod_lof(days, is_train, scale):
    from pyod.models.lof import LOF

    x = matrix(days, is_train, scale)
    # 20 neighbours is the default; of many thousand days that are alike it sees noise, so that 100 is taken.
    return (
        LOF(n_neighbors=100, novelty=True, n_jobs=1).fit(x[learnt(is_train, LEARNT_ROWS_OF_LOF)]).decision_function(x)
    )


def energy_fault_detector(days, is_train, scale):
    import tensorflow
    from energy_fault_detector import FaultDetector
    from energy_fault_detector.config import generate_quickstart_config

    tensorflow.keras.utils.set_random_seed(0)
    x = pd.DataFrame(matrix(days, is_train, scale), columns=columns_of(days))
    # It needs an index of unique times: row numbers as hours.
    x.index = pd.date_range("2000-01-01", periods=len(x), freq="h")
    config = generate_quickstart_config(
        layers=[20, 14], code_size=8, epochs=30, max_nan_frac=1.0, max_col_zero_frac=1.0
    )
    detector = FaultDetector(config=config)
    # It prints a progress bar for each epoch.
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        detector.fit(x.iloc[learnt(is_train)], save_models=False)
        return detector.predict_anomaly_score(x).reindex(x.index).to_numpy()


METHODS = {
    "zscore": zscore,
    "pyod-iforest": pyod_iforest,
    "pyod-lof": pyod_lof,
    "energy-fault-detector": energy_fault_detector,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--methods", type=lambda text: text.split(","), default=list(METHODS))
    parser.add_argument("--scale", choices=["apartment", "all"], help="instead of each method's own")
    parser.add_argument(
        "--features", type=pathlib.Path, help="a table of features.fct_apartment_days instead of the simulation's hours"
    )
    options = parser.parse_args()
    about = json.loads((options.work / "about.json").read_text())
    days = (
        pd.read_csv(options.features, parse_dates=["local_date"], dtype=dict.fromkeys(KEY, str))
        if options.features
        else features(options.work)
    )
    days = days.sort_values([*KEY, "local_date"]).reset_index(drop=True)
    is_train = (days["local_date"] < about["test_from"]).to_numpy()
    folder = options.work / "scores"
    folder.mkdir(exist_ok=True)
    for method in options.methods:
        scale = options.scale or SCALE[method]
        score = METHODS[method](days, is_train, scale)
        name = method if not options.scale else f"{method}-{scale}"
        days[[*KEY, "local_date"]].assign(score=np.round(score, 6)).to_csv(
            folder / f"{name}.csv.gz", index=False, compression={"method": "gzip", "compresslevel": 1}
        )
        print(f"{name}: {len(days):,} days", flush=True)


if __name__ == "__main__":
    main()
