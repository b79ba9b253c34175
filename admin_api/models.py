"""The keys with which programs act for members of the staff."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from admin_api.scopes import Scope

KEY_HINT_CHARACTERS = 6


class StaffKey(models.Model):
    """A secret with which a program acts for a member of the staff; only a keyed digest of it is kept.

    A row outlives its key, so that one can see later which keys there were.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="staff_keys",
        help_text="The key can do no more than its owner, and nothing once its owner is suspended or has left.",
    )
    name = models.CharField(max_length=60, help_text="Which program uses it.")
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope))
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    hint = models.CharField(max_length=KEY_HINT_CHARACTERS, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-id"]
        permissions = [("manage_staffkey", "Can see and revoke keys of other members of the staff")]
        constraints = [
            models.CheckConstraint(condition=Q(hint__regex=r"^[0-9a-f]{6}$"), name="staffkey_hint_shape"),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=[scope.value for scope in Scope]) & Q(scopes__len__gte=1),
                name="staffkey_scopes_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"
