"""When beat asks the workers for what; the tasks are in each app's `tasks.py`."""

from typing import Any

from celery.schedules import crontab

# The rows are the queue: each of these finds what is due, whatever messages were lost. A message expires
# before it could pile up behind a stopped worker.
BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    task: {"task": task, "schedule": seconds, "options": {"expires": seconds * 2}}
    for task, seconds in {
        "orders.submit_due": 2.0,  # design: the sweeper's pace
        "orders.track_due": 1.0,
        "orders.forward_cancellations": 2.0,
        "orders.process_refills": 2.0,
        "orders.place_mass_orders": 2.0,
        "orders.expire_leases": 5.0,
        "orders.reroute_waiting": 5.0,
        "orders.recheck_held": 60.0,
        "providers.probe_failing": 10.0,
        "orders.flag_stuck": 20.0,  # promise: each stuck run is flagged within a minute
        "support.send_mails": 15.0,
        "orders.measure_paces": 3600.0,
        "orders.recheck_finished": 60.0,
        "orders.archive": 3600.0,
        "orders.find_notices": 60.0,
        "dashboard.send_notices": 60.0,
        "catalog.sync_providers": 600.0,  # prices move a few times a day, and a catalogue may be megabytes
        "wallet.fold_days": 30.0,  # pages add up what came since
        "reports.fold": 10.0,
        "status.beat": 10.0,
        "api_v2.prune_times": 3600.0,
        "providers.check_balances": 300.0,  # a call to each provider
        "api_v2.prune_calls": 60.0,  # a busy key leaves a few thousand in that time
        "api_v2.prune_counts": 3600.0,
        "payments.expire_stale": 600.0,
        "staff.work_bulk_jobs": 2.0,
        "staff.expire_approvals": 3600.0,
    }.items()
} | {
    "wallet.audit_ledger": {
        "task": "wallet.audit_ledger",
        "schedule": crontab(hour=3, minute=30),  # when few orders come
        "options": {"expires": 12 * 3600},
    },
    "staff.audit_log": {
        "task": "staff.audit_log",
        "schedule": crontab(hour=3, minute=45),
        "options": {"expires": 12 * 3600},
    },
}
