"""The table and the plot of measure.py's forecasts: error against weeks of history.

    report.py FORECASTS [--readme FILE --plot FILE]

Thresholds are chosen on the development homes and their weeks, and evaluated on the others.
"""

import argparse
import itertools
import json
import math
import pathlib
import statistics

SOURCES = {
    "design": "design profile",
    "last_week": "seasonal naive",
    "profile": "own hours by type of day",
    "archetype": "archetype's model",
    "own": "own model",
}
BEGIN, END = "<!-- life cycle: written by bench/life_cycle/report.py -->", "<!-- end of life cycle -->"
MARGIN_PCT = 2.0
ARCHETYPE_AFTER, OWN_AFTER = (0, 7, 14, 21, 28, 42), (84, 119, 182)
MOST_DAYS = 28  # of its own days that shrinkage uses


class Home:
    def __init__(self, line: dict):
        self.number, self.development, self.life = line["home"], line["development"], line["life"]
        self.scores = {(row["source"], round(row["age"])): row for row in line["scores"]}
        self.compared = {(row["source"], round(row["age"])): row for row in line["compared"]}
        self.ages = sorted({age for _, age in self.scores})

    def row(self, source: str, age: int) -> dict | None:
        # Only forecasts of an own model use more than sixty days.
        return self.scores.get((source, age if source == "own" else min(age, 12)))

    def chosen(self, age: int, archetype_after: float, own_after: float) -> str:
        """The stage of a home by energy.judge_stage, given its previous stage."""
        if 7 * age < archetype_after:
            return "design"
        own, shared = self.compared.get(("own", age)), self.compared[("archetype", 12)]
        if 7 * age < own_after or own is None or self.row("own", age) is None:
            return "archetype"
        improvement = 100 * (
            1 - math.sqrt(own["squared"] / own["hours"]) / math.sqrt(shared["squared"] / shared["hours"])
        )
        return "own" if improvement >= MARGIN_PCT else "archetype"


def wape(row: dict) -> float:
    return 100 * row["absolute"] / row["actual"]


def cv_rmse(row: dict) -> float:
    """RMSE in percent of the mean demand."""
    return 100 * math.sqrt(row["squared"] / row["hours"]) / (row["actual"] / row["hours"])


def inside(row: dict) -> float:
    return 100 * row["inside"] / row["hours"]


def mean(homes: list[Home], source, age: int, metric) -> float | None:
    """Mean over the homes that have it. source may be a function of home and age."""
    rows = [home.row(source(home, age) if callable(source) else source, age) for home in homes]
    return None if None in rows else statistics.fmean(map(metric, rows))


def envelope(homes: list[Home], age: int, metric) -> float:
    return min(value for source in SOURCES if (value := mean(homes, source, age, metric)) is not None)


def automatic(thresholds):
    return lambda home, age: home.chosen(age, *thresholds)


def choose(homes: list[Home]) -> tuple[int, int]:
    """The thresholds with the least mean error over the ages; on ties the earliest archetype's and the latest own
    model."""
    ages = homes[0].ages
    def error(thresholds):
        return round(statistics.fmean(mean(homes, automatic(thresholds), age, cv_rmse) for age in ages), 6)

    return min(
        itertools.product(ARCHETYPE_AFTER, OWN_AFTER),
        key=lambda thresholds: (error(thresholds), thresholds[0], -thresholds[1]),
    )


def by_day(home: Home, source: str) -> dict[int, list[tuple[int, float, float]]]:
    days: dict[int, list] = {}
    for name, issue, lead, yhat, actual in home.life:
        if name == source:
            days.setdefault(issue, []).append((lead, yhat, actual))
    return days


def log_ratios(home: Home, source: str) -> list[float | None]:
    """For the first day of each issue: the logarithm of measured to forecast energy."""
    ratios = []
    for _, hours in sorted(by_day(home, source).items()):
        first = [(yhat, actual) for lead, yhat, actual in hours if lead < 24]
        forecast, measured = (sum(column) for column in zip(*first))
        ratios.append(math.log(measured / forecast) if measured > 0 and forecast > 0 else None)
    return ratios


def prior(homes: list[Home], source: str) -> tuple[float, float]:
    """Variance between buildings, and between the weeks of one, by moments."""
    levels = []
    for home in homes:
        ratios = log_ratios(home, source)
        weeks = [statistics.fmean(r for r in ratios[at : at + 7] if r is not None) for at in range(0, len(ratios), 7)]
        levels.append((statistics.fmean(weeks), statistics.variance(weeks), len(weeks)))
    within = statistics.fmean(variance for _, variance, _ in levels)
    return max(statistics.fmean(level**2 for level, _, _ in levels) - within / levels[0][2], 0.0), within


def shrinkage(homes: list[Home], everybody: list[Home], source: str) -> list[tuple[str, float, float, float]]:
    """WAPE by week of life: unchanged, with the level shrunk to the own one, and with the own level."""
    spans = {"1": (1, 8), "2": (8, 15), "3-4": (15, 29), "5-6": (29, 42)}
    table = []
    for name, (first, last) in spans.items():
        errors = [[], [], []]
        for home in homes:
            between, within = prior([other for other in everybody if other is not home], source)
            ratios, sums = log_ratios(home, source), [0.0, 0.0, 0.0, 0.0]
            for issue, hours in by_day(home, source).items():
                if not first <= issue < last:
                    continue
                known = [ratio for ratio in ratios[max(issue - MOST_DAYS, 0) : issue] if ratio is not None]
                own = statistics.fmean(known) if known else 0.0
                weight = between / (between + within * 7 / len(known)) if known and between > 0 else 0.0
                for _, yhat, actual in hours:
                    for at, factor in enumerate((1.0, math.exp(weight * own), math.exp(own))):
                        sums[at] += abs(actual - factor * yhat)
                    sums[3] += actual
            for at in range(3):
                errors[at].append(100 * sums[at] / sums[3])
        table.append((name, *map(statistics.fmean, errors)))
    return table


def cell(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def table(homes: list[Home], thresholds) -> str:
    ages = homes[0].ages
    lines = ["| forecast by | " + " | ".join(map(str, ages)) + " |", "|---" * (len(ages) + 1) + "|"]
    named = [*SOURCES.items(), (automatic(thresholds), "**automatic choice**")]
    for source, name in named:
        cells = [f"{cell(mean(homes, source, age, wape))} / {cell(mean(homes, source, age, cv_rmse))}" for age in ages]
        lines.append(f"| {name} | " + " | ".join("" if one == " / " else one for one in cells) + " |")
    ratios = [mean(homes, automatic(thresholds), age, cv_rmse) / envelope(homes, age, cv_rmse) for age in ages]
    lines.append(
        "| automatic choice to the lower envelope, RMSE | " + " | ".join(f"{ratio:.3f}" for ratio in ratios) + " |"
    )
    own = [sum(home.chosen(age, *thresholds) == "own" for home in homes) for age in ages]
    lines.append("| homes in stage own | " + " | ".join(map(str, own)) + " |")
    return "\n".join(lines)


def text(homes: list[Home], thresholds) -> str:
    development, others = ([home for home in homes if home.development == side] for side in (True, False))
    parts = [
        f"Chosen on the development homes: archetype_after_days {thresholds[0]}, own_after_days {thresholds[1]}.",
        "",
    ]
    for name, side in (("Other homes, in June", others), ("Development homes, in February", development)):
        parts += [
            f"{name} ({len(side)}): WAPE % / RMSE in % of the mean demand, leads 1-72 h, by weeks of history:",
            "",
            table(side, thresholds),
            "",
        ]
        covered = ", ".join(
            f"{label} {mean(side, source, 0 if source == 'design' else 4, inside):.0f} %"
            for source, label in (("design", "design profile at 0 weeks"), ("profile", "own hours at 4 weeks"))
        )
        parts += [f"Hours inside the 90 % interval: {covered}.", ""]
    parts += [
        "Forecasts of the archetype's model over the first weeks of a home, with a subsequent correction: WAPE % "
        "without it / times the shrunken level of",
        "the days forecast so far / times the mean level of these days. The model itself already shrinks its level "
        "towards that of the home.",
        "",
        "| week of life | archetype's model, development | the same, others |",
        "|---|---|---|",
    ]
    rows = [shrinkage(side, side, "archetype") for side in (development, others)]
    for one, two in zip(*rows):
        parts.append(
            f"| {one[0]} | " + " | ".join(" / ".join(f"{value:.1f}" for value in row[1:]) for row in (one, two)) + " |"
        )
    return "\n".join(parts)


def draw(homes: list[Home], thresholds, path: pathlib.Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True)
    for panel, development in zip(panels, (False, True)):
        side = [home for home in homes if home.development == development]
        ages = side[0].ages
        for source, name in SOURCES.items():
            points = [
                (at, value) for at, age in enumerate(ages) if (value := mean(side, source, age, cv_rmse)) is not None
            ]
            panel.plot(*zip(*points), marker="o", ms=3, lw=1.2, label=name)
        panel.plot(
            range(len(ages)),
            [mean(side, automatic(thresholds), age, cv_rmse) for age in ages],
            color="black",
            lw=2.5,
            ls="--",
            label="automatic choice",
        )
        panel.set_xticks(range(len(ages)), ages)
        panel.set_xlabel("weeks of history")
        panel.set_title(
            f"{len(side)} {'development homes, February' if development else 'other homes, June'}", fontsize=10
        )
    panels[0].set_ylabel("RMSE, % of the mean demand")
    panels[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("forecasts", type=pathlib.Path)
    parser.add_argument("--readme", type=pathlib.Path)
    parser.add_argument("--plot", type=pathlib.Path)
    options = parser.parse_args()
    homes = sorted(
        (Home(json.loads(line)) for line in options.forecasts.read_text().splitlines()), key=lambda home: home.number
    )
    thresholds = choose([home for home in homes if home.development])
    found = text(homes, thresholds)
    print(found)
    if options.readme:
        readme = options.readme.read_text()
        head, rest = readme.split(BEGIN)
        options.readme.write_text(f"{head}{BEGIN}\n\n{found}\n\n{END}{rest.split(END)[1]}")
    if options.plot:
        draw(homes, thresholds, options.plot)


if __name__ == "__main__":
    main()
