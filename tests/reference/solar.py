"""Makes solar.json: pvlib's zenith angle (SPA) and clear-sky irradiance (Haurwitz) at places and times all over.

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
    zenith = pvlib.solarposition.get_solarposition(times, latitude, longitude)["zenith"]
    sky = pvlib.clearsky.haurwitz(zenith)["ghi"]
    for at, angle, ghi in zip(times, zenith, sky):
        cases.append({
            "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "latitude": latitude, "longitude": longitude,
            "zenith": round(angle, 4), "ghi_w_m2": round(ghi, 3),
        })
(pathlib.Path(__file__).parent / "solar.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
