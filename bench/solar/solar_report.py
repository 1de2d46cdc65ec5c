"""Scores the forecasts on disk and writes section Solar of bench/README.md: solar_report.py [--work FOLDER]
[--development]

Ratios are to the best peer of the series. Coverage counts the hours with sun.
"""

import pathlib
import re
import sys

import numpy as np
import pandas as pd

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "accuracy"))
from protocol import Series, Store  # noqa: E402
from run import arguments, work_folder  # noqa: E402
from score import joined, metrics  # noqa: E402
from solar_edf import METHODS  # noqa: E402
from solar_peers import Sun  # noqa: E402

PEERS = ("yesterday", "clear-sky-persistence", "pvlib", "xgboost")
LEADS = (24, 72)
FIRST, LAST = "<!-- solar: written by bench/solar/solar_report.py -->", "<!-- end of solar -->"


def scores(options) -> pd.DataFrame:
    store, found = Store(work_folder(options)), []
    for path in sorted((options.work / "series").glob("*.csv")):
        series = Series(options.work / "series", path.stem)
        sun = Sun(series)
        for method in (*PEERS, *METHODS):
            if not store.path(series.name, method).exists():
                continue
            rows = joined(series, store, method, options.development)
            is_day = (sun.at(pd.DatetimeIndex(rows["valid_at"]))["elevation"] > 0).to_numpy()
            night = rows[~is_day & (sun.at(pd.DatetimeIndex(rows["valid_at"]))["elevation"] < -10).to_numpy()]
            for last in LEADS:
                within = (rows["lead_h"] <= last).to_numpy()
                of_days = metrics(rows[within & is_day])
                found.append(
                    {"group": series.group, "series": series.name, "method": method, "leads": last}
                    | metrics(rows[within])
                    | {
                        "inside": of_days["coverage_90"],
                        "night": np.abs(night[["yhat", "q0.05", "q0.95"]].to_numpy()).max(),
                    }
                )
    table = pd.DataFrame(found)
    best = table["rmse"].where(table["method"].isin(PEERS)).groupby([table["series"], table["leads"]]).transform("min")
    return table.assign(ratio=table["rmse"] / best)


def section(table: pd.DataFrame) -> str:
    lines = []
    for group, rows in table.groupby("group"):
        lines += [
            "",
            f"{group[0].upper()}{group[1:]}:",
            "",
            "| method | WAPE % | RMSE / best peer | pinball, kW | inside 90 %, by day | largest bound at night, kW |",
            "|---|---|---|---|---|---|",
        ]
        means = rows.groupby(["method", "leads"])[["wape", "ratio", "pinball", "inside"]].mean()
        for method in (*PEERS, *METHODS):
            # Means of the same series for all.
            if rows[rows["method"] == method]["series"].nunique() == rows["series"].nunique():
                both = lambda column, digits: " / ".join(
                    f"{means.loc[(method, last), column]:.{digits}f}" for last in LEADS
                )
                night = rows[rows["method"] == method]["night"].max()
                lines.append(
                    f"| {method} | {both('wape', 1)} | {both('ratio', 3)} | {both('pinball', 4)} | "
                    f"{both('inside', 1)} | {night:.3g} |"
                )
    return "\n".join(lines).strip()


def main() -> None:
    options = arguments(__doc__).parse_args()
    table = scores(options)
    text = section(table)
    print(text)
    if not options.development:
        readme = HERE.parent / "README.md"
        new, found = re.subn(
            f"{re.escape(FIRST)}.*{re.escape(LAST)}",
            lambda _: f"{FIRST}\n\n{text}\n\n{LAST}",
            readme.read_text(),
            flags=re.DOTALL,
        )
        if not found:
            raise SystemExit(f"{readme} has no markers for the section Solar.")
        readme.write_text(new)


if __name__ == "__main__":
    main()
