"""Databases for the tests of db/: one template with the stand-in host and all migrations, a copy of
it for each test, and a small world of two organisations in it.

CALFLEET_TEST_PG_DSN (or CALFLEET_PG_DSN) names a server on which this may create databases and
roles: `eval "$(scripts/stack env)"`.
"""
import dataclasses
import itertools
import json
import os
import pathlib
import uuid

import psycopg
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
HOST = sorted((ROOT / "db" / "host").glob("*.sql"))
MIGRATIONS = sorted((ROOT / "db" / "migrations").glob("*.sql"))
RUN = f"{os.getpid()}_{uuid.uuid4().hex[:6]}"


def server_dsn():
    dsn = os.environ.get("CALFLEET_TEST_PG_DSN") or os.environ.get("CALFLEET_PG_DSN")
    if not dsn:
        pytest.fail("CALFLEET_TEST_PG_DSN is not set: start scripts/stack and take its env")
    return dsn


def connect(dbname, user=None, **options):
    changes = {"dbname": dbname} | ({"user": user} if user else {})
    return psycopg.connect(server_dsn(), autocommit=True, **changes, **options)


def admin():
    return psycopg.connect(server_dsn(), autocommit=True)


def apply(conn, files):
    """Each file in a transaction of its own, as the runner does it."""
    for file in files:
        with conn.transaction():
            conn.execute(file.read_text())


def create_database(name, template=None):
    with admin() as conn:
        conn.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))


def drop_database(name):
    with admin() as conn:
        conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def template():
    name = f"calfleet_t_{RUN}"
    create_database(name)
    try:
        with connect(name) as conn:
            apply(conn, HOST + MIGRATIONS)
        yield name
    finally:
        drop_database(name)


_numbers = itertools.count()


@pytest.fixture
def empty_database():
    name = f"calfleet_e_{RUN}_{next(_numbers)}"
    create_database(name)
    yield name
    drop_database(name)


@pytest.fixture
def database(template):
    name = f"calfleet_d_{RUN}_{next(_numbers)}"
    create_database(name, template)
    yield name
    drop_database(name)


@pytest.fixture
def db(database):
    """The superuser: for arranging and for looking behind the curtain."""
    with connect(database) as conn:
        yield conn


@dataclasses.dataclass
class Connection:
    id: uuid.UUID
    account: uuid.UUID
    calendar: int  # chosen
    hidden: int  # not chosen
    events: dict  # name -> id


class World:
    """Two organisations, people with different rights, a connection for three of them."""

    def __init__(self, database, db):
        self.database = database
        self.db = db
        self.org1, self.org2 = (self._value("SELECT dev.create_organization(%s)", n)
                                for n in ("one", "two"))
        self.people = {
            "owner": self._person("owner@one.example", self.org1,
                                  ["ce.calendar.connect", "ce.calendar.schedule",
                                   "ce.calendar.view"]),
            "colleague": self._person("colleague@one.example", self.org1, ["ce.calendar.view"]),
            "manager": self._person("manager@one.example", self.org1,
                                    ["ce.calendar.view", "ce.calendar.view-all"]),
            "bystander": self._person("bystander@one.example", self.org1, []),
            "stranger": self._person("stranger@two.example", self.org2,
                                     ["ce.calendar.connect", "ce.calendar.schedule",
                                      "ce.calendar.view", "ce.calendar.view-all"]),
        }
        self.connections = {
            "owner": self.connect("owner", self.org1),
            "manager": self.connect("manager", self.org1),
            "stranger": self.connect("stranger", self.org2),
        }

    def _value(self, query, *args):
        return self.db.execute(query, args).fetchone()[0]

    def _person(self, email, organization, keys):
        user = self._value("SELECT dev.create_user(%s, %s)", email, organization)
        for key in keys:
            self.db.execute("SELECT dev.grant_permission(%s, %s, %s)", (user, organization, key))
        return user

    def connect(self, person, organization, account=None):
        user = self.people[person]
        if account is None:
            account = self._value(
                "INSERT INTO calfleet.accounts (provider, project, subject, shard)"
                " VALUES ('google', 'p1', %s, 7) RETURNING id", f"{person}-{uuid.uuid4()}")
        connection = self._value(
            "INSERT INTO public.ce_calendar_connections (organization_id, user_id, provider,"
            " account_id, account_email, access_token_encrypted, refresh_token_encrypted)"
            " VALUES (%s, %s, 'google', %s, %s, 'sealed-a', 'sealed-r') RETURNING id",
            organization, user, account, f"{person}@mail.example")
        calendar, hidden = (self._value(
            "INSERT INTO calfleet.calendars (connection_id, account_id, shard,"
            " provider_calendar_id, synced, due_at, due_reason, cursor)"
            " VALUES (%s, %s, 7, %s, %s, CASE WHEN %s THEN now() END, 'poll', 'c1')"
            " RETURNING id", connection, account, name, synced, synced)
            for name, synced in (("primary", True), ("other", False)))
        made = Connection(connection, account, calendar, hidden, {})
        for name, cal, visibility in (("plain", calendar, "default"),
                                      ("private", calendar, "private"),
                                      ("unchosen", hidden, "default")):
            made.events[name] = self.event(made, organization, user, cal, visibility, name)
        made.events["kept"] = self._value(
            "INSERT INTO public.ce_calendar_events (organization_id, user_id, sync_direction,"
            " title) VALUES (%s, %s, 'outbound', 'kept') RETURNING id", organization, user)
        return made

    def event(self, connection, organization, user, calendar, visibility, name):
        event = self._value(
            "INSERT INTO public.ce_calendar_events (organization_id, user_id, connection_id,"
            " calendar_id, provider_event_id, title, visibility, start_at, end_at, stamp,"
            " etag, at_provider) VALUES (%s, %s, %s, %s, %s, %s, %s, '2026-03-02 09:00Z',"
            " '2026-03-02 10:00Z', calfleet.next_stamp(%s), 'e1', true) RETURNING id",
            organization, user, connection.id, calendar, f"ev-{name}", name, visibility,
            connection.id)
        self.db.execute(
            "INSERT INTO calfleet.spans VALUES (%s, '2026-03-02 09:00Z', '2026-03-02 10:00Z',"
            " %s, %s, 'busy')", (event, connection.id, calendar))
        return event

    def counter(self, connection):
        row = self.db.execute("SELECT value FROM calfleet.change_counters WHERE connection_id = %s",
                              (connection.id,)).fetchone()
        return row[0] if row else None

    def calendar(self, calendar):
        return self.db.execute(
            "SELECT due_at IS NOT NULL, due_reason, cursor, cursor_version, synced"
            " FROM calfleet.calendars WHERE id = %s", (calendar,)).fetchone()

    def login(self, role):
        """A session of that role: a service logs in itself; the host's API roles are reached as
        its REST layer reaches them, and a person's name means that person's request."""
        if role.startswith("calfleet_"):
            return connect(self.database, role)
        conn = connect(self.database, "authenticator")
        if role in self.people:
            claims = json.dumps({"sub": str(self.people[role]), "role": "authenticated"})
            conn.execute("SELECT set_config('request.jwt.claims', %s, false)", (claims,))
            role = "authenticated"
        conn.execute(f"SET ROLE {role}")
        return conn


@pytest.fixture
def world(database, db):
    return World(database, db)
