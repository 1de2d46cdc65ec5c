"""Forecasts issued at other hours, and with other delays of the newest hour, than a model was trained for.

    axes.py [--series A,B] [--quick]     prints the tables from the forecasts on disk

The pipeline trains for forecasts at 05:00 local time that know an hour's demand one hour after its end. Here such a
model, trained once at the start of the last ten weeks, is used at other hours and with other delays. Its RMSE over the
24 hours from the issue time on is divided by that of the same strategy trained for exactly that hour and delay, and by
that of the best peer with the same information. Every second day is an origin. axes_edf.py and axes_peers.py compute
the forecasts.
"""

import itertools
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from protocol import DAY, HOUR, Series, Store
from run import arguments

SERIES = ("victoria", "gefcom", "bigdeal-1", "all-homes", "homes-1-4", "british-home-1", "home-07", "home-14",
          "net-load", "sceaux-home")
ISSUE_HOURS, DELAYS, RECIPE = (5, 11, 17, 23), (0, 1, 3, 6), (5, 1)
ORIGINS, STEP, LEADS = 36, 2, 24
PEERS = ("mlforecast-lightgbm", "xgboost-advanced")
STRATEGIES = ("ensemble", "lear", "xgboost")
# Bounds of the ratio: in the recipe's own cell; elsewhere the mean over series, and each series.
OWN, MEAN, WORST = 1.02, 1.10, 1.25


@dataclass(frozen=True)
class Cell:
    """Local hour of the issue, and the delay after which an hour's demand is known."""

    issue_hour: int
    delay_h: int

    def origins(self, series: Series, count: int) -> pd.DatetimeIndex:
        days = pd.date_range(first_day(series).tz_localize(None), periods=count, freq=STEP * DAY)
        return (days + self.issue_hour * HOUR).tz_localize(series.time_zone).tz_convert("UTC")


def first_day(series: Series) -> pd.Timestamp:
    """Local midnight, where the test begins and training ends."""
    end = (series.frame.index[-1] + HOUR).tz_convert(series.time_zone).tz_localize(None)
    return (end - ((ORIGINS - 1) * STEP + 3) * DAY).normalize().tz_localize(series.time_zone)


def options(description: str, *more):
    parser = arguments(description)
    parser.add_argument("--quick", action="store_true", help="Victoria, four cells, six origins, apart from the rest")
    for name, settings in more:
        parser.add_argument(name, **settings)
    found = parser.parse_args()
    found.series = found.series or (SERIES[:1] if found.quick else SERIES)
    return found


def plan(options) -> tuple[list[Cell], int, Store]:
    """The cells, the number of origins, and the folder of the forecasts."""
    hours, delays = ((5, 17), (1, 6)) if options.quick else (ISSUE_HOURS, DELAYS)
    cells = list(itertools.starmap(Cell, itertools.product(hours, delays)))
    return cells, 6 if options.quick else ORIGINS, Store(options.work / ("axes-quick" if options.quick else "axes"))


def model_name(strategy: str, recipe: Cell) -> str:
    return f"edf-{strategy.replace('_', '-')}-at-{recipe.issue_hour:02}-after-{recipe.delay_h}h"


def rmse(options, series: Series, method: str, cells: list[Cell]) -> pd.Series:
    """By cell. Every hour of every origin is required; hours without measurements are not scored."""
    _, count, store = plan(options)
    rows = store.read(series.name, method).set_index(["issue_hour", "delay_h"]).sort_index()
    found = {}
    for cell in cells:
        own = rows.loc[[(cell.issue_hour, cell.delay_h)]].set_index(["origin", "valid_at"])["yhat"]
        asked = cell.origins(series, count)
        wanted = pd.MultiIndex.from_tuples([(at, at + lead * HOUR) for at in asked for lead in range(LEADS)])
        if len(own) != len(wanted) or not np.isfinite(own.reindex(wanted)).all():
            raise SystemExit(f"{method} on {series.name}, {cell}: {len(own)} forecasts, not {len(wanted)}.")
        actual = series.frame["demand"].reindex(wanted.get_level_values(1)).to_numpy()
        found[cell] = np.sqrt(np.nanmean((own.reindex(wanted).to_numpy() - actual) ** 2))
    return pd.Series(found)


def scores(options) -> pd.DataFrame:
    """By strategy, series and cell: ratio to the model trained for the cell (matched), and to the best peer (peer)."""
    cells, _, store = plan(options)
    recipe, rows = Cell(*RECIPE), []
    for name in options.series:
        series = Series(options.work / "series", name)
        best = pd.Series(np.nan, cells)
        if all(store.path(name, method).exists() for method in PEERS):
            best = pd.concat([rmse(options, series, method, cells) for method in PEERS], axis=1).min(axis=1)
        for strategy in STRATEGIES:
            if not all(store.path(name, model_name(strategy, cell)).exists() for cell in {*cells, recipe}):
                continue
            asked = rmse(options, series, model_name(strategy, recipe), cells)
            for cell in cells:
                matched = rmse(options, series, model_name(strategy, cell), [cell])[cell]
                found = {"rmse": asked[cell], "matched": asked[cell] / matched, "peer": asked[cell] / best[cell]}
                rows.append({"strategy": strategy, "series": name, **asdict(cell), **found})
    return pd.DataFrame(rows)


def grid(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Mean over the series / largest, by strategy and issue hour, and by delay."""
    by_cell = table.groupby(["strategy", "issue_hour", "delay_h"])[column]
    by_cell = by_cell.agg(mean=lambda ratios: ratios.mean(skipna=False), max="max")
    shown = lambda row: f"{row['mean']:.3f} / {row['max']:.2f}" if np.isfinite(row["mean"]) else "-"
    text = by_cell.apply(shown, axis=1).unstack()
    text.index = [f"edf-{strategy}, {hour:02}:00" for strategy, hour in text.index]
    return text.rename(columns=lambda delay: f"{delay} h")


def bounds(table: pd.DataFrame) -> pd.DataFrame:
    own = (table["issue_hour"] == RECIPE[0]) & (table["delay_h"] == RECIPE[1])
    by_cell = table[~own].groupby(["strategy", "issue_hour", "delay_h"])["matched"].agg(["mean", "max"])
    elsewhere = by_cell.groupby("strategy").max()
    columns = {
        f"own hour and delay, any series (at most {OWN})": (table[own].groupby("strategy")["matched"].max(), OWN),
        f"elsewhere, mean over series (at most {MEAN:.2f})": (elsewhere["mean"], MEAN),
        f"elsewhere, any series (at most {WORST})": (elsewhere["max"], WORST),
    }
    verdict = lambda limit: lambda ratio: f"{ratio:.3f} ({'met' if ratio <= limit else 'missed'})"
    series = table.groupby("strategy")["series"].nunique().astype(str)
    verdicts = {title: ratios.map(verdict(limit)) for title, (ratios, limit) in columns.items()}
    found = pd.DataFrame({"series": series} | verdicts)
    return found.rename(index=lambda strategy: f"edf-{strategy}")


def main() -> None:
    table = scores(options(__doc__))
    if table.empty:
        raise SystemExit("There are no forecasts yet: see bench/accuracy/README.md.")
    print(table.round(4).to_string(index=False))
    for part in (bounds(table), grid(table, "matched"), grid(table, "peer")):
        print("\n" + part.to_string())


if __name__ == "__main__":
    main()
