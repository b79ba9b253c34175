"""What customers ask and staff answer.

The rule that messages never change is PostgreSQL's: see `migrations/0002_message_rules.py`.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length, Now
from django.db.models.lookups import GreaterThan, LessThanOrEqual
from django.utils.translation import gettext_lazy as _

from orders.models import Order

TITLE_MAX_CHARACTERS = 120
TEXT_MAX_CHARACTERS = 5_000  # two printed pages
NAME_MAX_CHARACTERS = 100
ATTACHMENT_MAX_BYTES = 2 * 1024 * 1024  # a screenshot of a large display


class Ticket(models.Model):
    """One matter between a customer and the staff, from the first question to the last answer."""

    class Subject(models.TextChoices):
        ORDER = "order", _("Order")
        PAYMENT = "payment", _("Payment")
        SERVICE = "service", _("Service")
        API = "api", _("API")
        OTHER = "other", _("Something else")

    class State(models.TextChoices):
        OPEN = "open", _("Waiting for support")
        ANSWERED = "answered", _("Answered")
        CLOSED = "closed", _("Closed")

    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="tickets", db_index=False
    )
    subject = models.CharField(max_length=10, choices=Subject)
    title = models.CharField(max_length=TITLE_MAX_CHARACTERS)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    orders = models.ManyToManyField(Order, related_name="+")
    # Its id grows with time, so it puts tickets in the order in which something happened, and is a list's key.
    last_message = models.OneToOneField("Message", null=True, on_delete=models.PROTECT, related_name="+")
    is_unread_by_customer = models.BooleanField(default=False)
    is_unread_by_staff = models.BooleanField("new", default=True)
    owes_customer_mail = models.BooleanField(default=False)
    owes_staff_mail = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["open", "answered", "closed"]), name="ticket_state_known"),
            models.CheckConstraint(condition=~Q(title=""), name="ticket_has_title"),
        ]
        indexes = [
            models.Index(fields=["customer", "-last_message"], name="ticket_by_customer"),
            models.Index(fields=["customer", "state", "-last_message"], name="ticket_by_state"),
            models.Index(fields=["customer"], condition=Q(is_unread_by_customer=True), name="ticket_unread"),
            models.Index(fields=["-state", "last_message"], name="ticket_queue"),
            models.Index(
                fields=["id"], condition=Q(owes_customer_mail=True) | Q(owes_staff_mail=True), name="ticket_owes_mail"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.title}"


class Message(models.Model):
    """What one side wrote; append-only, so that nobody can deny it later."""

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="messages", db_index=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    is_staff = models.BooleanField()
    text = models.TextField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(GreaterThan(Length("text"), 0)) & Q(LessThanOrEqual(Length("text"), TEXT_MAX_CHARACTERS)),
                name="message_length",
            ),
        ]
        indexes = [
            models.Index(fields=["ticket", "-id"], name="message_by_ticket"),
            models.Index(fields=["author", "at"], name="message_by_author"),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id}/{self.pk}"


class Attachment(models.Model):
    """A file that came with a message. It is in the database, which is all that several web machines share."""

    class ContentType(models.TextChoices):
        PNG = "image/png"
        JPEG = "image/jpeg"
        WEBP = "image/webp"
        GIF = "image/gif"
        PDF = "application/pdf"
        TEXT = "text/plain"

    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="attachments")
    name = models.CharField(max_length=NAME_MAX_CHARACTERS)
    content_type = models.CharField(max_length=20, choices=ContentType)
    size = models.PositiveIntegerField(help_text="In bytes.")
    content = models.BinaryField()

    LIST_FIELDS: ClassVar = ("id", "message_id", "name", "content_type", "size")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(size__gte=1, size__lte=ATTACHMENT_MAX_BYTES)
                & Q(size=models.Func(F("content"), function="octet_length", output_field=models.IntegerField())),
                name="attachment_size",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SavedReply(models.Model):
    """An answer that staff give often, put into the form of an answer to be changed there before it is sent."""

    title = models.CharField(max_length=TITLE_MAX_CHARACTERS, unique=True)
    text = models.TextField(
        max_length=TEXT_MAX_CHARACTERS,
        help_text="{username}, {ticket} and {orders} become the customer's name, the ticket's number and its orders.",
    )
    position = models.PositiveIntegerField(default=0, help_text="The smallest comes first.")

    class Meta:
        verbose_name_plural = "saved replies"
        ordering = ["position", "title"]
        constraints = [models.CheckConstraint(condition=~Q(text="") & ~Q(title=""), name="saved_reply_not_empty")]

    def __str__(self) -> str:
        return self.title
