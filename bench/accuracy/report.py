"""Writes the accuracy tables of bench/README.md from the forecasts on disk, and the figures in bench/plots.

report.py [--sections accuracy,gfc12,axes,cuts]     a section is between two markers and is replaced as a whole
"""

import argparse
import pathlib
import re

import pandas as pd

import axes
import cuts
import gfc12
import plots
from protocol import Series, Store
from run import GROUPS, METHODS, arguments, names, work_folder
from score import INSIDE, joined, scores

BENCH = pathlib.Path(__file__).resolve().parents[1]


def ordered(methods) -> list[str]:
    """Peers from simple to complex, then edf."""
    known = list(METHODS)
    return sorted(methods, key=lambda method: (known.index(method) if method in known else len(known), method))


def cells(table: pd.DataFrame, sizes: pd.Series) -> pd.DataFrame:
    """WAPE at 1-24 / 1-72 by method and group; a dash if a method has not forecast every series of the group."""
    mean = table.groupby(["method", "group", "leads"])["wape"].agg(["mean", "count"])

    def cell(method, group):
        try:
            (day, count), (all_days, _) = mean.loc[(method, group, 24)], mean.loc[(method, group, 72)]
        except KeyError:
            return "-"
        digits = 2 if group in ("Victoria", "utilities", "predicted weather") else 1
        return f"{day:.{digits}f} / {all_days:.{digits}f}" if count == sizes[group] else "-"

    groups = [group for group in GROUPS if group in set(table["group"])]
    columns = {f"{group} ({sizes[group]})" if sizes[group] > 1 else group: group for group in groups}
    methods = ordered(table["method"].unique())
    filled = pd.DataFrame(
        {title: [cell(method, group) for method in methods] for title, group in columns.items()}, index=methods
    )
    return filled.loc[:, (filled != "-").any()]


def ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Means over the series that a method has forecast, and the worst of them."""
    by_method = table.groupby(["method", "leads"])
    wide = by_method[["rmse_ratio", "pinball_ratio", *(f"coverage_{percent}" for percent in INSIDE)]].mean().unstack()
    worst = by_method["rmse_ratio"].max().unstack()
    series = table.groupby("method")["series"].nunique()

    def text(value, digits):
        return "-" if pd.isna(value) else f"{value:.{digits}f}"

    rows = {}
    for method in ordered(wide.index):
        row = wide.loc[method]
        rows[method] = {
            "series": str(series[method]),
            "RMSE / best peer": f"{text(row['rmse_ratio', 24], 3)} / {text(row['rmse_ratio', 72], 3)}",
            "largest": f"{text(worst.loc[method, 24], 2)} / {text(worst.loc[method, 72], 2)}",
            "pinball / best peer": f"{text(row['pinball_ratio', 24], 3)} / {text(row['pinball_ratio', 72], 3)}",
        } | {f"inside {percent} %": text(row[f"coverage_{percent}", 72], 1) for percent in INSIDE}
    return pd.DataFrame.from_dict(rows, orient="index")


def markdown(table: pd.DataFrame, first: str = "method") -> str:
    lines = [f"| {first} | " + " | ".join(table) + " |", "|---" * (len(table.columns) + 1) + "|"]
    return "\n".join(
        lines + [f"| {name} | " + " | ".join(row) + " |" for name, row in zip(table.index, table.to_numpy())]
    )


def write_figures(options, table: pd.DataFrame) -> list[str]:
    store, written = Store(work_folder(options)), []
    every = [Series(options.work / "series", name) for name in names(options.work / "series")]
    by_group = {group: [series for series in every if series.group == group] for group in GROUPS}
    for group in (group for group in GROUPS if by_group[group]):
        having = table[table["group"] == group].groupby("method")["series"].nunique()
        methods = ordered(having[having == len(by_group[group])].index)
        if not methods:
            continue
        own = table[(table["group"] == group) & table["method"].isin(methods)].groupby("method")["rmse_ratio"].mean()
        own = own[[plots.is_own(method) for method in own.index]] if any(map(plots.is_own, own.index)) else own
        members = by_group[group]
        rows = {
            (series.name, method): joined(series, store, method, options.development)
            for series in members
            for method in methods
        }
        path = BENCH / "plots" / f"{group.replace(' ', '-').lower()}.png"
        plots.figure(path, own.idxmin(), methods, rows, members)
        written.append(f"![{group}](plots/{path.name})")
    return written


def accuracy(options) -> str:
    table = scores(options)
    table.round(4).to_csv(work_folder(options) / "scores.csv", index=False)
    described = {name: Series(options.work / "series", name).group for name in names(options.work / "series")}
    sizes = pd.Series(described).value_counts()
    return "\n\n".join(
        [
            "WAPE %, leads 1-24 h / 1-72 h, mean of the group's series; a dash where a method has not been run on all "
            "of them:",
            markdown(cells(table, sizes)),
            "Over the series that each method has forecast: mean and largest ratio of its error to the one of the "
            "best peer of the series (leads 1-24 h / 1-72 h; the best peer differs from series to series), and the "
            "share of hours inside"
            " the interval (leads 1-72 h):",
            markdown(ratios(table)),
            *write_figures(options, table),
        ]
    )


def gfc12_section(options) -> str:
    """Published scores and ours, best first."""
    table = gfc12.table(options)
    digits = "{:.3f}".format
    shown = pd.DataFrame({"scaled quantile loss": table["SQL"].map(digits), "MASE": table["MASE"].map(digits),
                          "WAPE %": (100 * table["WAPE"]).map("{:.2f}".format)})
    return markdown(shown, "model")


def axes_section(options) -> str:
    options.quick, options.series = False, options.series or axes.SERIES
    table = axes.scores(options)
    if table.empty:
        return "Not measured yet."
    table.round(4).to_csv(options.work / "axes" / "scores.csv", index=False)
    return "\n\n".join([
        "RMSE of the model of the recipe over that of the model trained for the cell:",
        markdown(axes.bounds(table), "strategy"),
        "The same by issue hour and delay, mean over the series / largest:",
        markdown(axes.grid(table, "matched"), "asked at"),
        "RMSE of the model of the recipe over that of the best peer of the series, fitted for the cell:",
        markdown(axes.grid(table, "peer"), "asked at"),
    ])


def cuts_section(options) -> str:
    options.series = options.series or cuts.SERIES
    table = cuts.scores(options)
    if table.empty:
        return "Not measured yet."
    return "\n\n".join(
        [
            "RMSE of the ensemble over that of the best of its members and the peers, and which one that is "
            f"(aims: {cuts.MEAN:.2f}"
            f" on average, {cuts.WORST} at worst; {len(table)} cuts):",
            markdown(cuts.ratios(table), "series"),
            "Over all cuts:",
            markdown(cuts.bounds(table), "ensemble beside"),
        ]
    )


SECTIONS = {"accuracy": accuracy, "gfc12": gfc12_section, "axes": axes_section, "cuts": cuts_section}


def replace(name: str, text: str) -> None:
    """Puts the text between the section's markers in bench/README.md."""
    readme = BENCH / "README.md"
    first, last = f"<!-- {name}: written by bench/accuracy/report.py -->", f"<!-- end of {name} -->"
    block = "\n\n".join([first, text, last])
    new, found = re.subn(f"{re.escape(first)}.*{re.escape(last)}", lambda _: block, readme.read_text(), flags=re.DOTALL)
    if not found:
        raise SystemExit(f"{readme} has no markers for the section {name}.")
    readme.write_text(new)
    print(text)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sections", type=lambda text: text.split(","), default=list(SECTIONS), help="these only")
    options = parser.parse_args()
    for name in options.sections:
        # A section may have its own series.
        replace(name, SECTIONS[name](argparse.Namespace(**vars(options))))


if __name__ == "__main__":
    main()
