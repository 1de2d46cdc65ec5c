"""Compares forecasts of edf by trees with predictions of XGBoost in Python: from the files of edf.export_xgboost, and
for trees trained in Python and imported by edf.import_xgboost.

The database is given by PGHOST, PGPORT, PGDATABASE, PGUSER, a superuser; it is not changed. Models of forty days of
synthetic demand: trees alone, and trees with a linear base and a logarithmic target. Rows in Python are those of
edf.features.
"""

import base64
import datetime as dt
import json
import sys

import numpy as np
import psycopg2
import xgboost

# The newest forecast starts at the end of the demand, at the time of day of the training: no intraday correction.
SERIES = """
    create temporary table hourly on commit drop as
    select at, case when n <= 960 then 20 + 8 * sin(pi() * n / 12) + 3 * cos(pi() * n / 84) - 0.5 * temperature + mod(n * 7919, 101) / 101.0 end as demand_kwh,
        temperature as temperature_c
    from generate_series('2026-01-05Z'::timestamptz, '2026-02-16 23:00Z', '1 hour') with ordinality as hours (at, n),
        lateral (select 8 + 6 * sin(pi() * (n - 8) / 12) + mod(n * 104729, 97) / 40.0) as weather (temperature)
"""
QUERY = "select at, demand_kwh, temperature_c from hourly"


def predicted(cursor, model: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of Python from the exported files for each hour ahead, and SHAP values of the trees, by feature."""
    cursor.execute(
        "select issue_slot, lead_day, ubj, feature_names, around from edf.export_xgboost(%s) order by 1, 2", (model,)
    )
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
    answers, contributions = [], []
    for (_, lead), row in sorted(rows.items()):
        _, _, ubj, names, around = files[min(int((lead - 1) // 24), len(files) - 1)]
        booster = xgboost.Booster()
        booster.load_model(bytearray(ubj))
        if booster.feature_names != names:
            sys.exit(f"the file names {booster.feature_names}, the model {names}")
        matrix = xgboost.DMatrix(np.array([[row[name] for name in names]], dtype=np.float32), feature_names=names)
        contributions.append(booster.predict(matrix, pred_contribs=True)[0, :-1])
        value, base, unit = float(booster.predict(matrix)[0]), around["base"], around["asinh_unit"]
        if base is not None:
            known = ((term, np.float32(row[term["feature"]])) for term in base["terms"])
            value += base["intercept"] + sum(
                term["weight"] * (float(x) - term["mean"]) for term, x in known if not np.isnan(x)
            )
        if unit is not None:
            value = unit * np.sinh(value)
        if base is not None:
            value = min(max(value, base["least"]), base["most"])
        answers.append(value)
    return np.array(answers), np.array(contributions)


def explained(cursor, subject: str, names: list[str]) -> np.ndarray:
    """The contributions of edf.explain, hours by features."""
    cursor.execute(
        "select valid_at, feature, contribution from edf.explain(%s, %s) where feature = any (%s)",
        (subject, QUERY, names),
    )
    hours = {}
    for valid_at, feature, contribution in cursor.fetchall():
        hours.setdefault(valid_at, {})[feature] = contribution
    # A feature that is unknown and has no contribution has no row.
    return np.array([[hours[hour].get(name, 0.0) for name in names] for hour in sorted(hours)])


def rows_of(cursor, spec: dict, issued_at: str | None = None) -> tuple[list, list[str], np.ndarray]:
    """Hours, names and values of the features of a forecast issued at a time, the newest by default."""
    cursor.execute(
        "select valid_at, feature, value from edf.features(%s, %s, '72 hours', %s)",
        (QUERY, json.dumps(spec), issued_at),
    )
    rows = {}
    for valid_at, feature, value in cursor.fetchall():
        rows.setdefault(valid_at, {})[feature] = np.nan if value is None else value
    hours = sorted(rows)
    names = list(rows[hours[0]])
    return hours, names, np.array([[rows[hour][name] for name in names] for hour in hours], dtype=np.float32)


def imported(cursor, files: list[dict], spec: dict, subject: str) -> np.ndarray:
    """Forecasts of edf by imported files, whose trees are trained on data until 30 January."""
    cursor.execute(
        "select edf.import_xgboost(%s, %s, %s, '2026-01-30Z', %s)",
        (subject, QUERY, json.dumps(files), json.dumps(spec)),
    )
    model = cursor.fetchone()[0]
    cursor.execute(
        "select status, metrics #>> '{held_out,from}' >= '2026-01-30', (select reason from edf.model_events where model_id = %s) from edf.models where model_id = %s",
        (model, model),
    )
    status, is_unseen, reason = cursor.fetchone()
    if status != "pending" or not is_unseen or not reason.startswith("imported: trees of "):
        sys.exit(f"it was imported as {status}, {is_unseen}, {reason}")
    cursor.execute("select edf.approve_model(%s, 'a test')", (model,))
    cursor.execute("select yhat, yhat_lower, yhat_upper from edf.forecast(%s, %s) order by valid_at", (subject, QUERY))
    found = np.array(cursor.fetchall(), dtype=float)
    if not (found[:, 1] < found[:, 0]).all() or not (found[:, 0] < found[:, 2]).all():
        sys.exit("an interval does not contain its forecast")
    return found[:, 0]


def check(title: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    apart = float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else np.inf
    print(f"{title}: {len(theirs)} hours; at most {apart:.1e} kWh apart")
    if not (len(ours) == 72 and ours.std() > 1 and apart < 1e-4):
        sys.exit("predictions differ")


def trained_in_python(cursor) -> None:
    """Trains in Python on rows of edf.features: forecasts issued at midnight from 15 to 27 January."""
    spec = {"preset": "basic"}
    cursor.execute("select at, demand_kwh from hourly where demand_kwh is not null")
    demand = dict(cursor.fetchall())
    examples, labels = [], []
    for day in range(15, 28):
        hours, names, rows = rows_of(cursor, spec, f"2026-01-{day}Z")
        examples.append(rows)
        labels += [demand[hour] for hour in hours]
    matrix = xgboost.DMatrix(np.concatenate(examples), label=labels, feature_names=names)
    booster = xgboost.train({"max_depth": 4, "eta": 0.2, "seed": 1}, matrix, num_boost_round=50)
    file = {"issue_slot": 0, "lead_day": 1, "ubj": base64.b64encode(booster.save_raw("ubj")).decode()}
    _, names, rows = rows_of(cursor, spec)
    check(
        "trained in Python",
        imported(cursor, [file], spec, "from Python"),
        booster.predict(xgboost.DMatrix(rows, feature_names=names)),
    )
    shuffled = xgboost.DMatrix(np.concatenate(examples), label=labels, feature_names=names[::-1])
    wrong = [{**file, "ubj": base64.b64encode(xgboost.train({}, shuffled, num_boost_round=2).save_raw("ubj")).decode()}]
    poisson = xgboost.train({"objective": "count:poisson"}, matrix, num_boost_round=2)
    for files, code, words in (
        (wrong, "22023", "another order"),
        ([{**file, "ubj": base64.b64encode(poisson.save_raw("ubj")).decode()}], "22023", "count:poisson"),
        ([{**file, "lead_day": 2}], "22023", "days of lead"),
        ([{**file, "ubj": "?"}], "22023", "files cannot be read"),
        ([], "22023", "there are no files"),
        ([{**file, "around": {"base": {"intercept": 1}}}], "0A000", "cannot be imported"),
    ):
        cursor.execute("savepoint before")
        try:
            imported(cursor, files, spec, "refused")
            sys.exit(f"{words}: it was accepted")
        except psycopg2.Error as error:
            if error.pgcode != code or words not in str(error):
                sys.exit(f"{code} {words}: {error.pgcode} {error}")
        cursor.execute("rollback to before")


def exported_and_back(cursor) -> None:
    """Files of a model that edf trained on data until 30 January."""
    early = f"select at, case when at < '2026-01-30Z' then demand_kwh end, temperature_c from ({QUERY}) as hours where at < '2026-02-02Z'"
    recipe = {"rounds": 40, "max_depth": 4, "base": "mean"}
    cursor.execute("select edf.train('there', %s, 'xgboost', %s)", (early, json.dumps(recipe)))
    model = cursor.fetchone()[0]
    cursor.execute("select edf.approve_model(%s, 'a test')", (model,))
    cursor.execute("select yhat from edf.forecast('there', %s) order by valid_at", (QUERY,))
    ours = np.array([row[0] for row in cursor.fetchall()])
    cursor.execute(
        """
        select jsonb_agg(jsonb_build_object('issue_slot', issue_slot, 'lead_day', lead_day, 'ubj', encode(ubj, 'base64'), 'around', around)
                         order by issue_slot <> 0, issue_slot, lead_day), (select features from edf.models where model_id = %s)
        from edf.export_xgboost(%s)""",
        (model, model),
    )
    files, spec = cursor.fetchone()
    check("exported and imported", ours, imported(cursor, files, spec, "and back"))


def main() -> None:
    with psycopg2.connect("") as connection, connection.cursor() as cursor:
        cursor.execute(SERIES)
        for parameters in ({"base": "mean"}, {"base": "linear", "target": "log"}):
            recipe = {"rounds": 40, "max_depth": 4, **parameters}
            cursor.execute("select edf.train('xgboost in Python', %s, 'xgboost', %s)", (QUERY, json.dumps(recipe)))
            model = cursor.fetchone()[0]
            cursor.execute("select edf.approve_model(%s, 'a test')", (model,))
            cursor.execute("select yhat from edf.forecast('xgboost in Python', %s) order by valid_at", (QUERY,))
            ours = np.array([row[0] for row in cursor.fetchall()])
            theirs, contributions = predicted(cursor, model)
            check(f"{parameters}, xgboost {xgboost.__version__}", ours, theirs)
            if parameters["base"] == "mean":
                cursor.execute("select feature_names from edf.models where model_id = %s", (model,))
                ours = explained(cursor, "xgboost in Python", cursor.fetchone()[0])
                apart = float(np.abs(ours - contributions).max())
                print(f"contributions: {contributions.shape[1]} features; at most {apart:.1e} kWh apart")
                if apart > 1e-5 or np.abs(contributions).max() < 1:
                    sys.exit("explanations differ")
        exported_and_back(cursor)
        trained_in_python(cursor)
        connection.rollback()


if __name__ == "__main__":
    main()
