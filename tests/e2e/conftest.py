"""One fleet for the session; each test makes its own organisation, people and provider account."""

import os
import sys
import uuid
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools" / "fleet"))

from fleet import Fleet, Stack, wait_until  # noqa: E402


@pytest.fixture(scope="session")
def stack():
    return Stack()


@pytest.fixture(scope="session")
def bin_dir():
    return Path(os.environ.get("CALFLEET_BIN_DIR", ROOT / "build" / "release" / "bin"))


def new_database(stack):
    return f"calfleet_e2e_{uuid.uuid4().hex[:10]}"


@pytest.fixture(scope="session")
def fleet(stack, bin_dir, tmp_path_factory):
    database = new_database(stack)  # dropped at the end, whatever happened
    try:
        with Fleet(bin_dir, tmp_path_factory.mktemp("fleet"), stack, database) as running:
            yield running
    finally:
        stack.sql("postgres", f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


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
        return self.connection

    def synced(self, seconds=30):
        """Waits until every chosen calendar was read."""
        wait_until(lambda: self.db.execute(
            "SELECT last_sync_at FROM ce_calendar_connections WHERE id = %s",
            (self.connection,)).fetchone()[0], seconds, "the first import")
        return self

    def watched(self, seconds=20):
        wait_until(lambda: self.db.execute(
            "SELECT 1 FROM calfleet.channels WHERE connection_id = %s AND state = 'open'",
            (self.connection,)).fetchone(), seconds, "a push channel")
        return self

    def rows(self, columns="provider_event_id", where="true"):
        return self.db.execute(
            f"SELECT {columns} FROM ce_calendar_events WHERE connection_id = %s AND {where}",
            (self.connection,)).fetchall()

    def insert(self, **event):
        return self.fleet.simulator.insert(self.account, event)

    def has_row(self, event_id):
        return bool(self.db.execute(
            "SELECT 1 FROM ce_calendar_events WHERE connection_id = %s AND provider_event_id = %s",
            (self.connection, event_id)).fetchone())


@pytest.fixture
def person(fleet, db):
    return make_person(fleet, db)


@pytest.fixture
def people(fleet, db):
    """Two people of one organisation."""
    organization = fleet.create_organization()
    return [make_person(fleet, db, organization) for _ in range(2)]


def make_person(fleet, db, organization=None):
    account = f"p{uuid.uuid4().hex[:10]}@example.com"
    fleet.simulator.admin("POST", "/accounts", {"email": account, "zone": "Europe/Lisbon"})
    return Person(fleet, db, fleet.create_user("p", organization), account)
