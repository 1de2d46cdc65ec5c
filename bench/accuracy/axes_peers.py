"""Forecasts of peers at every hour and delay of axes.py: axes_peers.py [--series A,B] [--quick]

A peer uses nothing newer than the delay allows: it forecasts from the newest known hour on, and only the 24 hours from
the issue time on are scored. It is fitted once, at the first origin of the cell, on all hours known then.
"""

import pathlib
import time

import numpy as np
import pandas as pd

import axes
from axes import LEADS, Cell
from protocol import HORIZON, HOUR, Series, key_of
from peers.lightgbm_peer import Recursive
from peers.xgb import Advanced

HERE = pathlib.Path(__file__).parent
MAKERS = {"mlforecast-lightgbm": (Recursive, "lightgbm_peer"), "xgboost-advanced": (Advanced, "xgb")}


def forecasts(series: Series, make, cells: list[Cell], count: int) -> pd.DataFrame:
    """Cells with the same newest known hour share fits and forecasts."""
    fitted, made, rows = {}, {}, []
    for cell in cells:
        origins = cell.origins(series, count)
        first = origins[0] - cell.delay_h * HOUR
        if first not in fitted:
            fitted[first] = make(series.time_zone)
            fitted[first].fit(series.frame[: first - HOUR])
        for origin in origins:
            known = origin - cell.delay_h * HOUR
            if (first, known) not in made:
                history = series.frame[: known - HOUR]
                future = series.frame[known : known + (HORIZON - 1) * HOUR].drop(columns="demand")
                future = future[: LEADS + max(axes.DELAYS)]
                made[first, known] = np.asarray(fitted[first].predict(history, future))
            yhat = made[first, known][cell.delay_h : cell.delay_h + LEADS]
            yhat = yhat.clip(min=0) if series.frame["demand"][: known - HOUR].min() >= 0 else yhat
            valid_at = pd.date_range(origin, periods=LEADS, freq="h")
            rows.append(pd.DataFrame({"origin": origin, "issue_hour": cell.issue_hour, "delay_h": cell.delay_h,
                                      "valid_at": valid_at, "yhat": yhat}))
    return pd.concat(rows)


def main() -> None:
    options = axes.options(__doc__)
    cells, count, store = axes.plan(options)
    for name in options.series:
        series = Series(options.work / "series", name)
        for method in axes.PEERS:
            make, module = MAKERS[method]
            sources = ("protocol.py", "axes_peers.py", "peers/common.py", f"peers/{module}.py")
            key = key_of(series.path, *(HERE / source for source in sources), more=f"{series.about} {cells} {count}")
            if store.is_fresh(name, method, key):
                continue
            began = time.monotonic()
            store.write(name, method, key, forecasts(series, make, cells, count))
            print(f"{name:<28} {method:<22} {time.monotonic() - began:7.1f} s", flush=True)


if __name__ == "__main__":
    main()
