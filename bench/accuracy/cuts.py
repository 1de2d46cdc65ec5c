"""Short histories: series cut to some weeks before the last ten, which are forecast by the protocol of protocol.py.

    cuts.py [--series A,B]     prints the table from the forecasts on disk
    cuts.py --peers            computes the forecasts of the peers first

The ensemble is compared with the best of its own members and the peers on each cut: RMSE over leads 1-24 h. With
--development the ten weeks before are forecast, on the series cut where the test begins. cuts_edf.py computes
the forecasts of edf.
"""

import importlib
import pathlib
from collections.abc import Iterator

import pandas as pd

from protocol import HORIZON, HOUR, ORIGINS, Series, Store, run
from run import METHODS, arguments
from score import joined, metrics

HERE = pathlib.Path(__file__).parent
SERIES = ("victoria", "all-homes", "net-load", "home-03", "home-07", "bigdeal-1", "british-home-0", "gefcom-zone-2")
WEEKS = (8, 12, 17, 26, 52)
PEERS = ("xgboost-advanced", "mlforecast-lightgbm")
# The default members of the ensemble, individually.
MEMBERS = {
    "lear": ("lear", {}),
    "lear-log": ("lear", {"target": "log"}),
    "xgboost-mean": ("xgboost", {"base": "mean"}),
}
STRATEGIES = MEMBERS | {"ensemble": ("ensemble", {})}
# Bounds of the ensemble's ratio to the best of the others: mean over the cuts, and maximum.
MEAN, WORST = 1.00, 1.05


class Cut(Series):
    """A series from the given number of weeks before the first forecast on."""

    def __init__(self, folder: pathlib.Path, name: str, weeks: int, development: bool):
        super().__init__(folder, name)
        self.uncut, self.weeks = name, weeks
        end = self.origins(development)[0] + ((ORIGINS - 1) * 24 + HORIZON) * HOUR
        first = self.origins(development)[0] - weeks * 7 * 24 * HOUR
        self.is_whole = first >= self.frame.index[0]
        self.origin = self.origins(development)
        self.name, self.frame = f"{name}-{weeks}-weeks", self.frame[first : end - HOUR]

    def origins(self, development: bool = False) -> pd.DatetimeIndex:
        """Of the whole series."""
        return self.origin if hasattr(self, "origin") else super().origins(development)


def options(description: str, *more):
    parser = arguments(description)
    for name, settings in more:
        parser.add_argument(name, **settings)
    found = parser.parse_args()
    found.series = found.series or SERIES
    return found


def cuts(options) -> Iterator[Cut]:
    for name in options.series:
        for weeks in WEEKS:
            cut = Cut(options.work / "series", name, weeks, options.development)
            if cut.is_whole:
                yield cut


def store_of(options) -> Store:
    return Store(options.work / ("cuts-development" if options.development else "cuts"))


def scores(options) -> pd.DataFrame:
    """RMSE over leads 1-24 h by cut (rows) and method (columns); cuts that are missing for a method are left out."""
    store, found = store_of(options), {}
    methods = [*(f"edf-{label}" for label in STRATEGIES), *PEERS]
    for cut in cuts(options):
        if all(store.path(cut.name, method).exists() for method in methods):
            rows = {method: joined(cut, store, method, options.development) for method in methods}
            rmse = {method: metrics(of[of["lead_h"] <= 24])["rmse"] for method, of in rows.items()}
            found[cut.uncut, cut.weeks] = rmse
    return pd.DataFrame.from_dict(found, orient="index", columns=methods)


def ratios(table: pd.DataFrame) -> pd.DataFrame:
    """RMSE of the ensemble over that of the best other method, by series (rows) and weeks (columns), with its name."""
    others = table.drop(columns="edf-ensemble")
    ratio = table["edf-ensemble"] / others.min(axis=1)
    shown = ratio.map("{:.3f}".format) + " " + others.idxmin(axis=1)
    shown.index = pd.MultiIndex.from_tuples(shown.index)
    return (
        shown.unstack().reindex(table.index.get_level_values(0).unique()).fillna("-").rename(columns="{} weeks".format)
    )


def bounds(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and largest ratio of the ensemble to each other method, and to the best of them on each cut."""
    others = table.drop(columns="edf-ensemble")
    against = pd.concat([others, others.min(axis=1).rename("the best of them")], axis=1)
    ratio = against.rdiv(table["edf-ensemble"], axis=0)
    return pd.DataFrame({"mean": ratio.mean().map("{:.3f}".format), "largest": ratio.max().map("{:.3f}".format)})


def main() -> None:
    chosen = options(__doc__, ("--peers", {"action": "store_true", "help": "make the peers' forecasts first"}))
    for method in PEERS if chosen.peers else ():
        module, function = METHODS[method]
        for cut in cuts(chosen):
            make = getattr(importlib.import_module(f"peers.{module}"), function)
            sources = [HERE / "cuts.py", HERE / "peers/common.py", HERE / f"peers/{module}.py"]
            run(cut, method, make, sources, store_of(chosen), chosen.development)
    table = scores(chosen)
    if table.empty:
        raise SystemExit("There are no forecasts yet: see bench/accuracy/README.md.")
    print(table.round(4).to_string(), "\n", ratios(table).to_string(), "\n", bounds(table).to_string(), sep="\n")


if __name__ == "__main__":
    main()
