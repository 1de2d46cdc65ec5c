"""Prints the homes' hours as CSV: home, start of the hour, kWh, temperature, irradiance; with --solar the roof's kWh,
too."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docker" / "local"))

import citylearn  # noqa: E402


def main() -> None:
    parser = citylearn.arguments()
    parser.add_argument("--solar", action="store_true")
    options = parser.parse_args()
    data = citylearn.Dataset(citylearn.fetch(options.cache))
    for home, demand in data.demand.items():
        for hour, kwh in enumerate(demand):
            at = citylearn.text(citylearn.to_hour(hour))
            roof = f",{data.solar[home][hour]}" if options.solar else ""
            print(f"home-{home},{at},{kwh},{data.temperature_c[hour]},{data.ghi_w_m2[hour]}{roof}")


if __name__ == "__main__":
    main()
