"""What tasks do besides their one call: divide a worker's threads."""

import threading

import pytest

from orders import submission, tasks

pytestmark = pytest.mark.django_db


def test_submitting_leaves_threads_to_the_other_tasks(settings, monkeypatch):
    sending, enough = threading.Semaphore(0), threading.Event()

    def submit_next():
        sending.release()
        return not enough.wait(10)

    monkeypatch.setattr(submission, "submit_next", submit_next)
    threads = [threading.Thread(target=tasks.submit_due) for _ in range(settings.WORKER_CONCURRENCY)]
    for thread in threads:
        thread.start()
    busy = settings.WORKER_CONCURRENCY - tasks.THREADS_FOR_THE_REST
    for _ in range(busy):
        assert sending.acquire(timeout=10)

    assert not sending.acquire(timeout=0.2)
    enough.set()
    for thread in threads:
        thread.join()


def test_a_submitter_that_fails_gives_its_thread_back(settings, monkeypatch):
    def submit_next():
        raise OSError("the database went away")

    monkeypatch.setattr(submission, "submit_next", submit_next)
    for _ in range(settings.WORKER_CONCURRENCY + 1):
        with pytest.raises(OSError, match="went away"):
            tasks.submit_due()
