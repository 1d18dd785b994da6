"""A worker's start, and the secrets that it was started with."""

import pytest

from conftest import wait_until


@pytest.fixture
def worker(fleet):
    yield fleet.processes["sync-worker"]
    fleet.restart("sync-worker")


def test_settings_that_no_consumer_takes_end_the_worker_and_nothing_else(worker):
    """librdkafka finds them only when the consumer is made, after all else has started."""
    worker.stop()
    worker.log.write_text("")
    worker.start({"CALFLEET_KAFKA_SETTINGS": "max.poll.interval.ms=1"})
    wait_until(lambda: not worker.alive(), 30, "the worker's end")
    assert worker.child.returncode == 78, worker.tail()
    log = worker.log.read_text()
    assert "service.start.failed" in log and "max.poll.interval.ms" in log, worker.tail()
    assert '"ev":"service.drained"' in log and "AddressSanitizer" not in log, worker.tail()


def test_a_new_client_secret_is_in_force_without_a_restart(worker, person, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("not-the-one-that-the-provider-knows\n")
    worker.stop()
    env = worker.env
    worker.env = {k: v for k, v in env.items() if k != "CALFLEET_GOOGLE_CLIENT_SECRET"}
    try:
        worker.start({"CALFLEET_GOOGLE_CLIENT_SECRET_FILE": str(secret),
                      "CALFLEET_SECRET_RELOAD": "1s"})
        person.fleet.wait_ready("sync-worker")
        status, answer = person.exchange(person.ticket())
        assert status >= 400, answer
        told = worker.log.read_text().count("service.secret.changed")
        secret.write_text(env["CALFLEET_GOOGLE_CLIENT_SECRET"] + "\n")
        wait_until(lambda: worker.log.read_text().count("service.secret.changed") > told, 10,
                   "the new secret")
        status, answer = person.exchange(person.ticket())
        assert status == 200, answer
    finally:
        worker.env = env
