"""Planted texts appear in no log, no metric and none of Kafka's files."""

import subprocess
import uuid

from fleet import SERVICES, request, wait_until
from test_google import book, free_busy, timed


def test_planted_texts_are_nowhere(fleet, person, stack, db):
    plant = uuid.uuid4().hex
    title, guest, place = f"title{plant}", f"guest{plant}@example.org", f"place{plant}"
    person.insert(**timed(title, 2, 9), location=place, attendees=[{"email": guest}])
    person.connect()
    person.synced().watched()
    free_busy(fleet, person, [person.user.id])
    status, _, _ = book(fleet, person, 8, 9, f"k{plant}", title=f"ours{plant}",
                        attendee_addresses=[f"ours{plant}@example.org"])
    assert status in (200, 201)
    assert person.rows("title", f"title = '{title}'") == [(title,)]
    tokens = [c["access_token"] for c in
              [fleet.simulator.admin("POST", "/tokens", {"account": person.account})]]
    seen = fleet.logs().replace((fleet.dir / "simulator.log").read_text(errors="replace"), "")
    for name in SERVICES:
        seen += request("GET", fleet.admin_url(name) + "/metrics")[2].decode()
    for secret in (plant, person.account, person.user.token, *tokens,
                   fleet.secrets["jwt_secret"], fleet.secrets["token_keys"].split(":")[1]):
        assert secret not in seen
    # Kafka's own files: sealed, or ids only.
    folder = stack.env.get("CALFLEET_STACK_DIR") or f"{stack.script}/../../build/stack"
    for text in (plant, person.account):
        found = subprocess.run(["grep", "-rlaF", text, "--include=*.log", folder],
                               capture_output=True, text=True, check=False).stdout
        assert not [f for f in found.splitlines() if "/kafka-" in f and "/data/" in f], found
    # The stored row is the one place where the title is.
    wait_until(lambda: db.execute("SELECT count(*) FROM ce_calendar_events WHERE title = %s",
                                  (title,)).fetchone() == (1,), 5, "the row itself")
