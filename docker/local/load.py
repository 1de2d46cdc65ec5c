"""Sends the homes' data through the ingestion routines, in order of arrival; a second run sends only missing data.

    load.py [--days N] [--until TIME] [--delayed]      the database is given by PGHOST, PGPORT, PGDATABASE, PGUSER
"""

import datetime as dt
import time

import psycopg2
import psycopg2.extras

import citylearn as source

BATCHES_PER_COMMIT = 48
# As often as pg_cron refreshes the hours: smaller batches would take longer with little difference.
EVERY = dt.timedelta(minutes=15)


class Progress:
    """Prints progress at intervals."""

    def __init__(self):
        self.told = time.monotonic()

    def tell(self, line: str, always: bool = False) -> None:
        if always or time.monotonic() - self.told > 1:
            self.told = time.monotonic()
            print(line, flush=True)


def newest(cursor, table: str, column: str, floor):
    """The end of an earlier run; batches are committed as a whole, so nothing before it is missing."""
    cursor.execute(f"select max({column}) from raw.{table}")
    found = cursor.fetchone()[0]
    return max(found, floor) if found else floor


def send_topology(cursor, buildings=tuple(source.BUILDINGS)) -> None:
    columns_of = {"buildings": ("building_id", "name", "time_zone", "region", "latitude", "longitude",
                                "weather_location_id", "archetype")}
    for table, rows in source.topology(buildings).items():
        columns = columns_of.get(table, tuple(rows[0]))
        psycopg2.extras.execute_values(
            cursor,
            f"insert into raw.{table} ({', '.join(columns)}) values %s on conflict do nothing",
            [tuple(row[column] for column in columns) for row in rows],
        )


def send_weather(cursor, data, since, until, delayed) -> int:
    place, sent = source.PLACE["weather_location_id"], 0
    floor = newest(cursor, "weather_forecasts", "received_at", since)
    for issued_at, received_at, document in source.weather_forecasts(data, floor, until, delayed):
        cursor.execute("call energy.ingest_weather_forecast(%s, %s, %s, %s)", (document, place, issued_at, received_at))
        sent += 1
    floor = newest(cursor, "weather_observations", "received_at", since)
    for received_at, document in source.weather_observations(data, floor, until, delayed):
        cursor.execute("call energy.ingest_weather_observations(%s, %s, %s)", (document, place, received_at))
        sent += 1
    return sent


def send_meters(connection, cursor, data, since, until, delayed) -> int:
    progress, sent, batch = Progress(), 0, 0
    floor = newest(cursor, "ingestions", "received_at", since)
    for received_at, messages in source.meter_messages(data, floor, until, delayed, every=EVERY):
        cursor.execute("call energy.ingest_meter_messages(%s::text[], %s)", (messages, received_at))
        sent += len(messages)
        batch += 1
        if batch % BATCHES_PER_COMMIT == 0:
            connection.commit()
        progress.tell(f"{sent:,} messages sent, up to {received_at:%Y-%m-%d}")
    connection.commit()
    return sent


def main() -> None:
    options = source.arguments().parse_args()
    data = source.Dataset(source.fetch(options.cache))
    since = source.window(options.days, options.until)
    with psycopg2.connect("") as connection, connection.cursor() as cursor:
        cursor.execute("set synchronous_commit = off")
        cursor.execute("set role edf_owner")
        send_topology(cursor)
        connection.commit()
        cursor.execute("set role pipeline")
        documents = send_weather(cursor, data, since, options.until, options.delayed)
        connection.commit()
        messages = send_meters(connection, cursor, data, since, options.until, options.delayed)
        cursor.execute("reset role; select count(*) from raw.rejected_messages")
        rejected = cursor.fetchone()[0]
    print(f"{messages:,} meter messages and {documents:,} weather documents sent; {rejected:,} rejected in all")


if __name__ == "__main__":
    main()
