"""SIMULATED buildings: apartments of rooms as a thermal network, differing in size, insulation and equipment.

Each room has two nodes, air (with furniture) and mass (walls, floor). Air exchanges heat with its mass, with outdoors
through windows and leaks, and with the other rooms of the apartment; mass with outdoors through facade and roof, and
with the neighbours. All quantities are arrays over rooms or apartments, so that a step is a few dozen operations.
"""

import dataclasses

import numpy as np

DESIGN_C = -18
# U values of walls and windows in W/m2K, air changes per hour through leaks, and oversizing of radiators.
INSULATION = {"old": (1.1, 2.6, 0.65, 1.15), "renovated": (0.5, 1.4, 0.50, 1.35), "new": (0.22, 0.9, 0.30, 1.5)}
ORDER = ("old", "renovated", "new", "old", "renovated")  # of buildings
FACES = 4


@dataclasses.dataclass
class Stock:
    """Apartments ordered by building, rooms ordered by apartment."""

    building_ids: list[str]
    insulation: list[str]  # of each building
    building: np.ndarray  # of each apartment
    apartment_ids: list[str]
    area: np.ndarray  # m2 of each apartment
    neighbours: np.ndarray  # up to four of each apartment, itself if there are fewer
    apartment: np.ndarray  # of each room
    room_names: list[str]
    room_area: np.ndarray
    has_sensor: np.ndarray  # of each room
    air_wh_k: np.ndarray
    mass_wh_k: np.ndarray
    air_mass_w_k: np.ndarray
    air_out_w_k: np.ndarray
    mass_out_w_k: np.ndarray
    mass_neighbours_w_k: np.ndarray
    between_rooms_w_k: np.ndarray
    open_window_w_k: np.ndarray  # fully open
    solar_m2: np.ndarray  # of window, times the transmitted share
    face: np.ndarray  # of the facade: east, south, west, north
    radiator_w: np.ndarray  # at full supply temperature

    @property
    def first_room(self) -> np.ndarray:
        return np.searchsorted(self.apartment, np.arange(len(self.apartment_ids)))

    def mean_by_apartment(self, values: np.ndarray) -> np.ndarray:
        sums = np.add.reduceat(values * self.room_area, self.first_room)
        return sums / np.add.reduceat(self.room_area, self.first_room)


def rooms_of(area: float, draw: np.random.Generator) -> list[tuple[str, float]]:
    if area < 36:
        return [("living_room", 0.86 * area), ("bath", 0.14 * area)]
    rooms = [("living_room", 0.36), ("bedroom", 0.24), ("kitchen", 0.16), ("bath", 0.10)]
    rooms += [("bedroom_2", 0.14)] if area > 62 else []
    whole = sum(share for _, share in rooms)
    return [(name, share / whole * area * draw.uniform(0.92, 1.08)) for name, share in rooms]


def make(apartments: int, seed: int) -> Stock:
    """Buildings of 8 to 24 apartments, four per floor, until the requested number."""
    draw = np.random.default_rng([seed, 1])
    ids, kinds, building, names, area, neighbours, rooms = [], [], [], [], [], [], []
    while len(names) < apartments:
        count = min(int(draw.integers(2, 7)) * 4, apartments - len(names))
        number, kind, base = len(ids), ORDER[(len(ids) + seed) % len(ORDER)], len(names)
        ids.append(f"sim-{number + 1:02}")
        kinds.append(kind)
        plan = draw.choice([30.0, 48.0, 62.0, 78.0, 96.0], size=4, p=[0.15, 0.3, 0.25, 0.2, 0.1])
        for at in range(count):
            floor, door = divmod(at, 4)
            near = [
                base + 4 * f + d
                for f, d in ((floor - 1, door), (floor + 1, door), (floor, door - 1), (floor, door + 1))
                if f >= 0 and 0 <= d < 4 and 4 * f + d < count
            ]
            names.append(f"apt-{floor}{door + 1:02}")
            building.append(number)
            area.append(plan[door] * draw.uniform(0.97, 1.03))
            neighbours.append((near + [base + at] * 4)[:4])
            outer = 4 - len(near)  # sides of the apartment that have no neighbour: roof, ground, gable
            rooms += [(base + at, name, size, outer) for name, size in rooms_of(area[-1], draw)]
    apartment, room_names, size, outer = (list(column) for column in zip(*rooms))
    apartment, size, outer = np.array(apartment), np.array(size), np.array(outer)
    wall_u, window_u, leaks, oversize = (
        np.array([INSULATION[kinds[building[at]]][part] for at in apartment]) for part in range(4)
    )
    is_bath = np.array(room_names) == "bath"
    facade = 3.6 * np.sqrt(size) * np.where(is_bath, 0.35, 1.0)
    windows = size * np.where(is_bath, 0.04, 0.17)
    air_out = window_u * windows + 0.34 * leaks * 2.5 * size
    mass_out = wall_u * (facade - windows).clip(0) + wall_u * 0.6 * size * outer / 2
    # The main facade is the apartment's, the other facade is used for every second room.
    turned = np.array([2 * (at % 2) for at in range(len(size))])
    face = (np.array(building)[apartment] + turned + (apartment % 4 >= 2)) % FACES
    # Some apartments have one thermometer, in the living room.
    single = draw.random(len(names)) < 0.1
    living = np.array([name == "living_room" for name in room_names])
    return Stock(
        building_ids=ids,
        insulation=kinds,
        building=np.array(building),
        apartment_ids=names,
        area=np.array(area),
        neighbours=np.array(neighbours),
        apartment=apartment,
        room_names=room_names,
        room_area=size,
        has_sensor=living | ~single[apartment],
        air_wh_k=size * 4.0,
        mass_wh_k=size * draw.uniform(45, 75, len(size)),
        air_mass_w_k=size * 8.0,
        air_out_w_k=air_out,
        mass_out_w_k=mass_out,
        mass_neighbours_w_k=size * 0.9 * (4 - outer) / 4,
        between_rooms_w_k=np.full(len(size), 14.0),
        open_window_w_k=0.34 * 8 * 2.5 * size * np.where(is_bath, 0.7, 1.0),
        solar_m2=windows * 0.35,
        face=face,
        radiator_w=np.maximum(
            (air_out + mass_out) * (21 - DESIGN_C) * oversize * draw.uniform(0.95, 1.2, len(size)), 250
        ),
    )
