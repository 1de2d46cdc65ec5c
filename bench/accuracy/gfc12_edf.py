"""Forecasts of edf for fev-bench's task GFC12, by edf.backtest in a private cluster:

    bench/accuracy/with_edf.sh gfc12_edf.py STRATEGY... [--refit DAYS] [--quick]

The series are those of fev-bench: demand and temperature, no holidays. Local times are treated as UTC, so that days
have 24 hours.
"""

import json
import os
import pathlib
import time

import gfc12
from edf_forecasts import literal, load, parsed, psql
from protocol import key_of
from run import arguments

HERE = pathlib.Path(__file__).parent


def backtest(strategy: str, refit: int):
    schedule = {"first_origin": gfc12.origins()[0].isoformat(), "step": "168 hours", "refit": f"{refit} days"}
    return parsed(psql(f"""copy (
        select * from edf.backtest('select * from gfc12 order by hour_at', strategy => {literal(strategy)},
            features => '{{"time_zone": "UTC"}}', horizon => '{gfc12.HORIZON} hours',
            schedule => {literal(json.dumps(schedule))}, levels => array{list(gfc12.LEVELS)})
    ) to stdout with (format csv, header)"""))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("strategies", nargs="+")
    parser.add_argument("--refit", type=int, default=70, help="days between fits; default: one fit")
    parser.add_argument("--quick", action="store_true", help="the first zone alone")
    options = parser.parse_args()
    store, frames = gfc12.store(options), gfc12.zones(gfc12.downloads(options))
    gfc12.check(frames)
    library = key_of(pathlib.Path(os.environ["EDF_LIBRARY"]))
    for zone in (1,) if options.quick else gfc12.ZONES:
        loaded = False
        for strategy in options.strategies:
            name, label = gfc12.folder(zone), f"edf-{strategy.replace('_', '-')}"
            sources = [HERE / "gfc12.py", HERE / "gfc12_edf.py", HERE / "series.py"]
            key = key_of(*sources, more=f"{library} {strategy} {options.refit}")
            if store.is_fresh(name, label, key):
                continue
            began = time.monotonic()
            if not loaded:
                load("gfc12", frames[zone])
                loaded = True
            rows = backtest(strategy, options.refit)
            store.write(name, label, key, rows)
            scored = gfc12.scores({zone: frames[zone]}, {zone: rows})
            text = ", ".join(f"{metric} {value:.4f}" for metric, value in scored.items())
            print(f"GFC12 {name} {label:<14} {time.monotonic() - began:7.1f} s   {text}", flush=True)


if __name__ == "__main__":
    main()
