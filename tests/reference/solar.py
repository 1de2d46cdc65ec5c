"""Computes solar.json: pvlib's position of the sun (SPA), clear-sky irradiance (Haurwitz), diffuse irradiance (Erbs)
and irradiance on a tilted plane (Hay-Davies), at various locations and times.

    python -m venv /tmp/solar && /tmp/solar/bin/pip install pvlib==0.16.1 && /tmp/solar/bin/python tests/reference/solar.py
"""

import json
import pathlib

import numpy as np
import pandas as pd
import pvlib

PLACES = [(47.4, 8.5), (34.1, -117.4), (-37.8, 145.0), (69.6, 18.9), (0.0, 0.0), (-54.8, -68.3), (21.3, -157.9)]
random = np.random.default_rng(5)
cases = []
for latitude, longitude in PLACES:
    seconds = random.integers(pd.Timestamp("1990-01-01").timestamp(), pd.Timestamp("2040-01-01").timestamp(), 12)
    times = pd.DatetimeIndex(pd.to_datetime(np.sort(seconds), unit="s", utc=True))
    position = pvlib.solarposition.get_solarposition(times, latitude, longitude)
    zenith, azimuth = position["zenith"], position["azimuth"]
    sky = pvlib.clearsky.haurwitz(zenith)["ghi"]
    extra = pd.Series(pvlib.irradiance.get_extra_radiation(times, solar_constant=1361.0, method="nrel"), times)
    came = sky * random.uniform(0.1, 1.1, len(times))
    # Erbs has a different solar constant.
    of_erbs = pd.Series(pvlib.irradiance.get_extra_radiation(times), times)
    parts = pvlib.irradiance.erbs(came, zenith, times, min_cos_zenith=0.02)
    diffuse = np.asarray(parts["dhi"])
    tilt, facing = random.uniform(0, 90, len(times)), random.uniform(0, 360, len(times))
    plane = pvlib.irradiance.get_total_irradiance(
        tilt, facing, zenith, azimuth, np.asarray(parts["dni"]), came, diffuse, of_erbs, albedo=0.2, model="haydavies"
    )["poa_global"]
    for n, at in enumerate(times):
        cases.append(
            {
                "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "latitude": latitude,
                "longitude": longitude,
                "zenith": round(zenith.iloc[n], 4),
                "azimuth": round(azimuth.iloc[n], 4),
                "ghi_w_m2": round(sky.iloc[n], 3),
                "extra_w_m2": round(extra.iloc[n], 2),
                "of_erbs_w_m2": round(of_erbs.iloc[n], 2),
                "came_w_m2": round(came.iloc[n], 3),
                "diffuse_w_m2": round(diffuse[n], 3),
                "tilt": round(tilt[n], 3),
                "facing": round(facing[n], 3),
                "plane_w_m2": round(np.asarray(plane)[n], 3),
            }
        )
(pathlib.Path(__file__).parent / "solar.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
