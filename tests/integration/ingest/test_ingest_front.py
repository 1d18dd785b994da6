"""The HTTP side: who is let in, what is answered, how it ends."""
import socket
import subprocess
import threading
import time
import urllib.parse
import uuid

import pytest
from ingest_rig import (APP, BIN, ORIGIN, SYNC, Ingest, b64url, channel_secret, free_port, jwt,
                        user_jwt)

BASE = "/functions/v1/"
ID = "aaaaaaaa-2222-4333-8444-555555555555"
PATHS = {
    SYNC: "POST", BASE + "calendar-oauth-start": "POST", BASE + "calendar-oauth-callback": "GET, POST",
    BASE + "calendar-freebusy": "POST", BASE + "calendar-schedule": "POST",
    BASE + "calendar-connections": "GET", BASE + "calendar-connections/" + ID: "GET, PATCH, DELETE",
}
FREEBUSY = {"users": [ID], "time_min": "2026-05-01T00:00:00Z", "time_max": "2026-05-02T00:00:00Z"}


def test_the_program_cannot_reach_a_database_or_open_a_token():
    needed = subprocess.run(["ldd", BIN / "ingest"], capture_output=True, text=True, check=True).stdout
    assert "librdkafka" in needed
    assert not any(name in needed for name in ("libpq", "hiredis"))
    symbols = subprocess.run(["nm", BIN / "ingest"], capture_output=True, text=True, check=True).stdout
    names = [line.split()[-1] for line in symbols.splitlines()]
    assert "webhook_google" in names
    foreign = [n for n in names if n.startswith(("PQ", "pg_", "redis", "store_",
                                                 "token_", "provider_", "google_event"))]
    assert foreign == []


@pytest.mark.parametrize("setting", ["TOKEN_KEYS", "POSTGRES_DSN", "REDIS_ADDRESS",
                                     "GOOGLE_CLIENT_SECRET"])
def test_what_is_not_in_its_table_cannot_be_given(tmp_path, setting):
    ingest = Ingest(tmp_path, "127.0.0.1:1", **{setting: "x"}).spawn()
    assert ingest.process.wait(timeout=10) == 78
    assert f"CALFLEET_{setting}" in ingest.log_text()


@pytest.mark.parametrize("page", ["no url", "https://a.example/#x", "https://a.example/\tb"])
def test_a_page_that_cannot_be_redirected_to(tmp_path, page):
    ingest = Ingest(tmp_path, "127.0.0.1:1", APP_RETURN_URLS=page).spawn()
    assert ingest.process.wait(timeout=10) == 78


def test_every_answer_has_its_id(ingest):
    for method, path in (("GET", "/"), ("GET", SYNC), ("OPTIONS", SYNC), ("GET", "/openapi.json"),
                         ("POST", BASE + "calendar-freebusy")):
        answer = ingest.ask(method, path)
        uuid.UUID(answer.headers["x-request-id"])
        if answer.status >= 400:
            assert answer.json["error"]["request_id"] == answer.headers["x-request-id"]
    wrong = ingest.ask("GET", SYNC)
    assert (wrong.status, wrong.code, wrong.headers["allow"]) == (405, "method_not_allowed",
                                                                  "POST, OPTIONS")
    assert ingest.ask("GET", "/nothing").code == "not_found"


def test_the_document_names_every_route(ingest, own_ingest):
    document = ingest.ask("GET", "/openapi.json").json
    for path, methods in PATHS.items():
        listed = document["paths"][path.replace(ID, "{id}")]
        assert {m.upper() for m in listed} - {"PARAMETERS"} == set(methods.split(", "))
    assert set(document["paths"]) == {p.replace(ID, "{id}") for p in PATHS} | {"/openapi.json"}
    public = own_ingest(PUBLIC_URL="https://api.example.org")
    assert public.ask("GET", "/openapi.json").json["servers"] == [{"url": "https://api.example.org"}]


def test_cors(ingest):
    for path, methods in PATHS.items():
        answer = ingest.ask("OPTIONS", path, headers={"Origin": ORIGIN,
                                                      "Access-Control-Request-Method": "POST"})
        assert answer.status == 204
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["access-control-allow-methods"] == methods + ", OPTIONS"
        assert "authorization" in answer.headers["access-control-allow-headers"]
        for origin in ("https://evil.example", ORIGIN + ".evil.example", "null", ORIGIN.upper()):
            answer = ingest.ask("OPTIONS", path, headers={"Origin": origin})
            assert not any(h.startswith("access-control") for h in answer.headers)
            assert answer.headers["vary"] == "Origin"
    refused = ingest.ask("POST", BASE + "calendar-freebusy", FREEBUSY, headers={"Origin": ORIGIN})
    assert refused.status == 401 and refused.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("method,path,body", [
    ("POST", SYNC, {"mode": "connection", "connection_id": ID}),
    ("POST", BASE + "calendar-oauth-start", {"provider": "google"}),
    ("POST", BASE + "calendar-oauth-callback", {"ticket": "x"}),
    ("POST", BASE + "calendar-freebusy", FREEBUSY),
    ("POST", BASE + "calendar-schedule", {"action": "cancel", "meeting_id": ID}),
    ("GET", BASE + "calendar-connections", None),
    ("GET", BASE + "calendar-connections/" + ID, None),
    ("PATCH", BASE + "calendar-connections/" + ID, {"sync_enabled": False}),
    ("DELETE", BASE + "calendar-connections/" + ID, None),
])
def test_routes_of_users(ingest, method, path, body):
    unknown = ingest.ask(method, path, body)
    assert (unknown.status, unknown.code) == (401, "unauthenticated")
    assert unknown.headers["www-authenticate"] == "Bearer"
    service = ingest.ask(method, path, body, token=jwt(role="service_role"))
    assert (service.status, service.code) == (403, "user_required")
    nobody = ingest.ask(method, path, body, token=user_jwt(sub="somebody"))
    assert (nobody.status, nobody.code) == (401, "invalid_token")


@pytest.mark.parametrize("body,kind,status,code", [
    (b"{}", "text/plain", 415, "unsupported_media_type"),
    (b"{", "application/json; charset=utf-8", 400, "invalid_json"),
    (b'{"users":["\xff"]}', "application/json", 400, "invalid_json"),
    (b"[" * 1000, "application/json", 400, "invalid_json"),
    (b"", "application/json", 400, "invalid_json"),
    (b'{"x":1}', "application/json", 400, "unknown_field"),
    (b'"' + b"x" * 70000 + b'"', "application/json", 413, "body_too_large"),
])
def test_bodies(ingest, body, kind, status, code):
    answer = ingest.ask("POST", BASE + "calendar-freebusy", body, headers={"Content-Type": kind},
                        token=user_jwt())
    assert (answer.status, answer.code) == (status, code)


def test_the_other_providers_notices_are_not_taken_yet(ingest):
    for path, body in ((SYNC + "?validationToken=abc", b""), (SYNC, {"value": [{"x": 1}]})):
        answer = ingest.ask("POST", path, body)
        assert (answer.status, answer.code) == (400, "unsupported_provider")


@pytest.mark.parametrize("body", [{}, {"mode": "pol"}, {"mode": 1}, {"mode": "poll", "x": 1}])
def test_modes(ingest, body):
    answer = ingest.ask("POST", SYNC, body, token=jwt(role="service_role"))
    assert (answer.status, answer.code) == (400, "invalid_field")


def test_consent_needs_no_bus(tmp_path):
    away = Ingest(tmp_path, f"127.0.0.1:{free_port()}").spawn()
    try:
        end = time.monotonic() + 10
        while True:
            try:
                answer = away.ask("GET", BASE + "calendar-oauth-callback?code=c%2Fplanted&state=s&scope=a+b")
                break
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.05)
        assert answer.status == 302 and answer.headers["cache-control"] == "no-store"
        url, _, query = answer.headers["location"].partition("?")
        (ticket,) = urllib.parse.parse_qs(query)["ticket"]
        assert url == APP and "planted" not in ticket and b64url(b"planted") not in ticket
        assert not away.ready()
        assert "planted" not in away.log_text()
    finally:
        assert away.stop() == 0, away.log_text()


@pytest.mark.parametrize("query,code", [
    ("error=access_denied", "access_denied"),
    ("error=server_error&error_description=x", "provider_error"),
    ("error=" + "x" * 300, "provider_error"),
    ("", "invalid_callback"),
    ("code=x", "invalid_callback"),
    ("state=x", "invalid_callback"),
    ("code=&state=x", "invalid_callback"),
    ("code=" + "x" * 2049 + "&state=x", "invalid_callback"),
    ("code=%ff&state=x", "invalid_callback"),
])
def test_consent_that_failed(ingest, query, code):
    answer = ingest.ask("GET", BASE + "calendar-oauth-callback?" + query)
    assert answer.status == 302
    url, _, found = answer.headers["location"].partition("?")
    found = urllib.parse.parse_qs(found)
    assert url == APP and found["error"] == [code] and len(found["message"][0]) > 10


def test_secrets_are_read_again(own_ingest):
    ingest = own_ingest()
    account = uuid.uuid4()
    old, new = user_jwt(), jwt(secret="n" * 40, sub=ID)

    def codes():
        return [ingest.ask("POST", BASE + "calendar-freebusy", {}, token=t).status for t in (old, new)]

    assert codes() == [400, 401]
    ingest.secret("jwt", "n" * 40)
    ingest.secret("webhook", "2:" + "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=")
    end = time.monotonic() + 10
    while codes() != [401, 400]:
        assert time.monotonic() < end, ingest.log_text()
        time.sleep(0.1)
    good = ingest.metric("calfleet_ingest_webhooks_total", "ok")
    ingest.notice(channel_secret(account, 1, key=b"x" * 32, key_id=2))
    assert ingest.metric("calfleet_ingest_webhooks_total", "ok") == good + 1
    ingest.notice(channel_secret(account, 1))
    assert ingest.metric("calfleet_ingest_webhooks_total", "forged") == 1


def test_slow_clients_hold_nobody(ingest):
    slow = [socket.create_connection(("127.0.0.1", ingest.port)) for _ in range(50)]
    try:
        for s in slow:
            s.sendall(b"POST /functions/v1/calendar-sync HTTP/1.1\r\nHost: x\r\nX-A: ")
        begun = time.monotonic()
        assert ingest.ask("GET", "/openapi.json").status == 200
        assert time.monotonic() - begun < 1
        slow[0].settimeout(8)
        assert slow[0].recv(4096)[:12] in (b"HTTP/1.1 408", b"")
    finally:
        for s in slow:
            s.close()


def test_term_answers_what_is_under_way(own_ingest):
    ingest = own_ingest(REQUEST_TIMEOUT="2s")
    answers = []

    def client():
        answers.append(ingest.ask("POST", BASE + "calendar-freebusy", FREEBUSY, token=user_jwt()))

    thread = threading.Thread(target=client)
    thread.start()
    time.sleep(0.5)
    ingest.process.terminate()
    time.sleep(0.3)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", ingest.port), timeout=2)
    thread.join()
    assert [a.status for a in answers] == [504]
    assert ingest.process.wait(timeout=10) == 0, ingest.log_text()
