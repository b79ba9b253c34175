"""Customers and staff. Their money is in `wallet.admin`, what they pay in `catalog.admin.customers`."""

from collections.abc import Iterable
from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from accounts import api_keys, impersonations, suspension
from accounts.admin.api_keys import ApiKeyInline, revoke_quietly
from accounts.admin.reach import may_act_on
from accounts.errors import NotACustomer
from accounts.models import NOTE_MAX_CHARACTERS, CustomerNote, Impersonation, User
from panel.admin_actions import ReasonForm, StaffActionForm, actor_of, staff_action, staff_operation
from panel.admin_facts import Fact
from panel.admin_pages import UndeletableAdmin, draw_label, link_to, parse_id
from panel.money import format_amount
from wallet import wallets

NOTES_SHOWN_MAX = 50
IMPERSONATIONS_SHOWN_MAX = 5  # the list has the rest

# What makes a user one of the staff; only superusers hand it out, or staff could promote themselves.
STAFF_FIELDS = ("is_staff", "is_superuser", "groups", "user_permissions")


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


class PasswordForm(AdminPasswordChangeForm):
    """Another's password, or none."""

    def set_password_and_save(self, user: User, commit: bool = True, **options: Any) -> User:
        """Write the password only: others may be suspending the user."""
        super().set_password_and_save(user, commit=False, **options)
        if commit:
            user.save(update_fields=["password"])
        return user


class NoteForm(StaffActionForm):
    """Something to remember of a customer."""

    confirmed = None  # type: ignore[assignment]  # saving a note says that it is meant
    text = forms.CharField(
        label="note",
        max_length=NOTE_MAX_CHARACTERS,
        help_text="Staff who may see the customer read it, with your name; the customer never does. "
        "It cannot be changed later.",
        widget=UnfoldAdminTextareaWidget({"rows": 5}),
    )


@admin.register(User)
class UserAdmin(DjangoUserAdmin, UndeletableAdmin):
    """Users are suspended or made inactive, not deleted: money and orders point at them."""

    form = UserChangeForm
    add_form = AddUserForm
    change_password_form = PasswordForm
    list_display = ("id", "username", "email", "balance", "standing", "date_joined")
    list_display_links = ("id", "username")
    list_filter = ("is_suspended", "is_active", "is_staff")
    list_select_related = ("wallet",)
    ordering = ("-id",)
    sortable_by = ("id", "username")
    search_fields = ("username__startswith",)
    search_help_text = "The id, the whole email address, or the beginning of the user name"
    readonly_fields = ("wallet_link", "elsewhere", "standing", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("wallet_link", "elsewhere", "standing", "requests_per_second")}),
        ("Account", {"fields": ("username", "password", "email", "first_name", "last_name"), "classes": ["tab"]}),
        ("Access", {"fields": ("is_active", *STAFF_FIELDS), "classes": ["tab"]}),
        ("Dates", {"fields": ("last_login", "date_joined"), "classes": ["tab"]}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email", "is_customer", "usable_password", "password1", "password2")}),
    )
    inlines = (ApiKeyInline,)
    actions_detail = (
        "add_funds", "adjust_balance", "prices", "note", "sign_in_as", "suspend", "unsuspend", "revoke_keys",
    )  # fmt: skip

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
        """Write only what staff changed: others may be suspending the user. A new customer gets a wallet, too."""
        if change:
            columns = {column.name for column in self.opts.concrete_fields}  # groups are saved after it
            obj.save(update_fields=columns.intersection(form.changed_data))
            return
        super().save_model(request, obj, form, change)
        if form.cleaned_data["is_customer"]:
            wallets.open_wallet(user_id=obj.pk, currency=settings.BASE_CURRENCY)

    @admin.display(description="balance")
    def balance(self, user: User) -> str:
        """Show what is in the wallet; staff may have none."""
        wallet = getattr(user, "wallet", None)
        return f"{format_amount(wallet.balance)} {wallet.currency}" if wallet else ""

    @admin.display(description="standing")
    def standing(self, user: User) -> SafeString:
        """Say in a word what the user is; first what stops them from anything."""
        if user.is_suspended:
            return draw_label("suspended", "danger")
        if not user.is_active:
            return draw_label("inactive", "warning")
        return draw_label("staff", "info") if user.is_staff else draw_label("customer", "success")

    @admin.display(description="wallet")
    def wallet_link(self, user: User) -> SafeString | str:
        """Link to the wallet under its balance."""
        wallet = getattr(user, "wallet", None)
        return link_to(wallet, self.balance(user)) if wallet else "no wallet"

    @admin.display(description="elsewhere")
    def elsewhere(self, user: User) -> SafeString | str:
        """Link to the lists of what belongs to a customer."""
        wallet = getattr(user, "wallet", None)
        if wallet is None:
            return "nothing"
        lists = (
            ("Statement", "wallet_ledgerentry", "wallet", wallet.pk),
            ("Orders", "orders_order", "customer", user.pk),
            ("Payments", "payments_payment", "wallet", wallet.pk),
            ("Tickets", "support_ticket", "customer__id__exact", user.pk),
        )
        links = ((reverse(f"admin:{page}_changelist"), name, pk, title) for title, page, name, pk in lists)
        return format_html_join(" · ", '<a href="{}?{}={}" class="text-link whitespace-nowrap">{}</a>', links)

    def list_facts(self, obj: User) -> Iterable[Fact]:
        """Show what staff noted of a customer, and when they looked as this customer."""
        notes: Any = obj.staff_notes.select_related("author")[:NOTES_SHOWN_MAX]
        yield Fact("Notes", ("when", "who", "note"), [(note.at, note.author, note.text) for note in notes])
        looks = Impersonation.objects.filter(customer=obj).select_related("staff")[:IMPERSONATIONS_SHOWN_MAX]
        if looks:
            address = reverse("admin:accounts_impersonation_changelist")
            yield Fact(
                "Signed in as this customer",
                ("when", "who", "why", "from where", "until"),
                [
                    (look.started_at, look.staff, look.reason, look.address, look.ended_at or "expired")
                    for look in looks
                ],
                format_html('<a href="{}?q={}" class="text-link">All of them</a>', address, obj.username),
            )

    def offers(self, action: str, obj: Any) -> bool:
        """Offer money actions to those with a wallet, and of the switches the other way."""
        has_wallet = hasattr(obj, "wallet")
        return {
            "add_funds": has_wallet,
            "adjust_balance": has_wallet,
            "prices": has_wallet,
            "note": True,
            "sign_in_as": has_wallet and impersonations.may_be_shown(obj),
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

    def has_prices_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may see what customers pay."""
        return request.user.has_perms(("catalog.view_customrate", "catalog.view_discount"))

    def has_note_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may write notes."""
        return request.user.has_perm("accounts.add_customernote")

    def has_sign_in_as_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may look as a customer."""
        return request.user.has_perm(impersonations.PERMISSION)

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
        """Say whose page it is, and show the button that sets a password to those whom it obeys."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None:  # the head of the page has too many buttons to show the whole name
            whose = ", ".join(filter(None, [f"{'staff' if obj.is_staff else 'customer'} {obj.username}", obj.email]))
            fieldsets = [(whose, fieldsets[0][1]), *fieldsets[1:]]
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

    @staff_action(description="Own prices", permission="prices")
    def prices(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to what this customer pays."""
        user = self.get_object(request, object_id)
        if user is None:
            raise Http404
        return redirect("admin:catalog_customrate_customer", user.pk)

    @staff_operation(description="Add note", permission="note", explanation="For staff only.", form_class=NoteForm)
    def note(self, request: HttpRequest, user: User, data: dict[str, Any]) -> str:
        """Write down something for the other staff."""
        CustomerNote.objects.create(customer=user, author_id=actor_of(request), text=data["text"])
        return "The note is kept."

    @staff_operation(
        description="Sign in as",
        permission="sign_in_as",
        explanation="Shows you the pages of this customer for half an hour. Nothing can be changed, ordered or paid "
        "there, and passwords and second factors are not shown. It is recorded.",
        form_class=ReasonForm,
        refusals={NotACustomer: "Nobody can sign in as staff, or as somebody who is not active."},
        leads_to=settings.LOGIN_REDIRECT_URL,
    )
    def sign_in_as(self, request: HttpRequest, user: User, data: dict[str, Any]) -> str:
        """Look at the panel as the customer does."""
        begun = impersonations.begin(
            staff_id=actor_of(request),
            customer_id=user.pk,
            reason=data["reason"],
            address=get_adapter().get_client_ip(request),
        )
        request.session[impersonations.SESSION_KEY] = begun.pk
        return f"You are looking as {user}."

    @staff_operation(
        description="Suspend",
        permission="suspend",
        explanation="From the next request on the API answers 'Account suspended', every browser is logged out, and "
        "nothing can be ordered or paid in. The customer may log in again to read and to write to support. Orders "
        "that are placed go on.",
        form_class=ReasonForm,
    )
    def suspend(self, request: HttpRequest, user: User, data: dict[str, Any]) -> str:
        """Stop a customer from ordering."""
        suspension.suspend(user.pk)
        return f"{user} is suspended."

    @staff_operation(
        description="Unsuspend",
        permission="suspend",
        explanation="The customer can use the API and order again, from the next request on.",
        form_class=ReasonForm,
    )
    def unsuspend(self, request: HttpRequest, user: User, data: dict[str, Any]) -> str:
        """Let a suspended customer order again."""
        suspension.unsuspend(user.pk)
        return f"{user} is not suspended any more."

    @staff_operation(
        description="Revoke all API keys",
        permission="revoke",
        explanation="Every program of this customer stops working at once and needs a new key.",
        form_class=ReasonForm,
    )
    def revoke_keys(self, request: HttpRequest, user: User, data: dict[str, Any]) -> str:
        """Make every key of a customer dead at once."""
        live = list(api_keys.list_api_keys(user).filter(revoked_at=None))
        for key in live:
            revoke_quietly(key)
        return f"Revoked {len(live)} API keys."
