"""Prints public holidays as rows of seeds/public_holidays.csv, named in each country's default language.

    public_holidays.py [--regions CH-ZH,DE-BY,US-CA] [--years 2015-2035] > seeds/public_holidays.csv

A region is a country (CH), one of its subdivisions (CH-ZH) or the country with all of them (CH-*). Without arguments,
it prints the seed as released. Needs the PyPI package holidays, as pinned in docker/local/requirements.txt.
"""

import argparse
import csv
import re
import sys

import holidays

REGIONS = "CH,CH-*,US-CA"
YEARS = "2015-2035"
KNOWN = holidays.list_supported_countries(include_aliases=False)


def fail(message: str):
    raise SystemExit(f"public_holidays.py: {message}")


def expand(text: str) -> list[str]:
    """The requested regions, without duplicates; an unknown one is an error that lists the known ones."""
    found = []
    for region in filter(None, map(str.strip, text.split(","))):
        country, _, part = region.partition("-")
        if country not in KNOWN:
            fail(f"there is no country {country!r}; known are {', '.join(sorted(KNOWN))}.")
        # The package also has cities and school zones, whose names are not ISO codes: only available by name.
        codes = [code for code in KNOWN[country] if re.fullmatch("[A-Z0-9]{1,3}", code)]
        if part == "*":
            found += [country, *(f"{country}-{code}" for code in codes)]
        elif part in KNOWN[country] or region == country:
            found.append(region)
        elif KNOWN[country]:
            fail(f"{country} has no subdivision {part!r}; known are {', '.join(sorted(KNOWN[country]))}.")
        else:
            fail(f"{country} has no subdivisions: use {country}.")
    return sorted(set(found)) or fail("no region is named.")


def span(text: str) -> range:
    years = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", text)
    if not years or int(years[1]) > int(years[2] or years[1]):
        fail(f"years must be one year or a first and a last one, such as {YEARS}, not {text!r}.")
    return range(int(years[1]), int(years[2] or years[1]) + 1)


def public_holidays(region: str, years: range):
    country, _, part = region.partition("-")
    # Otherwise the names depend on the user's language.
    language = holidays.country_holidays(country).default_language
    calendar = holidays.country_holidays(country, subdiv=part or None, years=years, language=language)
    if years[0] < calendar.start_year or years[-1] > calendar.end_year:
        fail(f"{region} is known from {calendar.start_year} to {calendar.end_year}.")
    return sorted(calendar.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regions", default=REGIONS, help="separated by commas (default: %(default)s)")
    parser.add_argument("--years", default=YEARS, help="(default: %(default)s)")
    options = parser.parse_args()
    rows, years = [], span(options.years)
    for region in expand(options.regions):
        rows += [(region, day.isoformat(), name) for day, name in public_holidays(region, years)]
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerows([("region", "holiday_date", "name"), *rows])


if __name__ == "__main__":
    main()
