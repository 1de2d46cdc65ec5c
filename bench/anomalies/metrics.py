"""Metrics of alarms about apartment days, against events with known start and end; independent of the methods.

A day is a local date and is evaluated at six the next morning. The definitions follow CARE (coverage, accuracy,
reliability, earliness; DOI 10.3390/data9120138, and the package energy-fault-detector):

- *normal days* are known days without a fault; the days after a fault, in which an apartment warms up or cools down,
  are neither normal nor faulty (`AFTER_DAYS`). *Accuracy* is the share of normal days without an alarm.
- *criticality* increases by one on a day with an alarm and decreases by one on a day without, never below zero. An
  *event* is detected if it reaches `CRITICAL` within the event.
- *event-wise F-score*, beta 0.5: detected faults are true positives, the others false negatives; detected normal events
  are false positives. There are as many normal events as faults, of the same lengths, in apartments and times without a
  fault.

Since CARE's normal events are a sample, the F-score over all alerts is computed too, in which every alert without a
fault is a false positive: `alert_f`. An *alert* is a run of alarms of one apartment with gaps of at most
`GAP_DAYS`."""

import dataclasses

import numpy as np
import pandas as pd

AFTER_DAYS = 2
GAP_DAYS = 2
CRITICAL = 1
BETA = 0.5
DAY = pd.Timedelta(days=1)
KEY = ["building_id", "apartment_id"]
# Share of the apartments of a building that must have an alarm on a day if there is no alert of the building.
SHARE_OF_BUILDING = 0.25


def f_score(true: float, false: float, missed: float, beta: float = BETA) -> float:
    """From counts of true and false positives and of false negatives."""
    whole = (1 + beta**2) * true + beta**2 * missed + false
    return (1 + beta**2) * true / whole if whole else float("nan")


def f_of(precision: float, recall: float, beta: float = BETA) -> float:
    whole = beta**2 * precision + recall
    return (1 + beta**2) * precision * recall / whole if whole else 0.0


def read_truth(path, zone: str, part: str | None = None) -> pd.DataFrame:
    """Events with their local dates, and their start in local time."""
    truth = pd.read_csv(path, keep_default_na=False, dtype={"apartment_id": str})
    for name in ("start_at", "end_at"):
        truth[name] = pd.to_datetime(truth[name], utc=True).dt.tz_convert(zone).dt.tz_localize(None)
    truth["first_date"] = truth["start_at"].dt.normalize()
    truth["last_date"] = (truth["end_at"] - pd.Timedelta(seconds=1)).dt.normalize()
    return truth[truth["part"] == part].reset_index(drop=True) if part else truth


def touches(truth: pd.DataFrame, building: str, apartment: str, first, last, after: int = AFTER_DAYS) -> pd.DataFrame:
    """The events that an alert of these dates is about: of the apartment, or of its building as a whole."""
    same = truth["building_id"].eq(building)
    if apartment:
        same &= truth["apartment_id"].isin([apartment, ""])
    return truth[same & (truth["first_date"] <= last) & (truth["last_date"] + after * DAY >= first)]


def state_of_days(days: pd.DataFrame, truth: pd.DataFrame) -> pd.Series:
    """faulty, after or normal, for each apartment day."""
    state = pd.Series("normal", index=days.index)
    for within, name in ((AFTER_DAYS, "after"), (0, "faulty")):
        for event in truth.itertuples():
            hit = days["building_id"].eq(event.building_id) & days["local_date"].between(
                event.first_date, event.last_date + within * DAY
            )
            if event.apartment_id:
                hit &= days["apartment_id"].eq(event.apartment_id)
            state[hit] = name
    return state


def accuracy_of_normal_days(days: pd.DataFrame, truth: pd.DataFrame) -> float:
    apartments = days[days["apartment_id"] != ""]
    normal = apartments[state_of_days(apartments, truth).eq("normal")]
    return 1 - normal["is_alarm"].mean()


def alerts_of(days: pd.DataFrame, gap: int = GAP_DAYS) -> pd.DataFrame:
    """Runs of alarms of one apartment, each with its dates and its maximum score."""
    alarms = days[days["is_alarm"]].sort_values([*KEY, "local_date"])
    if alarms.empty:
        return pd.DataFrame(columns=[*KEY, "first_date", "last_date", "score"])
    same = (alarms[KEY] == alarms[KEY].shift()).all(axis=1)
    number = (~(same & (alarms["local_date"].diff() <= (gap + 1) * DAY))).cumsum()
    runs = alarms.groupby(number.to_numpy())
    return pd.DataFrame(
        {
            **{name: runs[name].first() for name in KEY},
            "first_date": runs["local_date"].min(),
            "last_date": runs["local_date"].max(),
            "score": runs["score"].max(),
        }
    ).reset_index(drop=True)


def judged(alerts: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """The alerts, the highest score first, each with whether it overlaps a fault, and the kind of the fault."""
    rows = []
    for alert in alerts.itertuples():
        hit = touches(truth, alert.building_id, alert.apartment_id, alert.first_date, alert.last_date)
        rows.append((not hit.empty, hit["kind"].iloc[0] if len(hit) else ""))
    found = alerts.assign(is_true=[true for true, _ in rows], kind=[kind for _, kind in rows])
    # Among equal scores the older first, as in the list.
    return found.sort_values(
        ["score", "first_date", *KEY], ascending=[False, True, True, True], kind="stable"
    ).reset_index(drop=True)


def precision_at(alerts: pd.DataFrame, truth: pd.DataFrame, k: int = 50) -> float:
    """Share of real ones among the k highest-ranked alerts, or among all if there are fewer."""
    top = judged(alerts, truth).head(k)
    return float(top["is_true"].mean()) if len(top) else float("nan")


def alarmed_dates(days: pd.DataFrame, event, members: int) -> list:
    """The local dates within an event on which its subject has an alarm."""
    inside = days[
        days["is_alarm"]
        & days["building_id"].eq(event.building_id)
        & days["local_date"].between(event.first_date, event.last_date)
    ]
    if event.apartment_id:
        return sorted(inside.loc[inside["apartment_id"].eq(event.apartment_id), "local_date"].unique())
    own = set(inside.loc[inside["apartment_id"].eq(""), "local_date"])
    count = inside[inside["apartment_id"] != ""].groupby("local_date")["apartment_id"].nunique()
    return sorted(own | set(count.index[count >= SHARE_OF_BUILDING * members]))


def is_detected(dates: list, first, last, critical: int = CRITICAL):
    """The date on which criticality is reached, or None."""
    level, alarmed = 0, set(dates)
    for date in pd.date_range(first, last):
        level = level + 1 if date in alarmed else max(level - 1, 0)
        if level >= critical:
            return date
    return None


def detections(days: pd.DataFrame, truth: pd.DataFrame, critical: int = CRITICAL) -> pd.DataFrame:
    """Time of detection of each event, and its delay in days from the start to six the next morning."""
    members = days[days["apartment_id"] != ""].groupby("building_id")["apartment_id"].nunique()
    dates = [
        is_detected(
            alarmed_dates(days, event, members.get(event.building_id, 0)), event.first_date, event.last_date, critical
        )
        for event in truth.itertuples()
    ]
    found = truth.assign(detected_on=pd.to_datetime(pd.Series(dates, index=truth.index)))
    known_at = found["detected_on"] + DAY + pd.Timedelta(hours=6)
    return found.assign(days_to_detection=(known_at - found["start_at"]) / DAY)


def normal_events(days: pd.DataFrame, truth: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """As many periods as there are faults, of the same lengths, in which the apartment and its building have none."""
    draw = np.random.default_rng(seed)
    apartments = days.loc[days["apartment_id"] != "", KEY].drop_duplicates().sort_values(KEY).to_numpy()
    first, last = days["local_date"].min(), days["local_date"].max()
    rows = []
    for event in truth.itertuples():
        length = (event.last_date - event.first_date) / DAY
        for _ in range(1000):
            building, apartment = apartments[draw.integers(len(apartments))]
            begin = first + draw.integers(0, max(int((last - first) / DAY - length), 1)) * DAY
            if touches(truth, building, apartment, begin, begin + length * DAY).empty:
                rows.append((building, apartment, begin, begin + length * DAY))
                break
    return pd.DataFrame(rows, columns=[*KEY, "first_date", "last_date"])


@dataclasses.dataclass
class Scores:
    event_f: float
    alert_f: float
    found: float
    within_3_days: float
    median_days: float
    accuracy: float
    precision_50: float
    alerts_per_100_week: float
    alerts: int
    faults: int


def scores(days: pd.DataFrame, truth: pd.DataFrame, alerts: pd.DataFrame | None = None) -> Scores:
    """days: building_id, apartment_id ('' of a building), local_date, score, is_alarm, of each day that is known.

    alerts: of a method that makes its own.
    """
    alerts = alerts_of(days) if alerts is None else alerts
    found = detections(days, truth)
    by_key = {key: group for key, group in days[days["is_alarm"]].groupby(KEY)}
    none = days.iloc[:0]
    false = 0
    for event in normal_events(days, truth).itertuples():
        dates = by_key.get((event.building_id, event.apartment_id), none)["local_date"]
        false += is_detected(list(dates), event.first_date, event.last_date) is not None
    true, all_faults = found["detected_on"].notna().sum(), len(found)
    real = judged(alerts, truth)["is_true"] if len(alerts) else pd.Series(dtype=bool)
    apartments = len(days.loc[days["apartment_id"] != "", KEY].drop_duplicates())
    weeks = days["local_date"].nunique() / 7
    return Scores(
        event_f=f_score(true, false, all_faults - true),
        alert_f=f_of(real.mean() if len(real) else 0.0, true / all_faults if all_faults else 0.0),
        found=true / all_faults if all_faults else float("nan"),
        within_3_days=(found["days_to_detection"] <= 3).mean(),
        median_days=found["days_to_detection"].dropna().median() if true else float("nan"),
        accuracy=accuracy_of_normal_days(days, truth),
        precision_50=precision_at(alerts, truth),
        alerts_per_100_week=len(alerts) / weeks / apartments * 100,
        alerts=len(alerts),
        faults=all_faults,
    )


def threshold_for(days: pd.DataFrame, budget: float) -> float:
    """The lowest score above which alarms give at most this many alerts per 100 apartments a week on these days.

    It uses no labels: the same rule for every method."""
    apartments = len(days.loc[days["apartment_id"] != "", KEY].drop_duplicates())
    allowed = budget * apartments / 100 * days["local_date"].nunique() / 7
    levels = np.sort(days["score"].unique())[::-1]

    def is_allowed(at: int) -> bool:
        return len(alerts_of(days.assign(is_alarm=days["score"] >= levels[at]))) <= allowed

    # From above, since far below runs merge and become few again: in growing steps, then between the last two.
    passed, at = -1, 0
    while at < len(levels) and is_allowed(at):
        passed, at = at, max(at + 1, at * 5 // 4)
    at = min(at, len(levels))
    while at - passed > 1:
        middle = (passed + at) // 2
        passed, at = (middle, at) if is_allowed(middle) else (passed, middle)
    return float(levels[passed]) if passed >= 0 else float("inf")
