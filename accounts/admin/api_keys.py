"""All keys, and those of one customer on their page."""

from contextlib import suppress
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline

from accounts import api_keys
from accounts.admin.reach import may_act_on
from accounts.errors import InvalidApiKey
from accounts.models import ApiKey
from panel.admin_actions import ReasonForm, staff_operation
from panel.admin_pages import ReadOnlyAdmin


class ApiKeyInline(TabularInline):
    """A customer's keys to look at: a key's text is not kept, and its digest is nobody's business."""

    model = ApiKey
    fields = readonly_fields = ("name", "hint", "created_at", "last_used_at", "revoked_at")
    extra = 0
    can_delete = False
    verbose_name_plural = "API keys"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse always: customers issue their keys."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse always."""
        return False


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """All keys; of their text only the first six characters are known."""

    list_display = ("id", "user", "name", "hint", "created_at", "last_used_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    ordering = ("-id",)
    search_fields = ("user__username__exact", "hint__exact")
    search_help_text = "The whole user name, or the first six characters of the key"
    fields = ("user", "name", "hint", "created_at", "last_used_at", "revoked_at")
    actions_detail = ("revoke",)

    def offers(self, action: str, obj: Any) -> bool:
        """Offer to revoke what lives."""
        return obj.revoked_at is None

    def has_revoke_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change keys."""
        key = self.get_object(request, object_id) if object_id is not None else None
        return request.user.has_perm("accounts.change_apikey") and (key is None or may_act_on(request, key.user))

    @staff_operation(
        description="Revoke",
        permission="revoke",
        explanation="The program that uses this key stops working at once and needs a new one.",
        form_class=ReasonForm,
        refusals={InvalidApiKey: "This key is revoked already."},
    )
    def revoke(self, request: HttpRequest, key: ApiKey, data: dict[str, Any]) -> str:
        """Make one key dead at once."""
        api_keys.revoke_api_key(user=key.user, key_id=key.pk)
        return f"Revoked {key}."


def revoke_quietly(key: ApiKey) -> None:
    """Make a key dead that lives; nothing to say of one that is dead already."""
    with suppress(InvalidApiKey):  # the customer was faster
        api_keys.revoke_api_key(user=key.user, key_id=key.pk)
