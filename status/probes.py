"""Is this process alive, and should it be sent requests? For load balancers and whoever restarts what hangs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from orders.monitoring import describe_age
from status import heartbeat

OK, DEGRADED, DOWN = "ok", "degraded", "down"


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was looked at; `wrong` says in words what is not as it should be."""

    status: str
    checks: Mapping[str, str]
    wrong: list[str]

    @property
    def facts(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"status": self.status, "checks": dict(self.checks), "wrong": self.wrong}


def read_readiness() -> Readiness:
    """Look at the database, the broker and the workers.

    Only the database decides: without it nothing can be answered. Orders are taken, and the API answers, while the
    broker or all workers are away; a balancer that took every web machine out then would turn a delay into an outage.
    """
    database = _find_database_failure()
    if database:
        return Readiness(DOWN, {"database": database}, [f"database: {database}"])
    checks = {"database": OK, "broker": _find_broker_failure() or OK, "workers": _find_worker_failure() or OK}
    wrong = [f"{name}: {found}" for name, found in checks.items() if found != OK]
    return Readiness(DEGRADED if wrong else OK, checks, wrong)


def _find_database_failure() -> str:
    for is_last in (False, True):
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except (DatabaseError, InterfaceError) as error:
            # The database may have been restarted since this thread used its connection.
            connection.close()
            if is_last:
                return _say(error)
        else:
            break
    return ""


def _find_broker_failure() -> str:
    timeout = settings.REDIS_TIMEOUT_SECONDS
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=timeout, socket_timeout=timeout) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        return _say(error)
    return ""


def _find_worker_failure() -> str:
    age = heartbeat.read_age()
    if age is None:
        return "no worker has been seen yet"
    return "" if age <= heartbeat.SILENT_AFTER else f"no sign of life for {describe_age(age)}"


def _say(error: Exception) -> str:
    """Name a failure without addresses: whoever may ask for it is not known."""
    return f"does not answer ({type(error).__name__})"
