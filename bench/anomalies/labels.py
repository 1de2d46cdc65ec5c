"""Precision by the number of labels from technicians: labels.py WORK [--labels 0,25,100,400] [--budget N]

Uses a database filled by replay.py. The requested number of the highest-ranked runs of the training part are resolved
through the technicians' API according to the truth; weights are fitted on them as in production, and the scores of the
test part are combined again. Nothing of the test part is resolved. Every threshold is that of the budget on the
training part, or anomaly_alerts.min_threshold if that is higher. Writes WORK/labels.json."""

import argparse
import dataclasses
import datetime as dt
import json
import pathlib
import sys

import pandas as pd

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "simulate_year"))

import metrics  # noqa: E402
from database import Database  # noqa: E402
from evaluate import BUDGET, split  # noqa: E402
from metrics import KEY  # noqa: E402

TECHNICIAN = "technician-of-the-bench"
LEARN = "energy.learn_anomaly_weights()"
COMBINED = """
    select building_id, apartment_id, local_date, anomaly_score
    from energy.combined_anomaly_scores(array(select building_id from raw.buildings), %s::date, %s::date)"""
KNOWN = "select distinct building_id, apartment_id, local_date from energy.anomaly_scores"


def combined(database: Database, about: dict) -> pd.DataFrame:
    """Each known day with its combined score by the current weights."""
    last = dt.date.fromisoformat(about["test_from"]) + dt.timedelta(days=about["test_days"])
    names = [*KEY, "local_date"]
    scores = pd.DataFrame(database.rows("postgres", COMBINED, (about["first_day"], last)), columns=[*names, "score"])
    days = pd.DataFrame(database.rows("postgres", KNOWN), columns=names).merge(scores, how="outer", on=names)
    days["local_date"] = pd.to_datetime(days["local_date"])
    return days.fillna({"score": 0.0})


def candidates(database: Database, days: pd.DataFrame, truth: pd.DataFrame, most: int) -> pd.DataFrame:
    """Runs of listed days of the training part, the strongest first, and whether they overlap a fault.

    alert_id is that of their alert if there is one, else of the strongest day.
    """
    listed = days[days["score"] > 0].assign(is_alarm=True)
    ranked = listed.sort_values("score", ascending=False).head(60 * most)
    runs = metrics.judged(metrics.alerts_of(ranked, gap=5), truth)
    best = ranked.drop_duplicates(KEY + ["local_date"])
    ids = []
    for run in runs.itertuples():
        own = best[
            (best["building_id"] == run.building_id)
            & (best["apartment_id"] == run.apartment_id)
            & best["local_date"].between(run.first_date, run.last_date)
        ]
        strongest = own.loc[own["score"].idxmax(), "local_date"].date()
        ids.append(
            database.value(
                "postgres",
                """
            select coalesce(
                (select alert_id from energy.anomaly_alerts as alerts
                 where building_id = %(building)s and apartment_id = %(apartment)s and withdrawn_at is null
                   and first_date <= %(last)s and run_until >= %(first)s order by anomaly_score desc limit 1),
                energy.anomaly_alert_id(%(building)s, %(apartment)s, %(day)s))""",
                {
                    "building": run.building_id,
                    "apartment": run.apartment_id,
                    "first": run.first_date.date(),
                    "last": run.last_date.date(),
                    "day": strongest,
                },
            )
        )
        if len(ids) >= 2 * most:
            break
    return runs.head(len(ids)).assign(alert_id=ids).drop_duplicates("alert_id")


def resolve(database: Database, alert_id: str, is_true: bool, clock: dt.datetime) -> bool:
    """Resolves it as a technician; False if it is no longer listed."""
    import psycopg2

    try:
        database.run(
            "postgres",
            "select api.resolve_anomaly_alert(%s, %s, %s)",
            (alert_id, "true_positive" if is_true else "false_positive", "SIMULATED answer"),
            clock=clock,
        )
        return True
    except psycopg2.Error as error:
        if error.pgcode == "PT404":
            return False
        raise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument(
        "--labels", type=lambda text: [int(part) for part in text.split(",")], default=[0, 25, 100, 400]
    )
    parser.add_argument("--budget", type=float, default=BUDGET)
    options = parser.parse_args()
    about = json.loads((options.work / "about.json").read_text())
    truths = {part: metrics.read_truth(options.work / "truth.csv", about["zone"], part) for part in ("train", "test")}
    clock = dt.datetime.combine(dt.date.fromisoformat(about["test_from"]), dt.time(12), dt.timezone.utc)
    database = Database()
    if max(options.labels) and not database.value("postgres", "select to_regprocedure(%s) is not null", (LEARN,)):
        raise SystemExit(
            f"The database has no procedure {LEARN}: deploy a release that learns from answers, or ask for --labels 0."
        )
    database.run(
        "postgres",
        """insert into energy.building_access (subject, building_id)
        select %s, building_id from raw.buildings on conflict do nothing""",
        (TECHNICIAN,),
    )
    claims = json.dumps({"role": "technician", "sub": TECHNICIAN})
    database.run("postgres", "select set_config('request.jwt.claims', %s, false)", (claims,))
    days = combined(database, about)
    waiting = candidates(database, split(days, about, "train"), truths["train"], max(options.labels)).itertuples()
    least = database.value("postgres", "select min_threshold from energy.anomaly_alert_settings")
    results, given, positives = [], 0, 0
    for count in sorted(options.labels):
        while given < count and (run := next(waiting, None)) is not None:
            if resolve(database, run.alert_id, run.is_true, clock):
                given, positives = given + 1, positives + run.is_true
        if given:
            database.run("pipeline", f"call {LEARN}", clock=clock)
            days = combined(database, about)
        threshold = max(least, metrics.threshold_for(split(days, about, "train"), options.budget))
        test = split(days, about, "test").assign(is_alarm=lambda table: table["score"] >= threshold)
        found = dataclasses.asdict(metrics.scores(test, truths["test"]))
        results.append({"asked": count, "labels": given, "positives": int(positives), "threshold": threshold, **found})
        print(
            f"{given} labels, {positives} of them faults: Precision@50 {found['precision_50']:.2f},"
            f" event-wise F0.5 {found['event_f']:.2f}",
            flush=True,
        )
    (options.work / "labels.json").write_text(json.dumps(results, indent=2, default=float) + "\n")


if __name__ == "__main__":
    main()
