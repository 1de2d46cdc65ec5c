"""Computes results of reference implementations, with which `cargo test` compares the strategies.

    python -m venv /tmp/reference && /tmp/reference/bin/pip install -r tests/reference/requirements.txt
    /tmp/reference/bin/python tests/reference/make.py

Writes series.json, the common input, and one file of results for each strategy, into its own directory.
"""

import json
import logging
import pathlib
import warnings

import numpy as np
import pandas as pd
from prophet import Prophet
from statsmodels.tsa.seasonal import MSTL
from statsmodels.tsa.statespace.sarimax import SARIMAX

warnings.filterwarnings("ignore")
logging.getLogger("cmdstanpy").setLevel(logging.ERROR)

HERE = pathlib.Path(__file__).parent
HOURS, AHEAD = 90 * 24, 72
HOLIDAYS = [19, 45, 73, 91]


def write(name: str, content: dict) -> None:
    (HERE / name).write_text(json.dumps(content, separators=(",", ":")) + "\n")


def rounded(values, digits: int = 5) -> list:
    return [None if np.isnan(value) else round(float(value), digits) for value in values]


def series() -> pd.DataFrame:
    """Ninety days of hours from Monday 2024-01-01 and three days ahead: demand, temperature, holidays."""
    random = np.random.default_rng(7)
    hour = np.arange(HOURS + AHEAD)
    day = hour // 24
    temperature = (
        6
        + 4 * np.sin(2 * np.pi * (hour - 9) / 24)
        + 5 * np.sin(2 * np.pi * hour / (24 * 17))
        + random.normal(0, 0.5, hour.size)
    )
    holiday = np.isin(day, HOLIDAYS).astype(float)
    off_work = np.maximum(holiday, (day % 7 >= 5).astype(float))
    noise = np.zeros(hour.size)
    shocks = random.normal(0, 0.4, hour.size)
    for t in range(1, hour.size):
        noise[t] = 0.7 * noise[t - 1] + shocks[t] + (0.3 * shocks[t - 24] if t >= 24 else 0)
    trend = 20 + 0.02 * day + np.where(day > 40, -0.05 * (day - 40), 0)
    daily = 4 * np.sin(2 * np.pi * (hour - 8) / 24) + 1.5 * np.cos(4 * np.pi * hour / 24)
    demand = trend + daily - 3 * off_work - 0.35 * temperature + noise
    times = pd.date_range("2024-01-01", periods=hour.size, freq="h")
    columns = {
        "y": demand.round(3),
        "temperature_c": temperature.round(3),
        "is_holiday": holiday,
        "is_off_work": off_work,
    }
    return pd.DataFrame({"ds": times, **columns})


def energy(model: Prophet) -> float:
    """The negative logarithm of the posterior density at the optimum of Stan, up to a constant."""
    columns, scales, _, _ = model.make_all_seasonality_features(model.history)
    t, y = model.history["t"].to_numpy(), model.history["y_scaled"].to_numpy()
    k, m, sigma = (model.params[name].item() for name in ("k", "m", "sigma_obs"))
    delta, beta = model.params["delta"].ravel(), model.params["beta"].ravel()
    bends = np.maximum(t[:, None] - model.changepoints_t, 0)
    residual = y - (k * t + m + bends @ delta + columns.to_numpy() @ beta)
    noise = y.size * np.log(sigma) + residual @ residual / (2 * sigma**2) + (sigma / 0.5) ** 2 / 2
    beliefs = (
        (k**2 + m**2) / (2 * 5**2)
        + np.abs(delta).sum() / model.changepoint_prior_scale
        + ((beta / np.array(scales)) ** 2).sum() / 2
    )
    return float(noise + beliefs)


def prophet(frame: pd.DataFrame) -> None:
    days = pd.to_datetime("2024-01-01") + pd.to_timedelta(HOLIDAYS, "D")
    holidays = pd.DataFrame({"holiday": "is_holiday", "ds": days, "lower_window": -1, "upper_window": 1})
    model = Prophet(
        daily_seasonality=4, weekly_seasonality=3, yearly_seasonality=False, holidays=holidays, uncertainty_samples=0
    )
    model.add_regressor("temperature_c")
    history = frame[:HOURS].copy()
    # Some hours are missing.
    history.loc[500:547, "y"] = np.nan
    model.fit(history, seed=1)
    forecast = model.predict(frame)
    write("prophet.json", {
        "missing": [500, 548],
        "yhat": rounded(forecast["yhat"]),
        "energy": energy(model),
        "sigma": float(model.params["sigma_obs"][0][0] * model.y_scale),
    })


def sarimax(frame: pd.DataFrame) -> None:
    hour = np.arange(HOURS + AHEAD)
    # The regression of edf with daily_seasonality 2: a constant, sines and cosines, regressors.
    regressors = {
        "constant": 1.0,
        **{f"{wave.__name__}{n}": wave(2 * np.pi * n * hour / 24) for n in (1, 2) for wave in (np.sin, np.cos)},
    }
    regressors |= {"temperature_c": frame["temperature_c"], "is_off_work": frame["is_off_work"]}
    regressors = pd.DataFrame(regressors, index=frame.index)
    demand = frame["y"][:HOURS].copy()
    demand[500:506] = np.nan
    order, seasonal = (1, 0, 1), (1, 0, 0, 24)
    fitted = SARIMAX(demand, regressors[:HOURS], order=order, seasonal_order=seasonal).fit(disp=False, maxiter=100)
    ahead = fitted.forecast(AHEAD, exog=regressors[HOURS:])
    write("sarimax.json", {
        "missing": [500, 506],
        "order": order,
        "seasonal_order": seasonal[:3],
        "temperature_c": float(fitted.params["temperature_c"]),
        "is_off_work": float(fitted.params["is_off_work"]),
        # phi, theta, Phi
        "coefficients": rounded(fitted.params.iloc[7:10]),
        "sigma": float(np.sqrt(fitted.params.iloc[10])),
        "yhat": rounded(ahead),
    })


def mstl(frame: pd.DataFrame) -> None:
    weeks = frame["y"][HOURS - 8 * 168 : HOURS].to_numpy()
    # As in R's forecast::mstl: seasons are smoothed by constants, trend and season improved twice.
    settings = {"seasonal_deg": 0, "inner_iter": 2, "outer_iter": 0}
    parts = MSTL(weeks, periods=(24, 168), windows=(11, 15), iterate=2, stl_kwargs=settings).fit()
    write("mstl.json", {
        "daily": rounded(parts.seasonal[:, 0]),
        "weekly": rounded(parts.seasonal[:, 1]),
        "trend": rounded(parts.trend),
    })


if __name__ == "__main__":
    frame = series()
    write(
        "series.json",
        {column: frame[column].tolist() for column in ("y", "temperature_c", "is_holiday", "is_off_work")},
    )
    prophet(frame)
    sarimax(frame)
    mstl(frame)
