"""Checks the metrics and the simulation of the anomaly bench: check.py. Needs numpy and pandas, but no database.

Ends with the number of checks; a failure is a traceback.
"""

import pathlib
import sys
import tempfile

import numpy as np
import pandas as pd

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "simulate"))

import buildings  # noqa: E402
import faults  # noqa: E402
import metrics  # noqa: E402
import tablets  # noqa: E402
import thermal  # noqa: E402

DATES = pd.date_range("2024-11-01", periods=40)


def days(alarms: dict[tuple[str, str], dict[int, float]], apartments: int = 4, level: float = 0.5) -> pd.DataFrame:
    rows = [
        ("b", f"a{at}", date, alarms.get(("b", f"a{at}"), {}).get(number, 0.1))
        for at in range(apartments)
        for number, date in enumerate(DATES)
    ]
    rows += [
        ("b", "", date, alarms[("b", "")].get(number, 0.1)) for number, date in enumerate(DATES) if ("b", "") in alarms
    ]
    table = pd.DataFrame(rows, columns=["building_id", "apartment_id", "local_date", "score"])
    return table.assign(is_alarm=table["score"] >= level)


def truth(*events) -> pd.DataFrame:
    rows = [
        {
            "fault_id": f"f{number}",
            "kind": "hot_water_leak" if apartment else "boiler_fault",
            "building_id": "b",
            "apartment_id": apartment,
            "start_at": DATES[first] + pd.Timedelta(hours=12),
            "end_at": DATES[last] + pd.Timedelta(hours=12),
            "first_date": DATES[first],
            "last_date": DATES[last],
        }
        for number, (apartment, first, last) in enumerate(events)
    ]
    return pd.DataFrame(rows)


def an_alert_is_a_run_of_alarms_of_one_apartment():
    table = days({("b", "a0"): {3: 0.6, 4: 0.9, 7: 0.7, 12: 0.8}, ("b", "a1"): {4: 0.6}})
    found = metrics.alerts_of(table)
    assert found["first_date"].tolist() == [DATES[3], DATES[12], DATES[4]], found
    assert found["last_date"].tolist() == [DATES[7], DATES[12], DATES[4]]
    assert found["score"].tolist() == [0.9, 0.8, 0.6]


def days_after_a_fault_are_neither_normal_nor_faulty():
    table = days({("b", "a0"): {5: 0.9, 9: 0.9, 10: 0.9, 20: 0.9}})
    state = metrics.state_of_days(table, truth(("a0", 5, 8))).to_numpy()[:40]
    assert state[4:12].tolist() == ["normal"] + ["faulty"] * 4 + ["after"] * 2 + ["normal"]
    # Of 160 days 4 are faulty and 2 after; of the others one has an alarm.
    assert abs(metrics.accuracy_of_normal_days(table, truth(("a0", 5, 8))) - (1 - 1 / 154)) < 1e-12


def detection_is_known_on_the_next_morning():
    found = metrics.detections(days({("b", "a0"): {7: 0.9}, ("b", "a1"): {25: 0.9}}), truth(("a0", 5, 8), ("a1", 5, 8)))
    # From noon of the day to six in the morning three days later.
    assert found["days_to_detection"].iloc[0] == 2.75 and pd.isna(found["days_to_detection"].iloc[1])


def criticality_rises_and_falls():
    at = [DATES[day] for day in (1, 3, 4)]
    assert metrics.is_detected(at, DATES[0], DATES[9], 1) == DATES[1]
    assert metrics.is_detected(at, DATES[0], DATES[9], 2) == DATES[4]
    assert metrics.is_detected(at, DATES[0], DATES[9], 3) is None


def a_fault_of_a_building_is_found_by_its_own_alert_or_by_many():
    event = truth(("", 5, 7))
    assert metrics.detections(days({("b", ""): {6: 0.9}}), event)["detected_on"].notna().all()
    assert metrics.detections(days({("b", "a0"): {6: 0.9}}, apartments=4), event)["detected_on"].notna().all()
    assert metrics.detections(days({("b", "a0"): {6: 0.9}}, apartments=5), event)["detected_on"].isna().all()
    # An alert of an apartment of it is not a false one.
    assert metrics.judged(metrics.alerts_of(days({("b", "a0"): {6: 0.9}})), event)["is_true"].all()


def event_wise_f_is_that_of_care():
    # 8 of 10 faults, 1 of 10 normal events: scikit-learn's fbeta_score of these labels is 0.8696.
    assert abs(metrics.f_score(8, 1, 2) - 0.8695652) < 1e-6
    assert abs(metrics.f_of(8 / 9, 8 / 10) - metrics.f_score(8, 1, 2)) < 1e-12
    perfect = metrics.scores(days({("b", "a0"): {5: 0.9}}), truth(("a0", 5, 8)))
    assert (perfect.event_f, perfect.alert_f, perfect.found, perfect.precision_50, perfect.alerts) == (1, 1, 1, 1, 1)
    nothing = metrics.scores(days({}), truth(("a0", 5, 8)))
    assert nothing.event_f == 0 and nothing.alert_f == 0 and nothing.accuracy == 1 and np.isnan(nothing.precision_50)


def precision_at_50_reads_the_head_of_the_list():
    table = days({("b", "a0"): {6: 0.9}, ("b", "a1"): {6: 0.8, 20: 0.7}})
    real = truth(("a0", 5, 8), ("a1", 19, 21))
    assert metrics.precision_at(metrics.alerts_of(table), real, 1) == 1
    assert metrics.precision_at(metrics.alerts_of(table), real, 2) == 0.5
    assert abs(metrics.precision_at(metrics.alerts_of(table), real) - 2 / 3) < 1e-12


def a_budget_sets_the_threshold():
    table = days({("b", "a0"): {3: 0.6, 20: 0.9}, ("b", "a1"): {6: 0.8, 30: 0.7}})
    per_100_week = 1 / 4 * 100 / (40 / 7)
    assert metrics.threshold_for(table, 2.01 * per_100_week) == 0.8
    assert metrics.threshold_for(table, 3.01 * per_100_week) == 0.7
    assert metrics.threshold_for(table, 0) == float("inf")


def faults_are_rare_and_apart():
    stock = buildings.make(120, 7)
    parts = {"train": range(200), "test": range(200, 400)}
    cold = np.where(np.arange(400) % 365 < 200, 2.0, 20.0)
    found = faults.plan(stock, parts, cold, 7)
    assert {fault.kind for fault in found} == {*faults.KINDS, "boiler_fault"}, {fault.kind for fault in found}
    faulty = np.zeros((120, 400), int)
    for fault in found:
        members = np.flatnonzero(stock.building == fault.building) if fault.apartment < 0 else [fault.apartment]
        for at in [*members, *([fault.other] if fault.other >= 0 else [])]:
            faulty[at, fault.days()] += 1
        assert fault.kind not in faults.NEEDS_HEAT or cold[fault.days().start] < faults.HEATED_BELOW_C
    assert faulty.max() == 1 and 0.006 < (faulty > 0).mean() <= 0.01, faulty.mean()


def a_stuck_valve_overheats_its_room_and_no_other_fault_does():
    stock = buildings.make(8, 3)
    room = int(np.flatnonzero((stock.apartment == 5) & (np.array(stock.room_names) == "bedroom"))[0])
    still = [
        np.ones((8, 96)),
        np.full((8, 96), 200.0),
        np.zeros((8, 96)),
        np.full((len(stock.apartment), 96), 20.0),
        np.zeros((len(stock.apartment), 96)),
    ]
    fault = faults.Fault("f", "stuck_valve", 0, 5, room, 2 * 96, 6 * 96, 1.0)
    warmest, heat = {}, {}
    for name, now in (("normal", []), ("faulty", [fault])):
        network = thermal.Network(stock)
        for day in range(6):
            outdoors = np.full(24, -2.0)
            air, kwh, _ = network.day(outdoors, np.zeros((24, 4)), outdoors, [part.copy() for part in still], now, day)
        warmest[name], heat[name] = air[:, -1], kwh[5].sum()
    assert abs(warmest["normal"] - 20).max() < 1.5, warmest["normal"]
    assert warmest["faulty"][room] > 23 and heat["faulty"] > heat["normal"]
    assert warmest["faulty"][room] == warmest["faulty"].max()


def tablets_send_what_has_changed_and_signs_of_life():
    stock = buildings.make(4, 5)
    sender = tablets.Tablets(stock, 5)
    rooms = len(stock.apartment)
    values, sent, _ = sender.day(
        0, np.full((rooms, 96), 20.0), np.full((4, 96), 0.01), np.zeros((4, 96)), np.full((rooms, 96), 20.0), []
    )
    steady = sent[4:8]  # hot water, which nobody draws
    assert steady.sum(1).tolist() == [48 // tablets.HEARTBEAT] * 4, steady.sum(1)
    # 0.02 kWh a look, in steps of 0.1.
    assert all(8 <= count <= 12 for count in sent[:4].sum(1)), sent[:4].sum(1)
    assert (np.diff(values[:4], axis=1) >= 0).all()


def truth_is_read_in_local_days():
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write(
            "fault_id,kind,building_id,apartment_id,room_name,start_at,end_at,size,part\n"
            "f1,hot_water_leak,b,001,,2024-11-02T04:30:00Z,2024-11-04T06:00:00Z,5,test\n"
        )
        file.flush()
        (event,) = metrics.read_truth(file.name, "America/Chicago", "test").itertuples()
    # 23:30 on the first, until midnight: the clock goes back on the third.
    assert str(event.first_date.date()) == "2024-11-01" and str(event.last_date.date()) == "2024-11-03", event
    assert event.apartment_id == "001"


CHECKS = [
    check
    for check in list(globals().values())
    if callable(check) and getattr(check, "__module__", "") == "__main__" and check not in (days, truth)
]

if __name__ == "__main__":
    for check in CHECKS:
        check()
    print(f"{len(CHECKS)} checks")
