"""Scores all forecast files: score.py [--series A,B] [--methods A,B] [--development] prints and stores a table.

A file has origin, valid_at, lead_h, yhat and any number of quantiles (q0.05 etc.). A method without an origin or hour
of the protocol is rejected; additional ones are ignored. Hours without measurements are not scored.
"""

import numpy as np
import pandas as pd

from protocol import HORIZON, HOUR, QUANTILES, Series, Store
from run import arguments, names, work_folder

LEADS = (24, 72)
PINBALL = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
INSIDE = {80: ("q0.1", "q0.9"), 90: ("q0.05", "q0.95"), 95: ("q0.025", "q0.975")}


def joined(series: Series, store: Store, method: str, development: bool) -> pd.DataFrame:
    """The rows of the protocol of a method, with actuals."""
    origins = series.origins(development)
    wanted = pd.MultiIndex.from_product([origins, range(1, HORIZON + 1)], names=["origin", "lead_h"])
    forecasts = store.read(series.name, method).set_index(["origin", "lead_h"])
    if not wanted.isin(forecasts.index).all():
        raise SystemExit(
            f"{method} on {series.name} lacks {(~wanted.isin(forecasts.index)).sum()} of {len(wanted)} forecasts."
        )
    rows = forecasts.loc[wanted].reset_index()
    if (rows["valid_at"] != rows["origin"] + (rows["lead_h"] - 1) * HOUR).any() or rows["yhat"].isna().any():
        raise SystemExit(f"{method} on {series.name}: a time does not match its lead, or a forecast is missing.")
    return rows.assign(actual=series.frame["demand"].reindex(rows["valid_at"]).to_numpy()).dropna(subset=["actual"])


def metrics(rows: pd.DataFrame) -> dict[str, float]:
    actual, error = rows["actual"], rows["yhat"] - rows["actual"]
    nonzero = actual != 0
    found = {
        "rmse": np.sqrt((error**2).mean()),
        "mae": error.abs().mean(),
        "wape": 100 * error.abs().sum() / actual.abs().sum(),
        "mape": 100 * (error.abs() / actual.abs())[nonzero].mean(),
        "bias": error.mean(),
    }
    for percent, (lower, upper) in INSIDE.items():
        if {lower, upper} <= set(rows):
            found[f"coverage_{percent}"] = 100 * actual.between(rows[lower], rows[upper]).mean()
    if {f"q{p:g}" for p in PINBALL} <= set(rows):
        short = [actual - rows[f"q{p:g}"] for p in PINBALL]
        found["pinball"] = np.mean([np.maximum(p * miss, (p - 1) * miss).mean() for p, miss in zip(PINBALL, short)])
    return found


def scores(options) -> pd.DataFrame:
    """One row per series, method and range of leads; ratios are to the best peer of that series and range."""
    store, found = Store(work_folder(options)), []
    for name in options.series or names(options.work / "series"):
        series = Series(options.work / "series", name)
        for path in sorted((store.folder / name).glob("*.csv.gz")):
            method = path.name.removesuffix(".csv.gz")
            if options.methods and method not in options.methods:
                continue
            rows = joined(series, store, method, options.development)
            for last in LEADS:
                found.append(
                    {"group": series.group, "series": name, "method": method, "leads": last}
                    | metrics(rows[rows["lead_h"] <= last])
                )
    table = pd.DataFrame(found)
    for metric in ("rmse", "pinball"):
        peers = table[metric].where(~table["method"].str.startswith("edf-"))
        table[f"{metric}_ratio"] = table[metric] / peers.groupby([table["series"], table["leads"]]).transform("min")
    return table


def main() -> None:
    options = arguments(__doc__).parse_args()
    table = scores(options)
    table.round(4).to_csv(work_folder(options) / "scores.csv", index=False)
    shown = ["wape", "rmse", "rmse_ratio", "pinball", *(f"coverage_{percent}" for percent in INSIDE)]
    print(table.set_index(["series", "leads", "method"])[shown].sort_index().round(3).to_string())


if __name__ == "__main__":
    main()
