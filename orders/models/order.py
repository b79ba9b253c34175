"""What a customer bought."""

from django.conf import settings
from django.contrib.postgres.indexes import HashIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models import ApiKey
from catalog.models import Service
from orders.transitions import FINAL_STATUSES, Status
from panel.fields import MoneyField
from wallet.models import LedgerEntry

LINK_MAX_CHARACTERS = 2048  # what browsers and providers accept as an address

STATUSES = [(status.value, status.value) for status in Status]


class Order(models.Model):
    """What a customer bought: one service, one link, one charge.

    `status`, `remains`, `start_count` and `refunded` repeat what the runs and the ledger say, written in
    the same transaction, so that a status call reads one row.
    """

    # 32 bits: the protocol promises order ids below 2^31.
    id = models.AutoField(primary_key=True)
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders", db_index=False
    )
    api_key = models.ForeignKey(ApiKey, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="orders", db_index=False)
    service_type = models.CharField(max_length=40)
    link = models.CharField(max_length=LINK_MAX_CHARACTERS)
    quantity = models.PositiveIntegerField()
    parameters = models.JSONField(default=dict, help_text="What the service type asks for: comments, usernames, ...")
    rate = MoneyField(help_text="Per 1000, in the wallet's currency, when the order was placed.")
    charge = MoneyField()
    refunded = MoneyField(default=0)
    refund_count = models.PositiveSmallIntegerField(default=0, help_text="Numbers the refunds' ledger keys.")
    charge_entry = models.OneToOneField(LedgerEntry, null=True, on_delete=models.PROTECT, related_name="charged_order")
    run_count = models.PositiveSmallIntegerField(default=1)
    interval_minutes = models.PositiveIntegerField(null=True)
    status = models.CharField(max_length=12, choices=STATUSES, default=Status.PENDING)
    start_count = models.BigIntegerField(null=True)
    remains = models.PositiveIntegerField()
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    archived_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(refunded__gte=0, refunded__lte=F("charge")), name="order_refund_range"),
            models.CheckConstraint(
                condition=Q(charge=0, charge_entry__isnull=True) | Q(charge__gt=0, charge_entry__isnull=False),
                name="order_charged_once",
            ),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="order_quantity_positive"),
            models.CheckConstraint(condition=Q(status__in=list(Status)), name="order_status_known"),
            models.CheckConstraint(condition=Q(remains__lte=F("quantity")), name="order_remains_range"),
            models.CheckConstraint(
                condition=Q(status__in=sorted(FINAL_STATUSES), finished_at__isnull=False)
                | (~Q(status__in=sorted(FINAL_STATUSES)) & Q(finished_at__isnull=True)),
                name="order_finished_with_status",
            ),
            models.CheckConstraint(
                condition=Q(archived_at__isnull=True) | Q(finished_at__isnull=False), name="order_archived_after_end"
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "-id"], name="order_by_customer"),
            models.Index(fields=["service", "-id"], name="order_by_service"),
            # Links are longer than a B-tree takes, and are asked for as a whole only.
            HashIndex(fields=["link"], name="order_by_link"),
            # Ordinary orders are not in it and do not pay for it.
            models.Index(fields=["customer", "-id"], condition=Q(run_count__gt=1), name="order_dripfeeds"),
            # Orders for nothing leave no line in the ledger, by which all others are counted.
            models.Index(fields=["customer", "created_at"], condition=Q(charge=0), name="order_free"),
            models.Index(
                fields=["finished_at"],
                condition=Q(archived_at__isnull=True, finished_at__isnull=False),
                name="order_to_archive",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
