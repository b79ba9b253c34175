"""What workers do, by name. Beat asks for each every few seconds; nudges ask sooner.

None carries an argument: the rows say what is due, so a task lost or run twice changes nothing.
"""

import threading
import time

from celery import shared_task
from django.conf import settings

from orders import (
    archiving,
    cancellations,
    holds,
    mass_orders,
    notices,
    rechecking,
    refills,
    routing,
    submission,
    tracking,
    watching,
)

# A task gives its thread back after this long, so that tracking is not starved by a long queue.
WORK_SECONDS = 10.0
REROUTE_SECONDS = 1.0
# Threads of a worker that are never given to submitting. While orders keep coming every submitter finds more to do, and
# without a limit they would fill all threads: the other tasks' messages would expire before their turn came. Six of
# sixteen: one provider that hangs can hold a tracker, a forwarder, a refiller and the watch of balances at once, and a
# mail server that hangs a sender of mails.
THREADS_FOR_THE_REST = max(2, settings.WORKER_CONCURRENCY * 3 // 8)

_submitters = threading.BoundedSemaphore(max(1, settings.WORKER_CONCURRENCY - THREADS_FOR_THE_REST))
# A provider that hangs holds one thread of a worker for each of these, however many messages come meanwhile.
_forwarder = threading.Lock()
_refiller = threading.Lock()
_rerouter = threading.Lock()
_placer = threading.Lock()


@shared_task(name="orders.submit_due")
def submit_due() -> None:
    """Send due runs until none is left or the time is over; when enough threads of this worker do, leave it to them."""
    if not _submitters.acquire(blocking=False):
        return
    try:
        started = time.monotonic()
        # What was queued for a provider that is down goes on by another route at once, not at the next sweep.
        _reroute(seconds=REROUTE_SECONDS)
        while submission.submit_next() and time.monotonic() - started < WORK_SECONDS:
            pass
    finally:
        _submitters.release()


@shared_task(name="orders.track_due")
def track_due() -> None:
    """Ask about runs whose turn it is."""
    started = time.monotonic()
    while tracking.track_due() and time.monotonic() - started < WORK_SECONDS:
        pass


@shared_task(name="orders.recheck_finished")
def recheck_finished() -> None:
    """Ask once more about runs that ended."""
    started = time.monotonic()
    while rechecking.recheck_finished() and time.monotonic() - started < WORK_SECONDS:
        pass


@shared_task(name="orders.expire_leases")
def expire_leases() -> None:
    """Send to review what dead workers left in flight."""
    submission.expire_leases()


@shared_task(name="orders.forward_cancellations")
def forward_cancellations() -> None:
    """Pass cancellations on to providers, unless another thread of this worker does."""
    if not _forwarder.acquire(blocking=False):
        return
    try:
        cancellations.forward_cancellations(seconds=WORK_SECONDS)
    finally:
        _forwarder.release()


@shared_task(name="orders.process_refills")
def process_refills() -> None:
    """Send refills and ask about open ones, unless another thread of this worker does."""
    if not _refiller.acquire(blocking=False):
        return
    try:
        refills.process_refills(seconds=WORK_SECONDS)
    finally:
        _refiller.release()


@shared_task(name="orders.place_mass_orders")
def place_mass_orders() -> None:
    """Place lines of mass orders, unless another thread of this worker does."""
    if not _placer.acquire(blocking=False):
        return
    try:
        mass_orders.place_lines(seconds=WORK_SECONDS)
    finally:
        _placer.release()


@shared_task(name="orders.reroute_waiting")
def reroute_waiting() -> None:
    """Send what waits at a provider that takes no orders by another route."""
    _reroute(seconds=WORK_SECONDS)
    # Whatever else reroutes at the moment: it may come to no end as long as much waits.
    routing.reroute_in_turn(seconds=REROUTE_SECONDS)


def _reroute(*, seconds: float) -> None:
    if _rerouter.acquire(blocking=False):
        try:
            routing.reroute_waiting(seconds=seconds)
        finally:
            _rerouter.release()


@shared_task(name="orders.recheck_held")
def recheck_held() -> None:
    """Let go what was held and pays again."""
    holds.recheck_held(seconds=WORK_SECONDS)


@shared_task(name="orders.flag_stuck")
def flag_stuck() -> None:
    """Raise the alarm for runs that do not get on."""
    watching.flag_stuck()


@shared_task(name="orders.measure_paces")
def measure_paces() -> None:
    """Measure how long each service usually takes."""
    watching.measure_paces()


@shared_task(name="orders.archive")
def archive() -> None:
    """Put old orders away."""
    archiving.archive_orders()


@shared_task(name="orders.find_notices")
def find_notices() -> None:
    """Find what customers want to be told by mail."""
    notices.find_low_balances()
    started = time.monotonic()
    while notices.find_ended_orders() and time.monotonic() - started < WORK_SECONDS:
        pass
