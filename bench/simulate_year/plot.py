"""Draws the year of faults from the record of simulate.py --record: plot.py RECORD.json PICTURE.png

For each building the weekly error of the first day of lead, the source of its forecasts, the faults and the alerts.
"""

import datetime as dt
import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates as dates  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402

COLOURS = {
    "model": "tab:blue",
    "archetype": "tab:orange",
    "design": "tab:green",
    "profile": "tab:red",
    "last_week": "tab:purple",
    "recent_mean": "tab:brown",
}


def time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def weekly(days: list[list]) -> list[tuple[dt.datetime, float]]:
    """Absolute errors over demand, in percent, of each seven consecutive days of the list."""
    weeks = [days[n : n + 7] for n in range(0, len(days), 7)]
    return [(time(week[0][0]), 100 * sum(day[1] for day in week) / sum(day[2] for day in week)) for week in weeks]


def main() -> None:
    record = json.loads(open(sys.argv[1]).read())
    buildings = list(record["errors"])
    figure, panels = plt.subplots(len(buildings) + 1, 1, sharex=True, figsize=(11, 2.1 * (len(buildings) + 1)))
    for axes, building in zip(panels, buildings):
        points = weekly(record["errors"][building])
        axes.plot(
            [at for at, _ in points],
            [wape for _, wape in points],
            color="black",
            lw=1.3,
            label="WAPE of the first day, by week",
        )
        top = 1.15 * max(wape for _, wape in points)
        for source, since, until in record["sources"][building]:
            axes.axvspan(time(since), time(until), ymax=0.06, color=COLOURS[source], lw=0)
        axes.set(ylim=(0, top), ylabel="%")
        axes.set_title(building, loc="left", fontsize=9)
        for fault in record["faults"]:
            if fault["subject"] == building:
                axes.axvspan(time(fault["begin"]), time(fault["end"]), color="lightgrey", lw=0, zorder=0)
    last = panels[-1]
    rules = sorted({alert["rule"] for alert in record["alerts"]})
    for alert in record["alerts"]:
        row = rules.index(alert["rule"])
        begin, end = time(alert["opened_at"]), time(alert["resolved_at"] or record["end"])
        last.plot(
            [begin, max(end, begin + dt.timedelta(hours=12))],
            [row, row],
            lw=4,
            solid_capstyle="butt",
            color="firebrick",
        )
    last.set_yticks(range(len(rules)), rules, fontsize=7)
    last.set_ylim(-0.7, len(rules) - 0.3)
    last.set_title("alerts; faults are grey, those of the whole place here", loc="left", fontsize=9)
    for fault in record["faults"]:
        if fault["subject"] not in buildings:
            last.axvspan(
                time(fault["begin"]),
                max(time(fault["end"]), time(fault["begin"]) + dt.timedelta(hours=12)),
                color="lightgrey",
                lw=0,
                zorder=0,
            )
    seen = {source for spans in record["sources"].values() for source, *_ in spans}
    handles = [plt.Rectangle((0, 0), 1, 1, color=COLOURS[source]) for source in COLOURS if source in seen]
    panels[0].legend(
        handles,
        [source for source in COLOURS if source in seen],
        fontsize=7,
        ncols=6,
        loc="upper right",
        title="forecast by",
        title_fontsize=7,
    )
    last.xaxis.set_major_formatter(dates.DateFormatter("%b %Y"))
    figure.tight_layout()
    figure.savefig(sys.argv[2], dpi=90)


if __name__ == "__main__":
    main()
