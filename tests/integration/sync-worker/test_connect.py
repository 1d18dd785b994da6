"""A consent from its start to a connection, and all that may go wrong on the way."""

import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import CALLBACK
from fleet import request, wait_until


def test_start_answers_with_a_consent_page_that_has_pkce_and_a_state(fleet, person, db):
    status, body, _ = fleet.call("POST", "/functions/v1/calendar-oauth-start",
                                 {"provider": "google", "login_hint": person.account},
                                 user=person.user)
    assert status == 200
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(body["consent_url"]).query))
    assert query["code_challenge_method"] == "S256" and len(query["code_challenge"]) == 43
    assert len(query["state"]) == 43 and query["nonce"] and query["login_hint"] == person.account
    assert query["access_type"] == "offline"
    assert body["state_expires_at"].endswith("Z")
    kept = db.execute("SELECT verifier_encrypted, state_hash::text FROM calfleet.oauth_flows "
                      "WHERE user_id = %s", (person.user.id,)).fetchone()
    assert kept[0].startswith("v1.") and query["state"] not in kept[1]


def test_exchange_makes_a_connection_with_its_calendars(fleet, person, db):
    status, body = person.exchange(person.ticket())
    assert status == 200, body
    assert body["calendars"] == 1
    person.connection = body["connection_id"]
    row = db.execute(
        "SELECT c.account_email, c.status, c.access_token_encrypted, c.refresh_token_encrypted, "
        "c.token_version, c.granted_scopes, a.project, a.shard, c.user_id::text "
        "FROM ce_calendar_connections c JOIN calfleet.accounts a ON a.id = c.account_id "
        "WHERE c.id = %s", (person.connection,)).fetchone()
    assert row[0] == person.account and row[1] == "active"
    assert row[2].startswith("v1.1.") and row[3].startswith("v1.1.") and row[4] >= 1
    assert any(s.endswith("calendar.events") for s in row[5])
    assert 0 <= row[7] < 960 and row[8] == person.user.id
    calendar = db.execute("SELECT provider_calendar_id, access_role, is_primary, synced, "
                          "counts_as_busy, time_zone FROM calfleet.calendars "
                          "WHERE connection_id = %s", (person.connection,)).fetchall()
    assert calendar == [(person.account, "owner", True, True, True, "Europe/Lisbon")]
    flow = db.execute("SELECT result, verifier_encrypted FROM calfleet.oauth_flows "
                      "WHERE connection_id = %s", (person.connection,)).fetchone()
    assert flow == ("ok", "")
    person.synced()


def test_only_the_primary_and_owned_calendars_are_chosen(fleet, person, make_person, db):
    other = make_person()
    shared = fleet.simulator.admin("POST", "/calendars",
                                   {"account": other.account, "summary": "Theirs"})
    own = fleet.simulator.admin("POST", "/calendars",
                                {"account": person.account, "summary": "Second"})
    fleet.simulator.admin("POST", f"/calendars/{shared['id']}/share",
                          {"to": person.account, "role": "reader"})
    person.connect()
    chosen = dict(db.execute("SELECT provider_calendar_id, synced FROM calfleet.calendars "
                             "WHERE connection_id = %s", (person.connection,)).fetchall())
    assert chosen == {person.account: True, own["id"]: True, shared["id"]: False}


def test_a_replayed_ticket_gets_the_same_answer_and_no_second_exchange(fleet, person):
    ticket = person.ticket()
    first = person.exchange(ticket)
    asked = len(person.calls("/token"))
    assert first[0] == 200
    assert person.exchange(ticket) == first
    assert len(person.calls("/token")) == asked


def test_somebody_elses_ticket_is_refused_and_stays_good(person, make_person):
    ticket = person.ticket()
    status, body = make_person(person.user.organization).exchange(ticket)
    assert (status, body["error"]["code"]) == (403, "not_yours")
    assert person.exchange(ticket)[0] == 200


def test_a_consent_that_took_too_long_is_refused(person, db):
    ticket = person.ticket()
    db.execute("UPDATE calfleet.oauth_flows SET expires_at = now() WHERE user_id = %s",
               (person.user.id,))
    status, body = person.exchange(ticket)
    assert (status, body["error"]["code"]) == (410, "consent_expired")


def test_a_consent_begun_and_not_finished_is_in_doubt(person, db):
    ticket = person.ticket()
    db.execute("UPDATE calfleet.oauth_flows SET begun_at = now() WHERE user_id = %s",
               (person.user.id,))
    asked = len(person.calls("/token"))
    status, body = person.exchange(ticket)
    assert (status, body["error"]["code"]) == (409, "exchange_in_doubt")
    assert len(person.calls("/token")) == asked


def test_a_code_that_the_provider_refuses_is_told_the_same_every_time(fleet, person, db):
    ticket = person.ticket()
    fleet.simulator.admin("POST", "/clock", {"advance_ms": 3_600_000})
    try:
        status, body = person.exchange(ticket)
    finally:
        fleet.simulator.admin("POST", "/clock", {"offset_ms": 0})
    assert (status, body["error"]["code"]) == (422, "code_refused")
    asked = len(person.calls("/token"))
    assert person.exchange(ticket) == (status, body)
    assert len(person.calls("/token")) == asked


def test_missing_scope_makes_no_connection(fleet, person, db):
    url = fleet.connect_url(person.user)
    parts = urllib.parse.urlsplit(url)
    form = urllib.parse.parse_qsl(parts.query)
    form += [("account", person.account), ("decision", "accept"), ("granular", "1"),
             ("grant", "openid"), ("grant", "email"),
             ("grant", "https://www.googleapis.com/auth/calendar.freebusy")]
    status, headers, _ = request("POST", f"{parts.scheme}://{parts.netloc}{parts.path}",
                                 urllib.parse.urlencode(form),
                                 {"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 302
    ticket = fleet.ticket_of(headers["location"])["ticket"]
    status, body = person.exchange(ticket)
    assert (status, body["error"]["code"]) == (422, "scope_missing")
    assert db.execute("SELECT count(*) FROM ce_calendar_connections WHERE user_id = %s",
                      (person.user.id,)).fetchone() == (0,)


def test_connecting_again_renews_the_same_connection(person, db):
    person.connect().synced()
    db.execute("UPDATE ce_calendar_connections SET status = 'reauthorize', status_reason = 'x' "
               "WHERE id = %s", (person.connection,))
    before = person.one("SELECT token_version FROM ce_calendar_connections WHERE id = %s")
    first = person.connection
    assert person.connect().connection == first
    assert person.get()["status"] == "active" and person.get()["status_reason"] is None
    assert person.one("SELECT token_version FROM ce_calendar_connections WHERE id = %s") > before


def test_without_the_permission_nothing_begins(fleet, make_person):
    person = make_person(role=None)
    status, body, _ = fleet.call("POST", "/functions/v1/calendar-oauth-start",
                                 {"provider": "google"}, user=person.user)
    assert (status, body["error"]["code"]) == (403, "permission_denied")


def test_who_belongs_to_several_organisations_has_to_name_one(fleet, person, db):
    second = fleet.create_organization("Second")
    email = db.execute("SELECT email FROM auth.users WHERE id = %s", (person.user.id,)).fetchone()
    db.execute("SELECT dev.create_user(%s, %s)", (email[0], second))
    bare = fleet.token(person.user.id)
    status, body, _ = fleet.call("POST", "/functions/v1/calendar-oauth-start",
                                 {"provider": "google"}, token=bare)
    assert (status, body["error"]["code"]) == (400, "organization_required")


def test_a_listing_that_fails_does_not_undo_the_connection(fleet, person, db):
    fleet.simulator.admin("POST", "/faults", {
        "kind": "error", "status": 500, "reason": "backendError",
        "contains": "/users/me/calendarList", "account": person.account, "next": 50})
    try:
        status, body = person.exchange(person.ticket())
    finally:
        fleet.simulator.admin("DELETE", "/faults")
    assert status == 200 and body["calendars"] == 0 and body["hint"]
    person.connection = body["connection_id"]
    assert "list of calendars" in person.get()["next_step"]
    db.execute("UPDATE ce_calendar_connections SET calendar_list_due_at = now() WHERE id = %s",
               (person.connection,))
    person.synced()
    assert person.one("SELECT calendar_list_due_at > now() + interval '23 hours' "
                      "FROM ce_calendar_connections WHERE id = %s")


def test_the_list_is_read_again_every_day(fleet, person, db):
    gone = fleet.simulator.admin("POST", "/calendars",
                                 {"account": person.account, "summary": "Second"})
    fleet.simulator.insert(person.account, {
        "summary": "x", "start": {"dateTime": "2027-01-05T09:00:00Z"},
        "end": {"dateTime": "2027-01-05T10:00:00Z"}}, gone["id"])
    person.connect().synced()
    db.execute("UPDATE calfleet.calendars SET synced = false WHERE connection_id = %s "
               "AND is_primary", (person.connection,))
    rows = "SELECT count(*) FROM ce_calendar_events WHERE connection_id = %s"
    assert person.one(rows) == 1
    fleet.simulator.admin("DELETE", f"/calendars/{gone['id']}")
    new = fleet.simulator.admin("POST", "/calendars",
                                {"account": person.account, "summary": "Third"})
    db.execute("UPDATE ce_calendar_connections SET calendar_list_due_at = now() WHERE id = %s",
               (person.connection,))

    def listed():
        return dict(db.execute("SELECT provider_calendar_id, synced FROM calfleet.calendars "
                               "WHERE connection_id = %s", (person.connection,)).fetchall())
    wait_until(lambda: listed() == {person.account: False, new["id"]: True}, 15,
               "the new list, with the choice kept")
    wait_until(lambda: person.one(rows) == 0, 15, "the rows of the calendar that is gone")


def test_a_list_that_cannot_be_read_waits(fleet, person, db):
    person.connect().synced()
    fleet.simulator.admin("POST", "/faults", {
        "kind": "dark", "contains": "/users/me/calendarList", "account": person.account})
    try:
        db.execute("UPDATE ce_calendar_connections SET calendar_list_due_at = now() "
                   "WHERE id = %s", (person.connection,))
        wait_until(lambda: person.one("SELECT calendar_list_due_at > now() + interval '50 min' "
                                      "FROM ce_calendar_connections WHERE id = %s"), 15,
                   "it is put off")
    finally:
        fleet.simulator.admin("DELETE", "/faults")
    assert len(person.get()["calendars"]) == 1


@pytest.mark.parametrize("point", ["connect.after_begin", "connect.after_exchange",
                                   "connect.before_commit"])
def test_killed_during_the_exchange_it_is_never_done_twice(fleet, person, db, tmp_path, point):
    ticket = person.ticket()
    asked = len(person.calls("/token"))
    fleet.restart("sync-worker", {"CALFLEET_FAILPOINTS": f"{point}=kill",
                                  "CALFLEET_FAILPOINT_LOG": str(tmp_path / "passed")})
    try:
        status, _, _ = fleet.call("POST", CALLBACK, {"ticket": ticket}, user=person.user,
                                  timeout=60)
        assert status in (502, 503, 504)
        assert (tmp_path / "passed").read_text().strip() == point
    finally:
        fleet.restart("sync-worker")
    status, body = wait_until(lambda: (lambda r: r if r[0] == 409 else None)(
        person.exchange(ticket)), 30, "the word that it is in doubt")
    assert body["error"]["code"] == "exchange_in_doubt"
    assert len(person.calls("/token")) - asked == (0 if point == "connect.after_begin" else 1)
    person.connect().synced()
    assert db.execute("SELECT count(*) FROM ce_calendar_connections WHERE user_id = %s",
                      (person.user.id,)).fetchone() == (1,)


def test_killed_before_the_exchange_began_it_is_done_once(fleet, person, db, tmp_path):
    ticket = person.ticket()
    asked = len(person.calls("/token"))
    fleet.restart("sync-worker", {"CALFLEET_FAILPOINTS": "connect.before_begin=kill",
                                  "CALFLEET_FAILPOINT_LOG": str(tmp_path / "passed")})
    try:
        fleet.call("POST", CALLBACK, {"ticket": ticket}, user=person.user, timeout=60)
        assert (tmp_path / "passed").read_text().strip() == "connect.before_begin"
    finally:
        fleet.restart("sync-worker")
    wait_until(lambda: person.exchange(ticket)[0] == 200, 30, "the exchange")
    assert len(person.calls("/token")) - asked == 1
    assert db.execute("SELECT count(*) FROM ce_calendar_connections WHERE user_id = %s",
                      (person.user.id,)).fetchone() == (1,)


def test_two_who_post_the_same_ticket_at_once_make_one_exchange(fleet, person):
    ticket = person.ticket()
    asked = len(person.calls("/token"))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: person.exchange(ticket), range(4)))
    assert {status for status, _ in answers} <= {200, 409}
    assert 200 in {status for status, _ in answers}
    assert len(person.calls("/token")) - asked == 1


def test_tokens_are_not_in_the_logs_nor_readable_in_the_database(fleet, person, db):
    person.connect().synced()
    rows = str(db.execute("SELECT access_token_encrypted, refresh_token_encrypted "
                          "FROM ce_calendar_connections").fetchall())
    assert "v1.1." in rows
    for begins in ("ya29.", "1//0g"):  # what the provider's tokens begin with
        assert begins not in rows and begins not in fleet.logs()
    assert person.account not in (fleet.dir / "sync-worker.log").read_text()
