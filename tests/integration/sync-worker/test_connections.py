"""What an owner does with a connection: list, change, pause, sync now; and nobody else."""

import uuid

from conftest import CONNECTIONS
from fleet import wait_until


def calendars(person):
    return {c["id"]: c for c in person.get()["calendars"]}


def test_list_shows_health_and_calendars(fleet, person):
    person.connect().synced().watched()
    status, body = person.call("GET")
    assert status == 200 and len(body["connections"]) == 1
    seen = body["connections"][0]
    assert seen["id"] == person.connection
    assert seen["organization_id"] == person.user.organization
    assert (seen["provider"], seen["account_email"]) == ("google", person.account)
    assert (seen["status"], seen["sync_enabled"], seen["next_step"]) == ("active", True, None)
    assert seen["last_sync_at"].endswith("Z")
    (calendar,) = seen["calendars"]
    assert calendar["role"] == "owner" and calendar["is_primary"] and calendar["synced"]
    assert calendar["counts_as_busy"] and calendar["watchable"] and calendar["watched"]
    assert calendar["last_read_at"] and calendar["next_due_at"]
    assert "token" not in str(body).lower()


def test_list_is_of_one_organisation(fleet, person):
    person.connect()
    second = fleet.create_organization("Second")
    fleet.sql(f"SELECT dev.grant_role('{person.user.id}', '{second}', 'org_admin')")
    fleet.sql("INSERT INTO pf_organization_members (organization_id, user_id) "
              f"VALUES ('{second}', '{person.user.id}')")
    status, body = person.call("GET", f"?organization_id={second}")
    assert (status, body) == (200, {"connections": []})
    status, body = person.call("GET", f"?organization_id={uuid.uuid4()}")
    assert (status, body["error"]["code"]) == (403, "permission_denied")


def test_unhealthy_states_say_what_to_do(person, db):
    person.connect().synced()
    db.execute("UPDATE calfleet.calendars SET park_reason = 'denied', parked_until = now() "
               "+ interval '1 hour', due_at = now() + interval '1 hour' WHERE connection_id = %s",
               (person.connection,))
    assert "shared" in person.get()["next_step"]
    assert person.get()["calendars"][0]["parked_reason"] == "denied"
    db.execute("UPDATE ce_calendar_connections SET status = 'reauthorize' WHERE id = %s",
               (person.connection,))
    assert "Connect this account again" in person.get()["next_step"]


def test_pause_and_resume(person):
    person.connect().synced()
    status, body = person.call("PATCH", f"/{person.connection}", {"sync_enabled": False})
    assert status == 200
    assert body["connections"][0]["sync_enabled"] is False
    assert "paused" in body["connections"][0]["next_step"]
    assert person.one("SELECT count(*) FROM calfleet.calendars WHERE connection_id = %s "
                      "AND due_at IS NOT NULL") == 0
    status, body = person.call("PATCH", f"/{person.connection}", {"sync_enabled": True})
    assert status == 200 and body["connections"][0]["sync_enabled"] is True
    assert person.one("SELECT count(*) FROM calfleet.calendars WHERE connection_id = %s "
                      "AND due_at IS NOT NULL") == 1


def test_what_changed_while_paused_is_read_after_resuming(fleet, person):
    person.connect().synced()
    person.call("PATCH", f"/{person.connection}", {"sync_enabled": False})
    made = fleet.simulator.insert(person.account, {
        "summary": "x", "start": {"dateTime": "2027-01-05T09:00:00Z"},
        "end": {"dateTime": "2027-01-05T10:00:00Z"}})
    has = "SELECT 1 FROM ce_calendar_events WHERE connection_id = %s " \
          f"AND provider_event_id = '{made['id']}'"
    assert not person.one(has)
    person.call("PATCH", f"/{person.connection}", {"sync_enabled": True})
    wait_until(lambda: person.one(has), 15, "the event that was missed")


def test_conflict_policy(person):
    person.connect()
    status, body = person.call("PATCH", f"/{person.connection}", {"conflict_policy": "newest"})
    assert status == 200 and body["connections"][0]["conflict_policy"] == "newest"


def test_calendar_choice_purges_and_reads_again(fleet, person):
    fleet.simulator.admin("POST", "/generate", {"account": person.account, "calendar": "primary",
                                                "count": 700, "seed": 1})
    person.connect().synced()
    rows = "SELECT count(*) FROM ce_calendar_events WHERE connection_id = %s"
    before = person.one(rows)
    assert before >= 700
    (number,) = calendars(person)
    status, body = person.call("PATCH", f"/{person.connection}", {
        "calendars": [{"id": number, "synced": False, "counts_as_busy": False}]})
    assert status == 200, body
    assert "No calendar is chosen" in body["connections"][0]["next_step"]
    wait_until(lambda: person.one(rows) == 0, 20, "the rows of the calendar are gone")
    wait_until(lambda: not person.one("SELECT 1 FROM calfleet.purges WHERE connection_id = %s"),
               20, "the purge is done")
    assert person.one("SELECT count(*) FROM calfleet.spans WHERE connection_id = %s") == 0
    person.call("PATCH", f"/{person.connection}", {"calendars": [{"id": number, "synced": True}]})
    wait_until(lambda: person.one(rows) == before, 20, "they are read again")
    assert calendars(person)[number]["counts_as_busy"] is False


def test_calendars_of_another_connection_cannot_be_chosen(person, make_person):
    other = make_person(person.user.organization).connect()
    person.connect()
    (theirs,) = calendars(other)
    status, body = person.call("PATCH", f"/{person.connection}", {
        "sync_enabled": False, "calendars": [{"id": theirs, "synced": False}]})
    assert (status, body["error"]["code"]) == (404, "calendar_not_found")
    assert person.get()["sync_enabled"] is True  # all or nothing
    assert calendars(other)[theirs]["synced"] is True


def test_sync_now_reads_at_once(fleet, person):
    person.connect().synced()
    before = person.one("SELECT last_read_at FROM calfleet.calendars WHERE connection_id = %s")
    status, _, _ = fleet.call("POST", "/functions/v1/calendar-sync",
                              {"mode": "connection", "connection_id": person.connection},
                              user=person.user)
    assert status == 202
    wait_until(lambda: person.one("SELECT last_read_at FROM calfleet.calendars "
                                  "WHERE connection_id = %s") > before, 10, "it is read")


def test_sync_now_ends_a_park_and_is_refused_while_paused(fleet, person, db):
    call = ("POST", "/functions/v1/calendar-sync")
    person.connect().synced()
    body = {"mode": "connection", "connection_id": person.connection}
    db.execute("WITH a AS (UPDATE calfleet.accounts SET parked_until = now() + interval '1 hour', "
               "park_reason = 'throttled' WHERE id = (SELECT account_id FROM "
               "ce_calendar_connections WHERE id = %s) RETURNING id) UPDATE calfleet.calendars k "
               "SET parked_until = now() + interval '1 hour', park_reason = 'throttled', "
               "due_at = now() + interval '1 hour' FROM a WHERE k.account_id = a.id",
               (person.connection,))
    assert fleet.call(*call, body, user=person.user)[0] == 202
    wait_until(lambda: not person.one("SELECT park_reason FROM calfleet.calendars "
                                      "WHERE connection_id = %s"), 10, "the park ended")
    person.call("PATCH", f"/{person.connection}", {"sync_enabled": False})
    status, answer, _ = fleet.call(*call, body, user=person.user)
    assert (status, answer["error"]["code"]) == (409, "paused")


def test_somebody_elses_connection_does_not_exist(fleet, person, make_person):
    person.connect().synced()
    other = make_person(person.user.organization)
    path = f"/{person.connection}"
    for method, body in (("GET", None), ("PATCH", {"sync_enabled": False}), ("DELETE", None)):
        status, answer = other.call(method, path, body)
        assert (status, answer["error"]["code"]) == (404, "not_found"), method
    status, answer, _ = fleet.call("POST", "/functions/v1/calendar-sync",
                                   {"mode": "connection", "connection_id": person.connection},
                                   user=other.user)
    assert (status, answer["error"]["code"]) == (404, "not_found")
    assert other.call("GET") == (200, {"connections": []})
    assert person.get()["sync_enabled"] is True


def test_rights_are_asked_in_the_transaction_that_does_the_work(fleet, person, db):
    person.connect().synced()
    db.execute("DELETE FROM pf_user_role_assignments WHERE user_id = %s", (person.user.id,))
    for method, body in (("PATCH", {"sync_enabled": False}), ("DELETE", None), ("GET", None)):
        status, answer = person.call(method, f"/{person.connection}", body)
        assert (status, answer["error"]["code"]) == (403, "permission_denied"), method
    assert person.one("SELECT sync_enabled FROM ce_calendar_connections WHERE id = %s") is True


def test_without_a_token_nobody_asks(fleet):
    assert fleet.call("GET", CONNECTIONS)[0] == 401
