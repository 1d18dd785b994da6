"""Processes that die at every named point, are stopped, and lose their servers: nothing is lost,
nothing is doubled, and nobody is told "free" who is not.

One fleet on servers of its own. A scenario leads a service to a point where it is killed, starts it
again, and compares both sides."""

import signal
import threading
import time

import psycopg
import pytest
from conftest import make_person, new_database
from faults import (Another, OwnStack, Storm, Watch, ask, at_provider, codes_spent, connected,
                    converges, create_body, due_now, failpoints, journal_end, killed_at,
                    let_leases_run_out, live_channels, meeting, moment, next_change_comes, quietly,
                    schedule, settles, stopped_at)
from fleet import Fleet, wait_until

# A dead member is out of its group after 2 s instead of 10: each kill waits for that.
SHORT_SESSION = "session.timeout.ms=2000,heartbeat.interval.ms=200"
STOP_S = 12  # past the session, and past what an engine takes for a doubt about it


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory):
    stack = OwnStack(tmp_path_factory.mktemp("stack"))
    try:
        stack.run("up")
        yield stack
    finally:
        stack.run("down", "--wipe")


@pytest.fixture(scope="module")
def fleet(own_stack, bin_dir, tmp_path_factory):
    # A stopped process holds what it has locked for as long as a statement may take.
    worker = {"kafka_settings": SHORT_SESSION, "provider_timeout": "5s",
              "postgres_statement_timeout": "6s"}
    settings = {"ingest": {"request_timeout": "3s"}, "sync-worker": worker, "freebusy": worker,
                "scheduler": worker}
    directory = tmp_path_factory.mktemp("faults")
    with Fleet(bin_dir, directory, own_stack, new_database(own_stack), partitions=4,
               settings=settings) as running:
        yield running


@pytest.fixture(autouse=True)
def everybody_lives(fleet):
    """A test leaves every service running; one that ended by itself is its failure."""
    yield
    ended = [n for n, p in fleet.processes.items() if not p.alive()]
    for name in ended:
        fleet.processes[name].start()
    assert not ended, "\n".join(fleet.processes[n].tail() for n in ended)


# ---- killed at a named point ---------------------------------------------------------------------

SCENARIOS = []


def scenario(service, *points):
    def register(fn):
        SCENARIOS.extend((service, point, fn) for point in points)
        return fn
    return register


class Case:
    def __init__(self, fleet, db, service, point):
        self.fleet, self.db, self.service, self.point = fleet, db, service, point

    def killed(self):
        return killed_at(self.fleet, self.service, self.point)

    def connected(self):
        return connected(self.fleet, self.db)

    def lead(self, step):
        """Takes the step until the service is dead: what a test sets, a run that was under way may
        set anew when it ends."""
        def taken():
            step()
            time.sleep(0.3)
            return not self.fleet.processes[self.service].alive()
        wait_until(taken, 25, f"{self.service} is led to {self.point}")


def test_every_failpoint_has_a_scenario():
    assert {point for _, point, _ in SCENARIOS} == failpoints()


@scenario("sync-worker", "sync.page.before_commit", "kafka.commit.before", "kafka.commit.after")
def change_by_webhook(case):
    person = case.connected()
    with case.killed():
        person.insert(**meeting("changed"))
    converges(person)
    next_change_comes(person)


@scenario("sync-worker", "kafka.assign.before")
def start(case):
    person = case.connected()
    with case.killed():
        person.insert(**meeting("meanwhile"))
    converges(person)
    next_change_comes(person)


@scenario("sync-worker", "kafka.revoke.drained", "kafka.revoke.committed")
def second_worker_joins(case):
    person = case.connected()
    with Another(case.fleet, "sync-worker") as second:
        with case.killed():
            second.start()
            person.insert(**meeting("while partitions move"))
        converges(person)
    next_change_comes(person)


@scenario("sync-worker", "sync.page.before_commit", "sync.after_sweep")
def full_read_after_an_expired_cursor(case):
    person = case.connected()
    kept = person.insert(**meeting("kept"))
    gone = person.insert(**meeting("gone", days=3))
    wait_until(lambda: person.has_row(kept["id"]) and person.has_row(gone["id"]), 20, "both")
    path = f"/calendars/primary/events/{gone['id']}"
    sim = case.fleet.simulator
    with case.killed():
        for channel in live_channels(person):
            sim.admin("POST", f"/channels/{channel['id']}", {"silent": True})
        sim.as_person(person.account, "DELETE", path)
        sim.admin("POST", f"/calendars/{person.account}/events/{gone['id']}/purge")
        sim.admin("POST", "/cursors/expire", {"calendar": person.account})
        case.lead(lambda: due_now(person))
    wait_until(lambda: not person.has_row(gone["id"]), 30, "the sweep")
    for channel in sim.admin("GET", "/channels"):
        if channel.get("calendar") == person.account:
            sim.admin("POST", f"/channels/{channel['id']}", {"silent": False})
    converges(person)
    next_change_comes(person)


@scenario("sync-worker", "channel.before_watch", "channel.after_watch")
def first_channel(case):
    person = make_person(case.fleet, case.db)
    person.insert(**meeting("there before"))
    with case.killed():
        # It dies within or after the exchange: what the app is told is no part of this.
        ticket = ticket_of(case.fleet, person)
        quietly(exchange, case.fleet, person, ticket)
    find_connection(person)
    person.synced(40).watched()
    converges(person)
    next_change_comes(person)
    # A renewal leaves one, except for what the provider opened and nobody could tell us of: that
    # one runs out by itself.
    person.db.execute("UPDATE calfleet.channels SET expires_at = now() + interval '1 minute' "
                      "WHERE connection_id = %s", (person.connection,))
    wait_until(lambda: renewed(person), 20, "a renewed channel")
    rows = wait_until(lambda: one(person.db.execute(
        "SELECT provider_channel_id, state FROM calfleet.channels WHERE connection_id = %s",
        (person.connection,)).fetchall()), 20, "the old channel is stopped")
    assert rows[0][1] == "open"
    live = {c["id"] for c in live_channels(person)}
    assert rows[0][0] in live
    assert len(live) <= (2 if case.point == "channel.after_watch" else 1)
    next_change_comes(person)


def renewed(person):
    due_now(person)  # again: a run under way moves the due time when it ends
    time.sleep(0.3)
    return person.db.execute(
        "SELECT 1 FROM calfleet.channels WHERE connection_id = %s AND state = 'open' "
        "AND expires_at > now() + interval '1 hour'", (person.connection,)).fetchone()


def one(rows):
    return rows if len(rows) == 1 else None


@scenario("sync-worker", "token.before_refresh", "token.after_refresh")
def refused_token(case):
    person = case.connected()
    with case.killed():
        case.fleet.simulator.admin("POST", "/tokens/expire", {"account": person.account})
        person.insert(**meeting("after expiry"))
    let_leases_run_out(case.db)
    converges(person)
    assert case.db.execute("SELECT status FROM ce_calendar_connections WHERE id = %s",
                           (person.connection,)).fetchone() == ("active",)
    next_change_comes(person)


# ---- consent -------------------------------------------------------------------------------------


def ticket_of(fleet, person):
    answer = fleet.ticket_of(fleet.simulator.consent(fleet.connect_url(person.user),
                                                     person.account))
    return answer["ticket"]


def exchange(fleet, person, ticket):
    return fleet.call("POST", "/functions/v1/calendar-oauth-callback", {"ticket": ticket},
                      user=person.user)


def find_connection(person):
    def row():
        return person.db.execute("SELECT id FROM ce_calendar_connections WHERE user_id = %s",
                                 (person.user.id,)).fetchone()
    person.connection = str(wait_until(row, 20, "the connection")[0])


@scenario("sync-worker", "connect.before_begin", "connect.after_begin", "connect.after_exchange",
          "connect.before_commit")
def exchange_of_a_code(case):
    fleet, db = case.fleet, case.db
    person = make_person(fleet, db)
    person.insert(**meeting("there before"))
    ticket = ticket_of(fleet, person)
    before = journal_end(fleet)
    with case.killed():
        assert quietly(exchange, fleet, person, ticket) in (503, 504)

    def replay():
        status, body, _ = exchange(fleet, person, ticket)
        return (status, body) if status not in (503, 504) else None

    status, body = wait_until(replay, 20, "an answer to the replay")
    if case.point == "connect.before_begin":
        # Nothing was spent: the replay, or the record that is read again, exchanges.
        status, body = wait_until(lambda: (r := replay()) and r[0] == 200 and r, 20,
                                  "the exchange that had not begun")
    else:
        assert (status, body["error"]["code"]) == (409, "exchange_in_doubt")
    assert len(codes_spent(fleet, before)) <= 1
    person.connect()
    rows = db.execute("SELECT id::text, status FROM ce_calendar_connections WHERE user_id = %s",
                      (person.user.id,)).fetchall()
    assert rows == [(person.connection, "active")]
    person.synced(40).watched()
    converges(person)
    next_change_comes(person)


@scenario("sync-worker", "purge.after_stop", "purge.after_revoke", "purge.after_rows")
def disconnect(case):
    fleet, db = case.fleet, case.db
    person = case.connected()
    made = person.insert(**meeting("stays there"))
    wait_until(lambda: person.has_row(made["id"]), 20, "the event")
    path = f"/functions/v1/calendar-connections/{person.connection}"
    with case.killed():
        quietly(fleet.call, "DELETE", path, user=person.user)
    let_leases_run_out(db)
    wait_until(lambda: db.execute("SELECT count(*) FROM calfleet.purges WHERE connection_id = %s "
                                  "AND rows_done_at IS NULL", (person.connection,)).fetchone()
               == (0,), 30, "the purge")
    assert not person.has_row(made["id"])
    assert made["id"] in at_provider(person)
    assert not live_channels(person)
    assert person.account not in [g["account"] for g in fleet.simulator.admin("GET", "/grants")
                                  if g["refresh_tokens"] > 0]
    person.connect()
    person.synced(40).watched()
    converges(person)


# ---- what ingest accepts -------------------------------------------------------------------------


@scenario("ingest", "ingest.notice.before_produce", "ingest.notice.after_produce")
def notice(case):
    person = case.connected()
    with case.killed():
        person.insert(**meeting("noticed"))
    converges(person)  # by the provider's own repetition, where the record was not yet made
    next_change_comes(person)


@scenario("ingest", "ingest.tick.after_produce")
def tick(case):
    person = case.connected()
    with case.killed():
        assert quietly(case.fleet.tick) == 0
    assert case.fleet.tick()[0] == 202
    next_change_comes(person)


@scenario("ingest", "ingest.ask.after_reply")
def command(case):
    person = case.connected()
    path = f"/functions/v1/calendar-connections/{person.connection}"
    with case.killed():
        assert quietly(case.fleet.call, "PATCH", path, {"sync_enabled": False},
                       user=person.user) == 0
    enabled = "SELECT sync_enabled FROM ce_calendar_connections WHERE id = %s"
    assert case.db.execute(enabled, (person.connection,)).fetchone() == (False,)
    wait_until(lambda: case.fleet.call("PATCH", path, {"sync_enabled": True},
                                       user=person.user)[0] == 200, 20, "an answer again")
    next_change_comes(person)


# ---- free/busy -----------------------------------------------------------------------------------


def with_a_meeting(case, days=2):
    person = case.connected()
    made = person.insert(**meeting("busy", days=days))
    wait_until(lambda: person.has_row(made["id"]), 20, "the event")
    return person, moment(made["start"])


def answers_again(person, busy, **when):
    """The next question is answered, and right."""
    wait_until(lambda: ask(person, **when)[1] is not None, 20, "an answer again")
    assert ask(person, **when)[1] == [busy]


@scenario("freebusy", "freebusy.after_snapshot", "freebusy.before_store", "freebusy.before_reply")
def stored_spans(case):
    person, busy = with_a_meeting(case)
    with case.killed():
        status, starts, _ = ask(person)
        assert status in (503, 504) or starts == [busy]  # it may die after the answer
    answers_again(person, busy)


@scenario("freebusy", "freebusy.before_provider")
def spans_of_the_provider(case):
    person, busy = with_a_meeting(case, days=700)
    with case.killed():
        assert quietly(ask, person, first=695, days=10) in (503, 504)
    answers_again(person, busy, first=695, days=10)


@scenario("freebusy", "freebusy.before_stale")
def stale_calendar(case):
    person, busy = with_a_meeting(case)

    def make_stale_and_ask():
        case.db.execute("UPDATE calfleet.calendars SET last_read_at = now() - interval '2 days' "
                        "WHERE connection_id = %s", (person.connection,))
        status, starts, _ = ask(person)
        assert status in (503, 504) or starts in ([busy], None)  # None: with errors

    with case.killed():
        case.lead(make_stale_and_ask)
    answers_again(person, busy)


# ---- scheduling ----------------------------------------------------------------------------------


def take_up_at_once(db):
    """Whoever worked on a command is dead: nobody has to wait for its lease."""
    db.execute("UPDATE calfleet.schedule_commands SET due_at = now() WHERE due_at IS NOT NULL")


def answered(case, person, body, key):
    """The answer of the same key, once there is one."""
    take_up_at_once(case.db)

    def look():
        status, answer = schedule(person, body, key)
        return (status, answer) if status not in (503, 504) else None
    return wait_until(look, 30, "the command's answer")


def ours(person, title):
    """(id, etag, start, end) of the meetings of that title at the provider."""
    items = person.fleet.simulator.events(person.account)["items"]
    return [(e["id"], e["etag"], moment(e["start"]), moment(e["end"])) for e in items
            if e.get("status") != "cancelled" and e.get("summary") == title]


def holds(case, meeting_id):
    return case.db.execute("SELECT lower(during), upper(during), expires_at FROM "
                           "calfleet.slot_holds WHERE meeting_id = %s", (meeting_id,)).fetchall()


def one_meeting(case, person, title, answer):
    """It is there once: at the provider, as a row, as a hold that does not expire."""
    there = ours(person, title)
    assert [m[0] for m in there] == [answer["provider_event_id"]]
    converges(person)
    rows = case.db.execute("SELECT id::text, event_id::text, state FROM calfleet.meetings WHERE "
                           "connection_id = %s", (person.connection,)).fetchall()
    assert rows == [(answer["meeting_id"], answer["event_id"], "confirmed")]
    assert holds(case, answer["meeting_id"]) == [(there[0][2], there[0][3], None)]


def booked(case, title):
    person = case.connected()
    body = create_body(person, title)
    status, answer = schedule(person, body, "made")
    assert status in (200, 201), answer
    return person, answer


SCHEDULE = ("schedule.before_put", "schedule.after_put", "schedule.before_store",
            "schedule.after_store")


@scenario("scheduler", "schedule.after_hold", *SCHEDULE, "schedule.before_reply")
def meeting_created(case):
    person = case.connected()
    body = create_body(person, "created")
    with case.killed():
        assert quietly(schedule, person, body, "k") in (503, 504)
    status, answer = answered(case, person, body, "k")
    assert status in (200, 201), answer
    one_meeting(case, person, "created", answer)
    assert schedule(person, body, "k") == (status, answer)
    status, other = schedule(person, body, "other")
    assert (status, other["error"]["code"]) == (409, "busy")
    one_meeting(case, person, "created", answer)


@scenario("scheduler", *SCHEDULE)
def meeting_moved(case):
    person, made = booked(case, "moved")
    later = create_body(person, "moved", hour=15)
    body = {"action": "change", "meeting_id": made["meeting_id"], "start_at": later["start_at"],
            "end_at": later["end_at"]}
    with case.killed():
        assert quietly(schedule, person, body, "k") in (503, 504)
    status, answer = answered(case, person, body, "k")
    assert status == 200, answer
    one_meeting(case, person, "moved", answer)
    assert ours(person, "moved")[0][2].hour == 15
    # The old slot is free again.
    assert schedule(person, create_body(person, "instead"), "instead")[0] in (200, 201)


@scenario("scheduler", "schedule.before_put", "schedule.after_put", "schedule.after_store")
def meeting_cancelled(case):
    person, made = booked(case, "cancelled")
    body = {"action": "cancel", "meeting_id": made["meeting_id"]}
    with case.killed():
        assert quietly(schedule, person, body, "k") in (503, 504)
    status, answer = answered(case, person, body, "k")
    assert status == 200, answer
    assert not ours(person, "cancelled")
    converges(person)
    assert not holds(case, made["meeting_id"])
    assert schedule(person, create_body(person, "instead"), "instead")[0] in (200, 201)


@pytest.mark.parametrize("service,point,run", [
    pytest.param(*case, id=f"{case[1]}-{case[2].__name__}") for case in SCENARIOS])
def test_killed_there(fleet, db, service, point, run):
    run(Case(fleet, db, service, point))


# ---- stopped at a named point, until somebody else has carried on --------------------------------

STOPPED = []


def stopped(service, *points):
    """The scenario is in four parts, between its yields: before; what leads to the point; what
    happens while the process is stopped and another one has its work; after it went on."""
    def register(fn):
        STOPPED.extend((service, point, fn) for point in points)
        return fn
    return register


@stopped("sync-worker", "sync.page.before_commit", "sync.after_sweep", "kafka.commit.before")
def stale_reader(case):
    person = case.connected()
    gone = person.insert(**meeting("gone", days=3))
    wait_until(lambda: person.has_row(gone["id"]), 20, "the event")
    yield
    sim = case.fleet.simulator
    sim.as_person(person.account, "DELETE", f"/calendars/primary/events/{gone['id']}")
    sim.admin("POST", f"/calendars/{person.account}/events/{gone['id']}/purge")
    sim.admin("POST", "/cursors/expire", {"calendar": person.account})
    person.insert(**meeting("changed"))
    yield
    converges(person)
    later = person.insert(**meeting("later", days=5))
    sim.as_person(person.account, "PATCH", f"/calendars/primary/events/{later['id']}",
                  {"summary": "later still"})
    converges(person)
    yield
    converges(person)
    next_change_comes(person)


@stopped("sync-worker", "token.after_refresh")
def stale_token(case):
    person = case.connected()
    yield
    case.fleet.simulator.admin("POST", "/tokens/expire", {"account": person.account})
    person.insert(**meeting("after expiry"))
    yield
    let_leases_run_out(case.db)
    converges(person)
    yield
    next_change_comes(person)
    assert case.db.execute("SELECT status FROM ce_calendar_connections WHERE id = %s",
                           (person.connection,)).fetchone() == ("active",)


@stopped("sync-worker", "connect.after_exchange", "connect.before_commit")
def stale_exchange(case):
    person = make_person(case.fleet, case.db)
    ticket, before = ticket_of(case.fleet, person), journal_end(case.fleet)
    yield
    assert quietly(exchange, case.fleet, person, ticket) in (503, 504)
    yield
    status, body, _ = exchange(case.fleet, person, ticket)
    assert (status, body["error"]["code"]) == (409, "exchange_in_doubt")
    assert len(codes_spent(case.fleet, before)) == 1
    yield
    person.connect()
    rows = case.db.execute("SELECT id::text, status FROM ce_calendar_connections WHERE "
                           "user_id = %s", (person.user.id,)).fetchall()
    assert rows == [(person.connection, "active")]
    person.synced(40).watched()
    next_change_comes(person)


@stopped("scheduler", "schedule.before_put", "schedule.after_put", "schedule.before_store")
def stale_writer(case):
    person = case.connected()
    body = create_body(person, "created")
    yield
    assert quietly(schedule, person, body, "k") in (503, 504)
    yield
    status, answer = answered(case, person, body, "k")
    assert status in (200, 201), answer
    one_meeting(case, person, "created", answer)
    yield
    time.sleep(1)  # what it still does, it does now
    assert schedule(person, body, "k") == (status, answer)
    one_meeting(case, person, "created", answer)
    next_change_comes(person)


@pytest.mark.parametrize("service,point,run", [
    pytest.param(*case, id=f"{case[1]}-{case[2].__name__}") for case in STOPPED])
def test_stopped_there(fleet, db, service, point, run):
    parts = run(Case(fleet, db, service, point))
    next(parts)
    with Another(fleet, service) as other:
        with stopped_at(fleet, service, point) as (until_stopped, go_on):
            next(parts)
            until_stopped()
            other.start()
            other.wait_ready()  # with everything: the stopped one's session is over
            next(parts)
            go_on()
            fleet.wait_ready(service)
            next(parts, None)
    fleet.wait_ready(service)


# ---- killed and stopped anywhere -----------------------------------------------------------------


def watches(fleet, db, count=4):
    return [Watch(fleet, connected(fleet, db)) for _ in range(count)]


def test_ingest_killed_in_a_storm_of_notices(fleet, db):
    mine = watches(fleet, db)
    for _ in range(3):
        with Storm(fleet, mine, repeat=False) as storm:
            time.sleep(1.5)
            fleet.processes["ingest"].kill()
        fleet.processes["ingest"].start()
        fleet.wait_ready("ingest")
        assert storm.statuses[200] > 50
        storm.kept()
    for watch in mine:
        settles(watch)


def test_freebusy_killed_mid_question(fleet, db):
    person = connected(fleet, db)
    made = person.insert(**meeting("busy"))
    wait_until(lambda: person.has_row(made["id"]), 20, "the event")
    busy, over, answers = moment(made["start"]), threading.Event(), []

    def keep_asking():
        while not over.is_set():
            answers.append(ask(person))

    threads = [threading.Thread(target=keep_asking) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            time.sleep(0.7)
            fleet.processes["freebusy"].kill()
            fleet.processes["freebusy"].start()
            fleet.wait_ready("freebusy")
    finally:
        over.set()
        for thread in threads:
            thread.join(40)
    assert {status for status, _, _ in answers} <= {200, 503, 504}
    wrong = [whole for status, starts, whole in answers if status == 200 and starts != [busy]
             and not whole["errors"]]
    assert not wrong
    assert any(starts == [busy] for _, starts, _ in answers)
    wait_until(lambda: ask(person)[1] == [busy], 20, "the right answer again")


def test_worker_stopped_past_its_session(fleet, db):
    mine = watches(fleet, db)
    first = fleet.processes["sync-worker"]
    with Another(fleet, "sync-worker") as second:
        second.start()
        second.wait_ready()
        with Storm(fleet, mine, repeat=True) as storm:
            time.sleep(1)
            first.signal(signal.SIGSTOP)
            try:
                time.sleep(STOP_S)
                early = list(storm.promised[:len(storm.promised) // 2])
                wait_until(lambda: all(p.has_row(e) for p, e in early[-20:]), 20,
                           "the other one carries on")
            finally:
                first.signal(signal.SIGCONT)
            time.sleep(1)
        storm.kept()
        for watch in mine:
            settles(watch)
        assert first.alive() and second.process.alive()
    # Alone again, it owns everything: it had come back.
    fleet.wait_ready("sync-worker")
    for watch in mine:
        settles(watch)
        assert len(db.execute("SELECT 1 FROM calfleet.channels WHERE connection_id = %s",
                              (watch.person.connection,)).fetchall()) == 1


# ---- servers that go away ------------------------------------------------------------------------


@pytest.mark.parametrize("server,number", [("kafka-1", signal.SIGKILL),
                                           ("postgres", signal.SIGQUIT)])
def test_server_killed_under_load(fleet, own_stack, server, number):
    with psycopg.connect(fleet.stack.dsn(fleet.database), autocommit=True) as db:
        mine = watches(fleet, db)
    with Storm(fleet, mine, repeat=True) as storm:
        time.sleep(1)
        own_stack.end(server, number)
        time.sleep(1)
        own_stack.up(server.split("-")[0])
        for name in fleet.names:
            fleet.wait_ready(name)
        time.sleep(1)
    assert set(storm.statuses) <= {200, 503}
    with psycopg.connect(fleet.stack.dsn(fleet.database), autocommit=True) as db:
        for watch in mine:
            watch.person.db = db
        storm.kept()
        for watch in mine:
            settles(watch)
            wait_until(lambda w=watch: ask(w.person, first=300)[1] == [], 30, "free/busy again")


def test_redis_killed(fleet, db, own_stack):
    person = connected(fleet, db)
    made = person.insert(**meeting("busy"))
    wait_until(lambda: person.has_row(made["id"]), 20, "the event")
    assert ask(person)[1] == [moment(made["start"])]
    own_stack.end("redis")
    try:
        for _ in range(3):
            assert ask(person)[:2] == (200, [moment(made["start"])])
        another = person.insert(**meeting("busy too", days=3))
        wait_until(lambda: person.has_row(another["id"]), 20, "the change")
        assert ask(person)[1] == [moment(made["start"]), moment(another["start"])]
    finally:
        own_stack.up("redis")
    assert ask(person)[1] == [moment(made["start"]), moment(another["start"])]
