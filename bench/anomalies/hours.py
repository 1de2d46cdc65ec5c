"""Writes hours of the simulation directly to the pipeline's tables, for many apartments whose messages would take hours
to ingest. Days, features, scores, alerts and models are then computed by the jobs."""

import datetime as dt
import io
import pathlib

import numpy as np

SENSORS = {
    "heating": "heating_energy_kwh",
    "hot_water": "hot_water_litres",
    "room_temperature": "room_temp_c",
    "setpoint": "setpoint_temp_c",
}
HOUR = dt.timedelta(hours=1)


class Hours:
    """(building, apartment, room, measure) of each series with its hourly values, NaN without readings."""

    def __init__(self, work: pathlib.Path):
        data = np.load(work / "hours.npz")
        self.start = dt.datetime.fromtimestamp(float(data["start"]), dt.timezone.utc)
        homes = list(zip(data["building_ids"][data["building"]], data["apartment_ids"]))
        self.buildings = sorted(set(data["building_ids"]))
        rooms = [(*homes[at], name) for at, name in zip(data["apartment"], data["room_names"])]
        heard = {(*home, "") for home in homes}
        heard |= {room for room, is_silent in zip(rooms, np.isnan(data["room_c"]).all(axis=1)) if not is_silent}
        self.series = [
            (*where, measure, values)
            for measure, owners, table in (
                ("heating", [(*home, "") for home in homes], data["heating_kwh"]),
                ("hot_water", [(*home, "") for home in homes], data["hot_water_l"]),
                ("room_temperature", rooms, data["room_c"]),
                ("setpoint", rooms, data["setpoint_c"]),
            )
            for where, values in zip(owners, table)
            # In a room without a thermometer the valve sends nothing either.
            if where in heard
        ]
        self.end = self.start + HOUR * data["heating_kwh"].shape[1]

    def add_sensors(self, database) -> None:
        database.session("postgres", None).executemany(
            "insert into raw.sensors (building_id, apartment_id, room_name, sensor_type) values (%s, %s, %s, %s)",
            [(building, home, room, SENSORS[measure]) for building, home, room, measure, _ in self.series],
        )

    def write(self, database, since: dt.datetime, until: dt.datetime) -> None:
        """Hours that begin from since on and end by until, each received at its end."""
        first, last = ((max(at, self.start) - self.start) // HOUR for at in (since, min(until, self.end)))
        times = [(self.start + HOUR * at).isoformat() for at in range(first, last + 1)]
        text = io.StringIO()
        for building, home, room, measure, values in self.series:
            head = f"{building},{home},{room},{measure},"
            text.writelines(
                f"{head}{begin},{value:.4g},measured,{end}\n"
                for begin, end, value in zip(times, times[1:], values[first:last].tolist())
                if value == value
            )
        text.seek(0)
        session = database.session("postgres", None)
        session.copy_expert(
            "copy energy.measure_hours (building_id, apartment_id, room_name, measures, hour_at, value, quality,"
            " received_at) from stdin with (format csv, force_not_null (room_name))",
            text,
        )
        session.execute(
            """
            insert into energy.building_spans as known (building_id, first_at, heard_at)
            select building_id, %(since)s, %(until)s from unnest(%(ids)s) as building_id
            on conflict (building_id) do update set heard_at = excluded.heard_at;
            insert into energy.days_due (building_id, first_at, last_at)
            select building_id, %(since)s, %(until)s from unnest(%(ids)s) as building_id""",
            {"since": times[0], "until": times[-1], "ids": [str(name) for name in self.buildings]},
        )
