"""The scheduler is killed between every two effects; what it began is brought to its end once."""

import concurrent.futures
import signal
import uuid

import pytest

from conftest import at, wait_until
from fleet import Process, free_port

POINTS = ("schedule.after_hold", "schedule.before_put", "schedule.after_put",
          "schedule.before_store", "schedule.after_store", "schedule.before_reply")


def killed_at(fleet, point, ask, log, action="kill"):
    """Asks while the scheduler is set to die there; starts it again; gives the first answer."""
    scheduler = fleet.processes["scheduler"]
    fleet.restart("scheduler", {"CALFLEET_FAILPOINTS": f"{point}={action}",
                                "CALFLEET_FAILPOINT_LOG": str(log)})
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        wait_until(lambda: log.exists() and point in log.read_text(), 20, point)
        if action == "kill":
            wait_until(lambda: not scheduler.alive(), 10, "its death")
            scheduler.start()
            fleet.wait_ready("scheduler")
        return asked.result(60)


def check_consistent(person, key):
    """One event, and every table agrees on it."""
    command = person.db.execute(
        "SELECT state, answer_status, due_at, meeting_id FROM calfleet.schedule_commands "
        "WHERE idempotency_key = %s", (key,)).fetchone()
    assert command[:3] == ("done", 201, None), command
    there = person.at_provider()
    assert len(there) == 1
    row = person.row(command[3])
    assert row[1] == there[0]["id"] and row[7] == there[0]["etag"] and row[8] == "confirmed"
    assert len(person.spans(row[0])) == 1 and person.holds(command[3]) == 1
    assert person.one("SELECT count(*) FROM ce_activities WHERE organization_id = %s",
                      person.user.organization) == 1
    assert person.one("SELECT count(*) FROM ce_calendar_events WHERE connection_id = %s",
                      person.connection) == 1


@pytest.mark.parametrize("point", POINTS)
def test_a_creation_that_died_there_is_one_event(fleet, person, tmp_path, point):
    key = uuid.uuid4().hex
    killed_at(fleet, point, lambda: person.create(key=key), tmp_path / "reached")
    wait_until(lambda: person.one("SELECT finished_at FROM calfleet.schedule_commands "
                                  "WHERE idempotency_key = %s", key), 40, "the command's end")
    check_consistent(person, key)
    status, answer = person.create(key=key)
    assert status == 201, answer
    check_consistent(person, key)


@pytest.mark.parametrize("point", ("schedule.before_put", "schedule.after_put",
                                   "schedule.before_store"))
def test_a_move_and_a_cancellation_that_died_there_are_done_once(fleet, person, tmp_path, point):
    meeting = person.create()[1]["meeting_id"]
    key = uuid.uuid4().hex
    killed_at(fleet, point, lambda: person.change(meeting, key=key, start_at=at(2)),
              tmp_path / "moved")
    wait_until(lambda: person.row(meeting)[8] == "confirmed", 40, "the move's end")
    assert [s[0].strftime("%H:%M") for s in person.spans(person.row(meeting)[0])] == ["11:00"]
    assert person.row(meeting)[7] == person.at_provider()[0]["etag"]
    killed_at(fleet, point, lambda: person.cancel(meeting), tmp_path / "cancelled")
    wait_until(lambda: person.one("SELECT state FROM calfleet.meetings WHERE id = %s",
                                  meeting) == "cancelled", 40, "the cancellation's end")
    assert person.at_provider() == [] and person.holds(meeting) == 0


def test_an_error_after_the_write_is_settled_by_reading(fleet, person, tmp_path):
    key = uuid.uuid4().hex
    killed_at(fleet, "schedule.after_put", lambda: person.create(key=key), tmp_path / "reached",
              action="error")
    wait_until(lambda: person.one("SELECT finished_at FROM calfleet.schedule_commands "
                                  "WHERE idempotency_key = %s", key), 40, "the command's end")
    check_consistent(person, key)
    assert len(person.writes()) == 1


@pytest.fixture
def second(fleet, tmp_path):
    """Another scheduler in the group, started when it is wanted."""
    first = fleet.processes["scheduler"]
    port = free_port()
    process = Process("scheduler-2", first.argv,
                      {**first.env, "CALFLEET_ADMIN_LISTEN": f"127.0.0.1:{port}"},
                      tmp_path / "scheduler-2.log")
    yield process
    process.stop()


@pytest.mark.parametrize("point", ("schedule.before_put", "schedule.after_put"))
def test_who_was_stopped_past_its_session_finds_that_another_carried_on(fleet, person, second,
                                                                        tmp_path, point):
    key, log = uuid.uuid4().hex, tmp_path / "reached"
    first = fleet.processes["scheduler"]
    fleet.restart("scheduler", {"CALFLEET_FAILPOINTS": f"{point}=stop",
                                "CALFLEET_FAILPOINT_LOG": str(log)})
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(lambda: person.create(key=key))
        wait_until(lambda: log.exists() and point in log.read_text(), 20, point)
        second.start()
        wait_until(lambda: person.one("SELECT finished_at FROM calfleet.schedule_commands "
                                      "WHERE idempotency_key = %s", key), 60, "the other's end")
        first.signal(signal.SIGCONT)
        asked.result(60)
    check_consistent(person, key)
    wait_until(lambda: person.create(key=key)[0] == 201, 60, "a repetition's answer")
    check_consistent(person, key)
    fleet.restart("scheduler")
