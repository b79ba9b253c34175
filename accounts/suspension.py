"""Stop a customer, and let them go on."""

from django.db import transaction

from accounts import sessions
from accounts.models import User


def suspend(user_id: int) -> None:
    """Refuse a customer's programs and orders from the next request on, and end all their sessions.

    They may log in again to read what they have and to write to support; nothing can be ordered or paid in.
    """
    with transaction.atomic():
        User.objects.filter(pk=user_id).update(is_suspended=True)
        sessions.end_other_sessions(user_id=user_id, kept_key=None)


def unsuspend(user_id: int) -> None:
    """Let a customer order again; keys that were not revoked work at once."""
    User.objects.filter(pk=user_id).update(is_suspended=False)
