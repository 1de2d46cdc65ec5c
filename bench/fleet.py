"""A synthetic fleet: fleet.py topology | messages DAY_FRACTION_FROM TO, as SQL or JSON Lines.

120 buildings of 25 apartments; each apartment reports 8 sensors every 15 minutes: 2.3 million readings a day.
"""

import json
import random
import sys

BUILDINGS, APARTMENTS, SAMPLES = 120, 25, 96
ROOMS = ("living", "bed", "kitchen")


def topology() -> None:
    print("insert into raw.weather_locations values ('bench', 47, 8);")
    print(f"""insert into raw.buildings select 'b' || n, 'b' || n, 'Europe/Zurich', 'CH-ZH', 47, 8, 'bench'
              from generate_series(1, {BUILDINGS}) as n;""")
    print(f"""insert into raw.apartments select 'b' || b, 'a' || a
              from generate_series(1, {BUILDINGS}) as b, generate_series(1, {APARTMENTS}) as a;""")


def messages(first: int, end: int) -> None:
    """The samples from `first` up to `end` of the day, ordered by time."""
    random.seed(1)
    for sample in range(first, end):
        time = f"2026-03-02T{sample // 4 % 24:02}:{sample % 4 * 15:02}:00Z"
        for building in range(1, BUILDINGS + 1):
            for apartment in range(1, APARTMENTS + 1):
                readings = [
                    {
                        "sensor_type": "electricity_kwh_total",
                        "value": round(1000 + sample * 0.09 + random.random() * 0.05, 3),
                    },
                    {"sensor_type": "water_l_total", "value": 5000 + sample * 3},
                ]
                for room in ROOMS:
                    readings.append(
                        {
                            "sensor_type": "room_temperature_c",
                            "room_name": room,
                            "value": round(20 + random.random(), 1),
                        }
                    )
                    readings.append(
                        {"sensor_type": "setpoint_c", "room_name": room, "value": 21.0 + random.randrange(3)}
                    )
                print(
                    json.dumps(
                        {
                            "timestamp_str": time,
                            "building_id": f"b{building}",
                            "apartment_id": f"a{apartment}",
                            "readings": readings,
                        }
                    )
                )


if __name__ == "__main__":
    topology() if sys.argv[1] == "topology" else messages(int(sys.argv[2]), int(sys.argv[3]))
