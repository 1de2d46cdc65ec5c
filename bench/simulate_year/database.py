"""The pipeline's database as used by its roles, at the time of the simulation."""

import datetime as dt
import json
import subprocess
import threading
import time

import psycopg2

OPTIONS = "-c timezone=UTC -c synchronous_commit=off -c client_min_messages=warning"
# For the 24 hours before a forecast: the values known to the service, to compare with the final ones.
SNAPSHOT = """
    insert into simulation.known_at_issue
    select building_id, slot_at, hour_at, consumption_kwh
    from energy.forecast_slots
    join energy.building_hours using (building_id)
    where status = 'issued' and hour_at >= slot_at - interval '1 day' and hour_at < slot_at
      and consumption_kwh is not null
      and slot_at > (select max(slot_at) from energy.forecast_slots) - interval '4 days'
      and not exists (
          select from simulation.known_at_issue as known
          where known.building_id = forecast_slots.building_id and known.issued_at = forecast_slots.slot_at)
"""


class Database:
    """One session for each role; energy.clock is set before a statement if it has changed."""

    def __init__(self):
        self.sessions, self.clocks = {}, {}

    def session(self, role: str, clock: dt.datetime | None):
        if role not in self.sessions:
            connection = psycopg2.connect("", user=role, options=OPTIONS)
            # Procedures that commit cannot be called in a transaction.
            connection.autocommit = True
            self.sessions[role] = connection.cursor()
        cursor = self.sessions[role]
        if clock is not None and self.clocks.get(role) != clock:
            cursor.execute("select set_config('energy.clock', %s, false)", (clock.isoformat(),))
            self.clocks[role] = clock
        return cursor

    def run(self, role: str, statement: str, values=None, clock: dt.datetime | None = None) -> None:
        self.session(role, clock).execute(statement, values)

    def rows(self, role: str, statement: str, values=None, clock: dt.datetime | None = None) -> list[tuple]:
        cursor = self.session(role, clock)
        cursor.execute(statement, values)
        return cursor.fetchall()

    def value(self, role: str, statement: str, values=None, clock: dt.datetime | None = None):
        return self.rows(role, statement, values, clock)[0][0]

    def kill_during(self, role: str, job: str, statement: str, clock: dt.datetime) -> None:
        """Kills the server process of a job as soon as its run has started, so that the server restarts."""
        cursor = self.session(role, clock)
        pid, ended = cursor.connection.info.backend_pid, []
        # Committed work must be on disk, as in production: other commits of the simulation are asynchronous.
        self.run("postgres", "checkpoint")
        cursor.execute("set synchronous_commit = on")

        def work() -> None:
            try:
                cursor.execute(statement)
                ended.append(True)
            except psycopg2.Error:
                ended.append(False)

        thread = threading.Thread(target=work)
        thread.start()
        under_way = (
            "select exists (select from energy.job_runs"
            " where job_name = %s and status = 'running' and backend_pid = %s)"
        )
        while not ended and not self.value("postgres", under_way, (job, pid)):
            time.sleep(0.001)
        subprocess.run(["kill", "-KILL", str(pid)], check=True)
        thread.join()
        if ended != [False]:
            raise SystemExit(f"{job} was over before the server could be killed.")
        self.sessions, self.clocks = {}, {}
        while True:
            try:
                psycopg2.connect("", user="postgres").close()
                return
            except psycopg2.OperationalError:
                time.sleep(0.2)

    def prepare(self) -> None:
        """The simulation's own table, separate from the pipeline's."""
        self.run("postgres", "create schema if not exists simulation")
        self.run("postgres", """
            create table simulation.known_at_issue (
                building_id text, issued_at timestamptz, hour_at timestamptz, consumption_kwh double precision,
                primary key (building_id, issued_at, hour_at)
            )
        """)

    def configure(self, overrides: dict[str, object]) -> dict:
        """Loads the current configuration with other values, each by its path such as training.strategy; returns it."""
        config = self.value("analyst", "select energy.current_config()")
        for path, value in overrides.items():
            *sections, key = path.split(".")
            target = config
            for section in sections:
                target = target[section]
            target[key] = value
        self.run("analyst", "call energy.load_config(%s)", (json.dumps(config),))
        return config

    def approve(self, clock: dt.datetime) -> int:
        """Approves at once what the gate has not rejected, regardless of stress tests. Returns the number of models."""
        self.run("postgres", "set role edf_approver")
        approved = self.rows(
            "postgres",
            "select * from energy.approve_models('passed the gate', despite_stress => true) where approved",
            clock=clock,
        )
        self.run("postgres", "reset role")
        return len(approved)

    def snapshot(self) -> None:
        self.run("postgres", SNAPSHOT)
