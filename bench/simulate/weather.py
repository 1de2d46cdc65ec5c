"""The weather of the simulation: a cold year of hours, repeated as needed, in the format of weather services.

The PyPI package citylearn 2.0.0 contains the typical meteorological year of climate zone 5A, Chicago: measured months
of real years, hourly, with a winter down to -19 C. The first year is used unchanged. In later years the days of each
calendar month are reordered in blocks of five, so that no model sees the same winter twice."""

import csv
import datetime as dt
import io
import json
import pathlib
import random
import sys
import zipfile
import zoneinfo

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "docker/local"))

import citylearn as source  # noqa: E402

FOLDER = "citylearn/data/citylearn_challenge_2020_climate_zone_4"
PLACE = {"weather_location_id": "chicago-il", "latitude": 41.98, "longitude": -87.90}
ZONE = zoneinfo.ZoneInfo("America/Chicago")
STANDARD_TIME = dt.timezone(dt.timedelta(hours=-6))
BLOCK_DAYS = 5
MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def order_of_days(year: int, seed: int) -> list[int]:
    """For each day of a year without 29 February the day of the source; year 0 is the source itself."""
    draw, days, first = random.Random(f"{seed} weather {year}"), [], 0
    for length in MONTHS:
        month = list(range(first, first + length))
        blocks = [month[at : at + BLOCK_DAYS] for at in range(0, length, BLOCK_DAYS)]
        if year:
            draw.shuffle(blocks)
        days += [day for block in blocks for day in block]
        first += length
    return days


class Weather:
    """Hourly columns from local standard midnight of `first_day` on: temperature, irradiance, and that on walls."""

    def __init__(self, wheel: pathlib.Path, first_day: dt.date, days: int, seed: int):
        with zipfile.ZipFile(wheel) as archive:
            columns = self._columns(archive)
        dates = [first_day + dt.timedelta(days=day) for day in range(days + 1)]
        orders, picked = {}, []
        for date in dates:
            # Years are counted from the first day on, so that the first one is the unchanged source.
            year = (date - first_day).days // 365
            order = orders.setdefault(year, order_of_days(year, seed))
            yearday = min(
                dt.date(2023, date.month, min(date.day, 28 if date.month == 2 else 31)).timetuple().tm_yday, 365
            )
            picked.append(order[yearday - 1])
        hours = (np.array(picked)[:, None] * 24 + np.arange(24)).ravel()
        self.start = dt.datetime.combine(first_day, dt.time(), STANDARD_TIME)
        self.temperature_c = columns["Outdoor Drybulb Temperature [C]"][hours]
        diffuse, direct = (columns[f"{kind} Solar Radiation [W/m2]"][hours] for kind in ("Diffuse", "Direct"))
        elevation, azimuth = sun(np.array(picked).repeat(24), np.tile(np.arange(24) + 0.5, len(picked)))
        up = np.clip(np.sin(elevation), 0, None)
        self.ghi_w_m2 = diffuse + direct * up
        # On a wall that faces east, south, west or north: half of the sky, the ground's reflection, and the beam.
        faces = np.radians([90, 180, 270, 0])
        beam = np.clip(np.cos(elevation)[:, None] * np.cos(azimuth[:, None] - faces), 0, None) * (up > 0.05)[:, None]
        self.on_walls_w_m2 = (0.5 * diffuse + 0.1 * self.ghi_w_m2)[:, None] + direct[:, None] * beam

    @staticmethod
    def _columns(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
        with archive.open(f"{FOLDER}/weather.csv") as file:
            rows = list(csv.DictReader(io.TextIOWrapper(file)))
        return {name: np.array([float(row[name]) for row in rows]) for name in rows[0] if "Predicted" not in name}

    def documents(self):
        """Yields (received_at, document): the hours of a local standard day, when its last hour is over."""
        for day in range(len(self.temperature_c) // 24 - 1):
            hours = range(24 * day, 24 * day + 24)
            labels = [
                (self.start + dt.timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M") for hour in (*hours, hours.stop)
            ]
            yield self.start + dt.timedelta(hours=hours.stop), json.dumps(
                {
                    "latitude": PLACE["latitude"],
                    "longitude": PLACE["longitude"],
                    "utc_offset_seconds": -6 * 3600,
                    "hourly": {
                        "time": labels,
                        "cloudcover": [None] * 25,
                        "temperature_2m": [*(round(float(self.temperature_c[hour]), 1) for hour in hours), None],
                        "shortwave_radiation": [None, *(round(float(self.ghi_w_m2[hour])) for hour in hours)],
                    },
                }
            )


def sun(yearday: np.ndarray, hour: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Elevation and azimuth (from north over east) in radians at a local standard hour of a day counted from 0."""
    angle = 2 * np.pi * (yearday + hour / 24) / 365
    declination = 0.006918 - 0.399912 * np.cos(angle) + 0.070257 * np.sin(angle) - 0.006758 * np.cos(2 * angle)
    minutes = 229.18 * (
        0.000075
        + 0.001868 * np.cos(angle)
        - 0.032077 * np.sin(angle)
        - 0.014615 * np.cos(2 * angle)
        - 0.040849 * np.sin(2 * angle)
    )
    solar = hour + (minutes + 4 * (PLACE["longitude"] + 90)) / 60
    turned, latitude = np.radians(15 * (solar - 12)), np.radians(PLACE["latitude"])
    sine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(turned)
    elevation = np.arcsin(np.clip(sine, -1, 1))
    azimuth = np.arctan2(
        -np.cos(declination) * np.sin(turned),
        np.cos(latitude) * np.sin(declination) - np.sin(latitude) * np.cos(declination) * np.cos(turned),
    )
    return elevation, azimuth % (2 * np.pi)
