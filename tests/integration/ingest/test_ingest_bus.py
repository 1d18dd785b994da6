"""What ingest puts on the bus, and what it tells its clients when it cannot."""
import http.client
import threading
import time
import uuid

import pytest
from ingest_rig import PARTITIONS, SERVICE_KEY, SYNC, USER, channel_secret, jwt, user_jwt


def records_of(stack, account):
    return [r for r in stack.records("calendar.sync") if r[2] == account.bytes]


def test_a_notice_is_one_small_record(stack, ingest):
    account = uuid.uuid4()
    before = int(time.time() * 1000)
    answer = ingest.notice(channel_secret(account, 300), traceparent=f"00-{'4b' * 16}-{'f0' * 8}-01",
                           **{"X-Goog-Resource-URI": "https://x/planted@example.org"})
    after = int(time.time() * 1000)
    assert (answer.status, answer.body) == (200, b"")
    ((_, _, _, value, headers),) = records_of(stack, account)
    # [1, 1, {1: account, 2: 300, 3: webhook, 4: asked_at}]
    assert value[:-8] == (b"\x93\x01\x01\x84\x01\xc4\x10" + account.bytes +
                          b"\x02\xcd\x01\x2c\x03\x01\x04\xcf")
    assert before <= int.from_bytes(value[-8:], "big") <= after
    assert headers.startswith(b"traceparent=00-" + b"4b" * 16 + b"-") and len(headers) == 67


def test_what_is_not_believed_gets_the_same_answer_and_no_record(stack, ingest):
    account = uuid.uuid4()
    good = channel_secret(account, 1)
    expired = channel_secret(account, 1, expires=int(time.time()) - 10)
    cases = [
        (good[:-2] + ("AA" if good[-2:] != "AA" else "BA"), "exists", "forged"),
        (channel_secret(account, 1, key=b"x" * 32), "exists", "forged"),
        (channel_secret(account, 1, key_id=9), "exists", "forged"),
        ("", "exists", "forged"),
        ("\xe4" * 300, "exists", "forged"),
        (expired, "exists", "expired"),
        (good, "no-such-state", "unknown"),
        (good, "sync", "opened"),
    ]
    for secret, state, result in cases:
        count = ingest.metric("calfleet_ingest_webhooks_total", result)
        answer = ingest.notice(secret, state)
        assert (answer.status, answer.body) == (200, b""), result
        assert ingest.metric("calfleet_ingest_webhooks_total", result) == count + 1, result
    assert records_of(stack, account) == []


def test_a_storm_shares_records_and_none_is_answered_early(stack, ingest):
    account, answers = uuid.uuid4(), []
    secret = channel_secret(account, 5)
    lock = threading.Lock()

    def client():
        for _ in range(20):
            status = ingest.notice(secret).status
            with lock:
                answers.append(status)

    threads = [threading.Thread(target=client) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert answers == [200] * 320
    records = len(records_of(stack, account))
    shared = ingest.metric("calfleet_ingest_webhooks_total", "coalesced")
    assert 1 <= records < 320 and shared == 320 - records
    assert ingest.notice(secret).status == 200
    assert len(records_of(stack, account)) == records + 1  # a later one is never served by an old one


def test_a_tick_reaches_every_partition(stack, ingest):
    def ticks():
        return sorted(r[0] for r in stack.records("calendar.sync") if r[3][:3] == b"\x93\x02\x01")

    for token in (SERVICE_KEY, jwt(role="service_role")):
        before = ticks()
        answer = ingest.ask("POST", SYNC, {"mode": "poll"}, token=token)
        assert (answer.status, answer.json) == (202, {"partitions": PARTITIONS})
        assert ticks() == sorted(before + list(range(PARTITIONS)))


@pytest.mark.parametrize("token,status,code", [
    (user_jwt(), 403, "service_required"),
    (None, 401, "unauthenticated"),
    (jwt(secret="x" * 40, role="service_role"), 401, "invalid_token"),
    (jwt(role="service_role", exp=1), 401, "token_expired"),
    (SERVICE_KEY + "x", 401, "invalid_token"),
    (jwt(role="anon"), 403, "role_not_allowed"),
])
def test_who_may_not_tick(stack, ingest, token, status, code):
    before = len(stack.records("calendar.sync"))
    answer = ingest.ask("POST", SYNC, {"mode": "poll"}, token=token)
    assert (answer.status, answer.code) == (status, code)
    assert len(stack.records("calendar.sync")) == before


def test_a_question_is_sealed_and_times_out(stack, ingest):
    body = {"action": "create", "title": "Planted title", "idempotency_key": "planted-key",
            "start_at": "2026-05-01T09:00:00Z", "attendee_addresses": ["planted@example.org"]}
    begun = time.monotonic()
    answer = ingest.ask("POST", "/functions/v1/calendar-schedule", body, token=user_jwt())
    assert (answer.status, answer.code) == (504, "timeout")
    assert 0.9 < time.monotonic() - begun < 2
    records = stack.records("calendar.schedule.requests")
    assert len(records) == 1 and records[0][2] == uuid.UUID(USER).bytes
    assert b"traceparent=00-" in records[0][4]
    assert not any(word in part for word in (b"lanted", b"example") for part in records[0][2:])
    assert "lanted" not in ingest.log_text()


def test_another_partition_count_is_told(stack):
    assert stack.topics(f"--partitions={PARTITIONS}").returncode == 0
    wrong = stack.topics("--partitions=12")
    assert wrong.returncode == 78 and "calendar.sync has 6 partitions" in wrong.stderr
    assert stack.topics("--partitions=7").returncode == 78


@pytest.mark.parametrize("point,action,recorded", [
    ("ingest.notice.before_produce", "kill", 0),
    ("ingest.notice.after_produce", "kill", 1),
    ("ingest.notice.before_produce", "error", 0),
    ("ingest.notice.after_produce", "error", 1),
])
def test_no_notice_is_answered_before_it_is_recorded(stack, own_ingest, point, action, recorded):
    account = uuid.uuid4()
    ingest = own_ingest(FAILPOINTS=f"{point}={action}")
    if action == "kill":
        with pytest.raises((OSError, http.client.HTTPException)):
            ingest.notice(channel_secret(account, 1))
        assert ingest.process.wait(timeout=10) == -9
    else:
        assert ingest.notice(channel_secret(account, 1)).status == 503
    assert len(records_of(stack, account)) == recorded
    again = own_ingest()  # as the provider repeats it
    assert again.notice(channel_secret(account, 1)).status == 200
    assert len(records_of(stack, account)) == recorded + 1


def test_without_a_broker_notices_are_put_off(stack, own_ingest):
    ingest = own_ingest()
    account = uuid.uuid4()
    secret = channel_secret(account, 1)
    assert ingest.notice(secret).status == 200
    stack.pause()
    try:
        begun = time.monotonic()
        answer = ingest.notice(secret)
        assert time.monotonic() - begun <= 3
        assert (answer.status, answer.code) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        assert ingest.notice(secret, "sync").status == 200  # needs nobody
        assert ingest.notice("forged").status == 200
        assert ingest.ask("GET", "/healthz", port=ingest.admin).status == 200
    finally:
        stack.resume()
    end = time.monotonic() + 30
    while ingest.notice(secret).status != 200:
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_broker_that_is_away_and_comes_back(stack, own_ingest):
    ingest = own_ingest()
    account = uuid.uuid4()
    secret = channel_secret(account, 1)
    stack.down()
    try:
        begun = time.monotonic()
        answer = ingest.notice(secret)
        assert time.monotonic() - begun <= 3
        assert answer.status == 503 and "retry-after" in answer.headers
        tick = ingest.ask("POST", SYNC, {"mode": "poll"}, token=SERVICE_KEY)
        assert tick.status == 503 and "retry-after" in tick.headers
    finally:
        stack.up()
    end = time.monotonic() + 30
    while ingest.notice(secret).status != 200:
        assert time.monotonic() < end
        time.sleep(0.2)
    ingest.wait_ready()
    assert records_of(stack, account)
