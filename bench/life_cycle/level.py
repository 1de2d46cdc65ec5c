"""Accuracy of a new home's level after some days, by the weight of its prior in days: level.py --cache FOLDER

The level is the mean demand of its first days, shrunk to that of the other homes as if that were the given number of
additional days (extension/core/src/model/global/scale.rs); it is compared with the next three days. Prints the mean
absolute logarithm of the ratio. estimated: the strategy's estimate of the prior from the other homes.
"""

import argparse
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "docker/local"))
import citylearn as source  # noqa: E402

HOMES = source.BUILDINGS["all-homes"]
# Every second home, born in the first 200 days; the others, born later. Every 13 days, to include all weekdays.
SIDES = {"development": (HOMES[::2], range(60, 200, 13)), "others": (HOMES[1::2], range(200, 330, 13))}
PRIORS = ("estimated", 0.5, 1.0, 3.0, 7.0)
DAYS = (1, 2, 3, 5, 7, 14, 28)
HISTORY = 180


def logs(demand: np.ndarray, days: int) -> np.ndarray:
    whole = len(demand) // (24 * days) * 24 * days
    return np.log(demand[:whole].reshape(-1, 24 * days).mean(axis=1))


def estimated(others: list[np.ndarray]) -> float:
    steps = np.concatenate([np.diff(logs(demand, 1)) ** 2 / 2 for demand in others])
    levels = np.concatenate([logs(demand, 7) for demand in others])
    return float(np.clip(steps.mean() / levels.var(), 0.25, 28))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=pathlib.Path, required=True)
    data = source.Dataset(source.fetch(parser.parse_args().cache))
    demand = {home: np.array(data.demand[home]) for home in HOMES}
    print(
        "| homes | prior, days | "
        + " | ".join(f"after {days} d" for days in DAYS)
        + " |\n"
        + "|---" * (len(DAYS) + 2)
        + "|"
    )
    for side, (homes, births) in SIDES.items():
        for prior in PRIORS:
            errors, used = {days: [] for days in DAYS}, []
            for home in homes:
                for birth in births:
                    others = [
                        demand[other][max(birth - HISTORY, 0) * 24 : birth * 24] for other in HOMES if other != home
                    ]
                    usual = np.exp(np.mean([np.log(other.mean()) for other in others]))
                    used.append(estimated(others) if prior == "estimated" else prior)
                    for days in DAYS:
                        known = demand[home][birth * 24 : (birth + days) * 24]
                        level = (known.sum() + used[-1] * 24 * usual) / (len(known) + used[-1] * 24)
                        ahead = demand[home][(birth + days) * 24 : (birth + days + 3) * 24].mean()
                        errors[days].append(abs(np.log(ahead / level)))
            name = f"estimated: {np.mean(used):.2f}" if prior == "estimated" else f"{prior:g}"
            print(f"| {side} | {name} | " + " | ".join(f"{np.mean(errors[days]):.3f}" for days in DAYS) + " |")


if __name__ == "__main__":
    main()
