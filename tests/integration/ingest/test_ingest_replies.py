"""Questions that a service answers: who asks arrives as it was proved, the answer as it was given."""
import os
import subprocess
import threading
import time

import pytest
from ingest_rig import BIN, ORIGIN, SYNC, USER, Ingest, free_port, user_jwt

BASE = "/functions/v1/"
ID = "aaaaaaaa-2222-4333-8444-555555555555"
ORG = "99999999-2222-4333-8444-555555555555"
NIL = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def asked(stack, tmp_path_factory):
    """An ingest, and the service that answers it."""
    folder = tmp_path_factory.mktemp("asked")
    ingest = Ingest(folder, stack.broker, REQUEST_TIMEOUT="10s").start()
    admin = free_port()
    log = open(folder / "echo.log", "ab")
    echo = subprocess.Popen([BIN / "echo_service"], stdout=log, stderr=log, env={
        "PATH": os.environ["PATH"], "CALFLEET_KAFKA_BROKERS": stack.broker,
        "CALFLEET_BUS_KEYS_FILE": str(folder / "bus"), "CALFLEET_ADMIN_LISTEN": f"127.0.0.1:{admin}"})
    try:
        end = time.monotonic() + 30
        while True:
            assert echo.poll() is None and time.monotonic() < end, (folder / "echo.log").read_text()
            try:
                if ingest.ask("GET", "/readyz", port=admin).status == 200:
                    break
            except OSError:
                pass
            time.sleep(0.1)
        # Ready is the bus for notices; replies open on their own.
        while "ingest.replies.open" not in ingest.log_text():
            assert time.monotonic() < end
            time.sleep(0.05)
        yield ingest
    finally:
        echo.terminate()
        assert ingest.stop() == 0, ingest.log_text()
        assert echo.wait(timeout=20) == 0, (folder / "echo.log").read_text()


def meeting(title):
    return {"action": "create", "title": title, "idempotency_key": "k",
            "start_at": "2026-05-01T09:00:00Z"}


@pytest.mark.parametrize("method,path,body,kind", [
    ("POST", SYNC, {"mode": "connection", "connection_id": ID}, 15),
    ("POST", BASE + "calendar-oauth-start", {"provider": "google"}, 11),
    ("POST", BASE + "calendar-freebusy", {"users": [ID], "time_min": "2026-05-01T00:00:00Z",
                                          "time_max": "2026-05-02T00:00:00Z"}, 20),
    ("POST", BASE + "calendar-schedule", meeting("t"), 30),
    ("POST", BASE + "calendar-schedule", {"action": "change", "meeting_id": ID, "title": "t",
                                          "idempotency_key": "k"}, 31),
    ("POST", BASE + "calendar-schedule", {"action": "cancel", "meeting_id": ID}, 32),
    ("GET", BASE + "calendar-connections", None, 10),
    ("GET", BASE + "calendar-connections/" + ID, None, 10),
    ("PATCH", BASE + "calendar-connections/" + ID, {"sync_enabled": False}, 13),
    ("DELETE", BASE + "calendar-connections/" + ID, None, 14),
])
def test_each_route_asks_its_question(asked, method, path, body, kind):
    answer = asked.ask(method, path, body, token=user_jwt(), headers={"Origin": ORIGIN})
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.json == {"role": 1, "user": USER, "organization": NIL, "type": kind,
                           "request_id": answer.headers["x-request-id"]}


def test_the_ticket_comes_back_from_the_browser(asked):
    there = asked.ask("GET", BASE + "calendar-oauth-callback?code=c&state=s")
    ticket = there.headers["location"].split("ticket=")[1]
    answer = asked.ask("POST", BASE + "calendar-oauth-callback", {"ticket": ticket}, token=user_jwt())
    assert (answer.status, answer.json["type"]) == (200, 12)


def test_the_organization_travels(asked):
    for claims in ({"organization_id": ORG}, {"app_metadata": {"organization_id": ORG}}):
        answer = asked.ask("GET", BASE + "calendar-connections", token=user_jwt(**claims))
        assert answer.json["organization"] == ORG


@pytest.mark.parametrize("title,status,code", [
    ("status 409", 409, None), ("status 422", 422, None), ("status 99", 502, "bad_reply"),
    ("status 700", 502, "bad_reply"), ("no message", 502, "bad_reply"),
])
def test_answers_are_passed_on(asked, title, status, code):
    answer = asked.ask("POST", BASE + "calendar-schedule", meeting(title), token=user_jwt())
    assert answer.status == status
    if code is None:
        assert answer.json["type"] == 30
    else:
        assert answer.code == code


def test_when_to_come_again(asked):
    answer = asked.ask("POST", BASE + "calendar-schedule", meeting("again"), token=user_jwt())
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")


def test_many_at_once_get_their_own_answers(asked):
    wrong = []

    def client(n):
        user = f"{n:08x}-2222-4333-8444-555555555555"
        for _ in range(10):
            answer = asked.ask("GET", BASE + "calendar-connections", token=user_jwt(sub=user))
            if (answer.status, answer.json.get("user")) != (200, user):
                wrong.append(answer.body)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(1, 17)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []
