"""Meetings are booked, moved and cancelled on the provider's calendar, at most once each."""

import concurrent.futures
import uuid

from conftest import SCHEDULE, at, wait_until


def test_create_is_at_the_provider_and_stored_with_spans_and_an_activity(person):
    status, answer = person.create(description="Notes", location="Room 4")
    assert status == 201, answer
    assert set(answer) == {"meeting_id", "event_id", "provider_event_id", "html_link",
                           "conference_url", "start", "end", "overridden"}
    assert (answer["start"], answer["end"]) == (at(0), at(1)) and not answer["overridden"]
    there = person.at_provider()
    assert [e["id"] for e in there] == [answer["provider_event_id"]]
    assert there[0]["summary"] == "Planning" and there[0]["location"] == "Room 4"
    assert there[0]["extendedProperties"]["private"]["calfleet"] == answer["meeting_id"]
    row = person.row(answer["meeting_id"])
    assert row[0] == answer["event_id"] and row[1] == answer["provider_event_id"]
    assert row[2:5] == ("Planning", "outbound", "synced")
    assert row[6] > 0 and row[7] == there[0]["etag"] == row[9] and row[8] == "confirmed"
    assert len(person.spans(answer["event_id"])) == 1
    assert person.one("SELECT status FROM ce_activities WHERE id = %s", row[5]) == "planned"
    assert person.holds(answer["meeting_id"]) == 1
    assert person.one("SELECT expires_at FROM calfleet.slot_holds WHERE meeting_id = %s",
                      answer["meeting_id"]) is None


def test_the_same_key_gets_the_same_answer_and_one_event(person):
    key = uuid.uuid4().hex
    first = person.create(key=key)
    assert first[0] == 201
    assert person.create(key=key) == first
    assert len(person.at_provider()) == 1 and len(person.writes()) == 1


def test_the_same_key_at_the_same_time_makes_one_event(person):
    key = uuid.uuid4().hex
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: person.create(key=key), range(6)))
    assert all(a == answers[0] and a[0] == 201 for a in answers), answers
    assert len(person.at_provider()) == 1


def test_another_request_under_the_same_key_is_refused(person):
    key = uuid.uuid4().hex
    assert person.create(key=key)[0] == 201
    status, answer = person.create(key=key, title="Other")
    assert (status, answer["error"]["code"]) == (409, "idempotency_key_reused")


def test_of_two_that_want_one_slot_exactly_one_wins(person):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: person.create(), range(4)))
    assert sorted(s for s, _ in answers) == [201, 409, 409, 409], answers
    refused = [a["error"] for s, a in answers if s == 409]
    assert {e["code"] for e in refused} == {"busy"}
    assert refused[0]["busy"][0]["user_id"] == person.user.id
    assert len(person.at_provider()) == 1


def test_busy_in_the_calendar_is_refused_and_may_be_booked_over(person):
    person.fleet.simulator.insert(person.account, {
        "summary": "Dentist", "start": {"dateTime": at(0, 30)}, "end": {"dateTime": at(2)}})
    wait_until(lambda: person.one("SELECT count(*) FROM calfleet.spans WHERE connection_id = %s",
                                  person.connection), 30, "the provider's event")
    key = uuid.uuid4().hex
    status, answer = person.create(key=key)
    assert (status, answer["error"]["code"]) == (409, "busy")
    assert answer["error"]["busy"] == [
        {"user_id": person.user.id, "start": at(0, 30), "end": at(2)}]
    assert "Dentist" not in str(answer)
    assert person.one("SELECT count(*) FROM calfleet.schedule_commands WHERE user_id = %s",
                      person.user.id) == 0
    status, answer = person.create(key=key, allow_overlap=True)
    assert status == 201 and answer["overridden"]


def test_a_colleague_is_held_too_and_invited(make_person):
    boss = make_person()
    mate = make_person(boss.user.organization)
    status, answer = boss.create(attendee_users=[mate.user.id],
                                 attendee_addresses=["Guest@Elsewhere.example"])
    assert status == 201, answer
    assert boss.holds(answer["meeting_id"]) == 3
    invited = {a["email"] for a in boss.at_provider()[0]["attendees"]}
    assert {mate.account, "guest@elsewhere.example"} <= invited
    status, refused = mate.create()
    assert (status, refused["error"]["code"]) == (409, "busy")
    assert mate.create(start=1)[0] == 201


def test_another_organisation_is_not_in_the_way_by_address(make_person):
    one, other = make_person(), make_person()
    guest = f"{uuid.uuid4().hex}@elsewhere.example"
    assert one.create(attendee_addresses=[guest])[0] == 201
    assert one.create(attendee_addresses=[guest], start=0)[0] == 409
    assert other.create(attendee_addresses=[guest])[0] == 201


def test_a_series_holds_each_instance(person):
    status, answer = person.create(recurrence=["RRULE:FREQ=DAILY;COUNT=5"])
    assert status == 201, answer
    assert person.holds(answer["meeting_id"]) == 5
    assert len(person.spans(answer["event_id"])) == 5
    status, refused = person.create(start=24 * 3)
    assert (status, refused["error"]["code"]) == (409, "busy")
    status, refused = person.create(start=200, minutes=60 * 30,
                                    recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    assert (status, refused["error"]["code"]) == (422, "invalid_recurrence")


def test_the_default_duration_is_the_organisations(person, db):
    db.execute("UPDATE ce_module_settings SET calendar_default_meeting_duration_minutes = 45 "
               "WHERE organization_id = %s", (person.user.organization,))
    status, answer = person.create(end_at=None)
    assert status == 201 and answer["end"] == at(0, 45), answer


def test_conference_on_request_only(person):
    assert person.create()[1]["conference_url"] is None
    status, answer = person.create(start=2, conference=True)
    assert status == 201 and answer["conference_url"].startswith("https://")


def test_only_ones_own_connection_and_only_with_permission(make_person, fleet):
    mine, theirs = make_person(), make_person()
    status, answer = mine.create(connection_id=theirs.connection)
    assert (status, answer["error"]["code"]) == (404, "connection_not_found")
    nobody = fleet.create_user("n", mine.user.organization, role=None)
    status, answer, _ = fleet.call("POST", SCHEDULE, {
        "action": "create", "title": "x", "start_at": at(0), "idempotency_key": "k"}, user=nobody)
    assert (status, answer["error"]["code"]) == (403, "permission_denied")


def test_paused_and_expired_consent_are_told(person, db):
    key = uuid.uuid4().hex
    made = person.create(start=5, key=key)
    db.execute("UPDATE ce_calendar_connections SET sync_enabled = false WHERE id = %s",
               (person.connection,))
    status, answer = person.create()
    assert (status, answer["error"]["code"]) == (409, "paused")
    assert person.create(start=5, key=key) == made  # a repetition is answered all the same
    db.execute("UPDATE ce_calendar_connections SET sync_enabled = true, status = 'reauthorize' "
               "WHERE id = %s", (person.connection,))
    status, answer = person.create()
    assert (status, answer["error"]["code"]) == (409, "reauthorize")


def test_a_lost_answer_makes_one_event(person, faults):
    for i, kind in enumerate(("reset", "lost", "truncate")):
        faults(kind=kind, method="POST", contains=person.tag, next=1)
        status, answer = person.create(start=i * 2)
        assert status == 201, (kind, answer)
        assert len(person.at_provider()) == i + 1, kind
    assert len({e["id"] for e in person.at_provider()}) == 3


def test_refused_by_the_provider_gives_the_slot_back(person, faults):
    faults(kind="error", status=403, reason="forbiddenForNonOrganizer", method="POST",
           contains=person.tag, next=1)
    key = uuid.uuid4().hex
    status, answer = person.create(key=key)
    assert (status, answer["error"]["code"]) == (403, "provider_denied")
    assert "forbiddenForNonOrganizer" in answer["error"]["message"]
    assert person.create(key=key) == (status, answer)
    assert person.create()[0] == 201


def test_an_outage_ends_well_by_itself(person, faults):
    faults(kind="dark", method="POST", contains=person.tag, next=6)
    key = uuid.uuid4().hex
    status, answer = person.create(key=key)
    assert (status, answer["error"]["code"]) == (503, "in_progress")
    wait_until(lambda: person.one("SELECT answer_status FROM calfleet.schedule_commands "
                                  "WHERE idempotency_key = %s", key) == 201, 40, "the meeting")
    assert person.create(key=key)[0] == 201 and len(person.at_provider()) == 1


def test_change_moves_the_meeting_and_its_slots(person):
    meeting = person.create()[1]["meeting_id"]
    status, answer = person.change(meeting, start_at=at(0, 30), title="Moved")
    assert status == 200, answer
    assert (answer["start"], answer["end"]) == (at(0, 30), at(1, 30))
    there = person.at_provider()[0]
    assert there["summary"] == "Moved"
    row = person.row(meeting)
    assert row[2] == "Moved" and row[7] == there["etag"] == row[9] and row[8] == "confirmed"
    assert [s[0].strftime("%H:%M") for s in person.spans(row[0])] == ["09:30"]
    assert person.create(start=-1, minutes=60)[0] == 201 and person.create(start=1)[0] == 409


def test_a_change_onto_a_taken_slot_is_refused_and_nothing_moves(person):
    person.create(start=3)
    meeting = person.create()[1]["meeting_id"]
    status, answer = person.change(meeting, start_at=at(3))
    assert (status, answer["error"]["code"]) == (409, "busy")
    assert person.row(meeting)[8] == "confirmed"
    assert person.create()[0] == 409


def test_a_change_meets_what_somebody_did_at_the_provider(person):
    answer = person.create()[1]
    person.fleet.simulator.as_person(
        person.account, "PATCH",
        f"/calendars/primary/events/{answer['provider_event_id']}", {"location": "Roof"})
    status, changed = person.change(answer["meeting_id"], title="Still ours")
    assert status == 200, changed
    there = person.at_provider()[0]
    assert (there["summary"], there["location"]) == ("Still ours", "Roof")


def test_a_refused_change_is_taken_back(person, faults):
    meeting = person.create()[1]["meeting_id"]
    faults(kind="error", status=403, reason="forbiddenForNonOrganizer", method="PATCH",
           contains=person.tag, next=1)
    status, answer = person.change(meeting, start_at=at(4))
    assert (status, answer["error"]["code"]) == (403, "provider_denied")
    assert person.row(meeting)[8] == "confirmed"
    assert person.create()[0] == 409 and person.create(start=4)[0] == 201


def test_attendees_are_replaced_and_taken_back_when_refused(person, faults):
    meeting = person.create(attendee_addresses=["a@x.example", "b@x.example"])[1]["meeting_id"]
    people = "SELECT string_agg(address, ',' ORDER BY address) FROM calfleet.meeting_participants " \
             "WHERE meeting_id = %s AND role <> 'organizer'"
    assert person.change(meeting, attendee_addresses=["c@x.example"])[0] == 200
    assert person.one(people, meeting) == "c@x.example" and person.holds(meeting) == 2
    faults(kind="error", status=403, reason="forbiddenForNonOrganizer", method="PATCH",
           contains=person.tag, next=1)
    assert person.change(meeting, attendee_addresses=["d@x.example"])[0] == 403
    assert person.one(people, meeting) == "c@x.example" and person.holds(meeting) == 2


def test_cancel_removes_it_everywhere_and_may_be_repeated(person):
    answer = person.create()[1]
    activity = person.row(answer["meeting_id"])[5]
    first = person.cancel(answer["meeting_id"])
    assert first[0] == 200 and first[1]["cancelled"], first
    assert person.cancel(answer["meeting_id"], notify_attendees=True) == first
    assert person.at_provider() == []
    assert person.one("SELECT count(*) FROM ce_calendar_events WHERE id = %s",
                      answer["event_id"]) == 0
    assert person.spans(answer["event_id"]) == [] and person.holds(answer["meeting_id"]) == 0
    assert person.one("SELECT status FROM ce_activities WHERE id = %s", activity) == "cancelled"
    assert person.create()[0] == 201
    status, refused = person.change(answer["meeting_id"], title="x")
    assert (status, refused["error"]["code"]) == (410, "meeting_cancelled")


def test_another_persons_meeting_is_not_there(make_person):
    mine = make_person()
    theirs = make_person(mine.user.organization)
    meeting = mine.create()[1]["meeting_id"]
    assert theirs.cancel(meeting)[0] == 404
    assert theirs.change(meeting, title="x")[0] == 404


def test_our_own_change_comes_back_as_nothing_new(person):
    answer = person.create()[1]
    before = person.row(answer["meeting_id"])
    wait_until(lambda: person.one(
        "SELECT last_read_at > now() - interval '1 s' FROM calfleet.calendars "
        "WHERE connection_id = %s", person.connection) or
        person.fleet.call("POST", "/functions/v1/calendar-sync", {
            "mode": "connection", "connection_id": person.connection},
            user=person.user)[0] == 0, 20, "a read after it")
    after = person.row(answer["meeting_id"])
    assert after == before


def test_a_moved_instance_is_not_in_the_way_of_its_own_series(person):
    answer = person.create(recurrence=["RRULE:FREQ=DAILY;COUNT=4"])[1]
    event = answer["provider_event_id"]
    listed = person.fleet.simulator.as_person(
        person.account, "GET", f"/calendars/primary/events/{event}/instances")["items"]
    person.fleet.simulator.as_person(
        person.account, "PATCH", f"/calendars/primary/events/{listed[1]['id']}",
        {"start": {"dateTime": at(24 + 4)}, "end": {"dateTime": at(24 + 5)}})
    wait_until(lambda: person.one("SELECT count(*) FROM ce_calendar_events WHERE connection_id = %s "
                                  "AND series_id = %s", person.connection, event), 30, "the exception")
    status, changed = person.change(answer["meeting_id"], title="Daily")
    assert status == 200, changed
    assert len(person.spans(answer["event_id"])) == 3  # the fourth is the exception's
    # An attendee more: every slot is checked again, the moved instance's among them.
    status, changed = person.change(answer["meeting_id"], attendee_addresses=["g@x.example"])
    assert status == 200, changed


def test_content_is_in_no_log(person):
    word, guest = f"secret{uuid.uuid4().hex}", f"g{uuid.uuid4().hex}@elsewhere.example"
    answer = person.create(title=word, description=word, attendee_addresses=[guest])[1]
    person.change(answer["meeting_id"], title=word + "2", start_at=at(2))
    person.cancel(answer["meeting_id"])
    logs = person.fleet.logs()
    assert word not in logs and guest not in logs and person.account not in \
        person.fleet.processes["scheduler"].log.read_text()
