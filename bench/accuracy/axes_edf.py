"""Forecasts of edf at every hour and delay of axes.py: edf.train, edf.approve_model and edf.forecast.

    bench/accuracy/with_edf.sh axes_edf.py STRATEGY... [--series A,B] [--quick]

There is a model for each hour and delay; the one of the pipeline's recipe is used at all of them. All are trained on
the same rows.
"""

import io
import os
import pathlib
import time
from concurrent.futures import ThreadPoolExecutor

import pandas as pd

import axes
from axes import LEADS, Cell
from edf_forecasts import literal, load, psql
from protocol import Series, key_of

PROCESSES = 2
HERE = pathlib.Path(__file__).parent
# Weather and holidays are known in advance. Demand is known with a delay after the end of its hour; hours whose demand
# is not known yet are forecast, like those after the issue time.
INPUT = """
select hour_at,
       case when hour_at + interval '1 hour' * (1 + %2$s) <= %1$L then demand end as demand,
       {regressors},
       least(hour_at + interval '1 hour' * (1 + %2$s), %1$L) as received_at
from "{table}"
where hour_at >= timestamptz %1$L - interval '90 days' and hour_at < timestamptz %1$L + interval '48 hours'
order by hour_at"""


def train(series: Series, strategy: str, recipe: Cell) -> str:
    """Trains and approves a model; returns its subject."""
    subject = f"{series.name} {axes.model_name(strategy, recipe)}"
    cut = axes.first_day(series).isoformat()
    rows = f"select * from \"{series.name}\" where hour_at < '{cut}' order by hour_at"
    psql(f"""select edf.approve_model(edf.train({literal(subject)}, {literal(rows)}, strategy => {literal(strategy)},
        features => jsonb_build_object('time_zone', {literal(series.time_zone)}), horizon => '72 hours',
        issue_hours => array[{recipe.issue_hour}], availability => '{recipe.delay_h} hours'))""")
    return subject


def forecasts(series: Series, strategy: str, recipe: Cell, cells: list[Cell], count: int) -> pd.DataFrame:
    """All forecasts of a model in one statement: a lateral join over hours, delays and origins."""
    subject = train(series, strategy, recipe)
    regressors = ", ".join(f'"{name}"' for name in series.frame if name != "demand")
    query = INPUT.format(regressors=regressors, table=series.name)
    asked = ", ".join(f"('{at.isoformat()}'::timestamptz, {cell.issue_hour}, {cell.delay_h})"
                      for cell in cells for at in cell.origins(series, count))
    found = psql(f"""copy (
        select asked.origin, asked.issue_hour, asked.delay_h, ahead.valid_at, ahead.yhat
        from (values {asked}) as asked (origin, issue_hour, delay_h)
        cross join lateral edf.forecast({literal(subject)}, format({literal(query)}, asked.origin, asked.delay_h),
            horizon => '48 hours', issued_at => asked.origin) as ahead
        where ahead.valid_at >= asked.origin and ahead.valid_at < asked.origin + interval '{LEADS} hours'
    ) to stdout with (format csv, header)""")
    rows = pd.read_csv(io.StringIO(found))
    for column in ("origin", "valid_at"):
        rows[column] = pd.to_datetime(rows[column], utc=True)
    return rows


def main() -> None:
    options = axes.options(__doc__, ("strategies", {"nargs": "+"}))
    cells, count, store = axes.plan(options)
    recipe = Cell(*axes.RECIPE)
    library = key_of(pathlib.Path(os.environ["EDF_LIBRARY"]))
    work = []
    for name in options.series:
        series = Series(options.work / "series", name)
        for strategy in options.strategies:
            for trained in dict.fromkeys([recipe, *cells]):
                asked = cells if trained == recipe else [trained]
                sources = [series.path, HERE / "protocol.py", HERE / "axes_edf.py"]
                key = key_of(*sources, more=f"{library} {series.about} {strategy} {trained} {asked} {count}")
                if not store.is_fresh(name, axes.model_name(strategy, trained), key):
                    work.append((series, strategy, trained, asked, key))
    for series in {series.name: series for series, *_ in work}.values():
        load(series.name, series.frame)

    def make(series, strategy, trained, asked, key):
        began, method = time.monotonic(), axes.model_name(strategy, trained)
        store.write(series.name, method, key, forecasts(series, strategy, trained, asked, count))
        print(f"{series.name:<28} {method:<28} {time.monotonic() - began:7.1f} s", flush=True)

    with ThreadPoolExecutor(PROCESSES) as pool:
        for done in [pool.submit(make, *one) for one in work]:
            done.result()


if __name__ == "__main__":
    main()
