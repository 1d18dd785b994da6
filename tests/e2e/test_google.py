"""The running whole for one Google account: each sentence of the tour, on real servers."""

import datetime
import json
import time

import psycopg
import pytest
from conftest import make_person
from fleet import request, wait_until

UTC = datetime.timezone.utc


def at(days, hour, minutes=0):
    moment = datetime.datetime.now(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
    return moment + datetime.timedelta(days=days, minutes=minutes)


def timed(title, days, hour, minutes=30, **more):
    return {"summary": title, "start": {"dateTime": at(days, hour).isoformat(), "timeZone": "UTC"},
            "end": {"dateTime": at(days, hour, minutes).isoformat(), "timeZone": "UTC"}, **more}


def provider_ids(fleet, account):
    """Ids of the live events that the provider stores."""
    items = fleet.simulator.events(account)["items"]
    return {e["id"] for e in items if e.get("status") != "cancelled"}


def test_first_import_brings_every_event(fleet, person):
    fleet.simulator.admin("POST", "/generate", {
        "account": person.account, "calendar": "primary", "count": 3000, "series": 10,
        "exceptions": 5, "all_day": 10, "dst": 10, "seed": 7})
    person.connect()
    person.synced(60)
    stored = {row[0] for row in person.rows(where="status <> 'cancelled'")}
    assert stored == provider_ids(fleet, person.account)
    assert person.rows("count(*)", "sync_status = 'error'") == [(0,)]


def test_change_arrives_by_webhook_and_deletion_too(fleet, person):
    person.connect()
    person.synced().watched()
    made = person.insert(**timed("A", 2, 9))
    wait_until(lambda: person.has_row(made["id"]), 10, "the new event")
    path = f"/calendars/primary/events/{made['id']}"
    fleet.simulator.as_person(person.account, "PATCH", path, {"summary": "B"})
    wait_until(lambda: person.rows("title", f"provider_event_id = '{made['id']}'") == [("B",)], 10,
               "the new title")
    fleet.simulator.as_person(person.account, "DELETE", path)
    wait_until(lambda: not person.has_row(made["id"]), 10, "the deletion")


def test_tick_finds_what_a_lost_webhook_left_behind(fleet, person, db):
    person.connect()
    person.synced().watched()
    channels = fleet.simulator.admin("GET", "/channels")
    mine = [c["id"] for c in channels if person.account in json.dumps(c)]
    assert mine
    for channel in mine:
        fleet.simulator.admin("POST", f"/channels/{channel}", {"silent": True})
    made = person.insert(**timed("Lost", 2, 10))
    time.sleep(1)
    assert not person.has_row(made["id"])
    db.execute("UPDATE calfleet.calendars SET due_at = now() WHERE connection_id = %s",
               (person.connection,))
    status, _, _ = fleet.tick()
    assert status == 202
    wait_until(lambda: person.has_row(made["id"]), 10, "what the tick should find")
    # The silent channel is counted and replaced: the next change comes by push again.
    wait_until(lambda: db.execute("SELECT push_misses FROM calfleet.calendars WHERE connection_id "
                                  "= %s", (person.connection,)).fetchone() == (1,), 10, "the miss")
    wait_until(lambda: len([c for c in fleet.simulator.admin("GET", "/channels")
                            if person.account in json.dumps(c) and c["id"] not in mine]) == 1, 10,
               "a new channel")
    healed = person.insert(**timed("Healed", 2, 12))
    wait_until(lambda: person.has_row(healed["id"]), 10, "a change by the new channel")


def test_tick_is_for_the_service_role_alone(fleet, person):
    call = ("POST", "/functions/v1/calendar-sync", {"mode": "poll"})
    assert fleet.call(*call, user=person.user)[0] == 403
    assert fleet.call(*call)[0] == 401
    assert fleet.call(*call, token=fleet.secrets["service_key"])[0] == 202


def test_series_become_spans_with_exceptions_applied(fleet, person, db):
    master = person.insert(**timed("Weekly", 1, 9, recurrence=["RRULE:FREQ=WEEKLY;COUNT=4"]))
    instances = fleet.simulator.as_person(
        person.account, "GET", f"/calendars/primary/events/{master['id']}/instances")["items"]
    fleet.simulator.as_person(person.account, "DELETE",
                              f"/calendars/primary/events/{instances[1]['id']}")
    fleet.simulator.as_person(person.account, "PATCH",
                              f"/calendars/primary/events/{instances[2]['id']}",
                              {"start": {"dateTime": at(16, 15).isoformat()},
                               "end": {"dateTime": at(16, 15, 30).isoformat()}})
    person.connect()
    person.synced()
    starts = [row[0] for row in db.execute(
        "SELECT start_at FROM calfleet.spans WHERE connection_id = %s ORDER BY 1",
        (person.connection,))]
    assert starts == [at(1, 9), at(16, 15), at(22, 9)]


def test_expired_cursor_is_read_again_and_what_is_gone_goes(fleet, person, db):
    person.connect()
    person.synced().watched()
    kept = person.insert(**timed("Kept", 2, 9))
    gone = person.insert(**timed("Gone", 3, 9))
    wait_until(lambda: person.has_row(kept["id"]) and person.has_row(gone["id"]), 10, "both")
    fleet.simulator.as_person(person.account, "DELETE", f"/calendars/primary/events/{gone['id']}")
    fleet.simulator.admin("POST", f"/calendars/{person.account}/events/{gone['id']}/purge")
    fleet.simulator.admin("POST", "/cursors/expire", {"calendar": person.account})
    db.execute("UPDATE calfleet.calendars SET due_at = now() WHERE connection_id = %s",
               (person.connection,))
    wait_until(lambda: not person.has_row(gone["id"]), 20, "the sweep")
    assert person.has_row(kept["id"])


def test_replayed_revisions_change_nothing(fleet, person, db):
    person.connect()
    person.synced().watched()
    made = person.insert(**timed("Once", 2, 9))
    wait_until(lambda: person.has_row(made["id"]), 10, "the event")

    def state():
        return db.execute(
            "SELECT value, (SELECT max(stamp) FROM ce_calendar_events e WHERE e.connection_id = "
            "c.connection_id) FROM calfleet.change_counters c WHERE connection_id = %s",
            (person.connection,)).fetchone()

    before = state()
    fleet.simulator.admin("POST", "/cursors/expire", {"calendar": person.account})
    read_before = person.db.execute("SELECT last_read_at FROM calfleet.calendars WHERE "
                                    "connection_id = %s", (person.connection,)).fetchone()
    db.execute("UPDATE calfleet.calendars SET due_at = now() WHERE connection_id = %s",
               (person.connection,))
    wait_until(lambda: person.db.execute(
        "SELECT last_read_at FROM calfleet.calendars WHERE connection_id = %s",
        (person.connection,)).fetchone() > read_before, 20, "a full read")
    assert state() == before


def test_due_time_that_is_set_during_a_run_stays(fleet, person, db):
    """Whoever makes a calendar due while it is read means a read that begins later."""
    person.connect()
    person.synced().watched()
    fleet.simulator.admin("POST", "/faults", {"kind": "latency", "delay_ms": 2000, "next": 1,
                                              "contains": "/events", "account": person.account})
    made = person.insert(**timed("Slow", 2, 9))
    wait_until(lambda: fleet.simulator.admin("GET", "/faults") == [], 10, "the slow read's begin")
    db.execute("UPDATE calfleet.calendars SET due_at = '2099-01-01' WHERE connection_id = %s",
               (person.connection,))
    before = db.execute("SELECT last_read_at FROM calfleet.calendars WHERE connection_id = %s",
                        (person.connection,)).fetchone()
    assert not person.has_row(made["id"])
    wait_until(lambda: person.has_row(made["id"]), 10, "the event")
    wait_until(lambda: db.execute("SELECT last_read_at FROM calfleet.calendars WHERE "
                                  "connection_id = %s", (person.connection,)).fetchone() > before,
               10, "the run's end")
    due = db.execute("SELECT due_at FROM calfleet.calendars WHERE connection_id = %s",
                     (person.connection,)).fetchone()[0]
    assert due.year == 2099


def test_private_events_are_the_owners_alone(fleet, people, db):
    owner, colleague = people
    owner.connect()
    owner.synced().watched()
    made = owner.insert(**timed("Secret", 2, 9), visibility="private")
    wait_until(lambda: owner.has_row(made["id"]), 10, "the event")
    with psycopg.connect(fleet.stack.dsn(fleet.database)) as c:
        for user, seen in ((owner.user, 1), (colleague.user, 0)):
            c.execute("SELECT set_config('request.jwt.claims', %s, true)",
                      (json.dumps({"sub": user.id, "role": "authenticated"}),))
            c.execute("SET LOCAL ROLE authenticated")
            count = c.execute("SELECT count(*) FROM ce_calendar_events WHERE provider_event_id = %s",
                              (made["id"],)).fetchone()[0]
            c.rollback()
            assert count == seen


# ---- connecting ---------------------------------------------------------------------------------


def test_ticket_works_once_and_only_for_who_began(fleet, people):
    owner, thief = people
    sim = fleet.simulator
    answer = fleet.ticket_of(sim.consent(fleet.connect_url(owner.user), owner.account))
    call = ("POST", "/functions/v1/calendar-oauth-callback", {"ticket": answer["ticket"]})
    assert fleet.call(*call, user=thief.user)[0] == 403
    assert fleet.call(*call)[0] == 401
    status, first, _ = fleet.call(*call, user=owner.user)
    assert status == 200
    status, again, _ = fleet.call(*call, user=owner.user)
    assert (status == 200 and again["connection_id"] == first["connection_id"]) or status == 409
    exchanges = [c for c in sim.admin("GET", "/journal?path=/token")["calls"]
                 if "authorization_code" in json.dumps(c)]
    codes = [json.dumps(c) for c in exchanges]
    assert len(codes) == len(set(codes))


def test_refused_consent_lands_at_the_app_with_a_code(fleet, person):
    url = fleet.simulator.consent(fleet.connect_url(person.user), person.account, "decline")
    answer = fleet.ticket_of(url)
    assert "ticket" not in answer
    assert answer["error"] == "access_denied"


def test_consent_again_renews_the_same_connection(person):
    first = person.connect()
    assert person.connect() == first


def test_disconnect_purges_rows_and_deletes_nothing_at_the_provider(fleet, person, db):
    made = person.insert(**timed("Stays there", 2, 9))
    person.connect()
    person.synced()
    assert person.has_row(made["id"])
    status, _, _ = fleet.call("DELETE", f"/functions/v1/calendar-connections/{person.connection}",
                              user=person.user)
    assert status in (200, 202, 204)
    wait_until(lambda: not person.has_row(made["id"]), 20, "the purge")
    assert made["id"] in provider_ids(fleet, person.account)


def test_refused_token_is_refreshed_and_the_read_goes_on(fleet, person, db):
    person.connect()
    person.synced().watched()
    fleet.simulator.admin("POST", "/tokens/expire", {"account": person.account})
    made = person.insert(**timed("After expiry", 2, 9))
    wait_until(lambda: person.has_row(made["id"]), 15, "the event after a refresh")


def test_revoked_grant_asks_for_consent_and_says_why(fleet, person, db):
    person.connect()
    person.synced().watched()
    fleet.simulator.admin("POST", "/grants/revoke", {"account": person.account})
    db.execute("UPDATE calfleet.calendars SET due_at = now() WHERE connection_id = %s",
               (person.connection,))
    wait_until(lambda: db.execute(
        "SELECT status FROM ce_calendar_connections WHERE id = %s",
        (person.connection,)).fetchone() == ("reauthorize",), 20, "reauthorize")
    reason = db.execute("SELECT status_reason FROM ce_calendar_connections WHERE id = %s",
                        (person.connection,)).fetchone()[0]
    assert "invalid_grant" in reason
    # What nobody can read rests, instead of being due for ever; consent makes it live again.
    db.execute("UPDATE calfleet.calendars SET due_at = now() WHERE connection_id = %s",
               (person.connection,))
    wait_until(lambda: db.execute("SELECT due_at > now() + interval '10 minutes' FROM "
                                  "calfleet.calendars WHERE connection_id = %s",
                                  (person.connection,)).fetchone() == (True,), 10, "the rest")
    made = person.insert(**timed("Meanwhile", 3, 9))
    assert person.connect()
    wait_until(lambda: person.has_row(made["id"]), 15, "what happened meanwhile")


# ---- webhooks --------------------------------------------------------------------------------------


def notice(fleet, token, state="exists"):
    return request("POST", fleet.url() + "/functions/v1/calendar-sync", b"",
                   {"X-Goog-Channel-ID": "x", "X-Goog-Channel-Token": token,
                    "X-Goog-Resource-State": state, "X-Goog-Resource-ID": "r",
                    "X-Goog-Message-Number": "2", "Content-Length": "0"})


@pytest.mark.parametrize("token", ["", "nonsense", "v1.1.AAAAAAAAAAAAAAAAAAAAAA.1.1.1.AAAA",
                                   "v1.1." + "A" * 300])
def test_forged_notice_gets_the_same_answer_as_a_good_one(fleet, token):
    good_status = 200
    status, _, body = notice(fleet, token)
    assert status == good_status or (token == "" and 400 <= status < 500)
    assert b"forged" not in body


# ---- free/busy and scheduling ----------------------------------------------------------------------


def free_busy(fleet, person, users, first=0, days=7):
    return fleet.call("POST", "/functions/v1/calendar-freebusy", {
        "organization_id": person.user.organization, "users": users,
        "time_min": at(first, 0).isoformat(), "time_max": at(first + days, 0).isoformat()},
        user=person.user)


def test_free_busy_sees_a_stored_change_at_once(fleet, person):
    person.connect()
    person.synced().watched()
    status, body, _ = free_busy(fleet, person, [person.user.id])
    assert status == 200 and body["people"][0]["busy"] == []
    made = person.insert(**timed("Busy", 2, 9))
    wait_until(lambda: person.has_row(made["id"]), 10, "the event")
    status, body, _ = free_busy(fleet, person, [person.user.id])
    spans = body["people"][0]["busy"]
    assert status == 200 and len(spans) == 1
    assert datetime.datetime.fromisoformat(spans[0]["start"].replace("Z", "+00:00")) == at(2, 9)


def test_free_busy_never_says_free_for_somebody_it_cannot_read(fleet, people):
    asker, other = people
    asker.connect()
    asker.synced()
    status, body, _ = free_busy(fleet, asker, [other.user.id])
    assert status == 200
    answer = body["people"][0]
    assert answer["errors"] and answer["complete"] is False


def test_free_busy_of_another_organisation_is_not_visible(fleet, people, db):
    stranger = make_person(fleet, db)
    stranger.connect()
    stranger.synced()
    status, body, _ = free_busy(fleet, people[0], [stranger.user.id])
    assert status == 200
    assert body["people"][0]["busy"] is None and body["people"][0]["errors"]


def test_paused_connection_is_said(fleet, person):
    person.connect()
    person.synced()
    status, _, _ = fleet.call("PATCH", f"/functions/v1/calendar-connections/{person.connection}",
                              {"sync_enabled": False}, user=person.user)
    assert status == 200
    status, body, _ = free_busy(fleet, person, [person.user.id])
    assert "paused" in json.dumps(body["people"][0]["errors"])


def book(fleet, person, days, hour, key, title="Meeting", **more):
    return fleet.call("POST", "/functions/v1/calendar-schedule", {
        "action": "create", "organization_id": person.user.organization,
        "connection_id": person.connection, "title": title,
        "start_at": at(days, hour).isoformat(), "end_at": at(days, hour, 30).isoformat(), **more},
        user=person.user, headers={"Idempotency-Key": key})


def test_meeting_is_booked_once_and_linked(fleet, person, db):
    person.connect()
    person.synced()
    status, body, _ = book(fleet, person, 4, 10, "k1")
    assert status in (200, 201), body
    status, again, _ = book(fleet, person, 4, 10, "k1")
    assert status in (200, 201) and again["meeting_id"] == body["meeting_id"]
    status, other, _ = book(fleet, person, 4, 10, "k1", title="Another")
    assert status == 409, other
    assert body["provider_event_id"] in provider_ids(fleet, person.account)
    row = db.execute("SELECT sync_direction, activity_id FROM ce_calendar_events WHERE id = %s",
                     (body["event_id"],)).fetchone()
    assert row[0] == "outbound" and row[1] is not None


def test_busy_slot_is_a_409_for_our_meetings_and_for_the_providers(fleet, person):
    person.connect()
    person.synced().watched()
    assert book(fleet, person, 5, 10, "a")[0] in (200, 201)
    status, body, _ = book(fleet, person, 5, 10, "b")
    assert status == 409 and body["error"]["code"] == "busy"
    made = person.insert(**timed("Theirs", 5, 12))
    wait_until(lambda: person.has_row(made["id"]), 10, "the event")
    assert book(fleet, person, 5, 12, "c")[0] == 409
    assert book(fleet, person, 5, 12, "d", allow_overlap=True)[0] in (200, 201)


def test_echo_of_our_own_meeting_changes_nothing(fleet, person, db):
    person.connect()
    person.synced().watched()
    status, body, _ = book(fleet, person, 6, 10, "k")
    assert status in (200, 201)
    stamp = db.execute("SELECT stamp FROM ce_calendar_events WHERE id = %s",
                       (body["event_id"],)).fetchone()
    read = db.execute("SELECT max(last_read_at) FROM calfleet.calendars WHERE connection_id = %s",
                      (person.connection,)).fetchone()
    db.execute("UPDATE calfleet.calendars SET due_at = now() WHERE connection_id = %s",
               (person.connection,))
    wait_until(lambda: db.execute(
        "SELECT max(last_read_at) FROM calfleet.calendars WHERE connection_id = %s",
        (person.connection,)).fetchone() > read, 15, "a read after the booking")
    assert db.execute("SELECT stamp FROM ce_calendar_events WHERE id = %s",
                      (body["event_id"],)).fetchone() == stamp
    assert person.rows("count(*)") == [(1,)]


# ---- requests that our client sends ------------------------------------------------------------------


def test_our_client_sends_only_documented_parameters(fleet):
    unknown = fleet.simulator.admin("GET", "/journal?unknown=1&limit=1000")
    assert not unknown.get("calls"), unknown["calls"][:3]
