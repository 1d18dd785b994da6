"""Ingest, sync-worker, scheduler and the simulator on the servers of scripts/stack; each test makes
its own organisation, people and provider account."""

import datetime
import os
import sys
import urllib.parse
import uuid
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "fleet"))

from fleet import Fleet, Stack, wait_until  # noqa: E402

SCHEDULE = "/functions/v1/calendar-schedule"
# What a command's lease outlives: short, so that tests see it end.
PROVIDER_TIMEOUT = "2s"
LEASE_S = 7
NINE = datetime.datetime(2027, 3, 1, 9, tzinfo=datetime.timezone.utc)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    bin_dir = Path(os.environ.get("CALFLEET_BIN_DIR", ROOT / "build" / "debug" / "bin"))
    running = Fleet(bin_dir, tmp_path_factory.mktemp("fleet"), Stack(),
                    f"calfleet_sched_{uuid.uuid4().hex[:10]}",
                    services=("ingest", "sync-worker", "scheduler"),
                    settings={"scheduler": {"provider_timeout": PROVIDER_TIMEOUT},
                              "ingest": {"request_timeout": "30s"}})
    try:
        with running:
            yield running
    finally:
        running.stack.sql("postgres",
                          f'DROP DATABASE IF EXISTS "{running.database}" WITH (FORCE)')


@pytest.fixture
def db(fleet):
    with psycopg.connect(fleet.stack.dsn(fleet.database), autocommit=True) as connection:
        yield connection


def at(hours=0, minutes=0):
    return (NINE + datetime.timedelta(hours=hours, minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Person:
    """A user of the platform with a connected account at the simulated provider."""

    def __init__(self, fleet, db, user, account):
        self.fleet, self.db, self.user, self.account = fleet, db, user, account
        self.tag = account.split("@")[0]  # in the provider's paths, however they are quoted
        self.connection = fleet.connect(user, account)
        wait_until(lambda: self.one("SELECT last_sync_at FROM ce_calendar_connections "
                                    "WHERE id = %s", self.connection), 30, "the first import")

    def one(self, sql, *params):
        row = self.db.execute(sql, params).fetchone()
        return row and row[0]

    def ask(self, **body):
        status, answer, _ = self.fleet.call("POST", SCHEDULE, body, user=self.user, timeout=60)
        return status, answer

    def create(self, start=0, minutes=60, key=None, **more):
        body = {"action": "create", "title": "Planning", "start_at": at(start),
                "end_at": at(start, minutes), "idempotency_key": key or uuid.uuid4().hex,
                "connection_id": self.connection} | more
        return self.ask(**{k: v for k, v in body.items() if v is not None})

    def change(self, meeting, key=None, **more):
        return self.ask(action="change", meeting_id=meeting,
                        idempotency_key=key or uuid.uuid4().hex, **more)

    def cancel(self, meeting, **more):
        return self.ask(action="cancel", meeting_id=meeting, **more)

    def at_provider(self, live=True):
        """Events of the person's calendar as the provider has them."""
        stored = self.fleet.simulator.events(self.account)
        items = stored["items"]
        return [e for e in items if not live or e.get("status") != "cancelled"]

    def row(self, meeting):
        return self.db.execute(
            "SELECT e.id::text, e.provider_event_id, e.title, e.sync_direction, e.sync_status, "
            "e.activity_id::text, e.stamp, e.etag, m.state, m.etag AS meeting_etag, m.overridden "
            "FROM calfleet.meetings m JOIN ce_calendar_events e ON e.id = m.event_id "
            "WHERE m.id = %s", (meeting,)).fetchone()

    def spans(self, event):
        return self.db.execute("SELECT start_at, end_at, show_as FROM calfleet.spans "
                               "WHERE event_id = %s ORDER BY start_at", (event,)).fetchall()

    def holds(self, meeting):
        return self.one("SELECT count(*) FROM calfleet.slot_holds WHERE meeting_id = %s", meeting)

    def writes(self, method="POST"):
        path = "/calendar/v3/calendars/" + urllib.parse.quote(self.account)
        journal = self.fleet.simulator.admin("GET", "/journal?limit=8192")
        entries = journal.get("entries", journal.get("calls", journal)) \
            if isinstance(journal, dict) else journal
        return [e for e in entries if e["method"] == method and
                urllib.parse.unquote(e["path"]).startswith(urllib.parse.unquote(path) + "/events")
                and "watch" not in e["path"]]


@pytest.fixture
def make_person(fleet, db):
    def make(organization=None):
        account = f"p{uuid.uuid4().hex[:10]}@example.com"
        fleet.simulator.admin("POST", "/accounts", {"email": account, "zone": "Europe/Lisbon"})
        return Person(fleet, db, fleet.create_user("p", organization), account)
    return make


@pytest.fixture
def person(make_person):
    return make_person()


@pytest.fixture
def faults(fleet):
    def add(**rule):
        return fleet.simulator.admin("POST", "/faults", rule)
    yield add
    assert fleet.simulator.admin("GET", "/faults") in ([], {"items": []}), "a fault was not met"
    fleet.simulator.admin("DELETE", "/faults")
