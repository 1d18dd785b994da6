"""What a disconnect leaves to do, and that it is done whatever happens meanwhile."""

import uuid

import pytest

from fleet import wait_until

PURGES = "SELECT count(*) FROM calfleet.purges WHERE connection_id = %s"


def purged(person, seconds=30):
    wait_until(lambda: person.one(PURGES) == 0, seconds, "the purge is done")


def provider_events(person):
    stored = person.fleet.simulator.events(person.account)
    items = stored["items"]
    return sum(1 for e in items if e.get("status") != "cancelled")


def filled(fleet, person, count=1200):
    fleet.simulator.admin("POST", "/generate", {"account": person.account, "calendar": "primary",
                                                "count": count, "seed": 3})
    return person.connect().synced(60).watched()


def left_behind(person):
    """Everything of the connection that should be gone."""
    return {table: person.one(f"SELECT count(*) FROM {table} WHERE connection_id = %s")
            for table in ("ce_calendar_events", "calfleet.calendars", "calfleet.spans",
                          "calfleet.channels", "calfleet.change_counters", "calfleet.tombstones",
                          "calfleet.conflicts")}


def test_disconnect_takes_everything_along_and_nothing_at_the_provider(fleet, person, db):
    filled(fleet, person)
    account = person.one("SELECT account_id FROM ce_calendar_connections WHERE id = %s")
    before = provider_events(person)
    revoked, stopped = len(person.calls("/revoke")), len(person.calls("/calendar/v3/channels/stop"))
    status, body = person.call("DELETE", f"/{person.connection}")
    assert (status, body) == (200, {"disconnected": True})
    assert person.call("GET") == (200, {"connections": []})
    purged(person)
    assert set(left_behind(person).values()) == {0}
    assert provider_events(person) == before
    assert len(person.calls("/revoke")) == revoked + 1
    assert len(person.calls("/calendar/v3/channels/stop")) == stopped + 1
    wait_until(lambda: db.execute("SELECT count(*) FROM calfleet.accounts WHERE id = %s",
                                  (account,)).fetchone() == (0,), 5, "the account is forgotten")


def test_the_hosts_own_delete_does_the_same(fleet, person, db):
    filled(fleet, person, 50)
    db.execute("DELETE FROM ce_calendar_connections WHERE id = %s", (person.connection,))
    purged(person)
    assert set(left_behind(person).values()) == {0}


def test_an_organisation_that_goes_takes_all_its_connections_along(fleet, make_person, db):
    organization = fleet.create_organization("Leaving")
    people = [make_person(organization).connect().synced() for _ in range(5)]
    revoked = len(people[0].calls("/revoke"))
    db.execute("DELETE FROM pf_organizations WHERE id = %s", (organization,))
    for person in people:
        purged(person)
        assert set(left_behind(person).values()) == {0}
    assert len(people[0].calls("/revoke")) == revoked + 5


def test_the_grant_stays_while_another_organisation_uses_the_account(fleet, person, db):
    person.connect().synced()
    first = person.connection
    second = fleet.create_organization("Second")
    fleet.sql("INSERT INTO pf_organization_members (organization_id, user_id) "
              f"VALUES ('{second}', '{person.user.id}')")
    fleet.sql(f"SELECT dev.grant_role('{person.user.id}', '{second}', 'org_admin')")
    person.user.organization = second
    person.user.token = fleet.token(person.user.id, second)
    assert person.connect().connection != first
    person.synced()
    second_connection = person.connection
    revoked = len(person.calls("/revoke"))
    person.connection = first
    assert person.call("DELETE", f"/{first}")[0] == 200
    purged(person)
    assert len(person.calls("/revoke")) == revoked
    person.connection = second_connection
    assert person.get()["status"] == "active"
    made = fleet.simulator.insert(person.account, {
        "summary": "x", "start": {"dateTime": "2027-01-05T09:00:00Z"},
        "end": {"dateTime": "2027-01-05T10:00:00Z"}})
    fleet.call("POST", "/functions/v1/calendar-sync",
               {"mode": "connection", "connection_id": second_connection}, user=person.user)
    wait_until(lambda: person.one("SELECT 1 FROM ce_calendar_events WHERE connection_id = %s "
                                  f"AND provider_event_id = '{made['id']}'"), 15,
               "the other connection still syncs")


def test_meetings_that_we_made_are_kept(fleet, person, db):
    filled(fleet, person, 20)
    kept, with_activity = db.execute(
        "SELECT array_agg(id) FROM (SELECT id FROM ce_calendar_events WHERE connection_id = %s "
        "ORDER BY id LIMIT 2) e", (person.connection,)).fetchone()[0]
    calendar = person.one("SELECT id FROM calfleet.calendars WHERE connection_id = %s")
    db.execute("INSERT INTO calfleet.meetings (organization_id, user_id, connection_id, "
               "calendar_id, provider_event_id, starts_at, ends_at, event_id) VALUES "
               "(%s, %s, %s, %s, %s, now(), now() + interval '1 hour', %s)",
               (person.user.organization, person.user.id, person.connection, calendar,
                uuid.uuid4().hex, kept))
    activity = db.execute("SELECT column_name FROM information_schema.columns WHERE table_name = "
                          "'ce_activities' AND is_nullable = 'NO' AND column_default IS NULL")
    needed = [row[0] for row in activity.fetchall()]
    values = {"organization_id": person.user.organization}
    columns = ", ".join(needed)
    marks = ", ".join("%s" for _ in needed)
    activity_id = db.execute(
        f"INSERT INTO ce_activities ({columns}) VALUES ({marks}) RETURNING id",
        [values.get(name, "meeting") for name in needed]).fetchone()[0]
    db.execute("UPDATE ce_calendar_events SET activity_id = %s WHERE id = %s",
               (activity_id, with_activity))
    person.call("DELETE", f"/{person.connection}")
    purged(person)
    rows = db.execute("SELECT id, connection_id, calendar_id FROM ce_calendar_events "
                      "WHERE user_id = %s", (person.user.id,)).fetchall()
    assert sorted(rows) == sorted([(kept, None, None), (with_activity, None, None)])
    assert person.one("SELECT count(*) FROM calfleet.spans WHERE connection_id = %s") == 0


def test_a_provider_that_is_away_holds_it_up_and_is_asked_again(fleet, person, db):
    filled(fleet, person, 20)
    fleet.simulator.admin("POST", "/faults", {"kind": "dark", "path": "/revoke"})
    try:
        person.call("DELETE", f"/{person.connection}")
        wait_until(lambda: person.one("SELECT attempts FROM calfleet.purges "
                                      "WHERE connection_id = %s"), 15, "an attempt that failed")
        assert person.one("SELECT last_error FROM calfleet.purges WHERE connection_id = %s") \
            == "unavailable"
    finally:
        fleet.simulator.admin("DELETE", "/faults")
    db.execute("UPDATE calfleet.purges SET due_at = now() WHERE connection_id = %s",
               (person.connection,))
    purged(person)
    assert set(left_behind(person).values()) == {0}


@pytest.mark.parametrize("point", ["purge.after_stop", "purge.after_revoke", "purge.after_rows"])
def test_killed_in_a_purge_the_next_one_ends_it(fleet, person, tmp_path, point):
    filled(fleet, person, 20)
    fleet.restart("sync-worker", {"CALFLEET_FAILPOINTS": f"{point}=kill",
                                  "CALFLEET_FAILPOINT_LOG": str(tmp_path / "passed")})
    try:
        person.call("DELETE", f"/{person.connection}")
        wait_until(lambda: not fleet.processes["sync-worker"].alive(), 20, "it is killed")
        assert (tmp_path / "passed").read_text().strip() == point
        assert person.one(PURGES) == 1
    finally:
        fleet.restart("sync-worker")
    purged(person, 60)
    assert set(left_behind(person).values()) == {0}


def test_connecting_again_after_a_disconnect_works(fleet, person):
    filled(fleet, person, 20)
    first = person.connection
    person.call("DELETE", f"/{first}")
    assert person.connect().connection != first
    person.synced()
    assert person.get()["status"] == "active"
