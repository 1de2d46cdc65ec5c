"""SIMULATED heat in apartments in steps of a quarter of an hour: implicit in the air of each room, so that all step
sizes are stable.

Radiators follow the supply temperature, which the boiler sets by the weather; thermostatic valves control the room with
a band of 1.6 K; the supply is off if the mean of the last day is above 15.5 C.
"""

import numpy as np

from buildings import DESIGN_C, Stock
from faults import STEPS, Fault

HOURS = 0.25
LIMIT_C = 15.5
BAND_K = 1.6
RADIATOR_GAIN = 1 - np.exp(-15 / 20)
HEAD_GAIN = 1 - np.exp(-15 / 20)


def supply(mean_c: float) -> float:
    """Share of a radiator's power available from the supply after a day of this mean temperature."""
    return 0.0 if mean_c > LIMIT_C else float(np.clip(0.35 + 0.65 * (16 - mean_c) / (16 - DESIGN_C), 0, 1))


class Network:
    def __init__(self, stock: Stock):
        self.stock, rooms = stock, len(stock.apartment)
        self.air, self.mass, self.head = np.full(rooms, 21.0), np.full(rooms, 20.5), np.full(rooms, 21.0)
        self.radiator = np.zeros(rooms)

    def day(self, outdoors_c, on_walls, mean_c, behaviour, faults: list[Fault], day: int):
        """Air temperature (rooms x steps), heat in kWh and hot water in litres (apartments x steps) of a day."""
        stock = self.stock
        present, watts, litres, setpoint, airing = behaviour
        shape = setpoint.shape
        at_least, at_most, open_at_least = np.zeros(shape), np.ones(shape), np.zeros(shape)
        reaches = np.ones((len(stock.building_ids), STEPS))
        for fault in faults:
            steps = slice(max(fault.begin - day * STEPS, 0), min(fault.end - day * STEPS, STEPS))
            match fault.kind:
                case "stuck_valve":
                    at_least[fault.room, steps] = fault.size
                case "blocked_radiator":
                    at_most[fault.room, steps] = fault.size
                case "window_left_open":
                    open_at_least[fault.room, steps] = fault.size
                case "hot_water_leak":
                    litres[fault.apartment, steps] += fault.size * HOURS
                case "boiler_fault":
                    reaches[fault.building, steps] = fault.size
        reaches = reaches[stock.building[stock.apartment]]
        rooms_in = np.bincount(stock.apartment)
        air, heat = np.empty(shape), np.empty((len(rooms_in), STEPS))
        for step in range(STEPS):
            hour = step // 4
            gains = (watts[:, step] / stock.area)[stock.apartment] * stock.room_area
            sun = on_walls[hour][stock.face] * stock.solar_m2 * np.where(self.air > 24, 0.35, 1.0)
            here = present[stock.apartment, step] > 0
            opened = np.maximum(airing[:, step], open_at_least[:, step])
            opened = np.maximum(
                opened, np.where(here & (self.air > 24.5) & (outdoors_c[hour] < self.air - 0.5), 0.12, 0)
            )
            if mean_c[hour] > LIMIT_C:
                opened = np.maximum(opened, np.where(here & (self.air > 24) & (outdoors_c[hour] < self.air), 0.8, 0))
            self.head += HEAD_GAIN * (self.air - self.head)
            valve = np.clip((setpoint[:, step] + 0.6 - self.head) / BAND_K, at_least[:, step], at_most[:, step])
            wanted = valve * stock.radiator_w * supply(mean_c[hour]) * reaches[:, step]
            self.radiator += RADIATOR_GAIN * (wanted - self.radiator)
            self.advance(outdoors_c[hour], gains + self.radiator, sun, opened)
            air[:, step] = self.air
            heat[:, step] = np.add.reduceat(self.radiator, stock.first_room) * HOURS / 1000
        return air, heat, litres

    def advance(self, outdoors: float, gains: np.ndarray, sun: np.ndarray, opened: np.ndarray) -> None:
        stock = self.stock
        inside = stock.mean_by_apartment(self.air)
        near = inside[stock.neighbours].mean(axis=1)[stock.apartment]
        out = stock.air_out_w_k + stock.open_window_w_k * opened
        stored = stock.air_wh_k / HOURS
        into_air = (
            gains + 0.3 * sun + stock.air_mass_w_k * self.mass + stock.between_rooms_w_k * inside[stock.apartment]
        )
        self.air = (stored * self.air + out * outdoors + into_air) / (
            stored + out + stock.air_mass_w_k + stock.between_rooms_w_k
        )
        stored = stock.mass_wh_k / HOURS
        self.mass = (
            stored * self.mass
            + stock.air_mass_w_k * self.air
            + stock.mass_out_w_k * outdoors
            + stock.mass_neighbours_w_k * near
            + 0.7 * sun
        ) / (stored + stock.air_mass_w_k + stock.mass_out_w_k + stock.mass_neighbours_w_k)
