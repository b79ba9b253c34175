"""Wake the workers when there is something to do, without making anybody wait for the broker.

The row is the queue: a nudge carries nothing, may be lost, and is never needed, because beat asks for the
same tasks every few seconds. So one message stands for all orders placed in an instant, and a thread of its
own talks to the broker: a frozen Redis delays no customer.
"""

import logging
import os
import threading
import time

from celery import current_app
from django.db import transaction

# One message of a kind in this time at most: below what a customer notices. A message costs a millisecond of
# processor time, so that hundreds of orders a second cost half a percent of it.
PAUSE_SECONDS = 0.2
# After a failure the broker is left alone for a while; beat's messages do the work meanwhile.
BREAKER_SECONDS = 5.0
MESSAGE_EXPIRES_SECONDS = 10

logger = logging.getLogger(__name__)

_wanted: set[str] = set()
_changed = threading.Condition()
_thread_of_pid: int | None = None


def wake_submitters() -> None:
    """Ask for due runs to be submitted soon, once the present transaction has committed."""
    wake("orders.submit_due")


def wake(task: str) -> None:
    """Ask for a task to run soon, once the present transaction has committed."""
    transaction.on_commit(lambda: _want(task), robust=True)


def _want(task: str) -> None:
    global _thread_of_pid
    with _changed:
        if _thread_of_pid != os.getpid():  # a fork does not inherit its parent's thread
            threading.Thread(target=_talk, name="nudge", daemon=True).start()
            _thread_of_pid = os.getpid()
        _wanted.add(task)
        _changed.notify()


def _talk() -> None:
    while True:
        with _changed:
            _changed.wait_for(lambda: _wanted)
            tasks = sorted(_wanted)
            _wanted.clear()
        try:
            for task in tasks:
                current_app.send_task(task, expires=MESSAGE_EXPIRES_SECONDS, ignore_result=True)
        except Exception as error:  # noqa: BLE001 - whatever fails here, the order stands
            # Nobody's order is affected, so nobody is told but the log; once per break, not once per order.
            logger.warning("the broker does not answer; beat will do the work: %s", error)
            time.sleep(BREAKER_SECONDS)
        time.sleep(PAUSE_SECONDS)
