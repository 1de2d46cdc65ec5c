"""Two plots: precision by number of labels, and an alert as shown to technicians."""

import io
import json
import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates as dates  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from PIL import Image  # noqa: E402

import evaluate  # noqa: E402
import metrics  # noqa: E402
from features_from_hours import daily  # noqa: E402

BEFORE, AFTER = 28, 5
# Fields in the evidence of expected_energy.
RANGE = ("expected", "lower", "upper")


def save(figure, path: pathlib.Path) -> None:
    """Saves with a small palette, like the other plots of the documentation."""
    figure.tight_layout()
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100)
    plt.close(figure)
    Image.open(buffer).convert("RGB").quantize(64).save(path, optimize=True)


def labels(found: list[dict], path: pathlib.Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 3.6))
    count = [row["labels"] for row in found]
    for key, title, style in (
        ("precision_50", "Precision@50", {"color": "black", "lw": 2}),
        ("event_f", "event-wise F0.5", {"color": "tab:blue"}),
        ("found", "faults found", {"color": "tab:orange"}),
    ):
        axes.plot(range(len(count)), [row[key] for row in found], marker="o", label=title, **style)
    axes.axhline(0.75, color="grey", lw=0.7, ls="--")
    axes.axhline(0.85, color="grey", lw=0.7, ls=":")
    axes.set_xticks(range(len(count)), count)
    axes.set(ylim=(0, 1.02), xlabel="technicians' answers about the months before")
    axes.set_title(
        "SIMULATED apartments: the combined score by labels (grey: aims of Precision@50 before and after)", fontsize=9
    )
    axes.legend(fontsize=8, loc="lower right")
    save(figure, path)


def shown_alert(work: pathlib.Path, about: dict):
    """The strongest real alert of the test part about the heat of an apartment."""
    path = work / "scores" / "edf-combined.alerts.csv.gz"
    if not path.exists():
        return None, None
    truth = metrics.read_truth(work / "truth.csv", about["zone"], "test")
    alerts = evaluate.split(evaluate.read(path), about, "test", "first_date")
    ranked = metrics.judged(alerts[alerts["apartment_id"] != ""], truth)
    real = ranked[ranked["is_true"] & ranked["kind"].isin(["stuck_valve", "blocked_radiator", "window_left_open"])]
    if real.empty:
        return None, None
    chosen = real.iloc[0]
    return (
        chosen,
        metrics.touches(
            truth, chosen["building_id"], chosen["apartment_id"], chosen["first_date"], chosen["last_date"]
        ).iloc[0],
    )


def alert(work: pathlib.Path, path: pathlib.Path) -> bool:
    """The days before, the expected range, the measured values. False if there is no such alert."""
    about = json.loads((work / "about.json").read_text())
    chosen, event = shown_alert(work, about)
    if chosen is None:
        return False
    days = daily(work)
    days = days[(days["building_id"] == chosen["building_id"]) & (days["apartment_id"] == chosen["apartment_id"])]
    days = days[
        days["local_date"].between(
            chosen["first_date"] - pd.Timedelta(days=BEFORE), chosen["last_date"] + pd.Timedelta(days=AFTER)
        )
    ]
    figure, panels = plt.subplots(3, 1, figsize=(9, 6.4), sharex=True, height_ratios=(2, 1.5, 1))
    draw_energy(panels[0], work, chosen, days)
    panels[1].fill_between(
        days["local_date"],
        days["room_c_min"],
        days["room_c_max"],
        color="tab:orange",
        alpha=0.25,
        lw=0,
        label="rooms, coldest to warmest",
    )
    panels[1].plot(days["local_date"], days["room_c_mean"], color="tab:orange", lw=1.3, label="rooms, mean")
    panels[1].plot(
        days["local_date"],
        days["room_c_mean"] + days["avg_temp_diff"],
        color="black",
        lw=0.9,
        ls="--",
        label="setpoint, mean",
    )
    panels[1].set_ylabel("°C")
    panels[2].bar(days["local_date"], days["hot_water_l"], color="tab:cyan", width=0.8, label="hot water, litres a day")
    panels[2].plot(
        days["local_date"],
        24 * days["hot_water_night_min_l"],
        color="navy",
        lw=1,
        label="least hour of the night, times 24",
    )
    for axes in panels:
        axes.axvspan(
            chosen["first_date"] - pd.Timedelta(hours=12),
            chosen["last_date"] + pd.Timedelta(hours=12),
            color="firebrick",
            alpha=0.12,
            lw=0,
        )
        axes.axvline(event["start_at"], color="firebrick", lw=0.9, ls=":")
        low, high = axes.get_ylim()
        axes.set_ylim(top=high + 0.25 * (high - low))  # room for the legend
        axes.legend(fontsize=7, loc="upper left", ncols=3)
    panels[0].set_title(
        f"SIMULATED: alert {chosen['alert_id']}, score {chosen['score']:.2f}."
        f" What it was: {event['kind'].replace('_', ' ')}"
        f"{', ' + event['room_name'].replace('_', ' ') if event['room_name'] else ''}, from the dotted line on",
        fontsize=8.5,
        loc="left",
    )
    panels[2].xaxis.set_major_formatter(dates.DateFormatter("%d %b"))
    save(figure, path)
    return True


def draw_energy(axes, work: pathlib.Path, chosen, days: pd.DataFrame) -> None:
    path = work / "expected.csv.gz"
    rows = (
        pd.read_csv(path, parse_dates=["local_date"], dtype={"apartment_id": str}) if path.exists() else pd.DataFrame()
    )
    if len(rows):
        rows = rows[(rows["building_id"] == chosen["building_id"]) & (rows["apartment_id"] == chosen["apartment_id"])]
        rows = rows[rows["local_date"].between(days["local_date"].min(), days["local_date"].max())].sort_values(
            "local_date"
        )
        said = [json.loads(text) for text in rows["evidence"]]
        middle, low, high = (
            [one.get(f"{name}_kwh", one.get(name, np.nan)) for one in said] for name in RANGE
        )
        axes.fill_between(
            rows["local_date"],
            np.array(low, float),
            np.array(high, float),
            color="tab:blue",
            alpha=0.2,
            lw=0,
            label="expected range",
        )
        axes.plot(rows["local_date"], np.array(middle, float), color="tab:blue", lw=1, label="expected")
    axes.plot(days["local_date"], days["daily_energy_kwh"], color="black", marker=".", lw=1.2, label="heat, kWh a day")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("kWh")
