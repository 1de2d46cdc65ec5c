"""Evaluates scores and alerts of every method on the test part: evaluate.py WORK [--budget N] [--part test]

Reads WORK/scores/METHOD.csv.gz (building_id, apartment_id, local_date, score and, for methods with their own
threshold, is_alarm) and, for those with their own alerts, WORK/scores/METHOD.alerts.csv.gz (first_date, last_date,
score). A method without a threshold gets the one that allows N alerts per 100 apartments a week on the training part.
Writes WORK/results.csv and prints it."""

import argparse
import dataclasses
import json
import pathlib

import pandas as pd

import metrics
from metrics import KEY

BUDGET = 2.0


def read(path: pathlib.Path) -> pd.DataFrame:
    return pd.read_csv(
        path,
        parse_dates=[name for name in ("local_date", "first_date", "last_date") if name in pd.read_csv(path, nrows=0)],
        dtype={name: str for name in KEY},
        keep_default_na=False,
        na_values={"score": [""]},
    )


def split(table: pd.DataFrame, about: dict, part: str, by: str = "local_date") -> pd.DataFrame:
    is_test = table[by] >= about["test_from"]
    return table[is_test if part == "test" else ~is_test]


def of_method(work: pathlib.Path, name: str, about: dict, part: str, budget: float):
    """Days with is_alarm and alerts of one method in a part."""
    days = read(work / "scores" / f"{name}.csv.gz").dropna(subset=["score"])
    if "is_alarm" in days:
        days["is_alarm"] = days["is_alarm"].astype(str).str.lower().isin(["true", "t", "1"])
    else:
        train = split(days, about, "train")
        days["is_alarm"] = days["score"] >= metrics.threshold_for(train, budget)
    days, path = split(days, about, part), work / "scores" / f"{name}.alerts.csv.gz"
    alerts = split(read(path), about, part, "first_date") if path.exists() else metrics.alerts_of(days)
    return days, alerts


def false_alarms(work: pathlib.Path, methods: list[str] | None = None, budget: float = BUDGET) -> pd.DataFrame:
    """A building without injected faults: alerts per 100 apartments a week, and the share of days without an alarm."""
    about, rows = json.loads((work / "about.json").read_text()), {}
    for name in methods or names(work):
        days, alerts = of_method(work, name, about, "test", budget)
        days, alerts = (table[table["building_id"] == about["untouched"]] for table in (days, alerts))
        if days.empty:
            continue
        homes, weeks = days["apartment_id"].replace("", pd.NA).nunique(), days["local_date"].nunique() / 7
        rows[name] = {
            "alerts": len(alerts),
            "alerts_per_100_week": len(alerts) / homes / weeks * 100,
            "quiet_days": 1 - days.loc[days["apartment_id"] != "", "is_alarm"].mean(),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def names(work: pathlib.Path) -> list[str]:
    return sorted(
        path.name.removesuffix(".csv.gz") for path in (work / "scores").glob("*.csv.gz") if ".alerts" not in path.name
    )


def evaluate(work: pathlib.Path, part: str = "test", budget: float = BUDGET, methods: list[str] | None = None):
    """A row of metrics for each method, and its number of detected faults of each kind."""
    about = json.loads((work / "about.json").read_text())
    truth = metrics.read_truth(work / "truth.csv", about["zone"], part)
    rows, kinds = {}, {}
    for name in methods or names(work):
        days, alerts = of_method(work, name, about, part, budget)
        if "untouched" in about:
            days, alerts = (table[table["building_id"] != about["untouched"]] for table in (days, alerts))
        # Rules judge no day of homes without the sensors that they read.
        if days.empty:
            continue
        rows[name] = dataclasses.asdict(metrics.scores(days, truth, alerts))
        found = metrics.detections(days, truth)
        kinds[name] = found.groupby("kind")["detected_on"].apply(lambda dates: f"{dates.notna().sum()}/{len(dates)}")
    return pd.DataFrame.from_dict(rows, orient="index"), pd.DataFrame(kinds).T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--part", choices=["train", "test"], default="test")
    parser.add_argument("--budget", type=float, default=BUDGET)
    parser.add_argument("--methods", type=lambda text: text.split(","))
    options = parser.parse_args()
    table, kinds = evaluate(options.work, options.part, options.budget, options.methods)
    table.round(4).to_csv(options.work / f"results-{options.part}.csv", index_label="method")
    kinds.to_csv(options.work / f"kinds-{options.part}.csv", index_label="method")
    with pd.option_context("display.width", 250, "display.max_columns", 30):
        print(table.round(3))
        print(kinds)


if __name__ == "__main__":
    main()
