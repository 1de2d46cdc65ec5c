"""Writes the table of bench/README.md from the results of bench.sh: report.py FOLDER BUILDINGS
BUILDINGS_OF_THE_ENSEMBLE SETTINGS"""

import csv
import json
import os
import pathlib
import re
import statistics
import sys

README = pathlib.Path(__file__).resolve().parents[1] / "README.md"
MARKERS = ("<!-- speed: written by bench/speed/bench.sh -->", "<!-- end of speed -->")


def main() -> None:
    folder, buildings, few, settings = (
        pathlib.Path(sys.argv[1]),
        int(sys.argv[2]),
        int(sys.argv[3]),
        json.loads(sys.argv[4]),
    )
    runs = {}
    for task, side, clock, processor in csv.reader((folder / "measured.csv").open()):
        runs.setdefault((task, side), []).append((float(clock), float(processor)))
    seconds = {key: tuple(statistics.median(column) for column in zip(*values)) for key, values in runs.items()}

    def cell(task: str, side: str, times: float = 1.0) -> str:
        clock, processor = seconds[task, side]
        return f"{clock * times:.3g} ({processor * times:.3g})"

    def ratio(task: str, one: str, other: str, places: int = 1) -> str:
        return f"{seconds[task, one][1] / seconds[task, other][1]:.{places}f}"

    tasks = {
        "train-one": "train one building, 8,760 hours",
        "train": f"train {buildings} buildings, 8,760 hours each",
        "forecast": f"forecast 72 hours of {buildings} buildings",
        "backtest": "backtest of ten weeks, five fits",
    }
    lines = [
        "| task | `edf`, xgboost | script in Python | Python / `edf` | libxgboost alone | `edf` / libxgboost |",
        "|---|---|---|---|---|---|",
    ]
    for task, title in tasks.items():
        lines.append(f"| {title} | {cell(task, 'edf')} | {cell(task, 'python')} | **{ratio(task, 'python', 'edf')}** "
                     f"| {cell(task, 'floor')} | **{ratio(task, 'edf', 'floor', 2)}** |")
    champion = ["| task | `edf`, ensemble |", "|---|---|"]
    for task in ("train-one", "train", "forecast"):
        times = buildings / few if task != "train-one" else 1
        title = tasks[task]
        champion.append(
            f"| {title}{f', from {few} of them' if times > 1 else ''} | {cell(task, 'edf-ensemble', times)} |"
        )
    memory = {int(nth): (float(own), float(peak)) for nth, own, peak in csv.reader((folder / "memory.csv").open())}
    shown = ", ".join(f"{memory[nth][0]:.0f} MB after {nth}" for nth in sorted({1, min(5, max(memory)), max(memory)}))
    peak = max(peak for _, peak in memory.values())
    rmse = dict(csv.reader((folder / "rmse.csv").open()))
    launch = seconds["launch", "python"]
    whole = 120 / buildings
    extrapolated = (
        ""
        if whole <= 1
        else (
            f" Not measured, but extrapolated from {buildings} to 120 buildings: training "
            f"{seconds['train', 'edf'][0] * whole:.0f} s wall clock, "
            f"daily forecast {seconds['forecast', 'edf'][0] * whole:.2g} s."
        )
    )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    met = lambda value, aim, most=False: (
        f"{value:.2g} ({'met' if (value <= aim if most else value >= aim) else 'missed'})"
    )
    over = lambda task, one, other: seconds[task, one][1] / seconds[task, other][1]
    aims = "\n".join(
        [
            "| aim | measured |",
            "|---|---|",
            f"| at most 1.3 times libxgboost alone: training | {met(over('train', 'edf', 'floor'), 1.3, True)} |",
            f"| the same: backtest | {met(over('backtest', 'edf', 'floor'), 1.3, True)} |",
            "| the same: daily forecast, without reading a model or weather, and without features, in libxgboost | "
            f"{met(over('forecast', 'edf', 'floor'), 1.3, True)} |",
            "| training at least 3 times as fast as Python, same settings | "
            f"{met(over('train', 'python', 'edf'), 3)} |",
            f"| the same: default settings, and usual initial settings | {met(over('train', 'start', 'default'), 3)} |",
            f"| daily forecast at least 10 times as fast as Python | {met(over('forecast', 'python', 'edf'), 10)} |",
            "| daily forecast of 120 buildings in 1 s"
            f"{', extrapolated, including start and connection of psql each time' if whole > 1 else ''} | "
            f"{met(seconds['forecast', 'edf'][0] * max(whole, 1), 1, True)} "
            f"wall clock, {seconds['forecast', 'edf'][1] * max(whole, 1) / 2:.2g} s of CPU time for each of two "
            "backends |",
        ]
    )
    text = "\n\n".join(
        [
            MARKERS[0],
            "Wall-clock seconds, in parentheses CPU seconds; ratios are of CPU time, which other load on the machine "
            "affects least. Short tasks: medians "
            f"of {len(runs['train-one', 'edf'])} run(s). Load average of 1, 5 and 15 minutes at the end: {load}. Many "
            f"buildings: two backends, two processes of Python.{extrapolated}",
            "\n".join(lines),
            aims,
            "Training of either side is bounded by XGBoost alone. All three have edf's hyperparameters "
            f"({', '.join(f'{name} {value:g}' for name, value in sorted(settings.items()))}) "
            "and one thread a fit; base mean, so that all fit the same model. With its linear base, the default, "
            f"`edf` takes {cell('train', 'default')}. With the usual initial hyperparameters (eta 0.1, 150 rounds, "
            "columns 0.7, XGBoost's 256 bins) Python "
            f"takes {cell('train', 'start')} for the {buildings} buildings, {ratio('train', 'start', 'default')} "
            "times `edf` by default. RMSE of the held-out block, mean of the buildings: "
            f"{float(rmse['edf']):.4f} kWh by `edf`, {float(rmse['default']):.4f} by default, "
            f"{float(rmse['python']):.4f} by Python, {float(rmse['start']):.4f} with the initial hyperparameters. "
            f"Python's time includes its start, {launch[0]:.2g} s ({launch[1]:.2g}) each.",
            f"Private memory of a backend that trains building after building in one statement: {shown}; {peak:.0f} "
            "MB at most, including the shared buffers that it has touched.",
            "The configured strategy, the ensemble, fits LEAR and the trees, five times each.",
            "\n".join(champion),
            MARKERS[1],
        ]
    )
    new, found = re.subn(
        f"{re.escape(MARKERS[0])}.*{re.escape(MARKERS[1])}", lambda _: text, README.read_text(), flags=re.DOTALL
    )
    if not found:
        raise SystemExit(f"{README} has no markers for the speed table.")
    README.write_text(new)
    print(text)


if __name__ == "__main__":
    main()
