"""The task GFC12 of fev-bench, with a check that it is the same task: gfc12.py prints published scores and those of
edf.

Zones 1 to 11 of GEFCom 2012, 2004-01-01 to 2008-06-30 05:00, in ten windows of 168 hours at the end of the series.
Temperature is known in advance. Zone i uses the temperature of station i: an assumption, since the competition does not
say which station is near which zone. Definition and published results: github.com/autogluon/fev, benchmarks/fev_bench,
at 1bc95fd (task proenfo_gfc12).

Seasonal naive must reproduce its published scores. Otherwise the data or the metric differ, and results are not
comparable.
"""

import pathlib
import warnings

import numpy as np
import pandas as pd
from statsforecast.models import SeasonalNaive

from protocol import HOUR, Store
from run import arguments
from series import gefcom_hours

HORIZON = WINDOW_STEP = 168
WINDOWS = 10
SEASON = 24
ZONES = range(1, 12)
LEVELS = tuple(round(tenth / 10, 1) for tenth in range(1, 10))
COLUMNS = [f"q{level:g}" for level in LEVELS]
METRICS = ("SQL", "MASE", "WAPE")
END = pd.Timestamp("2008-06-30 05:00Z")
NAIVE_CONTEXT = 1000  # fev-bench gives its statistical models the newest 1,000 hours
NAIVE = {"SQL": 1.1997208149, "MASE": 1.428177449, "WAPE": 0.1285183847}

# Published SQL, MASE and WAPE of models that were not trained on these data: the best and the best known.
# TimesFM 2.5 (0.188), FlowState (0.660), Moirai 2.0 (0.793) and Toto 1.0 (0.934) were trained on them.
PUBLISHED = {
    "TabPFN-TS-3": (0.6144, 0.7712, 0.0634),
    "Chronos-2": (0.6485, 0.8120, 0.0696),
    "TS-ICL": (0.7328, 0.9128, 0.0783),
    "TabPFN-TS": (0.8233, 1.0190, 0.0867),
    "CITRAS-FM": (0.8305, 0.9770, 0.0865),
    "Toto 2.0 (313m)": (0.8404, 1.0288, 0.0863),
    "TiRex-2": (0.8963, 1.1094, 0.0959),
    "TiRex": (0.9081, 1.1241, 0.0953),
    "Chronos-Bolt": (0.9172, 1.0781, 0.0910),
    "DeepAR": (1.0155, 1.2401, 0.1012),
    "AutoARIMA": (1.1408, 1.3848, 0.1193),
    "CatBoost": (1.1793, 1.1793, 0.0898),
    "TFT": (1.2455, 1.4961, 0.1302),
    "LightGBM": (1.3038, 1.3038, 0.0963),
}


def zones(cache: pathlib.Path) -> dict[int, pd.DataFrame]:
    """Hours in local time without daylight saving, labelled as UTC: demand in kW and temperature_c."""
    load, stations = gefcom_hours(cache)
    index = pd.date_range("2004-01-01 00:00Z", END, freq="h")
    frames = {}
    for zone in ZONES:
        frame = pd.DataFrame({"demand": load[zone], "temperature_c": stations[zone]})
        frames[zone] = frame.tz_localize("UTC").reindex(index).rename_axis("hour_at")
        if frames[zone].isna().any(axis=None):
            raise SystemExit(f"GFC12 zone {zone} has gaps:\n{frames[zone].isna().sum()}")
    return frames


def origins() -> pd.DatetimeIndex:
    first = END + HOUR - (HORIZON + (WINDOWS - 1) * WINDOW_STEP) * HOUR
    return pd.date_range(first, periods=WINDOWS, freq=WINDOW_STEP * HOUR)


def seasonal_naive(frame: pd.DataFrame) -> pd.DataFrame:
    """As in fev-bench: statsforecast's, with its own normal quantiles."""
    rows = []
    for origin in origins():
        past = frame["demand"][: origin - HOUR].to_numpy()[-NAIVE_CONTEXT:]
        found = SeasonalNaive(season_length=SEASON).forecast(y=past, h=HORIZON, level=[20, 40, 60, 80])
        columns = {"q0.5": found["mean"]}
        for level in (20, 40, 60, 80):
            columns[f"q{0.5 - level / 200:g}"] = found[f"lo-{level}"]
            columns[f"q{0.5 + level / 200:g}"] = found[f"hi-{level}"]
        ahead = pd.DataFrame(columns, pd.date_range(origin, periods=HORIZON, freq="h", name="valid_at"))
        rows.append(ahead.assign(origin=origin).reset_index())
    return pd.concat(rows)


def scores(frames: dict[int, pd.DataFrame], forecasts: dict[int, pd.DataFrame]) -> dict[str, float]:
    """As in fev-bench: each metric over all zones of a window, then the mean of the windows.

    The median is the point forecast. SQL and MASE divide by the zone's mean absolute difference from the day before,
    over all hours before the window; WAPE divides the sum of all errors by the sum of all demand. Quantile loss is
    twice the pinball loss, mean of the nine levels.
    """
    found = []
    for origin in origins():
        scaled_loss, scaled_error, error, total = [], [], 0.0, 0.0
        for zone, rows in forecasts.items():
            demand = frames[zone]["demand"]
            past, actual = demand[: origin - HOUR].to_numpy(), demand[origin : origin + (HORIZON - 1) * HOUR]
            quantiles = rows[rows["origin"] == origin].set_index("valid_at")[COLUMNS].reindex(actual.index).to_numpy()
            if np.isnan(quantiles).any():
                raise SystemExit(f"GFC12 zone {zone}, {origin}: forecasts are missing.")
            miss = actual.to_numpy()[:, None] - quantiles
            season = np.abs(past[SEASON:] - past[:-SEASON]).mean()
            scaled_loss.append(2 * np.abs(miss * ((miss <= 0) - np.array(LEVELS))).mean() / season)
            point = np.abs(miss[:, LEVELS.index(0.5)])
            scaled_error.append(point.mean() / season)
            error, total = error + point.sum(), total + np.abs(actual).sum()
        found.append((np.mean(scaled_loss), np.mean(scaled_error), error / total))
    return dict(zip(METRICS, np.mean(found, axis=0).tolist()))


def check(frames: dict[int, pd.DataFrame]) -> dict[str, float]:
    """Fails if seasonal naive does not have the scores published by fev-bench."""
    warnings.filterwarnings("ignore")
    found = scores(frames, {zone: seasonal_naive(frame) for zone, frame in frames.items()})
    if any(abs(found[name] - NAIVE[name]) > 1e-6 for name in METRICS):
        raise SystemExit(f"This is not fev-bench's GFC12: seasonal naive scores {found}, but {NAIVE} are published.")
    return found


def folder(zone: int) -> str:
    return f"zone-{zone:02}"


def downloads(options) -> pathlib.Path:
    return options.work.parent / "downloads"


def store(options) -> Store:
    return Store(options.work / "gfc12")


def table(options) -> pd.DataFrame:
    """Published models and those of edf that have forecast every zone, the best first."""
    frames, kept = zones(downloads(options)), store(options)
    rows = {name: dict(zip(METRICS, values)) for name, values in PUBLISHED.items()}
    rows["Seasonal naive (24 h)"] = check(frames)
    paths = [kept.folder.glob(f"{folder(zone)}/*.csv.gz") for zone in ZONES]
    made = [{path.name.removesuffix(".csv.gz") for path in found} for found in paths]
    for method in sorted(set.intersection(*made)):
        rows[f"**{method}**"] = scores(frames, {zone: kept.read(folder(zone), method) for zone in ZONES})
    return pd.DataFrame.from_dict(rows, orient="index").sort_values("SQL")


def main() -> None:
    options = arguments(__doc__).parse_args()
    print(table(options).round(4).to_string())
    print("Seasonal naive has the scores published by fev-bench: the task is the same.")


if __name__ == "__main__":
    main()
