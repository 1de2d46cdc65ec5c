"""What others make of random input: the fixture that the metrics are tested against, in the core and over SQL.

    python3 -m venv venv && venv/bin/pip install scikit-learn==1.9.1 scoringrules==0.10.0 scipy==1.17.1 dieboldmariano==1.1.0
    venv/bin/python reference.py > reference.json

The packages weigh 300 MB, so the fixture is kept and the script run by hand. scikit-learn gives MAE, RMSE, MAPE and
pinball loss, scoringrules the CRPS of levels (i - 1/2)/n, the energy and the variogram score, the package dieboldmariano the statistic of that test and
scipy its p-value. sMAPE, WAPE, bias and the two scores of OpenSTEF 4 are their definitions in numpy.
"""

import json
import sys

import numpy as np
from dieboldmariano import dm_test
from scipy.stats import t as student
from scoringrules import crps_quantile, es_ensemble, vs_ensemble
from sklearn import metrics

random = np.random.default_rng(20171130)
ROWS = 48


def columns(array):
    return np.round(array, 3)


def quantiles(actual, levels):
    """A forecast whose quantiles do not cross, and what it scores."""
    centre = actual + random.normal(0, 3, ROWS)
    predicted = columns(centre[:, None] + np.sort(random.normal(0, 4, (ROWS, len(levels)))))
    losses = [metrics.mean_pinball_loss(actual, predicted[:, at], alpha=level) for at, level in enumerate(levels)]
    # Each level stands for those nearest to it.
    borders = np.concatenate([[0], (np.array(levels[1:]) + levels[:-1]) / 2, [1]])
    crps = 2 * float(np.diff(borders) @ losses)
    if np.allclose(np.diff(borders), 1 / len(levels)):
        np.testing.assert_allclose(crps, crps_quantile(actual, predicted, np.array(levels)).mean(), rtol=1e-12)
        crps = float(crps_quantile(actual, predicted, np.array(levels)).mean())
    return {
        "levels": levels,
        "predicted": predicted.tolist(),
        "pinball": float(np.mean(losses)),
        "crps": crps,
        "rcrps": crps / float(np.quantile(actual, 0.95) - np.quantile(actual, 0.05)),
    }


def compared(rows, horizon, power, kernel, alternative):
    """Two series of errors that are correlated as errors of that horizon are, and the test of them."""
    noise = random.normal(0, 1, (2, rows + horizon - 1))
    first, second = (columns(np.convolve(series, np.ones(horizon), "valid")) for series in noise)
    second = columns(second * 1.2)
    estimator = {"rectangular": "acf", "bartlett": "bartlett"}[kernel]
    statistic, two_sided = dm_test(
        np.zeros(rows), first, second, loss=lambda _, error: abs(error) ** power, h=horizon, variance_estimator=estimator
    )
    freedom = rows - 1
    p_value = {
        "two_sided": 2 * student.cdf(-abs(statistic), freedom),
        "less": student.cdf(statistic, freedom),
        "greater": student.sf(statistic, freedom),
    }[alternative]
    if alternative == "two_sided":
        np.testing.assert_allclose(p_value, two_sided, rtol=1e-6)
    return {
        "horizon": horizon, "power": power, "kernel": kernel, "alternative": alternative,
        "first": first.tolist(), "second": second.tolist(),
        "mean_difference": float(np.mean(abs(first) ** power - abs(second) ** power)),
        "statistic": float(statistic), "p_value": float(p_value),
    }  # fmt: skip


def joint(steps, count):
    """Paths around what happened, and their scores; the variogram score as a mean over the pairs of steps."""
    actual = columns(random.normal(10, 2, steps))
    paths = columns(actual + random.normal(0.5, 1, (count, steps)).cumsum(axis=1))
    return {
        "actual": actual.tolist(),
        "scenarios": paths.ravel().tolist(),
        "energy_score": float(es_ensemble(actual, paths)),
        "variogram_score": float(vs_ensemble(actual, paths, p=0.5)) / steps**2,
    }


actual = columns(random.gamma(4, 5, ROWS))
predicted = columns(actual + random.normal(0.5, 4, ROWS))
error = predicted - actual
fixture = {
    "actual": actual.tolist(),
    "predicted": predicted.tolist(),
    "metrics": {
        "mae": metrics.mean_absolute_error(actual, predicted),
        "rmse": metrics.root_mean_squared_error(actual, predicted),
        "mape": 100 * metrics.mean_absolute_percentage_error(actual, predicted),
        "smape": 100 * np.mean(2 * abs(error) / (abs(actual) + abs(predicted))),
        "wape": 100 * abs(error).sum() / abs(actual).sum(),
        "bias": error.mean(),
        "pinball_of_90": metrics.mean_pinball_loss(actual, predicted, alpha=0.9),
    },
    "quantiles": [
        quantiles(actual, [0.1, 0.3, 0.5, 0.7, 0.9]),
        quantiles(actual, [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]),
    ],
    "diebold_mariano": [
        compared(40, 1, 2, "bartlett", "two_sided"),
        compared(40, 6, 2, "bartlett", "two_sided"),
        compared(40, 3, 1, "rectangular", "less"),
        compared(12, 2, 1.5, "bartlett", "greater"),
        compared(5, 1, 1, "rectangular", "two_sided"),
    ],
    "joint": joint(12, 25),
}
json.dump(fixture, sys.stdout)
print()
