"""Exports scores, alerts and features of apartment days as files for evaluate.py, peers.py and plots.py."""

import csv
import gzip
import pathlib

RULES = "select rule from energy.anomaly_rules"


def write(path: pathlib.Path, names: list[str], rows: list[tuple]) -> None:
    with gzip.open(path, "wt", newline="", compresslevel=1) as file:
        table = csv.writer(file)
        table.writerow(names)
        table.writerows(rows)


def export(database, work: pathlib.Path) -> list[str]:
    """Files for evaluate.py: each model alone, the rules together, and the combined score with its alerts."""
    folder, written = work / "scores", []
    folder.mkdir(exist_ok=True)
    for old in folder.glob("edf-*.csv.gz"):
        old.unlink()
    days = ["building_id", "apartment_id", "local_date", "score", "is_alarm"]
    models = [
        name
        for name, in database.rows(
            "postgres",
            f"""
        select distinct detector from energy.anomaly_scores where detector not in ({RULES}) order by 1""",
        )
    ]
    for detector in models:
        rows = database.rows(
            "postgres",
            """select building_id, apartment_id, local_date, score, is_alarm
            from energy.anomaly_scores where detector = %s""",
            (detector,),
        )
        write(folder / f"edf-{detector.replace('_', '-')}.csv.gz", days, rows)
        written.append(detector)
    # For the plot of an alert.
    write(
        folder.parent / "expected.csv.gz",
        ["building_id", "apartment_id", "local_date", "evidence"],
        database.rows(
            "postgres",
            """
        select building_id, apartment_id, local_date, evidence::text
        from energy.anomaly_scores where detector = 'expected_energy'""",
        ),
    )
    write(
        folder / "edf-rules.csv.gz",
        days,
        database.rows(
            "postgres",
            f"""
        select building_id, apartment_id, local_date, max(score), bool_or(is_alarm) from energy.anomaly_scores
        where detector in ({RULES}) group by building_id, apartment_id, local_date""",
        ),
    )
    if database.value(
        "postgres", "select to_regprocedure('energy.combined_anomaly_scores(text[], date, date)') is not null"
    ):
        export_combined(database, folder, days)
        written.append("combined")
    return ["rules", *written]


def export_features(database, work: pathlib.Path) -> None:
    """The daily features, also used by peers."""
    names = ", ".join(
        name
        for name, in database.rows(
            "postgres",
            """
        select quote_ident(attname) from pg_attribute
        where attrelid = 'features.fct_apartment_days'::regclass and attnum > 0 and not attisdropped
          and (atttypid in ('double precision'::regtype, 'integer'::regtype, 'bigint'::regtype, 'numeric'::regtype)
               or attname in ('building_id', 'apartment_id', 'local_date'))
        order by attnum""",
        )
    )
    with gzip.open(work / "features.csv.gz", "wb", compresslevel=1) as file:
        database.session("postgres", None).copy_expert(
            f"copy (select {names} from features.fct_apartment_days) to stdout with csv header", file
        )


def export_combined(database, folder: pathlib.Path, days: list[str]) -> None:
    """Each known day with the combined score; an alarm is a day of a valid alert with a score that can extend it."""
    write(
        folder / "edf-combined.csv.gz",
        days,
        database.rows(
            "postgres",
            """
        with

        known as (
            select building_id, apartment_id, local_date from energy.anomaly_scores group by 1, 2, 3
        ),

        combined as (
            select building_id, apartment_id, local_date, anomaly_score
            from energy.combined_anomaly_scores(
                array(select building_id from raw.buildings),
                (select min(local_date) from known), (select max(local_date) from known))
        )

        select building_id, apartment_id, local_date, coalesce(anomaly_score, 0),
            exists (
                select from energy.anomaly_alerts as alerts
                where alerts.building_id = known.building_id and alerts.apartment_id = known.apartment_id
                  and known.local_date between alerts.first_date and alerts.last_date and alerts.withdrawn_at is null
                  and combined.anomaly_score
                      >= alerts.threshold * (select keep_share from energy.anomaly_alert_settings))
        from (select * from known union select building_id, apartment_id, local_date from combined) as known
        left join combined using (building_id, apartment_id, local_date)""",
        ),
    )
    write(
        folder / "edf-combined.alerts.csv.gz",
        ["alert_id", "building_id", "apartment_id", "first_date", "last_date", "score"],
        database.rows(
            "postgres",
            """
              select alert_id, building_id, apartment_id, first_date, last_date, anomaly_score
              from energy.anomaly_alerts where withdrawn_at is null""",
        ),
    )
