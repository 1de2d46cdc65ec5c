"""Computes linear.json: scikit-learn's ridge and LASSO on the same matrix that `cargo test` fits.

    /tmp/reference/bin/pip install scikit-learn==1.9.1 && /tmp/reference/bin/python tests/reference/linear.py
"""

import json
import pathlib

import numpy as np
from sklearn.linear_model import Lasso, Ridge
from sklearn.preprocessing import StandardScaler

ROWS, COLUMNS = 60, 8
RIDGE, LASSO = 0.05, 0.2

random = np.random.default_rng(3)
mixing = random.normal(size=(COLUMNS, COLUMNS))
x = (random.normal(size=(ROWS, COLUMNS)) @ mixing + random.normal(size=COLUMNS) * 5).round(3).astype(np.float32)
y = (x @ np.array([2, 0, 0, -1, 0.5, 0, 0, 0]) + random.normal(size=ROWS) * 2 + 10).round(3)
weights = random.uniform(0.2, 1, size=ROWS).round(3)

wide = x.astype(float)
scaled = StandardScaler().fit_transform(wide)
ridge = Ridge(alpha=RIDGE * ROWS).fit(scaled, y)
lasso = Lasso(alpha=LASSO, tol=1e-12, max_iter=100_000).fit(scaled, y)
weighted_scaler = StandardScaler().fit(wide, sample_weight=weights)
weighted = Ridge(alpha=RIDGE * ROWS).fit(
    weighted_scaler.transform(wide), y, sample_weight=weights * ROWS / weights.sum()
)

# Generalised cross-validation by its definition, with the hat matrix; the intercept counts as one degree of freedom.
centred = y - y.mean()


def gcv(penalty: float) -> float:
    hat = scaled @ np.linalg.solve(scaled.T @ scaled + penalty * ROWS * np.eye(COLUMNS), scaled.T)
    residual = centred - hat @ centred
    return ROWS * residual @ residual / (ROWS - 1 - np.trace(hat)) ** 2


path = 10 ** np.arange(-6, 2.05, 0.1)
content = {
    "rows": ROWS,
    "x": [float(value) for value in x.ravel()],
    "y": y.tolist(),
    "weights": weights.tolist(),
    "ridge_penalty": RIDGE,
    "ridge": ridge.predict(scaled).tolist(),
    "weighted_ridge": weighted.predict(weighted_scaler.transform(wide)).tolist(),
    "gcv_penalty": float(min(path, key=gcv)),
    "lasso_penalty": LASSO,
    "lasso": lasso.predict(scaled).tolist(),
    "lasso_columns": [int(at) for at in np.flatnonzero(lasso.coef_)],
}
pathlib.Path(__file__).with_name("linear.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")
