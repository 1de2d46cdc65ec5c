"""Computes the forecasts of the peers: run.py [--methods A,B] [--series A,B] [--development]

Existing forecasts are reused if the series, the protocol and the method's source are unchanged.
"""

import argparse
import importlib
import os
import pathlib
import sys
import traceback
import warnings

# Two cores are shared with others: one thread each.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"))
warnings.filterwarnings("ignore")

import json  # noqa: E402

from protocol import Series, Store, run  # noqa: E402

HERE = pathlib.Path(__file__).parent
# Fast ones first, so that an interrupted run has as many as possible. OpenSTEF needs Python 3.12 and a separate
# environment.
METHODS = {
    "seasonal-naive": ("simple", "seasonal_naive"),
    "day-type-mean": ("simple", "day_type_mean"),
    "xgboost-basic": ("xgb", "basic"),
    "xgboost-advanced": ("xgb", "advanced"),
    "mlforecast-lightgbm": ("lightgbm_peer", "mlforecast"),
    "prophet": ("prophet_peer", "prophet"),
    "statsforecast-mstl": ("stats", "mstl"),
    "statsforecast-arima": ("stats", "arima"),
    "openstef-gblinear": ("openstef_peer", "gblinear"),
    "openstef-xgboost": ("openstef_peer", "xgboost"),
}
# Groups of the accuracy tables. Other groups (net load) are only used by bench/accuracy/axes.py.
GROUPS = (
    "all homes",
    "Victoria",
    "four groups",
    "utilities",
    "predicted weather",
    "British homes",
    "without weather",
    "single homes",
)


def names(folder: pathlib.Path) -> list[str]:
    """Series of the accuracy tables by group, the many single homes last."""
    described = json.loads((folder / "series.json").read_text())
    listed = [name for name in described if described[name]["group"] in GROUPS]
    return sorted(listed, key=lambda name: (GROUPS.index(described[name]["group"]), name))


def work_folder(options) -> pathlib.Path:
    return options.work / ("development" if options.development else "test")


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    cache = pathlib.Path(os.environ.get("EDF_CACHE") or pathlib.Path.home() / ".cache/edf")
    parser.add_argument("--work", type=pathlib.Path, default=cache / "accuracy", help="folder of series and forecasts")
    parser.add_argument("--series", type=lambda text: text.split(","), help="these only")
    parser.add_argument("--methods", type=lambda text: text.split(","), help="these only")
    parser.add_argument("--development", action="store_true", help="the ten weeks before the test weeks")
    return parser


def main() -> None:
    environments = {
        "openstef": [method for method in METHODS if method.startswith("openstef")],
        "peers": [method for method in METHODS if not method.startswith("openstef")],
    }
    parser = arguments(__doc__)
    parser.add_argument(
        "--environment", choices=environments, default="peers", help="all methods of it, unless some are named"
    )
    options = parser.parse_args()
    store, failed = Store(work_folder(options)), []
    for name in options.series or names(options.work / "series"):
        series = Series(options.work / "series", name)
        for method in options.methods or environments[options.environment]:
            module, function = METHODS[method]
            sources = [HERE / "peers/common.py", HERE / f"peers/{module}.py"]
            try:
                make = getattr(importlib.import_module(f"peers.{module}"), function)
                run(series, method, make, sources, store, options.development)
            except Exception:
                traceback.print_exc()
                failed.append(f"{method} on {name}")
    for what in dict.fromkeys(failed):
        print(f"not forecast: {what}", file=sys.stderr)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
