"""The panels we buy from."""

from django.db import models
from django.db.models.functions import Now


class Provider(models.Model):
    """A panel that delivers our orders."""

    class Kind(models.TextChoices):
        SANDBOX = "sandbox", "Built-in sandbox"

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=20, choices=Kind)
    is_active = models.BooleanField(default=True, help_text="Runs of a paused provider wait in the queue.")
    paused_until = models.DateTimeField(
        null=True, blank=True, help_text="Set when the provider refuses for a while (its balance, its rate limit)."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.name


class SandboxOrder(models.Model):
    """An order at the sandbox provider: the outside world, kept in a table of its own.

    Its state is computed from its age, so that nothing needs to run for it.
    """

    service = models.CharField(max_length=50)
    link = models.CharField(max_length=2048)
    quantity = models.PositiveIntegerField()
    outcome = models.CharField(max_length=20)
    created_at = models.DateTimeField(db_default=Now())
    canceled_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.pk)


class SandboxRefill(models.Model):
    """A refill at the sandbox provider; like its order, computed from its age."""

    order = models.ForeignKey(SandboxOrder, on_delete=models.CASCADE)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return str(self.pk)
