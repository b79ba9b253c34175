"""What tasks do besides their one call: divide a worker's threads."""

import threading

import pytest

from orders import cancellations, refills, submission, tasks

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


CALLING = [
    (cancellations, "forward_cancellations", tasks.forward_cancellations),
    (refills, "process_refills", tasks.process_refills),
]


@pytest.mark.parametrize(("module", "name", "task"), CALLING)
def test_one_thread_at_a_time_waits_for_a_provider_that_hangs(monkeypatch, module, name, task):
    calling, enough = threading.Semaphore(0), threading.Event()
    limits = []

    def hang(*, seconds):
        limits.append(seconds)
        calling.release()
        enough.wait(10)

    monkeypatch.setattr(module, name, hang)
    first, *others = threads = [threading.Thread(target=task) for _ in range(3)]
    first.start()
    assert calling.acquire(timeout=10)
    for thread in others:
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
    enough.set()
    for thread in threads:
        thread.join(10)
    task()

    assert limits == [tasks.WORK_SECONDS] * 2


@pytest.mark.parametrize(("module", "name", "task"), CALLING)
def test_a_thread_that_fails_lets_the_next_one_work(monkeypatch, module, name, task):
    def fail(*, seconds):
        raise OSError("the database went away")

    monkeypatch.setattr(module, name, fail)
    for _ in range(2):
        with pytest.raises(OSError, match="went away"):
            task()
