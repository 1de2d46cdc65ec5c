"""Hours of up to 120 buildings as CSV for COPY: building_id, number, hour_at, demand_kwh, temperature_c, ghi_w_m2,
is_holiday.

The 15 measured homes of the demo and the 105 means of two of them. A year of 8,760 hours, then its first ten days
again, which are the days in service: for the speed it does not matter that they are not from the next year.
"""

import csv
import itertools
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docker/local"))
import citylearn  # noqa: E402

SERVICE_HOURS = 240


def holidays() -> set[str]:
    rows = csv.DictReader((ROOT / "dbt/seeds/public_holidays.csv").open())
    return {row["holiday_date"] for row in rows if row["region"] == "US-CA"}


def main() -> None:
    cache, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    data, days_off = citylearn.Dataset(citylearn.fetch(cache)), holidays()
    homes = sorted(data.demand)
    members = [(home, home) for home in homes] + list(itertools.combinations(homes, 2))
    write = csv.writer(sys.stdout).writerow
    for number, (one, other) in enumerate(members[:count]):
        for hour in range(citylearn.HOURS + SERVICE_HOURS):
            at, source = citylearn.to_hour(hour), hour % citylearn.HOURS
            local = at.astimezone(citylearn.STANDARD_TIME).date().isoformat()
            demand = (data.demand[one][source] + data.demand[other][source]) / 2
            weather = data.temperature_c[source], data.ghi_w_m2[source]
            write([f"homes-{one}-{other}", number, citylearn.text(at), demand, *weather, int(local in days_off)])


if __name__ == "__main__":
    main()
