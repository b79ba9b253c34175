"""What a member of the staff has moved within a day with nobody else looking: many small amounts are a large one."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Sum
from django.db.models.functions import Now

from panel.money import ZERO
from staff.models import AuditEntry, BulkJob, Channel

WITHIN = timedelta(days=1)


def take_turn(actor: Any) -> None:
    """Have others wait that act in the same name until the caller's transaction ends: they would not see its amount."""
    get_user_model().objects.select_for_update(no_key=True).only("pk").get(pk=actor.pk)


def sum_lately(actor: Any) -> Decimal:
    """Add up what they moved alone, in the base currency. A job on many counts as soon as it was asked for."""
    entries = AuditEntry.objects.filter(actor=actor, approver=None, amount__isnull=False, at__gte=Now() - WITHIN)
    entries = entries.exclude(operation__startswith="approval.")
    entries = entries.exclude(channel=Channel.BULK)  # these were counted with their job
    entries = entries.exclude(operation="bulk.create", after__state=BulkJob.State.ASKED.value)
    return entries.aggregate(total=Sum("amount"))["total"] or ZERO
