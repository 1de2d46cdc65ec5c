"""Forecasts of edf for the solar bench, in a database: solar_edf.py [--work FOLDER] [--series A,B] [--methods A,B]
[--development]"""

import json
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "accuracy"))
from edf_forecasts import backtest, load  # noqa: E402
from protocol import HOUR, Series, Store, key_of  # noqa: E402
from run import arguments, work_folder  # noqa: E402

# Strategy, parameters, features in addition to the location.
METHODS = {
    "edf-solar": ("solar", {}, {}),
    "edf-solar-without-irradiance": ("solar", {}, {"irradiance": "none"}),
    "edf-lear": ("lear", {}, {}),
    "edf-xgboost": ("xgboost", {}, {}),
    "edf-ensemble": ("ensemble", {}, {}),
    "edf-ensemble-with-solar": (
        "ensemble", {"members": [{"strategy": "solar"}, {"strategy": "xgboost", "parameters": {"base": "mean"}}]}, {}),
}


def main() -> None:
    options = arguments(__doc__).parse_args()
    library = key_of(pathlib.Path(os.environ["EDF_LIBRARY"]))
    store = Store(work_folder(options))
    for path in sorted((options.work / "series").glob("*.csv"), reverse=True):
        series = Series(options.work / "series", path.stem)
        if options.series and series.name not in options.series:
            continue
        first = series.origins(options.development)[0]
        end = series.origins()[0] if options.development else series.frame.index[-1] + HOUR
        load("series", series.frame[: end - HOUR])
        for name, (strategy, parameters, more) in METHODS.items():
            key = key_of(
                series.path, HERE / "solar_edf.py", more=f"{library} {name} {options.development} {series.about}"
            )
            if (options.methods and name not in options.methods) or store.is_fresh(series.name, name, key):
                continue
            began = time.monotonic()
            features = {"latitude": series.about["latitude"], "longitude": series.about["longitude"]} | more
            store.write(
                series.name, name, key, backtest(series, strategy, json.dumps(parameters), json.dumps(features), first)
            )
            print(f"{series.name:<12} {name:<30} {time.monotonic() - began:7.1f} s", flush=True)


if __name__ == "__main__":
    main()
