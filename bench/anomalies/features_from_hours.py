"""Daily features of SIMULATED apartments from the simulation's hours, for peers without a database.

The same quantities as in features.fct_apartment_days, computed from hours.npz: sums and means of local days of 23 to 25
hours, lags, degree days, the apartment relative to its building. The truth is not used."""

import pathlib

import numpy as np
import pandas as pd

from metrics import KEY

ZONE = "America/Chicago"
HEATING_BASE_C = 18
FEATURES = [
    "daily_energy_kwh",
    "hot_water_l",
    "hot_water_night_min_l",
    "room_c_mean",
    "room_c_min",
    "room_c_max",
    "avg_temp_diff",
    "temp_diff_min",
    "temp_diff_max",
    "gap_hours",
    "largest_fall_c",
    "hdd",
    "hdd_inertia",
    "ghi_kwh_m2",
    "energy_lag_1d",
    "energy_roll_avg_7d",
    "temp_diff_roll_std_3d",
    "energy_diff_1d",
    "energy_ratio_7d",
    "hot_water_ratio_7d",
    "energy_to_building",
    "energy_to_like_days",
    "completeness",
]


def longest_run(wanted: np.ndarray) -> np.ndarray:
    """The longest run of true hours in each row."""
    run = best = np.zeros(len(wanted))
    for column in wanted.T:
        run = np.where(column, run + 1, 0)
        best = np.maximum(best, run)
    return best


def daily(folder: pathlib.Path) -> pd.DataFrame:
    data = np.load(folder / "hours.npz")
    heat, water, room, setpoint = (data[name] for name in ("heating_kwh", "hot_water_l", "room_c", "setpoint_c"))
    hours = pd.date_range(
        pd.Timestamp(float(data["start"]), unit="s", tz="UTC"), periods=heat.shape[1], freq="h"
    ).tz_convert(ZONE)
    dates = hours.tz_localize(None).normalize()
    borders = np.flatnonzero(np.r_[True, dates[1:] != dates[:-1], True])
    apartment, count = data["apartment"], len(data["apartment_ids"])
    first_room = np.searchsorted(apartment, np.arange(count))
    parts = []
    for begin, end in zip(borders, borders[1:]):
        if end - begin < 23:
            continue
        part, local = slice(begin, end), hours[begin:end].hour.to_numpy()
        gap, here = setpoint[:, part] - room[:, part], room[:, part]
        night = water[:, part][:, (local >= 1) & (local < 5)]
        with np.errstate(invalid="ignore"):
            fall = here[:, :-1] - here[:, 1:]
            by_room = {
                "mean": nan(np.nansum(here, 1), (~np.isnan(here)).sum(1)),
                "gap": nan(np.nansum(gap, 1), (~np.isnan(gap)).sum(1)),
                "low": np.where(np.isnan(here), np.inf, here).min(1),
                "high": np.where(np.isnan(here), -np.inf, here).max(1),
                "run": longest_run(np.abs(gap) > 2),
                "fall": np.where(np.isnan(fall), -np.inf, fall).max(1),
            }
        sensors = (~np.isnan(by_room["mean"])).astype(float)
        expected = np.add.reduceat((~np.isnan(setpoint).all(1)).astype(float), first_room)

        def mean(values):
            return nan(
                np.add.reduceat(np.nan_to_num(values), first_room),
                np.add.reduceat((~np.isnan(values)).astype(float), first_room),
            )

        def worst(values, how=np.maximum):
            found = how.reduceat(values, first_room)
            return np.where(np.isfinite(found), found, np.nan)

        outside, sun = data["temperature_c"][part], data["ghi_w_m2"][part]
        known = np.add.reduceat((~np.isnan(here)).sum(1), first_room) / np.maximum(expected, 1) / (end - begin)
        lowest, highest = (np.where(np.isnan(by_room["gap"]), fill, by_room["gap"]) for fill in (np.inf, -np.inf))
        parts.append(
            pd.DataFrame(
                {
                    "building_id": data["building_ids"][data["building"]],
                    "apartment_id": data["apartment_ids"],
                    "local_date": dates[begin],
                    "daily_energy_kwh": heat[:, part].sum(1),
                    "hot_water_l": water[:, part].sum(1),
                    "hot_water_night_min_l": night.min(1),
                    "room_c_mean": mean(by_room["mean"]),
                    "room_c_min": worst(by_room["low"], np.minimum),
                    "room_c_max": worst(by_room["high"]),
                    "avg_temp_diff": mean(by_room["gap"]),
                    "temp_diff_min": worst(lowest, np.minimum),
                    "temp_diff_max": worst(highest),
                    "gap_hours": worst(by_room["run"]),
                    "largest_fall_c": worst(by_room["fall"]),
                    "hdd": np.clip(HEATING_BASE_C - outside, 0, None).mean(),
                    "ghi_kwh_m2": sun.sum() / 1000,
                    "completeness": known,
                    "rooms_known": np.add.reduceat(sensors, first_room),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def nan(sums: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)


def with_history(days: pd.DataFrame) -> pd.DataFrame:
    """Adds lags and comparisons within the building. A day is compared with earlier days only."""
    days = days.sort_values([*KEY, "local_date"]).reset_index(drop=True)
    by_apartment = days.groupby(KEY, sort=False)

    def before(name: str, length: int, how: str = "mean", least: int = 3):
        return by_apartment[name].transform(
            lambda values: getattr(values.shift().rolling(length, min_periods=least), how)()
        )

    energy, water = days["daily_energy_kwh"], days["hot_water_l"]
    days["energy_lag_1d"] = by_apartment["daily_energy_kwh"].shift()
    days["energy_roll_avg_7d"] = before("daily_energy_kwh", 7)
    days["energy_diff_1d"] = energy - days["energy_lag_1d"]
    days["energy_ratio_7d"] = (energy + 1) / (days["energy_roll_avg_7d"] + 1)
    days["hot_water_ratio_7d"] = (water + 10) / (before("hot_water_l", 7) + 10)
    days["temp_diff_roll_std_3d"] = by_apartment["avg_temp_diff"].transform(
        lambda values: values.rolling(3, min_periods=2).std()
    )
    days["hdd_inertia"] = by_apartment["hdd"].transform(lambda values: values.ewm(span=3).mean())
    usual = before("daily_energy_kwh", 28, least=14)
    share = (energy + 1) / (usual + 1)
    days["energy_to_building"] = share / share.groupby([days["building_id"], days["local_date"]]).transform("median")
    days["energy_to_like_days"] = like_days(days)
    return days


def like_days(days: pd.DataFrame, reach: int = 60, width_k: float = 2.0) -> np.ndarray:
    """Energy over the mean of the apartment's days of the 60 before with degree days within 2 K."""
    result = np.full(len(days), np.nan)
    for rows in days.groupby(KEY, sort=False).indices.values():
        energy, hdd = days["daily_energy_kwh"].to_numpy()[rows], days["hdd_inertia"].to_numpy()[rows]
        for lag_first in range(0, len(rows), 512):
            at = np.arange(lag_first, min(lag_first + 512, len(rows)))
            past = at[:, None] - np.arange(1, reach + 1)
            like = (past >= 0) & (np.abs(hdd[past.clip(0)] - hdd[at][:, None]) <= width_k)
            count = like.sum(1)
            mean = np.where(count >= 5, np.where(like, energy[past.clip(0)], 0).sum(1) / np.maximum(count, 1), np.nan)
            result[rows[at]] = (energy[at] + 1) / (mean + 1)
    return result


def features(folder: pathlib.Path) -> pd.DataFrame:
    return with_history(daily(folder))
