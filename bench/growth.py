"""Measures how the pipeline's work grows with buildings and history, in the database of PGHOST, PGPORT and PGDATABASE:

    growth.py history BUILDINGS DAYS                    creates a synthetic fleet and its readings
    growth.py measure BUILDINGS DAYS --results FILE     the rebuild, then a day of messages; adds a line of JSON
    growth.py report --results FILE                     the table: processor seconds of the backend

A building has one apartment, whose register and room temperature change almost every hour, and whose setpoint rarely
does.
"""

import argparse
import datetime as dt
import json
import os
import pathlib

import psycopg2

HOURS = 24
# The history ends where the day before yesterday does; the day of messages follows.
HISTORY = """
    insert into raw.weather_locations values ('growth', 47, 8);
    insert into raw.buildings
    select 'b' || n, 'b' || n, 'Europe/Zurich', 'CH-ZH', 47, 8, 'growth' from generate_series(1, %(buildings)s) as n;
    insert into raw.apartments select 'b' || n, 'a1' from generate_series(1, %(buildings)s) as n;
    insert into raw.sensors (building_id, apartment_id, sensor_type, room_name)
    select building_id, 'a1', sensor_type, room_name
    from raw.buildings
    cross join (values ('electricity_kwh_total', ''), ('room_temperature_c', 'living'), ('setpoint_c', 'living'))
        as kinds (sensor_type, room_name);
    insert into raw.meter_readings (sensor_id, read_at, received_at, value)
    select sensor_id, read_at, read_at + interval '3 minutes',
        case sensor_type when 'electricity_kwh_total' then 1000 + hour * 0.4 + chance * 0.3 else 20 + chance end
    from generate_series(0, %(days)s * 24 - 1) as hour
    cross join lateral (select %(end)s::timestamptz - interval '1 hour' * (%(days)s * 24 - hour) as read_at) as times
    cross join raw.sensors
    join (values ('electricity_kwh_total', 0.97), ('room_temperature_c', 0.9), ('setpoint_c', 0.02))
        as shares (sensor_type, share) using (sensor_type)
    cross join lateral (select abs(hashint8(sensor_id * 1000003 + hour) %% 1000) / 1000.0) as chances (chance)
    where chance < share;
"""
QUEUES = ("energy.hours_due", "energy.days_due", "energy.buildings_due", "raw.meter_inbox")
ROWS = (
    ("readings", "readings of the history", "{:,.0f}"),
    ("rebuild_s", "rebuild of all hours, s", "{:.1f}"),
    ("days_s", "all days of apartments, s", "{:.1f}"),
    ("dbt_s", "`dbt build`, wall clock, s", "{:.1f}"),
    ("ingest_s", "a day more, hour by hour: ingestion, s", "{:.2f}"),
    ("refresh_s", "the same: refresh of the hours, s", "{:.2f}"),
    ("refresh_days_s", "the same: days of apartments, twice, s", "{:.2f}"),
    ("late_s", "readings of 20 days ago, one a building: ingestion and refresh, s", "{:.2f}"),
    ("retention_s", "retention drops a month, s", "{:.2f}"),
    ("reading_bytes", "bytes a reading, with its index", "{:.0f}"),
    ("hour_bytes", "bytes an hour of an apartment, with its index", "{:.0f}"),
    ("queue_kb", "queue tables after the day, kB", "{:,.0f}"),
)


class Session:
    def __init__(self, role: str):
        self.connection = psycopg2.connect("", user=role, options="-c timezone=UTC -c client_min_messages=warning")
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.process = pathlib.Path(f"/proc/{self.connection.info.backend_pid}/stat")

    def seconds(self, statement: str, values=None) -> float:
        """Processor seconds of the backend, least affected by other work on the machine."""
        began = self.processor_seconds()
        self.cursor.execute(statement, values)
        return self.processor_seconds() - began

    def processor_seconds(self) -> float:
        user, system = self.process.read_text().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def value(self, statement: str, values=None):
        self.cursor.execute(statement, values)
        return self.cursor.fetchone()[0]


def end_of_history() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0) - dt.timedelta(days=1)


def history(buildings: int, days: int) -> None:
    postgres = Session("postgres")
    # TimescaleDB's own policies use the server's clock and would disturb the measurement: with another clock there are
    # none.
    postgres.cursor.execute(
        "do $$ begin execute format('alter database %%I set energy.clock = %%L', current_database(), %s::text); end $$",
        ((end_of_history() + dt.timedelta(days=1)).isoformat(),),
    )
    postgres.cursor.execute(HISTORY, {"buildings": buildings, "days": days, "end": end_of_history()})
    postgres.cursor.execute("vacuum analyze")


def message(building: int, at: dt.datetime, value: float) -> str:
    readings = [
        {"sensor_type": "electricity_kwh_total", "value": round(value, 3)},
        {"sensor_type": "room_temperature_c", "room_name": "living", "value": round(20 + value % 1, 2)},
        {"sensor_type": "setpoint_c", "room_name": "living", "value": 21},
    ]
    return json.dumps(
        {"timestamp_str": at.isoformat(), "building_id": f"b{building}", "apartment_id": "a1", "readings": readings}
    )


def take(session: Session, messages: list[str], received_at: dt.datetime) -> float:
    written = session.seconds(
        "insert into raw.meter_inbox (message, received_at) select unnest(%s), %s", (messages, received_at)
    )
    return written + session.seconds("call energy.ingest_meter_inbox()")


def bytes_of(session: Session, table: str) -> float:
    """Partitions and chunks both inherit from the table; compressed data are elsewhere."""
    if session.value("select exists (select from pg_extension where extname = 'timescaledb')"):
        return float(session.value(f"select public.hypertable_size('{table}')"))
    return float(
        session.value(f"""
        select sum(pg_total_relation_size(part))
        from (select '{table}'::regclass as part
              union all select inhrelid from pg_inherits where inhparent = '{table}'::regclass) as parts""")
    )


def day(session: Session, buildings: int, days: int, later: int) -> dict:
    ingest, refresh, of_days = 0.0, 0.0, 0.0
    for hour in range(24 * later, 24 * later + HOURS):
        at = end_of_history() + dt.timedelta(hours=hour)
        ingest += take(
            session,
            [message(n, at, 1000.4 + (days * 24 + hour) * 0.4) for n in range(1, buildings + 1)],
            at + dt.timedelta(minutes=3),
        )
        refresh += session.seconds("call energy.refresh_building_hours()")
        if hour % 12 == 11:
            of_days += session.seconds("call energy.refresh_apartment_days()")
    return {"ingest_s": ingest, "refresh_s": refresh, "refresh_days_s": of_days}


def late(session: Session, buildings: int, days: int, later: int) -> float:
    """A late reading of each building, between two other readings."""
    at = end_of_history() - dt.timedelta(days=20, minutes=30 + later)
    messages = [message(n, at, 1000 + (days * 24 - 480.5) * 0.4 + 0.29) for n in range(1, buildings + 1)]
    return take(session, messages, end_of_history() + dt.timedelta(hours=24 * (later + 1))) + session.seconds(
        "call energy.refresh_building_hours()"
    )


def measure(buildings: int, days: int, dbt_s: float, results: pathlib.Path) -> None:
    pipeline, postgres = Session("pipeline"), Session("postgres")
    found = {"buildings": buildings, "days": days, "dbt_s": dbt_s, "storage": "months"}
    found["readings"] = float(postgres.value("select count(*) from raw.meter_readings"))
    found["rebuild_s"] = pipeline.seconds("call energy.refresh_building_hours('-infinity')")
    found["days_s"] = pipeline.seconds("call energy.refresh_apartment_days()")
    found["reading_bytes"] = bytes_of(postgres, "raw.meter_readings") / found["readings"]
    found["hour_bytes"] = bytes_of(postgres, "energy.apartment_hours") / float(
        postgres.value("select count(*) from energy.apartment_hours")
    )
    postgres.cursor.execute("vacuum analyze")
    has_timescaledb = postgres.value("select exists (select from pg_extension where extname = 'timescaledb')")
    if has_timescaledb:
        found["storage"] = "chunks"
        write(results, found | after_history(pipeline, postgres, buildings, days))
        postgres.cursor.execute("""
            do $$ declare chunk regclass; begin
                for chunk in
                    select public.show_chunks(table_name, older_than => energy.clock() - compress_after)
                    from energy.storage where compress_after is not null
                loop call public.convert_to_columnstore(chunk); end loop;
            end $$""")
        found |= {
            "storage": "compressed",
            "reading_bytes": bytes_of(postgres, "raw.meter_readings") / found["readings"],
        }
        found["rebuild_s"] = pipeline.seconds("call energy.refresh_building_hours('-infinity')")
        found["days_s"] = pipeline.seconds("call energy.refresh_apartment_days()")
    found |= after_history(pipeline, postgres, buildings, days, int(has_timescaledb))
    found["retention_s"] = retention(postgres, days)
    write(results, found)


def after_history(pipeline: Session, postgres: Session, buildings: int, days: int, later: int = 0) -> dict:
    """The day after the history, or some days later: a second run needs new readings."""
    found = day(pipeline, buildings, days, later) | {"late_s": late(pipeline, buildings, days, later)}
    found["queue_kb"] = (
        sum(float(postgres.value("select pg_total_relation_size(%s::regclass)", (table,))) for table in QUEUES) / 1024
    )
    return found


def retention(postgres: Session, days: int) -> float:
    config = postgres.value("select energy.current_config()")
    config["storage"]["tables"]["raw.meter_readings"]["keep"] = f"{days - 35} days"
    postgres.cursor.execute("call energy.load_config(%s)", (json.dumps(config),))
    return postgres.seconds("call energy.apply_retention()")


def write(results: pathlib.Path, found: dict) -> None:
    with results.open("a") as file:
        file.write(json.dumps(found) + "\n")


def report(results: pathlib.Path) -> None:
    found = [json.loads(line) for line in results.read_text().splitlines()]
    first = found[0]
    titles = [f"{one['buildings']:,} buildings, {one['days']} days, {one['storage']}" for one in found]
    print("| what | " + " | ".join(titles) + " |\n|" + "---|" * (len(found) + 1))
    for key, title, form in ROWS:
        cells = []
        for one in found:
            text = form.format(one[key]) if key in one else "-"
            if one is not first and key in one and first.get(key):
                text += f" (x {one[key] / first[key]:.2f})"
            cells.append(text)
        print(f"| {title} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("history", "measure", "report"))
    parser.add_argument("buildings", type=int, nargs="?")
    parser.add_argument("days", type=int, nargs="?")
    parser.add_argument("--dbt", type=float, help="seconds that dbt build took")
    parser.add_argument("--results", type=pathlib.Path)
    options = parser.parse_args()
    if options.what == "history":
        history(options.buildings, options.days)
    elif options.what == "measure":
        measure(options.buildings, options.days, options.dbt, options.results)
    else:
        report(options.results)


if __name__ == "__main__":
    main()
