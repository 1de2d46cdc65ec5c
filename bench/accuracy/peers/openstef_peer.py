"""OpenSTEF 4, its own preset workflows: gblinear and xgboost, with its own quantiles.

A workflow keeps only those lags that are known at its horizon, so each day ahead has its own workflow (24, 48 and 72
hours); one for all three days would use nothing newer than three days. Rolling aggregates are on; all history is used,
not the default of 90 days.
"""

import logging
from datetime import timedelta

import pandas as pd
from openstef_core.datasets import TimeSeriesDataset
from openstef_core.types import LeadTime, Q
from openstef_models.presets import ForecastingWorkflowConfig, create_forecasting_workflow
from openstef_models.presets.forecasting_workflow import Coordinate, CountryAlpha2, LocationConfig

from protocol import COLUMNS, QUANTILES

logging.disable(logging.WARNING)
CONTEXT = 24 * 21  # hours needed for lags and windows
NAMES = {"demand": "load", "temperature_c": "temperature", "ghi_w_m2": "radiation", "is_holiday": "is_regional_holiday"}


class Peer:
    def __init__(self, model, about):
        country = about["region"][:2]
        self.workflows = [
            create_forecasting_workflow(
                ForecastingWorkflowConfig(
                    model_id=f"day-{day}",
                    model=model,
                    quantiles=[Q(p) for p in QUANTILES],
                    sample_interval=timedelta(hours=1),
                    horizons=[LeadTime(timedelta(hours=24 * day))],
                    mlflow_storage=None,
                    rolling_aggregate_features=["mean", "median", "max", "min"],
                    flatliner_threshold=timedelta(days=60),  # a home without gas use in summer is not a broken meter
                    location=LocationConfig(
                        coordinate=Coordinate(latitude=about["latitude"], longitude=about["longitude"]),
                        country_code=CountryAlpha2(country),
                    ),
                )
            )
            for day in (1, 2, 3)
        ]

    def data(self, frame):
        return TimeSeriesDataset(frame.rename(columns=NAMES), sample_interval=timedelta(hours=1))

    def fit(self, history):
        for workflow in self.workflows:
            workflow.fit(self.data(history))

    def predict(self, history, future):
        rows = self.data(pd.concat([history[-CONTEXT:], future]))
        days = []
        for day, workflow in enumerate(self.workflows):
            found = workflow.predict(rows, forecast_start=future.index[0]).data
            days.append(found.reindex(future.index[24 * day : 24 * day + 24]))
        found = pd.concat(days)
        quantiles = found[[Q(p).format() for p in QUANTILES]].set_axis(list(COLUMNS), axis=1)
        return quantiles.assign(yhat=quantiles["q0.5"])


def gblinear(series):
    return Peer("gblinear", series.about)


def xgboost(series):
    return Peer("xgboost", series.about)
