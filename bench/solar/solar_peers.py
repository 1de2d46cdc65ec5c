"""Forecasts of the peers, by the protocol of bench/accuracy: solar_peers.py [--work FOLDER] [--series A,B] [--methods
A,B] [--development]

- yesterday: the newest known value of the hour.
- clear-sky-persistence: the ratio of that value to the clear-sky irradiance (Haurwitz) then, times the current one.
- pvlib: one plane, its tilt, azimuth and size fitted by least squares on the irradiance: Erbs, Hay and Davies, cell
  temperature by Ross, PVWatts.
- xgboost: the accuracy bench's advanced features, with solar position and clear-sky irradiance.

Intervals are the conformal ones of the accuracy bench.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))

import pathlib
import sys
import warnings

import numpy as np
import pandas as pd
import pvlib
from scipy.optimize import least_squares

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "accuracy"))
from peers.common import Conformal, filled  # noqa: E402
from peers.xgb import Advanced, Cut  # noqa: E402
from protocol import DAY, Series, Store, run  # noqa: E402
from run import arguments, work_folder  # noqa: E402

warnings.filterwarnings("ignore")
MIDDLE = pd.Timedelta("30min")
STARTS = ((20, 135), (20, 225), (45, 180))  # tilt and azimuth


class Sun:
    """Solar position in the middle of each hour at a location."""

    def __init__(self, series: Series):
        hours = pd.date_range(series.frame.index[0], series.frame.index[-1] + 4 * DAY, freq="h")
        position = pvlib.solarposition.get_solarposition(
            hours + MIDDLE, series.about["latitude"], series.about["longitude"]
        )
        position = position.set_index(hours)
        self.table = position[["zenith", "azimuth", "elevation"]].assign(
            clear=pvlib.clearsky.haurwitz(position["zenith"])["ghi"]
        )

    def at(self, index: pd.DatetimeIndex) -> pd.DataFrame:
        return self.table.loc[index]


class Yesterday:
    def fit(self, history):
        pass

    def predict(self, history, future):
        newest = filled(history[-24 * 28:])["demand"].iloc[-24:]
        return newest.to_numpy()[(np.arange(len(future))) % 24]


class ClearSkyPersistence(Yesterday):
    def __init__(self, sun: Sun):
        self.sun = sun

    def predict(self, history, future):
        clear = lambda index: self.sun.at(index)["clear"].to_numpy()
        then = clear(history.index[-24:])[np.arange(len(future)) % 24]
        # Near the horizon the index is noise.
        index = np.where(then > 20, clear(future.index) / np.maximum(then, 20), 1)
        return super().predict(history, future) * np.clip(index, 0, 3)


class OnePlane:
    """A plane of panels, by pvlib."""

    def __init__(self, sun: Sun):
        self.sun = sun

    def power(self, weather: pd.DataFrame, tilt: float, azimuth: float) -> np.ndarray:
        """Generation of one kilowatt for the weather."""
        sun, ghi = self.sun.at(weather.index), weather["ghi_w_m2"].fillna(0)
        parts = pvlib.irradiance.erbs(ghi, sun["zenith"], weather.index)
        extra = pvlib.irradiance.get_extra_radiation(weather.index)
        plane = pvlib.irradiance.get_total_irradiance(
            tilt,
            azimuth,
            sun["zenith"],
            sun["azimuth"],
            parts["dni"],
            ghi,
            parts["dhi"],
            extra,
            albedo=0.2,
            model="haydavies",
        )["poa_global"].fillna(0)
        cells = pvlib.temperature.ross(plane, weather["temperature_c"].fillna(15), noct=45)
        return pvlib.pvsystem.pvwatts_dc(plane, cells, 1.0, -0.004).clip(lower=0).to_numpy()

    def fit(self, history):
        known = history[-24 * 365:].dropna()
        known = known[(self.sun.at(known.index)["elevation"] > 0).to_numpy()]
        actual = known["demand"].to_numpy()

        def size(tilt, azimuth):
            power = self.power(known, tilt, azimuth)
            return power, power @ actual / max(power @ power, 1e-9)

        def missed(plane):
            power, kilowatts = size(*plane)
            return kilowatts * power - actual

        found = [least_squares(missed, start, bounds=([0, 0], [90, 360]), diff_step=0.01) for start in STARTS]
        self.plane = min(found, key=lambda one: one.cost).x
        self.kilowatts = size(*self.plane)[1]

    def predict(self, history, future):
        return self.kilowatts * self.power(future, *self.plane)


class WithSun:
    """A method with solar position and clear-sky irradiance as additional inputs."""

    def __init__(self, sun: Sun, method):
        self.sun, self.method = sun, method

    def with_sun(self, frame):
        return frame.join(self.sun.at(frame.index)[["elevation", "azimuth", "clear"]])

    def fit(self, history):
        self.method.fit(self.with_sun(history))

    def predict(self, history, future):
        return np.clip(self.method.predict(self.with_sun(history), self.with_sun(future)), 0, None)


def methods(series: Series) -> dict:
    sun = Sun(series)
    return {
        "yesterday": Yesterday,
        "clear-sky-persistence": lambda: ClearSkyPersistence(sun),
        "pvlib": lambda: OnePlane(sun),
        "xgboost": lambda: Cut(WithSun(sun, Advanced(series.time_zone))),
    }


def main() -> None:
    options = arguments(__doc__).parse_args()
    store = Store(work_folder(options))
    for path in sorted((options.work / "series").glob("*.csv")):
        if options.series and path.stem not in options.series:
            continue
        series = Series(options.work / "series", path.stem)
        for name, make in methods(series).items():
            if not options.methods or name in options.methods:
                sources = [
                    HERE / "solar_peers.py",
                    HERE.parent / "accuracy/peers/common.py",
                    HERE.parent / "accuracy/peers/xgb.py",
                ]
                run(series, name, lambda _, make=make: Conformal(make), sources, store, options.development)


if __name__ == "__main__":
    main()
