"""Staff see the panel as one customer sees it, for half an hour and without changing anything.

The session stays the staff's own: nothing of the customer's is opened, so nothing of theirs can be left open.
What may be looked at is decided by `dashboard.impersonation`.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts.errors import NotACustomer
from accounts.models import Impersonation, User

LASTS = timedelta(minutes=30)
SESSION_KEY = "impersonation"  # where a session names what its staff look at
PERMISSION = "accounts.add_impersonation"


def may_be_shown(user: User) -> bool:
    """Say whether staff may look as this user: never as staff, whose pages could do more than their own."""
    return user.is_active and not (user.is_staff or user.is_superuser)


def begin(*, staff_id: int, customer_id: int, reason: str, address: str | None) -> Impersonation:
    """Write down that staff look as a customer from now on; what they looked at before ends.

    :raises NotACustomer: one of the staff, or somebody inactive.
    """
    with transaction.atomic():
        customer = User.objects.select_for_update(no_key=True).get(pk=customer_id)
        if not may_be_shown(customer):
            raise NotACustomer
        Impersonation.objects.filter(staff_id=staff_id, ended_at=None).update(ended_at=Now())
        return Impersonation.objects.create(
            staff_id=staff_id,
            customer=customer,
            reason=reason,
            address=address,
            expires_at=timezone.now() + LASTS,
        )


def find_live(*, impersonation_id: int, staff: User) -> Impersonation | None:
    """Return what staff look at now; None when it is over, or they or the customer are not what they were."""
    found = (
        Impersonation.objects.select_related("customer")
        .filter(pk=impersonation_id, staff=staff, ended_at=None, expires_at__gt=Now())
        .first()
    )
    if found is None or not staff.has_perm(PERMISSION) or not may_be_shown(found.customer):
        return None
    return found


def end(*, impersonation_id: int, staff_id: int) -> None:
    """Note that staff went back."""
    live = Impersonation.objects.filter(pk=impersonation_id, staff_id=staff_id, ended_at=None, expires_at__gt=Now())
    live.update(ended_at=Now())
