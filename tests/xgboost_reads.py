"""Compares what edf forecasts by trees with what XGBoost in Python predicts from the files of edf.export_xgboost.

The database is named by PGHOST, PGPORT, PGDATABASE, PGUSER, a superuser; nothing stays. Two models of forty days of a made-up
demand: trees alone, and trees on a linear base, of a logarithmic target. Python's rows are those of edf.features.
"""

import datetime as dt
import json
import sys

import numpy as np
import psycopg2
import xgboost

# The newest forecast starts where the demand ends, at the time of day of the training, so that nothing is corrected within the day.
SERIES = """
    create temporary table hourly on commit drop as
    select at, case when n <= 960 then 20 + 8 * sin(pi() * n / 12) + 3 * cos(pi() * n / 84) - 0.5 * temperature + mod(n * 7919, 101) / 101.0 end as demand_kwh,
        temperature as temperature_c
    from generate_series('2026-01-05Z'::timestamptz, '2026-02-16 23:00Z', '1 hour') with ordinality as hours (at, n),
        lateral (select 8 + 6 * sin(pi() * (n - 8) / 12) + mod(n * 104729, 97) / 40.0) as weather (temperature)
"""
QUERY = "select at, demand_kwh, temperature_c from hourly"


def predicted(cursor, model: int) -> np.ndarray:
    """What Python makes of the exported files: a value for each hour ahead."""
    cursor.execute("select issue_slot, lead_day, ubj, feature_names, around from edf.export_xgboost(%s) order by 1, 2", (model,))
    files = cursor.fetchall()
    cursor.execute("select features from edf.models where model_id = %s", (model,))
    spec = cursor.fetchone()[0]
    cursor.execute("select valid_at, lead_hours, feature, value from edf.features(%s, %s)", (QUERY, json.dumps(spec)))
    rows = {}
    for valid_at, lead, feature, value in cursor.fetchall():
        rows.setdefault((valid_at, lead), {})[feature] = np.nan if value is None else value
    # The trees of the time of day at which this forecast starts; the model's time zone is UTC.
    start = min(rows)[0].astimezone(dt.timezone.utc).hour
    files = [file for file in files if file[0] == start]
    answers = []
    for (_, lead), row in sorted(rows.items()):
        _, _, ubj, names, around = files[min(int((lead - 1) // 24), len(files) - 1)]
        booster = xgboost.Booster()
        booster.load_model(bytearray(ubj))
        if booster.feature_names != names:
            sys.exit(f"the file names {booster.feature_names}, the model {names}")
        matrix = xgboost.DMatrix(np.array([[row[name] for name in names]], dtype=np.float32), feature_names=names)
        value, base, unit = float(booster.predict(matrix)[0]), around["base"], around["asinh_unit"]
        if base is not None:
            known = ((term, np.float32(row[term["feature"]])) for term in base["terms"])
            value += base["intercept"] + sum(term["weight"] * (float(x) - term["mean"]) for term, x in known if not np.isnan(x))
        if unit is not None:
            value = unit * np.sinh(value)
        if base is not None:
            value = min(max(value, base["least"]), base["most"])
        answers.append(value)
    return np.array(answers)


def main() -> None:
    with psycopg2.connect("") as connection, connection.cursor() as cursor:
        cursor.execute(SERIES)
        for parameters in ({"base": "mean"}, {"base": "linear", "target": "log"}):
            recipe = {"rounds": 40, "max_depth": 4, **parameters}
            cursor.execute("select edf.train('xgboost in Python', %s, 'xgboost', %s)", (QUERY, json.dumps(recipe)))
            model = cursor.fetchone()[0]
            cursor.execute("select edf.approve_model(%s, 'a test')", (model,))
            cursor.execute("select yhat from edf.forecast('xgboost in Python', %s) order by valid_at", (QUERY,))
            ours, theirs = np.array([row[0] for row in cursor.fetchall()]), predicted(cursor, model)
            apart = float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else np.inf
            print(f"{parameters}: {len(theirs)} hours, xgboost {xgboost.__version__}; at most {apart:.1e} kWh apart")
            if not (len(ours) == 72 and ours.std() > 1 and apart < 1e-4):
                sys.exit("Python predicts something else")
        connection.rollback()


if __name__ == "__main__":
    main()
