"""Commands that cannot be carried out any more come to an end that is told, and hold no slot."""

import uuid

import pytest

from conftest import wait_until


@pytest.fixture
def left_behind(fleet, person, tmp_path):
    """A creation that stopped at a failpoint; gives its key."""
    def leave(point):
        log = tmp_path / "reached"
        fleet.restart("scheduler", {"CALFLEET_FAILPOINTS": f"{point}=error",
                                    "CALFLEET_FAILPOINT_LOG": str(log)})
        key = uuid.uuid4().hex
        status, answer = person.create(key=key)
        assert status == 503, answer
        assert point in log.read_text()
        return key
    yield leave
    fleet.restart("scheduler")


def end_of(person, key):
    def ended():
        return person.db.execute(
            "SELECT state, answer_status, error, idempotency_key FROM calfleet.schedule_commands "
            "WHERE idempotency_key LIKE %s || '%%' AND finished_at IS NOT NULL", (key,)).fetchone()
    return wait_until(ended, 40, "the command's end")


def holds_of(person):
    return person.one("SELECT count(*) FROM calfleet.slot_holds WHERE user_id = %s", person.user.id)


def test_a_hold_that_was_lost_is_told_and_the_key_is_free_again(person, left_behind):
    key = left_behind("schedule.after_hold")
    person.db.execute("DELETE FROM calfleet.slot_holds WHERE user_id = %s", (person.user.id,))
    assert end_of(person, key)[:3] == ("refused", 409, "hold_expired")
    assert person.at_provider() == []
    assert person.create(key=key)[0] == 201 and len(person.at_provider()) == 1


def test_a_disconnect_before_it_began_leaves_nothing(person, left_behind):
    key = left_behind("schedule.after_hold")
    person.db.execute("DELETE FROM ce_calendar_connections WHERE id = %s", (person.connection,))
    assert end_of(person, key)[:3] == ("refused", 409, "disconnected")
    assert holds_of(person) == 0 and person.at_provider() == []


def test_a_disconnect_in_doubt_abandons_it_and_gives_the_slot_back(person, left_behind):
    key = left_behind("schedule.before_store")
    person.db.execute("DELETE FROM ce_calendar_connections WHERE id = %s", (person.connection,))
    assert end_of(person, key)[:3] == ("abandoned", 409, "disconnected")
    assert holds_of(person) == 0
    assert person.one("SELECT state FROM calfleet.meetings WHERE user_id = %s",
                      person.user.id) == "abandoned"


def test_a_dead_grant_is_told_and_the_key_is_free_again(person, left_behind, fleet):
    key = left_behind("schedule.after_hold")
    fleet.simulator.admin("POST", "/grants/revoke", {"account": person.account})
    assert end_of(person, key)[:3] == ("refused", 409, "reauthorize")
    assert holds_of(person) == 0
    assert person.one("SELECT status FROM ce_calendar_connections WHERE id = %s",
                      person.connection) == "reauthorize"


def test_expired_holds_are_deleted_and_in_nobodys_way(person, db):
    meeting = db.execute(
        "INSERT INTO calfleet.meetings (organization_id, user_id, connection_id, calendar_id,"
        " provider_event_id, starts_at, ends_at) SELECT %s, %s, %s, id, 'lost',"
        " '2027-03-01 09:00Z', '2027-03-01 10:00Z' FROM calfleet.calendars "
        "WHERE connection_id = %s RETURNING id",
        (person.user.organization, person.user.id, person.connection,
         person.connection)).fetchone()[0]
    db.execute("INSERT INTO calfleet.slot_holds (meeting_id, organization_id, user_id,"
               " occurrence_at, during, expires_at) VALUES (%s, %s, %s, '2027-03-01 09:00Z',"
               " '[2027-03-01 09:00Z,2027-03-01 10:00Z)', now() - interval '1 s')",
               (meeting, person.user.organization, person.user.id))
    assert person.create()[0] == 201
    assert person.holds(meeting) == 0
