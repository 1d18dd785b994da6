"""Free/busy of a calendar that has not been read for a while, through the whole fleet."""

from datetime import datetime, timezone

from fleet import wait_until
from test_google import at, free_busy, timed


def read_at(db, person):
    return db.execute("SELECT max(last_read_at) FROM calfleet.calendars WHERE connection_id = %s",
                      (person.connection,)).fetchone()[0]


def test_a_stale_calendar_is_asked_at_the_provider_and_read_again(fleet, person, db):
    person.connect()
    person.synced().watched()
    person.insert(**timed("Busy", 2, 9))
    wait_until(lambda: person.rows(), 10, "the event")
    # As after an outage: nothing read for a day, no push, and due only in an hour.
    db.execute("UPDATE calfleet.channels SET expires_at = now() WHERE account_id ="
               " (SELECT account_id FROM ce_calendar_connections WHERE id = %s)",
               (person.connection,))
    db.execute("UPDATE calfleet.calendars SET last_read_at = now() - interval '1 day',"
               " due_at = now() + interval '1 hour' WHERE connection_id = %s", (person.connection,))
    asked_at = datetime.now(timezone.utc)

    status, body, _ = free_busy(fleet, person, [person.user.id])
    answer = body["people"][0]
    assert status == 200 and answer["complete"]
    assert {s["source"] for s in answer["sources"]} == {"provider"}
    assert [s["start"] for s in answer["busy"]] == [at(2, 9).strftime("%Y-%m-%dT%H:%M:%SZ")]

    wait_until(lambda: read_at(db, person) > asked_at, 10, "the read that calendar.sync was told of")
    status, body, _ = free_busy(fleet, person, [person.user.id])
    assert status == 200 and body["people"][0]["complete"]
    assert {s["source"] for s in body["people"][0]["sources"]} <= {"store", "cache"}
