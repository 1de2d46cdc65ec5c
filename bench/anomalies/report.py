"""Writes the section Anomalies of bench/README.md and its plots from results on disk: report.py WORK [--real WORK]

WORK is a folder of bench/simulate with results of peers.py, replay.py and labels.py; missing results are marked as not
measured. WORK of --real is a folder of real_homes.py."""

import argparse
import json
import pathlib
import re
import textwrap

import pandas as pd

import evaluate
import plots

BENCH = pathlib.Path(__file__).resolve().parents[1]
FIRST, LAST = "<!-- anomalies: written by bench/anomalies/report.py -->", "<!-- end of anomalies -->"
ORDER = ["zscore", "pyod-iforest", "pyod-lof", "energy-fault-detector"]
COLUMNS = {
    "accuracy": ("normal days", "{:.1%}"),
    "event_f": ("event-wise F0.5", "{:.2f}"),
    "alert_f": ("F0.5 of all alerts", "{:.2f}"),
    "found": ("faults found", "{:.0%}"),
    "within_3_days": ("within 3 days", "{:.0%}"),
    "median_days": ("median days", "{:.1f}"),
    "precision_50": ("Precision@50", "{:.2f}"),
    "alerts_per_100_week": ("alerts per 100 a week", "{:.1f}"),
}
AIMS = (
    ("accuracy", 0.98, "normal days"),
    ("event_f", 0.83, "event-wise F0.5"),
    ("within_3_days", 0.6, "faults within 3 days"),
    ("precision_50", 0.75, "Precision@50"),
)
PRECISION_WITH_LABELS = 0.85


def ordered(names) -> list[str]:
    """Peers first, then ours, the combined score last."""
    return sorted(
        names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name == "edf-combined", name)
    )


def markdown(rows: list[list[str]], head: list[str]) -> str:
    return "\n".join(
        ["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *("| " + " | ".join(row) + " |" for row in rows)]
    )


def cell(value: float, form: str) -> str:
    return "-" if pd.isna(value) else form.format(value)


def main_table(results: pd.DataFrame) -> str:
    rows = [
        [
            f"**{name}**" if name.startswith("edf-") else name,
            *(cell(results.loc[name, key], form) for key, (_, form) in COLUMNS.items()),
        ]
        for name in ordered(results.index)
    ]
    return markdown(rows, ["method", *(title for title, _ in COLUMNS.values())])


def aims(results: pd.DataFrame, work: pathlib.Path) -> str:
    if "edf-combined" not in results.index:
        return "The database's own scores were not measured yet."
    own, peers = results.loc["edf-combined"], results[~results.index.str.startswith("edf-")]
    said = []
    for key, aim, title in AIMS:
        best = peers[key].max()
        met = "met" if own[key] >= aim else "missed"
        beside = f"; best peer {best:.2f}" if len(peers) else ""
        said.append(f"{title} {own[key]:.2f} (aim {aim}, {met}{beside})")
    path = work / "labels.json"
    for row in json.loads(path.read_text()) if path.exists() else []:
        if row["asked"] == 100 and row["labels"]:
            value, aim = row["precision_50"], PRECISION_WITH_LABELS
            met = "met" if value >= aim else "missed"
            said.append(f"Precision@50 after {row['labels']} answers {value:.2f} (aim {aim}, {met})")
    return "Of the combined score: " + "; ".join(said) + "."


def simulated(work: pathlib.Path, budget: float) -> list[str]:
    about = json.loads((work / "about.json").read_text())
    results, kinds = evaluate.evaluate(work, "test", budget)
    results.round(4).to_csv(work / "results-test.csv", index_label="method")
    faults = int(results["faults"].iloc[0])
    parts = [
        f"SIMULATED: {about['apartments']} apartments in {about['buildings']} buildings, seed {about['seed']};"
        f" {about['train_days']} days of training without labels, {about['test_days']} days of test with"
        f" {faults} faults"
        f" on {about['faulty_share']['test']:.2%} of the apartment days. Peers raise at most {budget:g} alerts per 100"
        " apartments a week on the training part; thresholds of `edf` are those of its configuration."
        + ("" if about["messages"] else " Hours were written directly, as computed by the pipeline from messages."),
        main_table(results),
        aims(results, work),
        "Faults found, by kind:",
        markdown(
            [[name, *(str(value) for value in kinds.loc[name])] for name in ordered(kinds.index)],
            ["method", *(kind.replace("_", " ") for kind in kinds.columns)],
        ),
    ]
    return parts


def labels(work: pathlib.Path) -> list[str]:
    path = work / "labels.json"
    if not path.exists():
        return ["Precision against labels was not measured yet."]
    found = json.loads(path.read_text())
    plots.labels(found, BENCH / "plots" / "anomaly-labels.png")
    rows = [
        [
            str(row["labels"]),
            str(row["positives"]),
            f"{row['precision_50']:.2f}",
            f"{row['event_f']:.2f}",
            f"{row['accuracy']:.1%}",
            f"{row['within_3_days']:.0%}",
        ]
        for row in found
    ]
    return [
        "SIMULATED: the combined score after technicians' feedback on the training part, with the thresholds of the "
        "budget:",
        markdown(
            rows, ["labels", "faults among them", "Precision@50", "event-wise F0.5", "normal days", "within 3 days"]
        ),
        "![precision against labels](plots/anomaly-labels.png)",
    ]


def timings(work: pathlib.Path) -> list[str]:
    path = work / "timings.json"
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    scale = 3000 / found["apartments"]
    median = found["median"]
    text = (
        f"Scoring a day of {found['apartments']} apartments takes {median['score_anomalies']:.1f} s"
        if "score_anomalies" in median
        else ""
    )
    if text:
        text += f", or {median['score_anomalies'] * scale:.0f} s for 3,000 if proportional to their number"
    if "train_anomaly_models" in median:
        text += f"; training {median['train_anomaly_models'] / found['apartments'] * 100:.0f} s for 100 apartments"
    return [text + "."] if text else []


def alert(work: pathlib.Path) -> list[str]:
    path = BENCH / "plots" / "anomaly-alert.png"
    return ["![an alert on the technician's page](plots/anomaly-alert.png)"] if plots.alert(work, path) else []


def real(work: pathlib.Path | None, budget: float) -> list[str]:
    if work is None or not (work / "scores").exists() or not evaluate.names(work):
        return ["On real homes it was not measured yet."]
    results, kinds = evaluate.evaluate(work, "test", budget)
    quiet = evaluate.false_alarms(work, budget=budget)
    rows = [
        [
            name,
            f"{quiet.loc[name, 'quiet_days']:.1%}",
            f"{quiet.loc[name, 'alerts_per_100_week']:.1f}",
            f"{results.loc[name, 'found']:.0%}",
            f"{results.loc[name, 'within_3_days']:.0%}",
            *(str(value) for value in kinds.loc[name]),
        ]
        for name in ordered(results.index)
    ]
    return [
        "15 measured homes (electricity), untouched, and copies of them with INJECTED faults of known begin;"
        " half a year"
        " of training, half"
        " a year of test:",
        markdown(
            rows,
            [
                "method",
                "untouched: days without alarm",
                "untouched: alerts per 100 a week",
                "copies: faults found",
                "within 3 days",
                *(kind.replace("_", " ") for kind in kinds.columns),
            ],
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--real", type=pathlib.Path)
    parser.add_argument("--budget", type=float, default=evaluate.BUDGET)
    options = parser.parse_args()
    parts = [
        *simulated(options.work, options.budget),
        *labels(options.work),
        *timings(options.work),
        *alert(options.work),
        *real(options.real, options.budget),
    ]
    # Tables and plots are not wrapped.
    wrapped = [part if part[0] in "|!" else textwrap.fill(part, 118) for part in parts]
    text = "\n\n".join([FIRST, *wrapped, LAST])
    readme = BENCH / "README.md"
    new, found = re.subn(f"{re.escape(FIRST)}.*{re.escape(LAST)}", lambda _: text, readme.read_text(), flags=re.DOTALL)
    if not found:
        raise SystemExit(f"{readme} has no markers for the section of anomalies.")
    readme.write_text(new)
    print(text)


if __name__ == "__main__":
    main()
