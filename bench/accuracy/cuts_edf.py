"""The ensemble and each of its members on the cut series of cuts.py, by edf.backtest in a private cluster:

    bench/accuracy/with_edf.sh cuts_edf.py [--series A,B] [--development]
"""

import json
import os
import pathlib
import time

import cuts
from edf_forecasts import backtest, load
from protocol import key_of

HERE = pathlib.Path(__file__).parent


def main() -> None:
    options = cuts.options(__doc__)
    library, store = key_of(pathlib.Path(os.environ["EDF_LIBRARY"])), cuts.store_of(options)
    for cut in cuts.cuts(options):
        loaded = False
        for label, (strategy, parameters) in cuts.STRATEGIES.items():
            method, given = f"edf-{label}", json.dumps(parameters)
            sources = [cut.path, HERE / "protocol.py", HERE / "cuts.py", HERE / "edf_forecasts.py"]
            key = key_of(*sources, more=f"{library} {cut.name} {cut.about} {strategy} {given} {options.development}")
            if store.is_fresh(cut.name, method, key):
                continue
            if not loaded:
                load("series", cut.frame)
                loaded = True
            began = time.monotonic()
            store.write(cut.name, method, key, backtest(cut, strategy, given, "{}", cut.origins()[0]))
            print(f"{cut.name:<28} {method:<22} {time.monotonic() - began:7.1f} s", flush=True)


if __name__ == "__main__":
    main()
