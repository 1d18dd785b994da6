"""A worker that cannot start says why and ends; whatever it had opened by then is closed."""

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
