"""Stop waiting for money that nobody sends."""

from django.db.models.functions import Now

from payments.models import Payment


def expire_stale() -> int:
    """End the payments whose customers did nothing in time, and return how many. Late money is credited all the same.

    Those that a customer says to have paid stay open until somebody decides.
    """
    stale = Payment.objects.filter(state=Payment.State.PENDING, expires_at__lt=Now())
    return stale.update(state=Payment.State.EXPIRED, ended_at=Now(), continue_url="")
