"""SIMULATED apartments for two heating seasons: messages, weather, and the truth about each fault.

    simulate.py FOLDER [--apartments N] [--train-days N] [--test-days N] [--seed N] [--share S] [--cache FOLDER]

README.md describes what is modelled and what is not. Writes into FOLDER:

    place.jsonl                   the rows of weather_locations, buildings, apartments, with their table
    messages/YYYY-MM-DDTHH.jsonl.gz    messages received in the six hours before this time (UTC), in order of receipt
    weather.jsonl                 {"received_at": ..., "document": ...}, one document per day
    truth.csv                     events: fault_id, kind, building_id, apartment_id ('': all of them), room_name,
                                  start_at, end_at, size, part
    context.csv                   normal but unusual events: holidays, guests, vacancy, new tenants, replaced meters
    hours.npz                     the same measurements by hour, for use without a database
    about.json                    size, seed, days of each part, share of faulty apartment days
"""

import argparse
import csv
import datetime as dt
import gzip
import json
import pathlib
import sys
import time

import numpy as np

import buildings
import faults
import weather
from occupants import Occupants
from tablets import Tablets
from thermal import Network

FIRST_DAY = dt.date(2023, 9, 1)
BINS = 4
CONTEXT = ("building_id", "apartment_id", "what", "first_date", "last_date")
TRUTH = ("fault_id", "kind", "building_id", "apartment_id", "room_name", "start_at", "end_at", "size", "part")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--apartments", type=int, default=300)
    parser.add_argument("--train-days", type=int, default=366, help="without labels; default a year")
    parser.add_argument("--test-days", type=int, default=212, help="after them; default September to March")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=faults.SHARE, help="of apartment days with a fault, at most")
    parser.add_argument("--without-messages", action="store_true", help="only hours, in a fraction of the time")
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path.home() / ".cache/edf/downloads")
    return parser.parse_args()


def write_place(folder: pathlib.Path, stock: buildings.Stock) -> None:
    with open(folder / "place.jsonl", "w") as file:
        file.write(json.dumps({"table": "weather_locations", **weather.PLACE}) + "\n")
        for building in stock.building_ids:
            file.write(
                json.dumps(
                    {
                        "table": "buildings",
                        "building_id": building,
                        "name": f"SIMULATED {building}",
                        "time_zone": weather.ZONE.key,
                        "region": "US-IL",
                        **weather.PLACE,
                        "archetype": f"simulated-{stock.insulation[stock.building_ids.index(building)]}",
                    }
                )
                + "\n"
            )
        for at, name in enumerate(stock.apartment_ids):
            building = stock.building_ids[stock.building[at]]
            file.write(json.dumps({"table": "apartments", "building_id": building, "apartment_id": name}) + "\n")


def write_rows(path: pathlib.Path, rows: list[dict], names: tuple = TRUTH) -> None:
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, names)
        table.writeheader()
        table.writerows(rows)


def clock_of(day: int) -> int:
    """By how many quarters of an hour local time is ahead of standard time at noon."""
    noon = dt.datetime.combine(FIRST_DAY + dt.timedelta(days=day), dt.time(12), weather.ZONE)
    return (noon.utcoffset() - weather.STANDARD_TIME.utcoffset(None)) // dt.timedelta(minutes=15)


class Receipts:
    """Messages by the six hours in which they are received."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder / "messages"
        self.folder.mkdir(exist_ok=True)
        self.count = self.readings = 0

    def write(self, midnight: dt.datetime, messages) -> None:
        looks = {}
        for look, line in messages:
            looks.setdefault(look * BINS // 48, []).append(line)
        for number, lines in looks.items():
            until = midnight + dt.timedelta(hours=24 // BINS * (number + 1))
            with gzip.open(self.folder / f"{until:%Y-%m-%dT%H}.jsonl.gz", "wt", compresslevel=3) as file:
                file.writelines(line + "\n" for line in lines)
            self.count += len(lines)
            self.readings += sum(line.count('"value"') for line in lines)


def main() -> None:
    options = arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    began, days = time.monotonic(), options.train_days + options.test_days
    parts = {"train": range(options.train_days), "test": range(options.train_days, days)}
    outdoors = weather.Weather(weather.source.fetch(options.cache), FIRST_DAY, days, options.seed)
    stock = buildings.make(options.apartments, options.seed)
    daily = outdoors.temperature_c[: days * 24].reshape(days, 24).mean(1)
    found = faults.plan(stock, parts, daily, options.seed, options.share)
    people, tablets, network = Occupants(stock, days, options.seed), Tablets(stock, options.seed), Network(stock)
    write_place(options.folder, stock)
    with open(options.folder / "weather.jsonl", "w") as file:
        for received_at, document in outdoors.documents():
            file.write(json.dumps({"received_at": received_at.isoformat(), "document": document}) + "\n")
    start = outdoors.start
    receipts = None if options.without_messages else Receipts(options.folder)
    kept: list[list[np.ndarray]] = [[], [], [], []]
    mean_c = np.convolve(
        np.concatenate([np.full(23, outdoors.temperature_c[0]), outdoors.temperature_c]), np.full(24, 1 / 24), "valid"
    )
    for day in range(days):
        hours = slice(24 * day, 24 * day + 24)
        date = FIRST_DAY + dt.timedelta(days=day)
        behaviour = [np.roll(values, -clock_of(day), axis=1) for values in people.day(day, date.weekday())]
        now = [fault for fault in found if day in fault.days()]
        air, heat, litres = network.day(
            outdoors.temperature_c[hours], outdoors.on_walls_w_m2[hours], mean_c[hours], behaviour, now, day
        )
        values, sent, measured = tablets.day(day, air, heat, litres, behaviour[3], now)
        for column, part in zip(kept, measured):
            column.append(part.astype(np.float32))
        midnight = (start + dt.timedelta(days=day)).astimezone(dt.timezone.utc)
        if receipts:
            receipts.write(midnight, tablets.messages(midnight, values, sent))
        if day % 60 == 59:
            print(f"{date}: {time.monotonic() - began:.0f} s", flush=True)
    finish(options, stock, found, parts, start, people.context + tablets.context, kept, outdoors, receipts)


def finish(options, stock, found, parts, start, context, kept, outdoors, receipts) -> None:
    write_rows(options.folder / "truth.csv", list(faults.rows(found, stock, start, parts)))
    write_rows(
        options.folder / "context.csv",
        [
            {
                "building_id": stock.building_ids[stock.building[at]],
                "apartment_id": stock.apartment_ids[at],
                "what": what,
                "first_date": FIRST_DAY + dt.timedelta(days=first),
                "last_date": FIRST_DAY + dt.timedelta(days=last),
            }
            for at, what, first, last in sorted(context, key=lambda row: (row[2], row[0]))
        ],
        CONTEXT,
    )
    heat, litres, temperature, setpoint = (np.concatenate(column, axis=1) for column in kept)
    hours = heat.shape[1]
    np.savez(
        options.folder / "hours.npz",
        heating_kwh=heat,
        hot_water_l=litres,
        room_c=temperature,
        setpoint_c=setpoint,
        apartment=stock.apartment,
        room_names=np.array(stock.room_names),
        area=stock.area,
        building=stock.building,
        building_ids=np.array(stock.building_ids),
        apartment_ids=np.array(stock.apartment_ids),
        start=start.timestamp(),
        temperature_c=outdoors.temperature_c[:hours],
        ghi_w_m2=outdoors.ghi_w_m2[:hours],
    )
    sizes = {
        part: sum(
            len(set(fault.days()) & set(days))
            * (
                len(np.flatnonzero(stock.building == fault.building))
                if fault.apartment < 0
                else 2 if fault.other >= 0 else 1
            )
            for fault in found
        )
        / (len(stock.apartment_ids) * len(days))
        for part, days in parts.items()
    }
    about = {
        "label": "SIMULATED",
        "apartments": options.apartments,
        "buildings": len(stock.building_ids),
        "seed": options.seed,
        "first_day": str(FIRST_DAY),
        "zone": weather.ZONE.key,
        "train_days": options.train_days,
        "test_days": options.test_days,
        "test_from": str(FIRST_DAY + dt.timedelta(days=options.train_days)),
        "faulty_share": {part: round(share, 5) for part, share in sizes.items()},
        "messages": receipts.count if receipts else 0,
        "readings": receipts.readings if receipts else 0,
        "heating_kwh_m2_year": round(float(heat[:, : 365 * 24].sum() / stock.area.sum()), 1),
    }
    (options.folder / "about.json").write_text(json.dumps(about, indent=2) + "\n")
    print(json.dumps(about))


if __name__ == "__main__":
    sys.exit(main())
