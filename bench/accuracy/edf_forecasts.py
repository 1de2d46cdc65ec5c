"""Runs edf.backtest over the series in the database given by PGHOST etc.: see edf.sh."""

import io
import json
import os
import pathlib
import subprocess
import time

import pandas as pd

import protocol
from protocol import HOUR, ORIGINS, QUANTILES, REFIT, Series, Store, key_of
from run import arguments, names, work_folder


def psql(statement: str, source: str | None = None) -> str:
    command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement]
    return subprocess.run(command, input=source, stdout=subprocess.PIPE, text=True, check=True).stdout


def literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def load(table: str, frame: pd.DataFrame) -> None:
    columns = ", ".join(f'"{name}" double precision' for name in frame)
    psql(f"""set client_min_messages = warning; drop table if exists "{table}";
        create table "{table}" (hour_at timestamptz primary key, {columns})""")
    psql(f'copy "{table}" from stdin with (format csv, header)', frame.to_csv())


def parsed(found: str) -> pd.DataFrame:
    """Converts rows of edf.backtest to the file format: lead_h counts from 1, quantiles are columns."""
    rows = pd.read_csv(io.StringIO(found))
    rows["origin"], rows["valid_at"] = (
        pd.to_datetime(rows["issued_at"], utc=True),
        pd.to_datetime(rows["valid_at"], utc=True),
    )
    rows["lead_h"] = (rows["valid_at"] - rows["origin"]) // HOUR + 1
    numbers = lambda array: [float(value) for value in array.strip("{}").split(",")]
    levels = numbers(rows["quantiles"].iloc[0])
    quantiles = pd.DataFrame(rows["quantile_values"].map(numbers).tolist(), columns=[f"q{level:g}" for level in levels])
    rows = pd.concat([rows, quantiles], axis=1)
    return rows[["origin", "valid_at", "lead_h", "yhat", *(name for name in rows if name.startswith("q0."))]]


def backtest(series: Series, strategy: str, parameters: str, features: str, first: pd.Timestamp) -> pd.DataFrame:
    features = json.dumps({"time_zone": series.time_zone} | json.loads(features))
    schedule = json.dumps({"refit": f"{REFIT} days", "first_origin": first.isoformat()})
    return parsed(psql(f"""copy (
        select * from edf.backtest('select * from series order by hour_at', strategy => {literal(strategy)},
            parameters => {literal(parameters)}, features => {literal(features)}, schedule => {literal(schedule)},
            levels => array{list(QUANTILES)})
        where issued_at < timestamptz '{first.isoformat()}' + interval '{ORIGINS} days'
    ) to stdout with (format csv, header)"""))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("strategies", nargs="+")
    parser.add_argument("--parameters", default="{}", help="JSON, for every strategy")
    parser.add_argument("--features", default="{}", help="JSON, for every strategy")
    parser.add_argument("--label", help="the name of the forecasts, if not the strategy's")
    options = parser.parse_args()
    library = key_of(pathlib.Path(os.environ["EDF_LIBRARY"]))
    store = Store(work_folder(options))
    for name in options.series or names(options.work / "series"):
        series = Series(options.work / "series", name)
        first = series.origins(options.development)[0]
        end = series.origins()[0] if options.development else series.frame.index[-1] + HOUR
        loaded = False
        for strategy in options.strategies:
            label = f"edf-{(options.label or strategy).replace('_', '-')}"
            more = f"{library} {strategy} {options.parameters} {options.features} {options.development} {series.about}"
            key = key_of(series.path, pathlib.Path(protocol.__file__), pathlib.Path(__file__), more=more)
            if store.is_fresh(name, label, key):
                continue
            began = time.monotonic()
            if not loaded:
                load("series", series.frame[: end - HOUR])
                loaded = True
            store.write(name, label, key, backtest(series, strategy, options.parameters, options.features, first))
            print(f"{name:<28} {label:<22} {time.monotonic() - began:7.1f} s", flush=True)


if __name__ == "__main__":
    main()
