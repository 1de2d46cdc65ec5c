"""Messages of the tablets of SIMULATED apartments: sensors with offset, noise and resolution, registers that count up,
and each value only if it has changed or was last sent four hours ago.

A tablet samples every half hour, at its own minute. Occasionally it is offline for some hours: its registers then jump,
its temperatures are lost. A replaced heat meter begins at zero.
"""

import datetime as dt

import numpy as np

from buildings import Stock
from faults import STEPS, Fault

LOOKS = 48  # a day
KWH, LITRES, KELVIN = 0.1, 1.0, 0.1
DEADBAND_K = 0.2
HEARTBEAT = 8  # looks: four hours
OFFLINE_A_DAY, OFFLINE_LOOKS = 0.004, (2, 20)
REPLACED_A_YEAR = 0.01


class Tablets:
    def __init__(self, stock: Stock, seed: int):
        draw = np.random.default_rng([seed, 5])
        self.stock, self.seed, self.context = stock, seed, []
        apartments, rooms = len(stock.apartment_ids), len(stock.apartment)
        self.sensors = np.flatnonzero(stock.has_sensor)
        self.offset = draw.normal(0, 0.25, rooms)
        self.registers = [draw.uniform(1e3, 3e4, apartments), draw.uniform(5e3, 2e5, apartments)]
        self.at_second = draw.integers(0, 1750, apartments)
        self.offline = np.zeros(apartments, int)
        # For heat, hot water, temperatures and setpoints: the last sent value, and its age in samples.
        columns = 2 * apartments + 2 * len(self.sensors)
        self.owner = np.concatenate([np.arange(apartments)] * 2 + [stock.apartment[self.sensors]] * 2)
        self.last, self.age = np.full(columns, np.nan), np.full(columns, HEARTBEAT)
        least = [np.full(apartments, KWH), np.full(apartments, LITRES), np.full(len(self.sensors), DEADBAND_K)]
        self.least = np.concatenate([*least, np.full(len(self.sensors), 0.1)]) - 1e-6
        self.drift, self.frozen = np.zeros(rooms), np.full(rooms, np.nan)

    def day(self, day: int, air, heat, litres, setpoint, faults: list[Fault]):
        """Returns values and whether they are sent (sensors x looks), and hours as measured."""
        draw = np.random.default_rng([self.seed, 6, day])
        stock, every = self.stock, STEPS // LOOKS
        heat, silent = heat.copy(), np.zeros((len(stock.apartment), LOOKS), bool)
        steps = np.arange(STEPS) + day * STEPS
        shown = air + self.offset[:, None] + draw.normal(0, 0.05, air.shape)
        for fault in faults:
            now = (steps >= fault.begin) & (steps < fault.end)
            if fault.kind == "swapped_meters":
                pair = [fault.apartment, fault.other]
                heat[pair] = np.where(now, heat[pair[::-1]], heat[pair])
            elif fault.kind == "drifted_sensor":
                gone = np.clip((steps - fault.begin) / STEPS * fault.size, 0, fault.limit)
                shown[fault.room] += np.where(now, fault.sign * gone, 0)
            elif fault.kind == "dead_sensor" and fault.size < 0.5:
                silent[fault.room] = now[every - 1 :: every]
            elif fault.kind == "dead_sensor":
                if np.isnan(self.frozen[fault.room]):
                    self.frozen[fault.room] = shown[fault.room][now][0]
                shown[fault.room] = np.where(now, self.frozen[fault.room], shown[fault.room])
                if now[-1] == 0:
                    self.frozen[fault.room] = np.nan
        hours = (heat.reshape(len(heat), 24, -1).sum(2), litres.reshape(len(heat), 24, -1).sum(2))
        counted = []
        for kind, (amount, step) in enumerate(((heat, KWH), (litres, LITRES))):
            totals = self.registers[kind][:, None] + amount.cumsum(1)
            if kind == 0:
                for at in np.flatnonzero(draw.random(len(heat)) < REPLACED_A_YEAR / 365):
                    totals[at] = amount[at].cumsum()
                    self.context.append((int(at), "meter_replaced", day, day))
            self.registers[kind] = totals[:, -1]
            counted.append(np.floor(totals[:, every - 1 :: every] / step + 1e-9) * step)
        shown = np.round(shown[:, every - 1 :: every] / KELVIN) * KELVIN
        wanted = setpoint[:, every - 1 :: every]
        values = np.concatenate([*counted, shown[self.sensors], wanted[self.sensors]])
        off = np.zeros((len(stock.apartment_ids), LOOKS), bool)
        begun = draw.random(len(off)) < OFFLINE_A_DAY
        for at in np.flatnonzero(begun | (self.offline > 0)):
            first = 0 if self.offline[at] else int(draw.integers(LOOKS))
            length = self.offline[at] or int(draw.integers(*OFFLINE_LOOKS))
            off[at, first : first + length] = True
            self.offline[at] = max(first + length - LOOKS, 0)
        muted = off[self.owner]
        muted[2 * len(off) : 2 * len(off) + len(self.sensors)] |= silent[self.sensors]
        sent = self.changes(values, muted)
        measured = np.where(silent | off[stock.apartment], np.nan, shown)
        measured[~stock.has_sensor] = np.nan
        return values, sent, (*hours, by_hour(measured), by_hour(np.where(off[stock.apartment], np.nan, wanted)))

    def changes(self, values: np.ndarray, muted: np.ndarray) -> np.ndarray:
        sent = np.empty(values.shape, bool)
        for look in range(LOOKS):
            now, self.age = values[:, look], self.age + 1
            send = ~muted[:, look] & ~((np.abs(now - self.last) < self.least) & (self.age < HEARTBEAT))
            self.last, self.age = np.where(send, now, self.last), np.where(send, 0, self.age)
            sent[:, look] = send
        return sent

    def messages(self, midnight: dt.datetime, values: np.ndarray, sent: np.ndarray):
        """Yields (look, line) in order; midnight is the start of the day, in UTC."""
        stock, apartments, sensors = self.stock, len(self.stock.apartment_ids), len(self.sensors)
        heads = [
            f'"building_id": "{stock.building_ids[stock.building[at]]}", "apartment_id": "{name}"'
            for at, name in enumerate(stock.apartment_ids)
        ]
        names = ['{"sensor_type": "heating_energy_kwh"'] * apartments + [
            '{"sensor_type": "hot_water_litres"'
        ] * apartments
        for sensor in ("room_temp_c", "setpoint_temp_c"):
            names += [f'{{"sensor_type": "{sensor}", "room_name": "{stock.room_names[room]}"' for room in self.sensors]
        digits = [1] * (2 * apartments + 2 * sensors)
        for look in range(LOOKS):
            readings: dict[int, list[str]] = {}
            for column in np.flatnonzero(sent[:, look]):
                text = f'{names[column]}, "value": {round(float(values[column, look]), digits[column])}}}'
                readings.setdefault(int(self.owner[column]), []).append(text)
            for at, parts in readings.items():
                moment = midnight + dt.timedelta(seconds=1800 * (look + 1) - 1800 + int(self.at_second[at]) + 30)
                yield look, (
                    f'{{"timestamp_str": "{moment:%Y-%m-%dT%H:%M:%SZ}", {heads[at]}, '
                    f'"readings": [{", ".join(parts)}]}}'
                )


def by_hour(looks: np.ndarray) -> np.ndarray:
    """Mean of the known values of each hour."""
    pairs = looks.reshape(len(looks), 24, -1)
    known = ~np.isnan(pairs)
    sums = np.where(known, pairs, 0).sum(2)
    count = known.sum(2)
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)
