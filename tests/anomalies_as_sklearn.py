"""Compares edf's isolation forest and local outlier factor with those of scikit-learn, on the same matrices.

The database is given by PGHOST, PGPORT, PGDATABASE, PGUSER, a superuser; it is not changed. Outlier factors are equal
up to rounding, for training rows and for others, also with missing values, if distances are passed to scikit-learn.
Forests draw other random numbers: ranks of scores differ as little as between two seeds of scikit-learn, and injected
outliers are found as well (AUC).
"""

import json
import sys

import numpy as np
import psycopg2
from psycopg2.extras import execute_values
from scipy.stats import spearmanr
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import nan_euclidean_distances
from sklearn.neighbors import LocalOutlierFactor
from sklearn.preprocessing import RobustScaler

NEIGHBOURS = 20
TREES = 300


def matrices() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Matrices by name, and their outliers: like days of apartments, clusters of unequal density, many features."""
    random = np.random.default_rng(16)
    found = {}
    skewed = np.column_stack(
        [random.gamma(2, 6, 1500), random.normal(0, 0.4, 1500), random.exponential(1, 1500), random.normal(20, 1, 1500)]
    )
    skewed[:30] += random.choice([-1, 1], (30, 4)) * random.uniform(1, 4, (30, 4)) * skewed.std(axis=0)
    clusters = np.concatenate(
        [random.normal(0, 0.1, (400, 2)), random.normal(4, 1, (400, 2)), random.uniform(-4, 8, (20, 2))]
    )
    many = random.normal(0, 1, (1000, 15)) @ random.normal(0, 1, (15, 15))
    many[:20] *= 3
    for name, matrix, outliers in (
        ("days", skewed, range(30)),
        ("clusters", clusters, range(800, 820)),
        ("many", many, range(20)),
    ):
        found[name] = matrix, np.isin(np.arange(len(matrix)), list(outliers))
    return found


def stored(cursor, matrix: np.ndarray) -> str:
    """A query of the rows of a matrix; NaN becomes NULL."""
    names = [f"f{column}" for column in range(matrix.shape[1])]
    cursor.execute("drop table if exists matrix")
    cursor.execute(
        f"create temporary table matrix (n integer, {', '.join(name + ' float8' for name in names)}) on commit drop"
    )
    rows = [(n, *(None if np.isnan(value) else float(value) for value in row)) for n, row in enumerate(matrix)]
    execute_values(cursor, "insert into matrix values %s", rows)
    return "select * from matrix"


def own(cursor, query: str, strategy: str, parameters: dict) -> np.ndarray:
    """Raw scores of rows by a model fitted on them."""
    cursor.execute(
        "select key::integer, raw_score from edf.detect_anomalies('none', %s, %s, %s) order by 1",
        (query, strategy, json.dumps(parameters)),
    )
    return np.array([row[1] for row in cursor.fetchall()])


def by_model(cursor, learnt: str, asked: str, strategy: str, parameters: dict) -> np.ndarray:
    """Raw scores of rows by a model fitted on others."""
    cursor.execute("select edf.train_anomaly_model('others', %s, %s, %s)", (learnt, strategy, json.dumps(parameters)))
    cursor.execute(
        "select key::integer, raw_score from edf.score_anomalies(%s, %s) order by 1", (cursor.fetchone()[0], asked)
    )
    return np.array([row[1] for row in cursor.fetchall()])


def apart(title: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    distance = float(np.abs(ours / theirs - 1).max()) if ours.shape == theirs.shape else np.inf
    print(f"{title}: {len(theirs)} factors up to {theirs.max():.1f}; at most {distance:.0e} of them apart")
    if not distance < 1e-9:
        sys.exit("they are others")


def outlier_factors(cursor, name: str, matrix: np.ndarray) -> None:
    scaled = RobustScaler().fit_transform(matrix)
    parameters = {"neighbours": NEIGHBOURS}
    query = stored(cursor, matrix)
    theirs = -LocalOutlierFactor(n_neighbors=NEIGHBOURS).fit(scaled).negative_outlier_factor_
    apart(f"{name}, local outlier factor", own(cursor, query, "local_outlier_factor", parameters), theirs)
    half = len(matrix) // 2
    scaler = RobustScaler().fit(matrix[::2])
    novelty = LocalOutlierFactor(n_neighbors=NEIGHBOURS, novelty=True).fit(scaler.transform(matrix[::2]))
    ours = by_model(cursor, f"{query} where n % 2 = 0", f"{query} where n % 2 = 1", "local_outlier_factor", parameters)
    apart(f"{name}, of the other {half}", ours, -novelty.score_samples(scaler.transform(matrix[1::2])))
    if matrix.shape[1] < 3:
        return
    # At most one gap in a row, so that any two have a common feature: scikit-learn has no distance otherwise.
    gaps, random = matrix.copy(), np.random.default_rng(1)
    rows = np.flatnonzero(random.uniform(size=len(gaps)) < 0.3)
    gaps[rows, random.integers(0, gaps.shape[1], len(rows))] = np.nan
    distances = nan_euclidean_distances(RobustScaler().fit_transform(gaps))
    theirs = -LocalOutlierFactor(n_neighbors=NEIGHBOURS, metric="precomputed").fit(distances).negative_outlier_factor_
    apart(f"{name}, with gaps", own(cursor, stored(cursor, gaps), "local_outlier_factor", parameters), theirs)


def forests(cursor, name: str, matrix: np.ndarray, outliers: np.ndarray) -> None:
    theirs = [
        -IsolationForest(n_estimators=TREES, max_samples=256, random_state=seed).fit(matrix).score_samples(matrix)
        for seed in (1, 2, 3)
    ]
    ours = own(cursor, stored(cursor, matrix), "isolation_forest", {"trees": TREES})
    among = min(spearmanr(theirs[0], theirs[1]).statistic, spearmanr(theirs[1], theirs[2]).statistic)
    between = min(spearmanr(ours, other).statistic for other in theirs)
    auc = [float(roc_auc_score(outliers, score)) for score in (ours, *theirs)]
    level = abs(float(ours.mean() - np.mean(theirs)))
    print(
        f"{name}, isolation forest: rank correlation {between:.4f}, of seeds of scikit-learn {among:.4f}; AUC {auc[0]:.4f}, theirs {auc[1]:.4f}; mean {level:.4f} apart"
    )
    if not (
        between > among - 0.01 and between > 0.95 and auc[0] > min(auc[1:]) - 0.01 and auc[0] > 0.8 and level < 0.02
    ):
        sys.exit("they score other rows")


def main() -> None:
    with psycopg2.connect("") as connection, connection.cursor() as cursor:
        for name, (matrix, outliers) in matrices().items():
            outlier_factors(cursor, name, matrix)
            forests(cursor, name, matrix, outliers)
        connection.rollback()


if __name__ == "__main__":
    main()
