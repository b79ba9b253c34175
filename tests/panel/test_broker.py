"""What a worker survives of its broker's failures."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from kombu import Connection, Queue
from kombu.message import Message

from panel.embedded import Lease


@pytest.fixture
def lease(tmp_path: Path) -> Iterator[Lease]:
    """A Valkey that nobody else uses."""
    lease = Lease(tmp_path, postgres=False)
    lease.acquire()
    yield lease
    lease.release()


def broker_url(lease: Lease) -> str:
    return lease.redis_url.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1)


def test_a_worker_gets_over_a_broker_that_dies_under_a_task(
    lease: Lease, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Connection(broker_url(lease), transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS) as connection:
        with connection.Producer() as producer:
            producer.publish({}, routing_key="work", declare=[Queue("work")])
        received: list[Message] = []
        consumer = connection.Consumer(Queue("work"), on_message=received.append)
        consumer.consume()
        connection.drain_events(timeout=10)
        assert received  # and not acknowledged: its task is under way
        process = psutil.Process(int((tmp_path / "valkey" / "valkey.pid").read_text()))
        process.kill()
        psutil.wait_procs([process], timeout=10)
        with pytest.raises(connection.connection_errors):
            connection.drain_events(timeout=10)

        connection.close()  # what a worker does before it connects anew
    assert not caplog.records  # and no unread messages were put into a file
