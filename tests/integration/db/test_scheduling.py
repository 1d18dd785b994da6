"""Overlapping bookings cannot exist, and who may see whose time."""
import hashlib
import uuid

import psycopg
import pytest

from conftest import connect


class Desk:
    """Books as the scheduler does."""

    def __init__(self, world):
        self.world = world
        self.conn = world.login("calfleet_scheduler")

    def meeting(self, organization=None):
        mine = self.world.connections["owner"]
        return self.conn.execute(
            "INSERT INTO calfleet.meetings (organization_id, user_id, connection_id, calendar_id,"
            " provider_event_id, starts_at, ends_at) VALUES (%s, %s, %s, %s, %s,"
            " '2026-03-02 09:00Z', '2026-03-02 10:00Z') RETURNING id",
            (organization or self.world.org1, self.world.people["owner"], mine.id, mine.calendar,
             uuid.uuid4().hex)).fetchone()[0]

    def hold(self, start, end, *, user=None, address=None, organization=None, meeting=None,
             **columns):
        meeting = meeting or self.meeting(organization)
        row = {"meeting_id": meeting, "organization_id": organization or self.world.org1,
               "user_id": user, "occurrence_at": f"2026-03-02 {start}Z",
               "address_hash": hashlib.sha256(address.encode()).digest() if address else None,
               "during": f"[2026-03-02 {start}Z,2026-03-02 {end}Z)"} | columns
        self.conn.execute(
            f"INSERT INTO calfleet.slot_holds ({', '.join(row)})"
            f" VALUES ({', '.join(f'%({c})s' for c in row)})", row)
        return meeting


@pytest.fixture
def desk(world):
    desk = Desk(world)
    with desk.conn:
        yield desk


def test_two_holds_of_one_person_cannot_overlap(desk, world):
    desk.hold("09:00", "10:00", user=world.people["owner"])
    with pytest.raises(psycopg.errors.ExclusionViolation):
        desk.hold("09:59", "11:00", user=world.people["owner"])
    desk.hold("10:00", "11:00", user=world.people["owner"])  # half-open: they only touch
    desk.hold("09:00", "10:00", user=world.people["colleague"])


def test_an_address_is_a_person_too(desk, world):
    desk.hold("09:00", "10:00", address="guest@x.example")
    with pytest.raises(psycopg.errors.ExclusionViolation):
        desk.hold("09:30", "10:30", address="guest@x.example")
    desk.hold("09:30", "10:30", address="other@x.example")


def test_another_tenants_booking_tells_nothing(desk, world):
    desk.hold("09:00", "10:00", address="guest@x.example")
    desk.hold("09:00", "10:00", address="guest@x.example", organization=world.org2)
    desk.hold("09:00", "10:00", user=world.people["owner"])
    desk.hold("09:00", "10:00", user=world.people["owner"], organization=world.org2)


def test_overridden_and_moved_are_outside(desk, world, db):
    person = world.people["owner"]
    desk.hold("09:00", "10:00", user=person)
    desk.hold("09:00", "10:00", user=person, overridden=True)
    moved = desk.hold("12:00", "13:00", user=person)
    # Somebody moves it at the provider onto another one: the inbound sync is not refused.
    with world.login("calfleet_sync") as sync:
        sync.execute("UPDATE calfleet.slot_holds SET moved_at_provider = true,"
                     " during = '[2026-03-02 09:00Z,2026-03-02 10:00Z)' WHERE meeting_id = %s",
                     (moved,))


def test_a_race_ends_in_one_booking(desk, world, database):
    person = world.people["owner"]
    one, two = desk.meeting(), desk.meeting()
    insert = ("INSERT INTO calfleet.slot_holds (meeting_id, organization_id, user_id,"
              " occurrence_at, during) VALUES (%s, %s, %s, '2026-03-02 09:00Z',"
              " '[2026-03-02 09:00Z,2026-03-02 10:00Z)')")
    other = connect(database, "calfleet_scheduler")
    with other:
        desk.conn.execute("BEGIN")
        desk.conn.execute(insert, (one, world.org1, person))
        other.execute("SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):  # it waits for the first one's end
            other.execute(insert, (two, world.org1, person))
        desk.conn.execute("COMMIT")
        with pytest.raises(psycopg.errors.ExclusionViolation):
            other.execute(insert, (two, world.org1, person))


def test_holds_go_with_their_meeting_and_free_the_slot(desk, world):
    meeting = desk.hold("09:00", "10:00", user=world.people["owner"])
    desk.conn.execute("DELETE FROM calfleet.meetings WHERE id = %s", (meeting,))
    desk.hold("09:00", "10:00", user=world.people["owner"])


@pytest.mark.parametrize("columns", [
    {"user": None, "address": None},
    {"during": "empty"},
    {"during": "[2026-03-02 09:00Z,)"},
])
def test_a_hold_names_one_person_and_a_bounded_time(desk, world, columns):
    columns = {"user": world.people["owner"]} | columns
    with pytest.raises(psycopg.errors.CheckViolation if "during" in columns
                       else (psycopg.errors.CheckViolation, psycopg.errors.NotNullViolation)):
        desk.hold("09:00", "10:00", **columns)


def test_an_idempotency_key_is_taken_once(desk, world):
    mine = world.connections["owner"]
    insert = ("INSERT INTO calfleet.schedule_commands (organization_id, user_id, idempotency_key,"
              " request_hash, kind, request, connection_id, shard)"
              " VALUES (%s, %s, 'k', sha256('x'), 'create', '{}', %s, 1)")
    desk.conn.execute(insert, (world.org1, world.people["owner"], mine.id))
    with pytest.raises(psycopg.errors.UniqueViolation):
        desk.conn.execute(insert, (world.org1, world.people["owner"], mine.id))
    desk.conn.execute(insert, (world.org1, world.people["colleague"], mine.id))
    desk.conn.execute(insert, (world.org2, world.people["owner"], mine.id))


# ---- rights of free/busy --------------------------------------------------------------------

LEVELS = {
    # asker: {whose time: level}, in org 1
    "owner": {"owner": "own", "colleague": "spans", "manager": "spans", "bystander": "spans",
              "stranger": "none"},
    "colleague": {"owner": "spans", "colleague": "own", "manager": "spans", "bystander": "spans",
                  "stranger": "none"},
    "manager": {"owner": "details", "colleague": "details", "manager": "own",
                "bystander": "details", "stranger": "none"},
    "bystander": dict.fromkeys(
        ["owner", "colleague", "manager", "bystander", "stranger"], "none"),
    # Of another organisation: no permission that is held there opens this one.
    "stranger": dict.fromkeys(
        ["owner", "colleague", "manager", "bystander", "stranger"], "none"),
}


@pytest.mark.parametrize("asker", LEVELS)
def test_levels_by_person(world, asker):
    with world.login("calfleet_freebusy") as conn:
        rows = conn.execute(
            "SELECT user_id, calendar_id, level FROM calfleet.freebusy_rights(%s, %s, %s)",
            (world.people[asker], world.org1, list(world.people.values()) * 2)).fetchall()
    called = {user: name for name, user in world.people.items()}
    assert {called[u]: level for u, _, level in rows} == LEVELS[asker]
    assert len(rows) == len(world.people) and all(c is None for _, c, _ in rows)


@pytest.mark.parametrize("asker", LEVELS)
def test_levels_by_calendar(world, asker):
    ids = {c.calendar: who for who, c in world.connections.items()}
    with world.login("calfleet_freebusy") as conn:
        rows = conn.execute(
            "SELECT user_id, calendar_id, level FROM calfleet.freebusy_rights(%s, %s, '{}', %s)",
            (world.people[asker], world.org1, [*ids, 999999])).fetchall()
    got = {ids.get(c, "nobody"): (u, level) for u, c, level in rows}
    assert {who: level for who, (_, level) in got.items()} == \
        {who: LEVELS[asker][who] for who in ids.values()} | {"nobody": "none"}
    # A refused calendar looks like one that does not exist.
    assert all(user is None for user, level in got.values() if level == "none")


def test_a_manager_of_two_organisations_sees_each_in_its_own(world, db):
    """The answer is for one organisation: another one's members are not in it."""
    db.execute("SELECT dev.create_user('manager@one.example', %s)", (world.org2,))
    with world.login("calfleet_freebusy") as conn:
        rows = dict(conn.execute(
            "SELECT user_id, level FROM calfleet.freebusy_rights(%s, %s, %s)",
            (world.people["manager"], world.org2,
             [world.people["owner"], world.people["stranger"]])).fetchall())
    assert rows == {world.people["owner"]: "none", world.people["stranger"]: "details"}
