"""The 15 measured homes, untouched and as copies with faults: a folder like that of bench/simulate, of real data.

    real_homes.py FOLDER [--cache FOLDER] [--seed N]

Electricity of a year in Fontana, California, with its weather (docker/local/citylearn.py). Building `homes` is
unchanged: alarms there are assumed to be false. Building `copies` has the same homes with faults of known start in the
second half of the year, three in each home:

| kind | change |
|---|---|
| stuck_on | something draws 0.3 to 1.2 kW more all the time, 3 to 9 days |
| half_counted | the meter counts half of the energy, 8 to 20 days |
| meter_stopped | the register is constant and still sent, 3 to 9 days |
| swapped_meters | the meters of two homes are swapped, 8 to 15 days |

The first half of the year is the training part.
"""

import argparse
import datetime as dt
import gzip
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "simulate"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "docker/local"))

import citylearn as source  # noqa: E402
from simulate import write_rows  # noqa: E402

KINDS = {"stuck_on": (3, 9), "half_counted": (8, 20), "meter_stopped": (3, 9), "swapped_meters": (8, 15)}
FAULTS_A_HOME, APART_DAYS = 3, 14
TRAIN_DAYS = 182
ZONE = "Etc/GMT+8"
HOMES = source.BUILDINGS["all-homes"]


def plan(draw: random.Random) -> list[dict]:
    """Faults of the copies, in the second half of the year, at least two weeks apart in each home."""
    found, busy = [], {home: set() for home in HOMES}
    for home in HOMES:
        for _ in range(FAULTS_A_HOME):
            for _ in range(1000):
                kind = draw.choice(list(KINDS))
                first = draw.randrange(TRAIN_DAYS, 350)
                length = draw.uniform(*KINDS[kind])
                other = draw.choice([twin for twin in HOMES if twin != home]) if kind == "swapped_meters" else None
                days = set(range(first - APART_DAYS, int(first + length) + APART_DAYS))
                if not (days & busy[home] or other and days & busy[other]) and first + length < 362:
                    break
            else:
                continue
            for one in (home, other) if other else (home,):
                busy[one] |= days
            begin = 24 * first + draw.randrange(24)
            found.append(
                {
                    "kind": kind,
                    "home": home,
                    "other": other,
                    "begin": begin,
                    "end": begin + int(24 * length),
                    "size": round(draw.uniform(0.3, 1.2), 2),
                }
            )
    return sorted(found, key=lambda fault: fault["begin"])


def spoilt(demand: dict[int, list[float]], faults: list[dict]) -> dict[int, list[float]]:
    changed = {home: list(values) for home, values in demand.items()}
    for fault in faults:
        home, hours = fault["home"], range(fault["begin"], fault["end"])
        for hour in hours:
            match fault["kind"]:
                case "stuck_on":
                    changed[home][hour] += fault["size"]
                case "half_counted":
                    changed[home][hour] *= 0.5
                case "meter_stopped":
                    changed[home][hour] = 0.0
                case "swapped_meters":
                    changed[home][hour], changed[fault["other"]][hour] = (
                        demand[fault["other"]][hour],
                        demand[home][hour],
                    )
    return changed


def rows(faults: list[dict]):
    for number, fault in enumerate(faults):
        for home in [fault["home"]] + ([fault["other"]] if fault["other"] else []):
            yield {
                "fault_id": f"fault-{number + 1:03}" + ("b" if home == fault["other"] else ""),
                "kind": fault["kind"],
                "building_id": "copies",
                "apartment_id": f"home-{home}",
                "room_name": "",
                "start_at": source.text(source.to_hour(fault["begin"])),
                "end_at": source.text(source.to_hour(fault["end"])),
                "size": fault["size"],
                "part": "test",
            }


def write_messages(folder: pathlib.Path, demand: dict[str, dict[int, list[float]]]) -> int:
    """Registers of whole watt-hours, sent on the hour and received within six."""
    (folder / "messages").mkdir(exist_ok=True)
    totals = {(building, home): 0.0 for building in demand for home in HOMES}
    lines, count = [], 0
    for hour in range(source.HOURS + 1):
        read_at = source.to_hour(hour)
        for building, home in totals:
            if hour:
                totals[building, home] += demand[building][home][hour - 1]
            lines.append(
                source.message(read_at, building, f"home-{home}", "electricity_kwh_total", totals[building, home])
            )
        until = read_at.replace(minute=0)
        if until.hour % 6 == 0:
            with gzip.open(folder / "messages" / f"{until:%Y-%m-%dT%H}.jsonl.gz", "wt", compresslevel=3) as file:
                file.writelines(line + "\n" for line in lines)
            count, lines = count + len(lines), []
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path.home() / ".cache/edf/downloads")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    data = source.Dataset(source.fetch(options.cache))
    faults = plan(random.Random(options.seed))
    with open(options.folder / "place.jsonl", "w") as file:
        file.write(json.dumps({"table": "weather_locations", **source.PLACE}) + "\n")
        for building in ("homes", "copies"):
            file.write(
                json.dumps(
                    {
                        "table": "buildings",
                        "building_id": building,
                        "name": building,
                        "time_zone": ZONE,
                        "region": "US-CA",
                        **source.PLACE,
                        "archetype": building,
                    }
                )
                + "\n"
            )
        for building in ("homes", "copies"):
            for home in HOMES:
                file.write(
                    json.dumps({"table": "apartments", "building_id": building, "apartment_id": f"home-{home}"}) + "\n"
                )
    with open(options.folder / "weather.jsonl", "w") as file:
        for received_at, document in source.weather_observations(
            data, source.START - source.HOUR, source.to_hour(source.HOURS)
        ):
            file.write(json.dumps({"received_at": received_at.isoformat(), "document": document}) + "\n")
    count = write_messages(options.folder, {"homes": data.demand, "copies": spoilt(data.demand, faults)})
    truth = list(rows(faults))
    write_rows(options.folder / "truth.csv", truth)
    first = dt.date(2016, 8, 1)
    about = {
        "label": "15 measured homes, and copies with INJECTED faults",
        "apartments": 2 * len(HOMES),
        "first_day": str(first),
        "zone": ZONE,
        "train_days": TRAIN_DAYS,
        "test_days": 365 - TRAIN_DAYS - 1,
        "test_from": str(first + dt.timedelta(days=TRAIN_DAYS)),
        "untouched": "homes",
        "faults": len(truth),
        "messages": count,
    }
    (options.folder / "about.json").write_text(json.dumps(about, indent=2) + "\n")
    print(json.dumps(about))


if __name__ == "__main__":
    main()
