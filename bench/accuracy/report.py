"""Writes the accuracy tables of bench/README.md from the forecasts on disk, and the figures in bench/plots."""

import pathlib
import re

import pandas as pd

import plots
from protocol import Series, Store
from run import GROUPS, METHODS, arguments, names, work_folder
from score import INSIDE, joined, scores

BENCH = pathlib.Path(__file__).resolve().parents[1]
MARKERS = "<!-- accuracy: written by bench/accuracy/report.py -->", "<!-- end of accuracy -->"


def ordered(methods) -> list[str]:
    """Peers from the simple to the elaborate, then edf."""
    known = list(METHODS)
    return sorted(methods, key=lambda method: (known.index(method) if method in known else len(known), method))


def cells(table: pd.DataFrame, sizes: pd.Series) -> pd.DataFrame:
    """WAPE at 1-24 / 1-72 by method and group; a dash where a method has not forecast every series of the group."""
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
    filled = pd.DataFrame({title: [cell(method, group) for method in methods] for title, group in columns.items()}, index=methods)
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


def markdown(table: pd.DataFrame) -> str:
    lines = ["| method | " + " | ".join(table) + " |", "|---" * (len(table.columns) + 1) + "|"]
    return "\n".join(lines + [f"| {name} | " + " | ".join(row) + " |" for name, row in zip(table.index, table.to_numpy())])


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
        rows = {(series.name, method): joined(series, store, method, options.development) for series in members for method in methods}
        path = BENCH / "plots" / f"{group.replace(' ', '-').lower()}.png"
        plots.figure(path, own.idxmin(), methods, rows, members)
        written.append(f"![{group}](plots/{path.name})")
    return written


def main() -> None:
    options = arguments(__doc__).parse_args()
    table = scores(options)
    described = {name: Series(options.work / "series", name).group for name in names(options.work / "series")}
    sizes = pd.Series(described).value_counts()
    text = "\n\n".join([
        MARKERS[0],
        "WAPE %, leads 1-24 h / 1-72 h, mean of the group's series; a dash where a method has not been run on all of them:",
        markdown(cells(table, sizes)),
        "Over the series that each method has forecast: mean and largest ratio of its error to the one of the best peer of the series (leads 1-24 h / 1-72 h; "
        "the best peer differs from series to series), and the share of hours inside the interval (leads 1-72 h):",
        markdown(ratios(table)),
        *write_figures(options, table),
        MARKERS[1],
    ])
    readme = BENCH / "README.md"
    old = readme.read_text()
    new, found = re.subn(f"{re.escape(MARKERS[0])}.*{re.escape(MARKERS[1])}", lambda _: text, old, flags=re.DOTALL)
    if not found:
        raise SystemExit(f"{readme} has no markers for the accuracy tables.")
    readme.write_text(new)
    table.round(4).to_csv(work_folder(options) / "scores.csv", index=False)
    print(text)


if __name__ == "__main__":
    main()
