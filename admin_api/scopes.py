"""What a key may be used for; it never allows more than its owner may do."""

from django.db import models


class Scope(models.TextChoices):
    """One area of the Admin API, to read or to change."""

    ORDERS_READ = "orders:read", "Orders: read"
    ORDERS_WRITE = "orders:write", "Orders: pull, report on, change"
    REFILLS_WRITE = "refills:write", "Refills: pull, set their status"
    CANCELS_WRITE = "cancels:write", "Cancel requests: pull, reject"
    PAYMENTS_READ = "payments:read", "Payments: read"
    PAYMENTS_WRITE = "payments:write", "Payments: add"
    USERS_READ = "users:read", "Users: read"
    USERS_WRITE = "users:write", "Users: add"
    TICKETS_READ = "tickets:read", "Tickets: read"
    TICKETS_WRITE = "tickets:write", "Tickets: answer, open"
