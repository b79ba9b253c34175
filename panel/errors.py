"""The root of all refusals, and how a refusal or a failure of the database is read."""

from collections.abc import Mapping

from django.db import IntegrityError, InterfaceError, OperationalError
from psycopg.errors import IdleInTransactionSessionTimeout


class DomainError(Exception):
    """The world said no and nothing was changed.

    Subclasses carry facts as attributes, never sentences for clients: those are in `api_v2/errors.py`.
    """


def violated_constraint(error: IntegrityError) -> str | None:
    """Name the database rule that refused, so that the constraint decides and the program translates."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return diagnostics.constraint_name if diagnostics else None


def describe_refusal(error: DomainError, refusals: Mapping[type[DomainError], str]) -> str:
    """Return what staff read when the domain says no."""
    return refusals.get(type(error), f"Refused ({type(error).__name__}). Nothing was changed.")


def is_outage(error: Exception) -> bool:
    """Say whether the database failed, or the line to it, and not what was asked of it: asked again, it may go well.

    Also when it ended a session that had stood still: PostgreSQL files that under the errors of a program, and whoever
    wakes up must not take it for one.
    """
    return isinstance(error, OperationalError | InterfaceError) or isinstance(
        error.__cause__, IdleInTransactionSessionTimeout
    )
