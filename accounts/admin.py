"""Customers and staff, their keys and second factors. Their money is in `wallet.admin`."""

from contextlib import suppress
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldBooleanWidget

from accounts import api_keys
from accounts.errors import InvalidApiKey
from accounts.models import ApiKey, User
from panel.admin_actions import staff_action, staff_operation
from panel.admin_pages import PanelAdmin, ReadOnlyAdmin, UndeletableAdmin, link_to, parse_id
from panel.money import format_amount
from wallet import wallets

# What makes a user one of the staff; only superusers hand it out, or staff could promote themselves.
STAFF_FIELDS = ("is_staff", "is_superuser", "groups", "user_permissions")


def may_act_on(request: HttpRequest, user: User) -> bool:
    """Say whether a member of the staff may act on a user: only superusers may on staff and superusers."""
    return request.user.is_superuser or not (user.is_staff or user.is_superuser)


class AddUserForm(UserCreationForm):
    """A new user; a customer gets an empty wallet with the account."""

    is_customer = forms.BooleanField(
        label="customer",
        required=False,
        initial=True,
        help_text=f"Opens a wallet in {settings.BASE_CURRENCY}.",
        widget=UnfoldBooleanWidget,
    )

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username", "email")


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


@admin.register(User)
class UserAdmin(DjangoUserAdmin, UndeletableAdmin):
    """Users are suspended or made inactive, not deleted: money and orders point at them."""

    form = UserChangeForm
    add_form = AddUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("id", "username", "email", "balance", "is_suspended", "is_active", "is_staff", "date_joined")
    list_display_links = ("id", "username")
    list_filter = ("is_suspended", "is_active", "is_staff")
    list_select_related = ("wallet",)
    ordering = ("-id",)
    sortable_by = ("id", "username")
    search_fields = ("username__startswith",)
    search_help_text = "The id, the whole email address, or the beginning of the user name"
    readonly_fields = ("wallet_link", "is_suspended", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "email", "first_name", "last_name")}),
        ("Customer", {"fields": ("wallet_link", "is_suspended", "requests_per_second")}),
        ("Access", {"fields": ("is_active", *STAFF_FIELDS)}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email", "is_customer", "usable_password", "password1", "password2")}),
    )
    inlines = (ApiKeyInline,)
    actions_detail = ("add_funds", "adjust_balance", "suspend", "unsuspend", "revoke_keys")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        """Find by what has an index."""
        term = search_term.strip()
        if "@" in term:
            return queryset.filter(Q(email__iexact=term) | Q(username=term)), False
        found = queryset.filter(username__startswith=term)
        if (user_id := parse_id(term)) is not None:
            found |= queryset.filter(pk=user_id)
        return found, False

    def get_inlines(self, request: HttpRequest, obj: Any) -> tuple[Any, ...]:
        """Show keys where there can be some."""
        return self.inlines if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave the staff's own accounts to superusers."""
        return super().has_change_permission(request, obj) and (obj is None or may_act_on(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Fix for all but superusers what makes a user one of the staff, and the address a password can be reset by."""
        fixed = tuple(super().get_readonly_fields(request, obj))
        if request.user.is_superuser:
            return fixed
        return fixed + STAFF_FIELDS + (("email",) if obj else ())

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save the user; a new customer's wallet is opened in the same transaction."""
        super().save_model(request, obj, form, change)
        if not change and form.cleaned_data["is_customer"]:
            wallets.open_wallet(user_id=obj.pk, currency=settings.BASE_CURRENCY)

    @admin.display(description="balance")
    def balance(self, user: User) -> str:
        """Show what is in the wallet; staff may have none."""
        wallet = getattr(user, "wallet", None)
        return f"{format_amount(wallet.balance)} {wallet.currency}" if wallet else ""

    @admin.display(description="wallet")
    def wallet_link(self, user: User) -> SafeString | str:
        """Link to the wallet under its balance."""
        wallet = getattr(user, "wallet", None)
        return link_to(wallet, self.balance(user)) if wallet else "no wallet"

    def offers(self, action: str, obj: Any) -> bool:
        """Offer money actions to those with a wallet, and of the switches the other way."""
        has_wallet = hasattr(obj, "wallet")
        return {
            "add_funds": has_wallet,
            "adjust_balance": has_wallet,
            "suspend": not obj.is_suspended,
            "unsuspend": obj.is_suspended,
            "revoke_keys": True,
        }[action]

    def has_add_funds_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may make deposits."""
        return request.user.has_perm("wallet.add_deposit")

    def has_adjust_balance_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change wallets."""
        return request.user.has_perm("wallet.change_wallet")

    def has_suspend_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change users."""
        return request.user.has_perm("accounts.change_user") and self._is_within_reach(request, object_id)

    def has_revoke_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change keys."""
        return request.user.has_perm("accounts.change_apikey") and self._is_within_reach(request, object_id)

    def _is_within_reach(self, request: HttpRequest, object_id: Any) -> bool:
        user = self.get_object(request, object_id) if object_id is not None else None
        return user is None or may_act_on(request, user)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the button that sets a password to those whom it obeys."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or request.user.is_superuser:
            return fieldsets
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name != "password"]})
            for title, options in fieldsets
        ]

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Let superusers set another's password: who may set a password is that user."""
        if not request.user.is_superuser:
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)

    @staff_action(description="Add funds", permission="add_funds")
    def add_funds(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to the wallet's page that asks how much."""
        return self._go_to_wallet(request, object_id, "add_funds")

    @staff_action(description="Adjust balance", permission="adjust_balance")
    def adjust_balance(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to the wallet's page that asks how much and why."""
        return self._go_to_wallet(request, object_id, "adjust_balance")

    def _go_to_wallet(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        user = self.get_object(request, object_id)
        if user is None or not hasattr(user, "wallet"):
            raise Http404
        return redirect(f"admin:wallet_wallet_{name}", user.wallet.pk)

    @staff_operation(
        description="Suspend",
        permission="suspend",
        explanation="From the next request on the API answers 'Account suspended' and nothing can be ordered. "
        "Orders that are placed go on.",
    )
    def suspend(self, request: HttpRequest, user: User, data: dict[str, Any]) -> str:
        """Stop a customer from ordering."""
        User.objects.filter(pk=user.pk).update(is_suspended=True)
        return f"{user} is suspended."

    @staff_operation(
        description="Unsuspend",
        permission="suspend",
        explanation="The customer can use the API and order again, from the next request on.",
    )
    def unsuspend(self, request: HttpRequest, user: User, data: dict[str, Any]) -> str:
        """Let a suspended customer order again."""
        User.objects.filter(pk=user.pk).update(is_suspended=False)
        return f"{user} is not suspended any more."

    @staff_operation(
        description="Revoke all API keys",
        permission="revoke",
        explanation="Every program of this customer stops working at once and needs a new key.",
    )
    def revoke_keys(self, request: HttpRequest, user: User, data: dict[str, Any]) -> str:
        """Make every key of a customer dead at once."""
        live = list(api_keys.list_api_keys(user).filter(revoked_at=None))
        for key in live:
            _revoke(key)
        return f"Revoked {len(live)} API keys."


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
        refusals={InvalidApiKey: "This key is revoked already."},
    )
    def revoke(self, request: HttpRequest, key: ApiKey, data: dict[str, Any]) -> str:
        """Make one key dead at once."""
        api_keys.revoke_api_key(user=key.user, key_id=key.pk)
        return f"Revoked {key}."


# Registered by the packages they come from, in ways that let staff take over others' accounts: the page of a second
# factor shows its secret, the one of an address lets staff move a password reset to their own mailbox.
for model in (Group, Authenticator, EmailAddress, UserSession):
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


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, PanelAdmin):
    """What members of the staff may do, by role; for superusers, or staff could widen their own role."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show it to superusers."""
        return request.user.is_superuser

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let superusers only."""
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers only."""
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers only."""
        return request.user.is_superuser

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers only."""
        return request.user.is_superuser


def _revoke(key: ApiKey) -> None:
    with suppress(InvalidApiKey):  # the customer was faster
        api_keys.revoke_api_key(user=key.user, key_id=key.pk)
