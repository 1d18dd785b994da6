"""Ingest, sync-worker and the simulator on the servers of scripts/stack; each test makes its own
organisation, people and provider account."""

import os
import sys
import uuid
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "fleet"))

from fleet import Fleet, Stack, wait_until  # noqa: E402

CONNECTIONS = "/functions/v1/calendar-connections"
CALLBACK = "/functions/v1/calendar-oauth-callback"


def start_fleet(tmp_path, settings=None):
    stack = Stack()
    bin_dir = Path(os.environ.get("CALFLEET_BIN_DIR", ROOT / "build" / "debug" / "bin"))
    return Fleet(bin_dir, tmp_path, stack, f"calfleet_sw_{uuid.uuid4().hex[:10]}",
                 services=("ingest", "sync-worker"), settings=settings)


@pytest.fixture(scope="session")
def fleet(tmp_path_factory):
    running = start_fleet(tmp_path_factory.mktemp("fleet"))
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


class Person:
    """A user of the platform with an account at the simulated provider."""

    def __init__(self, fleet, db, user, account):
        self.fleet, self.db, self.user, self.account = fleet, db, user, account
        self.connection = None

    def connect(self):
        self.connection = self.fleet.connect(self.user, self.account)
        return self

    def ticket(self, **consent):
        url = self.fleet.simulator.consent(self.fleet.connect_url(self.user), self.account,
                                           **consent)
        return self.fleet.ticket_of(url)["ticket"]

    def exchange(self, ticket):
        status, body, _ = self.fleet.call("POST", CALLBACK, {"ticket": ticket}, user=self.user)
        return status, body

    def call(self, method, path="", body=None):
        status, answer, _ = self.fleet.call(method, CONNECTIONS + path, body, user=self.user)
        return status, answer

    def get(self):
        status, answer = self.call("GET", f"/{self.connection}")
        assert status == 200, answer
        return answer["connections"][0]

    def synced(self, seconds=30):
        wait_until(lambda: self.one("SELECT last_sync_at FROM ce_calendar_connections "
                                    "WHERE id = %s"), seconds, "the first import")
        return self

    def watched(self, seconds=20):
        wait_until(lambda: self.one("SELECT 1 FROM calfleet.channels "
                                    "WHERE connection_id = %s AND state = 'open'"), seconds,
                   "a push channel")
        return self

    def one(self, sql):
        row = self.db.execute(sql, (self.connection,)).fetchone()
        return row and row[0]

    def calls(self, path, method="POST"):
        """Calls that the provider received on that path since it started."""
        journal = self.fleet.simulator.admin("GET", f"/journal?path={path}&limit=8192")
        entries = journal.get("entries", journal.get("calls", journal)) \
            if isinstance(journal, dict) else journal
        return [e for e in entries if e["method"] == method]


@pytest.fixture
def make_person(fleet, db):
    def make(organization=None, role="org_admin"):
        account = f"p{uuid.uuid4().hex[:10]}@example.com"
        fleet.simulator.admin("POST", "/accounts", {"email": account, "zone": "Europe/Lisbon"})
        return Person(fleet, db, fleet.create_user("p", organization, role), account)
    return make


@pytest.fixture
def person(make_person):
    return make_person()
