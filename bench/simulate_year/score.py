"""The final tables of the simulation, then the ratio of served to promised RMSE (see served.py)."""

import time

import faults
import refreshes
import served

COUNTS = {
    "meter messages": "select sum(messages) from raw.ingestions",
    "received an hour late or more": """
        select count(*) from raw.meter_readings where received_at >= read_at + interval '1 hour'""",
    "corrected": """
        select count(*)
        from (select from raw.meter_readings group by sensor_id, read_at having count(*) > 1) as readings""",
    "rejected": "select count(*) from raw.rejected_messages",
    "models approved": "select count(*) from edf.models where status in ('approved', 'retired')",
    "models rejected by the gate": "select count(*) from edf.models where status = 'rejected'",
}
# From a building's first forecast on, one is due in each slot, with every hour.
ISSUED = """
    with issues as (
        select building_id, issued_at, bool_or(archetype is not null) as by_archetype, count(*) as hours
        from energy.forecasts group by building_id, issued_at
    )

    select building_id, count(*) filter (where hours = %s), count(*) filter (where by_archetype),
        (select count(*) from energy.forecast_slots as slots
         where slots.building_id = issues.building_id and slot_at >= min(issued_at))
    from issues group by building_id order by building_id
"""
KNOWN = """
    select known.building_id, count(*) / (24.0 * count(distinct issued_at)),
        avg((abs(known.consumption_kwh - hours.consumption_kwh) > 0.001 or hours.consumption_kwh is null)::integer)
    from simulation.known_at_issue as known join energy.building_hours as hours using (building_id, hour_at)
    group by known.building_id
"""
FAILURES = """
    select job_name, sqlstate, count(*), min(message) from energy.job_runs
    where status <> 'succeeded' and sqlstate is not null group by 1, 2 order by 1, 2
"""


def issues(database, horizon_hours: int) -> int:
    """Prints the number of issued forecasts and the known share of their hours; returns the number of missing
    forecasts."""
    known = {building: shares for building, *shares in database.rows("postgres", KNOWN)}
    missing = 0
    print(f"\n{'building':<13}{'issued':>8}{'missed':>8}{'by archetype':>14}", end="")
    print(f"{'last 24 h known %':>19}{'changed later %':>17}")
    for building, issued, by_archetype, due in database.rows("postgres", ISSUED, (horizon_hours,)):
        share, changed = known[building]
        missing += due - issued
        print(f"{building:<13}{issued:>8}{due - issued:>8}{by_archetype:>14}{100 * share:>19.1f}{100 * changed:>17.1f}")
    return missing


def line(name: str, lead: str, hours: int, rmse: float, promised: float, gate: float, covered: float) -> str:
    ratio = rmse / promised
    return f"{name:<13}{lead:>9}{rmse:>13.3f}{promised:>15.3f}{ratio:>8.3f}{gate:>12.3f}{covered:>10.1f}{hours:>9,}"


def table(cursor) -> None:
    print(f"\n{'building':<13}{'lead day':>9}{'RMSE served':>13}{'RMSE promised':>15}{'ratio':>8}", end="")
    print(f"{'gate before':>12}{'in 90 %':>10}{'hours':>9}")
    for building, lead, *figures in served.errors(cursor, ("building_id", "lead_day")):
        print(line(building, str(lead), *figures))
    for lead, *figures in served.errors(cursor, ("lead_day",)):
        print(line("all", str(lead), *figures))
    print(line("all", "all", *served.errors(cursor)[0]))
    print("RMSE in kWh per hour. Promised: the gate's backtest of the weeks served.")
    print("Gate before: what it had said of each model, from the weeks before that model served.")


def conclude(database, config: dict, clock, options, plan) -> int:
    """Prints everything; the last line is the ratio. Returns the exit status."""
    cursor = database.session("analyst", clock)
    began = time.monotonic()
    for building in served.compare(cursor):
        print(f"backtest of the weeks that {building} was served: {time.monotonic() - began:.0f} s", flush=True)
        began = time.monotonic()
    hours = "select extract(epoch from %s::interval) / 3600"
    missing = issues(database, int(database.value("postgres", hours, (config["inference"]["horizon"],))))
    counts = {what: database.value("postgres", query) for what, query in COUNTS.items()}
    print("\n" + ", ".join(f"{count:,} {what}" for what, count in counts.items()))
    for job, state, count, message in database.rows("postgres", FAILURES):
        print(f"{job}: {count} failed with {state}, such as: {message}")
    failures = faults.report(database, plan, options.end) if plan else []
    table(cursor)
    if options.refreshes:
        refreshes.report(database)
    text, ratio = served.summary(cursor)
    if missing and (plan or options.max_ratio is not None):
        failures.append(f"{missing} forecasts are missing")
    if options.max_ratio is not None and not (options.min_ratio or 0) <= ratio <= options.max_ratio:
        failures.append(f"the ratio {ratio:.4f} is not between {options.min_ratio or 0} and {options.max_ratio}")
    print("\n" + "".join(f"FAILED: {failure}\n" for failure in failures) + text, flush=True)
    return 1 if failures else 0
