"""What workers do for the staff, by name."""

import threading

from celery import shared_task

from staff import approvals, audit, bulk

WORK_SECONDS = 10.0

_worker = threading.Lock()  # one thread of a worker is enough; another machine's may take another job


@shared_task(name="staff.work_bulk_jobs")
def work_bulk_jobs() -> None:
    """Do waiting items of bulk jobs."""
    if not _worker.acquire(blocking=False):
        return
    try:
        bulk.work(seconds=WORK_SECONDS)
    finally:
        _worker.release()


@shared_task(name="staff.expire_approvals")
def expire_approvals() -> None:
    """Close what no second person has looked at in time."""
    approvals.expire_approvals()


@shared_task(name="staff.audit_log")
def audit_log() -> None:
    """Recompute the chain of the staff log."""
    audit.audit_log()
