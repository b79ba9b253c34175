"""Second factors and addresses, as the packages they come from keep them, made safe to show."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.http import HttpRequest

from panel.admin_pages import ReadOnlyAdmin

# Registered by the packages they come from, in ways that let staff take over others' accounts: the page of a second
# factor shows its secret, the one of an address lets staff move a password reset to their own mailbox.
for model in (Authenticator, EmailAddress, UserSession):
    admin.site.unregister(model)


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """Second factors, without their secrets; a superuser deletes one that its owner has lost."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    ordering = ("-id",)
    search_fields = ("user__username__exact",)
    search_help_text = "The whole user name"
    fields = ("user", "type", "created_at", "last_used_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers only, one at a time."""
        return obj is not None and request.user.is_superuser


@admin.register(EmailAddress)
class EmailAddressAdmin(ReadOnlyAdmin):
    """Which addresses have been verified; customers change them on their own pages."""

    list_display = ("email", "user", "verified", "primary")
    list_filter = ("verified",)
    list_select_related = ("user",)
    ordering = ("-id",)
    search_fields = ("email__iexact", "user__username__exact")
    search_help_text = "The whole address or the whole user name"
    fields = ("user", "email", "verified", "primary")
