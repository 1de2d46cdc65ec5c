"""A figure for each group of series: a week of day-ahead forecasts with their fan, error by lead, reliability.

The fan is that of the first series of the group; errors and reliability are over all series forecast by every method.
"""

import io
import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates as dates  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from PIL import Image  # noqa: E402

from run import METHODS  # noqa: E402

FANS = (("q0.025", "q0.975", "95 %"), ("q0.05", "q0.95", "90 %"), ("q0.1", "q0.9", "80 %"), ("q0.25", "q0.75", "50 %"))
SHOWN_WEEK = 28  # this origin and the six days after: the middle of the test weeks


def is_own(method: str) -> bool:
    return method.startswith("edf-")


def styles(methods: list[str]) -> dict[str, dict]:
    """Own methods are thick and dark; a peer has the same style in every figure."""
    colours = plt.get_cmap("tab10").colors
    shown = {method: {"color": colours[number], "lw": 1.1} for number, method in enumerate(METHODS)}
    own = [method for method in methods if is_own(method)]
    looks = [(colour, line) for line in ("-", "--", ":") for colour in ("black", "firebrick", "navy")]
    return shown | {method: {"color": colour, "ls": line, "lw": 2} for method, (colour, line) in zip(own, looks)}


def draw_fan(axes, series, rows: pd.DataFrame, method: str) -> None:
    origins = rows["origin"].unique()[SHOWN_WEEK : SHOWN_WEEK + 7]
    week = rows[rows["origin"].isin(origins) & (rows["lead_h"] <= 24)].sort_values("valid_at")
    local = week["valid_at"].dt.tz_convert(series.time_zone).dt.tz_localize(None)
    bands = [band for band in FANS if {band[0], band[1]} <= set(week)]
    for number, (lower, upper, name) in enumerate(bands):
        axes.fill_between(
            local, week[lower], week[upper], color="tab:blue", alpha=0.14 + 0.06 * number, lw=0, label=name
        )
    axes.plot(local, week["yhat"], color="tab:blue", lw=1.2, label=method)
    axes.plot(local, week["actual"], color="black", lw=1, label="measured")
    axes.xaxis.set_major_locator(dates.DayLocator())
    axes.xaxis.set_major_formatter(dates.DateFormatter("%a %d %b"))
    axes.tick_params(axis="x", labelsize=7)
    axes.set_ylim(bottom=0)
    axes.set_title(
        f"{series.name}: a week of forecasts, each issued the day before ({series.about['unit']})", fontsize=9
    )
    axes.legend(fontsize=7, ncols=3, loc="lower center", framealpha=0.8)


def draw_errors(axes, errors: dict[str, pd.Series], style: dict) -> None:
    for method, by_lead in errors.items():
        axes.plot(by_lead.index, by_lead.rolling(6, center=True, min_periods=3).mean(), label=method, **style[method])
    axes.set_xticks(range(0, 73, 24))
    axes.set_xlabel("hours ahead (mean of six)", fontsize=8)
    axes.set_title("error by lead: WAPE %, mean of the series", fontsize=9)


def draw_reliability(axes, reached: dict[str, pd.Series], style: dict) -> None:
    axes.plot([0, 100], [0, 100], color="grey", lw=0.8)
    for method, share in reached.items():
        axes.plot(100 * share.index, 100 * share, marker=".", ms=4, **style[method])
    axes.set_xlabel("quantile %", fontsize=8)
    axes.set_title("reliability: hours that lay below it, %", fontsize=9)


def figure(
    path: pathlib.Path, shown: str, methods: list[str], rows: dict[tuple[str, str], pd.DataFrame], members: list
) -> None:
    """`rows` holds the scored rows of each (series, method)."""
    style = styles(methods)
    errors, reached = {}, {}
    for method in methods:
        found = [rows[series.name, method] for series in members]
        wape = [
            (r["yhat"] - r["actual"]).abs().groupby(r["lead_h"]).sum() / r["actual"].abs().groupby(r["lead_h"]).sum()
            for r in found
        ]
        errors[method] = 100 * pd.concat(wape, axis=1).mean(axis=1)
        quantiles = [name for name in found[0] if name.startswith("q0.")]
        share = {float(name[1:]): np.mean([(r["actual"] <= r[name]).mean() for r in found]) for name in quantiles}
        reached[method] = pd.Series(share).sort_index()
    drawing, axes = plt.subplots(1, 3, figsize=(15, 3.9), width_ratios=(2.1, 1, 0.8), layout="constrained")
    draw_fan(axes[0], members[0], rows[members[0].name, shown], shown)
    draw_errors(axes[1], errors, style)
    draw_reliability(axes[2], reached, style)
    for each in axes:
        each.grid(alpha=0.3)
        each.tick_params(axis="y", labelsize=8)
    handles, labels = axes[1].get_legend_handles_labels()
    drawing.legend(handles, labels, fontsize=8, ncols=len(labels), loc="outside lower center", frameon=False)
    buffer = io.BytesIO()
    drawing.savefig(buffer, dpi=76)
    plt.close(drawing)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A small palette, since these files are in the repository.
    Image.open(buffer).convert("RGB").quantize(40, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
