"""One private broker for the folder's tests, one ingest for those that do not stop it."""
import os

import pytest
from ingest_rig import PARTITIONS, Ingest, Stack

# Apart from the shared stack's ports and from other private ones.
PORT = int(os.environ.get("CALFLEET_TEST_INGEST_PORT", "27630"))


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    s = Stack(tmp_path_factory.mktemp("stack"), PORT)
    s.up()
    try:
        made = s.topics(f"--partitions={PARTITIONS}")
        assert made.returncode == 0, made.stderr
        yield s
    finally:
        s.down("--wipe")


@pytest.fixture(scope="session")
def ingest(stack, tmp_path_factory):
    process = Ingest(tmp_path_factory.mktemp("ingest"), stack.broker).start()
    yield process
    assert process.stop() == 0, process.log_text()


@pytest.fixture
def own_ingest(stack, tmp_path):
    """Starts processes with settings of their own; what still runs at the end is stopped."""
    started = []

    def start(**settings):
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Ingest(folder, stack.broker, **settings))
        return started[-1].start()

    yield start
    for process in started:
        process.stop()
