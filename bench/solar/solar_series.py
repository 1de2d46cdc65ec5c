"""Measured hourly generation with irradiance and temperature, one CSV each, in the format of bench/accuracy/series.py:

    solar_series.py FOLDER [--cache FOLDER]

- nrel-roof: PVDAQ's system 50, a roof in Golden, Colorado, 2011-04 to 2013-12, with irradiance of NSRDB derived from
  satellites; from the wheel of pvanalytics. Its quarters of an hour are in local time with daylight saving, although
  labelled without.
- home-NN: four roofs of the homes of citylearn, whose panels face different directions; the other eleven roofs are near
  copies. Their irradiance and temperature are of a typical year, not of the actual one: relative to clear sky, neither
  correlates with generation from day to day (correlation 0.04), which misleads forecasters that trust their inputs.
"""

import argparse
import io
import json
import pathlib
import sys
from dataclasses import asdict

import pandas as pd

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "accuracy"))
from series import About, citylearn, wheel  # noqa: E402

PVANALYTICS = "pvanalytics==0.2.2"
HOMES = (1, 2, 5, 17)


def nrel_roof(cache: pathlib.Path):
    archive = wheel(cache, PVANALYTICS)

    def read(name: str, times: str) -> pd.DataFrame:
        table = pd.read_parquet(
            io.BytesIO(archive.read(f"pvanalytics/data/system_50_ac_power_2_full_DST{name}.parquet"))
        )
        return table.set_index(pd.to_datetime(table.pop(times))).apply(pd.to_numeric)

    power, weather = read("", "measured_on")["ac_power_2"], read("_psm3", "index").tz_convert("UTC")
    power.index = power.index.tz_localize(None).tz_localize("America/Denver", ambiguous="NaT", nonexistent="NaT")
    power = power[power.index.notna()].tz_convert("UTC")
    hours = power.resample("h").agg(["mean", "count"])
    frame = (hours["mean"].where(hours["count"] >= 2) / 1000).to_frame("demand")[:"2013-12-31 06:00"].asfreq("h")
    weather = weather.resample("h").mean().reindex(frame.index)
    about = About(
        "roof with its irradiance",
        "America/Denver",
        "US-CO",
        "kW",
        f"{PVANALYTICS}, PVDAQ system 50",
        39.7406,
        -105.1775,
    )
    yield "nrel-roof", about, frame.assign(temperature_c=weather["temp_air"], ghi_w_m2=weather["ghi"])


def homes(cache: pathlib.Path):
    data = citylearn.Dataset(citylearn.fetch(cache))
    index = pd.date_range(citylearn.START, periods=citylearn.HOURS, freq="h")
    place = (citylearn.PLACE["latitude"], citylearn.PLACE["longitude"])
    for home in HOMES:
        about = About(
            "four roofs in the irradiance of a typical year", "Etc/GMT+8", "US-CA", "kW", citylearn.PACKAGE, *place
        )
        yield f"home-{home:02}", about, pd.DataFrame(
            {"demand": data.solar[home], "temperature_c": data.temperature_c, "ghi_w_m2": data.ghi_w_m2}, index)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path.home() / ".cache/edf/downloads")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    described = {}
    for source in (nrel_roof, homes):
        for name, about, frame in source(options.cache):
            described[name] = asdict(about) | {"hours": len(frame), "missing": int(frame["demand"].isna().sum())}
            frame.index = frame.index.strftime("%Y-%m-%dT%H:%M:%SZ")
            frame.round(4).to_csv(options.folder / f"{name}.csv", index_label="hour_at")
    (options.folder / "series.json").write_text(json.dumps(described, indent=1))


if __name__ == "__main__":
    main()
