"""What the tests of faults need: a stack that may be killed, services that die at a named point,
notices whose answers are remembered, and the comparison of both sides."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import os
import re
import signal
import socket
import threading
import time
import urllib.parse
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

from conftest import ROOT, make_person
from fleet import FleetError, Process, Stack, b64url, free_port, request, wait_until

NAMES = ROOT / "libs" / "runtime" / "include" / "runtime" / "failpoint_names.def"
PORTS_OF_A_STACK = 16
UTC = timezone.utc


def failpoints():
    return set(re.findall(r'^F\("([^"]+)"', NAMES.read_text(), re.M)) - {"test.point"}


# ---- a stack of its own --------------------------------------------------------------------------


def ports_are_free(base):
    for port in range(base, base + PORTS_OF_A_STACK):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


class OwnStack(Stack):
    """Servers that nobody else uses, so that a test may kill them."""

    def __init__(self, directory):
        base = next(b for b in range(21000 + os.getpid() % 400 * 16, 32000, PORTS_OF_A_STACK)
                    if ports_are_free(b))
        self.directory = Path(directory)
        super().__init__(directory, base)

    def pid(self, server):
        return int((self.directory / f"{server}.pid").read_text())

    def end(self, server, number=signal.SIGKILL):
        pid = self.pid(server)
        os.kill(pid, number)
        wait_until(lambda: not runs(pid), 20, f"{server} is gone")

    def up(self, server):
        wait_until(lambda: self.run("up", f"--only={server}") or True, 60, f"{server} is back")


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


# ---- dying at a point ----------------------------------------------------------------------------


def ready_or_dead(fleet, service):
    if not fleet.processes[service].alive():
        return True
    return request("GET", fleet.admin_url(service) + "/readyz", timeout=5)[0] == 200


@contextlib.contextmanager
def killed_at(fleet, service, point):
    """The service runs so that it dies at the point, to which the body has to lead it. Afterwards
    it runs again, without."""
    process = fleet.processes[service]
    log = fleet.dir / f"{point}.{uuid.uuid4().hex[:6]}"
    process.stop()
    process.start({"CALFLEET_FAILPOINTS": f"{point}=kill", "CALFLEET_FAILPOINT_LOG": str(log)})
    try:
        wait_until(lambda: ready_or_dead(fleet, service), 40, f"{service} is ready or dead")
        yield
        wait_until(lambda: not process.alive(), 25, f"{service} dies at {point}")
        assert process.child.returncode == -signal.SIGKILL, process.tail()
        assert log.read_text().split() == [point]
    finally:
        process.kill()
        process.start()
        fleet.wait_ready(service)


class Another:
    """A second process of a service beside the fleet's; started by whoever wants it."""

    def __init__(self, fleet, service):
        first = fleet.processes[service]
        self.address = f"127.0.0.1:{free_port()}"
        self.process = Process(f"{service}-2", first.argv,
                               {**first.env, "CALFLEET_ADMIN_LISTEN": self.address},
                               fleet.dir / f"{service}-2.log")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()

    def start(self):
        self.process.start()

    def wait_ready(self):
        wait_until(lambda: request("GET", f"http://{self.address}/readyz", timeout=5)[0] == 200, 40,
                   f"{self.process.name} is ready")


@contextlib.contextmanager
def stopped_at(fleet, service, point):
    """The service runs so that it is stopped at the point. Gives a function that waits until it is
    stopped, and one that lets it go on."""
    process = fleet.processes[service]
    log = fleet.dir / f"{point}.{uuid.uuid4().hex[:6]}"
    process.stop()
    process.start({"CALFLEET_FAILPOINTS": f"{point}=stop", "CALFLEET_FAILPOINT_LOG": str(log)})
    try:
        fleet.wait_ready(service)
        yield (lambda: wait_until(lambda: log.exists() and log.read_text().split() == [point], 25,
                                  f"{service} stops at {point}"),
               lambda: process.signal(signal.SIGCONT))
    finally:
        process.signal(signal.SIGCONT)


def quietly(call, *args, **kwargs):
    """The status of a call of a service that may die meanwhile; 0: it gave no answer."""
    try:
        return call(*args, **kwargs)[0]
    except (OSError, http.client.HTTPException):
        return 0


# ---- both sides ----------------------------------------------------------------------------------


def meeting(title, days=2, minute=0, hour=9):
    start = datetime.now(UTC).replace(hour=hour, minute=0, second=0, microsecond=0) + timedelta(
        days=days, minutes=minute)
    return {"summary": title, "start": {"dateTime": start.isoformat(), "timeZone": "UTC"},
            "end": {"dateTime": (start + timedelta(minutes=30)).isoformat(), "timeZone": "UTC"}}


def moment(when):
    return datetime.fromisoformat(when["dateTime"].replace("Z", "+00:00")).astimezone(UTC)


def at_provider(person):
    """What lives in the person's calendar there: id → etag, start, end."""
    items = person.fleet.simulator.events(person.account)["items"]
    return {e["id"]: (e["etag"], moment(e["start"]), moment(e["end"]))
            for e in items if e.get("status") != "cancelled"}


def stored(person):
    rows = person.rows("provider_event_id, etag, start_at, end_at", "status <> 'cancelled'")
    found = {row[0]: (row[1], row[2].astimezone(UTC), row[3].astimezone(UTC)) for row in rows}
    assert len(found) == len(rows), "an event is stored twice"
    return found


def converges(person, seconds=30):
    """Stored is what the provider has, each event once, with spans of the same times."""
    try:
        wait_until(lambda: stored(person) == at_provider(person), seconds, "both sides agree")
    except FleetError:
        assert stored(person) == at_provider(person)
    spans = person.db.execute(
        "SELECT e.provider_event_id, s.start_at, s.end_at FROM calfleet.spans s "
        "JOIN ce_calendar_events e ON e.id = s.event_id WHERE s.connection_id = %s",
        (person.connection,)).fetchall()
    assert sorted((i, a.astimezone(UTC), b.astimezone(UTC)) for i, a, b in spans) == sorted(
        (i, start, end) for i, (_, start, end) in at_provider(person).items())


def live_channels(person):
    return [c for c in person.fleet.simulator.admin("GET", "/channels")
            if c["live"] and c.get("calendar") == person.account]


def next_change_comes(person):
    """The cursor is good, and so is the way from the provider to it."""
    made = person.insert(**meeting("next", days=20))
    wait_until(lambda: person.has_row(made["id"]), 20, "the next change")
    converges(person)


def connected(fleet, db):
    person = make_person(fleet, db)
    person.connect()
    person.synced(40).watched()
    return person


def let_leases_run_out(db):
    """What a dead process held: the tests do not wait for the minute that it may."""
    db.execute("UPDATE calfleet.token_leases SET expires_at = now()")


def due_now(person):
    person.db.execute("UPDATE calfleet.calendars SET due_at = now() WHERE connection_id = %s",
                      (person.connection,))


# ---- notices -------------------------------------------------------------------------------------


class Watch:
    """A person's push channel, whose notices the test posts in the provider's place."""

    def __init__(self, fleet, person):
        self.fleet, self.person = fleet, person
        for channel in live_channels(person):
            fleet.simulator.admin("POST", f"/channels/{channel['id']}", {"silent": True})
        account, calendar, number, self.id = person.db.execute(
            "SELECT account_id, calendar_id, number, provider_channel_id FROM calfleet.channels "
            "WHERE connection_id = %s AND state = 'open'", (person.connection,)).fetchone()
        self.token = secret(fleet, account, calendar, number)

    def change(self, title):
        return self.person.insert(**meeting(title, days=3))["id"]

    def headers(self):
        return {"X-Goog-Channel-ID": self.id, "X-Goog-Channel-Token": self.token,
                "X-Goog-Resource-State": "exists", "X-Goog-Resource-ID": "r",
                "X-Goog-Message-Number": "2", "Content-Length": "0"}


def secret(fleet, account, calendar, number):
    """A channel's secret as libs/providers makes it: v1.KEY.ACCOUNT.CALENDAR.CHANNEL.EXPIRY.MAC"""
    key_id, key = fleet.secrets["webhook_keys"].split(":")
    text = (f"v1.{key_id}.{b64url(account.bytes)}.{calendar}.{number}."
            f"{int(time.time()) + 86400}")
    mac = hmac.new(base64.b64decode(key), f"webhook/google/{text}".encode(), hashlib.sha256)
    return f"{text}.{b64url(mac.digest()[:16])}"


class Storm:
    """Changes at the provider and notices of them, over kept connections.

    A change whose notice was answered 200 is promised: it has to be stored in the end, without any
    notice after it. What was not answered is given up, or (repeat) posted again as a provider does.
    """

    COPIES = 4  # notices of each change: most of what comes in a storm says nothing new
    THREADS = 4  # of each person

    def __init__(self, fleet, watches, repeat):
        self.fleet, self.watches, self.repeat = fleet, watches, repeat
        self.promised, self.statuses, self.failed = [], {}, []  # promised: (person, event)
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._work, args=(w,)) for w in watches
                        for _ in range(self.THREADS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(60)
        assert not any(t.is_alive() for t in self.threads)
        assert not self.failed, self.failed

    def _post(self, address, watch):
        connection = http.client.HTTPConnection(*address, timeout=10)
        while True:
            try:
                connection.request("POST", "/functions/v1/calendar-sync", b"", watch.headers())
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException):
                connection.close()
                status = 0
            yield status

    def _work(self, watch):
        parts = urllib.parse.urlsplit(self.fleet.url())
        posts = self._post((parts.hostname, parts.port), watch)
        try:
            while not self.over.is_set():
                event = watch.change("storm")
                if not self._tell(posts, watch, event) and not self.repeat:
                    return
        except Exception as e:  # told by __exit__, in the test's own thread
            self.failed.append(repr(e))

    def _tell(self, posts, watch, event):
        end = time.monotonic() + 60
        for _ in range(self.COPIES):
            status = next(posts)
            while status != 200 and self.repeat and time.monotonic() < end:
                self._count(status)
                time.sleep(0.1)
                status = next(posts)
            self._count(status)
            if status != 200:
                return False
            with self.lock:
                self.promised.append((watch.person, event))
        return True

    def _count(self, status):
        with self.lock:
            self.statuses[status] = self.statuses.get(status, 0) + 1

    def kept(self, seconds=40):
        """Every promise is kept."""
        assert self.promised

        def missing():
            rows = {w.person: {r[0] for r in w.person.rows()} for w in self.watches}
            return [e for person, e in self.promised if e not in rows[person]]

        try:
            wait_until(lambda: not missing(), seconds, "what was promised")
        except FleetError:
            assert not missing()


def post_notice(watch):
    return request("POST", watch.fleet.url() + "/functions/v1/calendar-sync", b"",
                   watch.headers())[0]


def settles(watch):
    """A last change, told until it is taken; then both sides agree."""
    event = watch.change("last")
    wait_until(lambda: post_notice(watch) == 200, 30, "a notice is taken")
    wait_until(lambda: watch.person.has_row(event), 30, "the last change")
    converges(watch.person)


# ---- questions and meetings ----------------------------------------------------------------------


def window(first, days):
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return {"time_min": (day + timedelta(days=first)).isoformat(),
            "time_max": (day + timedelta(days=first + days)).isoformat()}


def ask(person, first=0, days=7, timeout=30):
    """Free/busy of oneself; (status, busy starts or None, the whole)."""
    status, body, _ = person.fleet.call("POST", "/functions/v1/calendar-freebusy", {
        "organization_id": person.user.organization, "users": [person.user.id],
        **window(first, days)}, user=person.user, timeout=timeout)
    if status != 200:
        return status, None, body
    one = body["people"][0]
    if one["errors"]:
        return status, None, one
    return status, [datetime.fromisoformat(b["start"].replace("Z", "+00:00"))
                    for b in one["busy"]], one


def schedule(person, body, key):
    status, answer, _ = person.fleet.call("POST", "/functions/v1/calendar-schedule", body,
                                          user=person.user, headers={"Idempotency-Key": key})
    return status, answer


def create_body(person, title, days=4, hour=10):
    start = datetime.now(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
    start += timedelta(days=days)
    return {"action": "create", "organization_id": person.user.organization,
            "connection_id": person.connection, "title": title, "start_at": start.isoformat(),
            "end_at": (start + timedelta(minutes=30)).isoformat()}


def codes_spent(fleet, after):
    """Calls of the token endpoint since then."""
    return fleet.simulator.admin("GET", f"/journal?path=/token&method=POST&after={after}")["calls"]


def journal_end(fleet):
    return fleet.simulator.admin("GET", "/journal?limit=1")["last"]
