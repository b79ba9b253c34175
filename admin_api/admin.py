"""Staff keys: whoever may have one issues it here and sees it once."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from accounts.models import User
from admin_api import keys
from admin_api.errors import InvalidStaffKey, TooManyStaffKeys
from admin_api.models import StaffKey
from admin_api.scopes import Scope
from panel.admin_actions import ReasonForm, show_form, staff_action, staff_operation
from panel.admin_pages import ReadOnlyAdmin

DAYS_MAX = 3650
MANAGE = "admin_api.manage_staffkey"


class IssueForm(forms.Form):
    """A key for a program of one's own."""

    name = forms.CharField(max_length=60, help_text="Which program will use it.", widget=UnfoldAdminTextInputWidget())
    days = forms.IntegerField(
        label="Valid for days",
        required=False,
        min_value=1,
        max_value=DAYS_MAX,
        help_text="Empty: until it is revoked.",
        widget=UnfoldAdminIntegerFieldWidget(),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # One box for each: a list to choose several from is easily left with the wrong ones.
        for scope in Scope:
            self.fields[_box_of(scope)] = forms.BooleanField(
                label=scope.label, required=False, widget=UnfoldBooleanWidget()
            )

    def clean(self) -> dict[str, Any]:
        """Ask for something to use it for."""
        data: dict[str, Any] = super().clean() or {}
        data["scopes"] = [scope for scope in Scope if data.get(_box_of(scope))]
        if not data["scopes"]:
            self.add_error(None, "Choose at least one scope.")
        return data


def _box_of(scope: Scope) -> str:
    return "scope_" + scope.value.replace(":", "_")


@admin.register(StaffKey)
class StaffKeyAdmin(ReadOnlyAdmin):
    """Keys of the Admin API; of their text only the first six characters are known."""

    list_display = ("id", "name", "owner", "hint", "scope_list", "last_used_at", "expires_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("owner",)
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("owner__username__exact", "hint__exact")
    search_help_text = "The whole user name, or the first six characters of the key"
    fields = (
        "name", "owner", "hint", "scope_list", "created_at", "last_used_at", "expires_at", "revoked_at",
    )  # fmt: skip
    readonly_fields = ("scope_list",)
    actions_list = ("issue",)
    actions_detail = ("revoke",)

    @admin.display(description="scopes")
    def scope_list(self, key: StaffKey) -> str:
        """Show what it may be used for."""
        return ", ".join(key.scopes)

    def get_queryset(self, request: HttpRequest) -> QuerySet[StaffKey]:
        """Show one's own keys, and all to those who manage them."""
        found: QuerySet[StaffKey] = super().get_queryset(request)
        return found if request.user.has_perm(MANAGE) else found.filter(owner=request.user.pk)

    def offers(self, action: str, obj: Any) -> bool:
        """Offer to revoke what lives."""
        return obj.revoked_at is None

    def has_issue_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may add keys."""
        return request.user.has_perm("admin_api.add_staffkey")

    def has_revoke_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Whose key it is, and those who manage keys."""
        if object_id is None:
            return request.user.has_perm("admin_api.view_staffkey")
        return self.get_queryset(request).filter(Q(pk=object_id)).exists()

    @staff_action(description="Issue a key", permission="issue")
    def issue(self, request: HttpRequest) -> HttpResponse:
        """Make a key for oneself and show its text, this once."""
        assert isinstance(request.user, User)
        form = IssueForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            data = form.cleaned_data
            try:
                with transaction.atomic():
                    key, text = keys.issue_staff_key(
                        owner=request.user,
                        name=data["name"],
                        scopes=data["scopes"],
                        expires_at=timezone.now() + timedelta(days=data["days"]) if data["days"] else None,
                    )
                    done = f"Issued: {', '.join(key.scopes)}."
                    self.log_action_page(request, key, done, before={}, operation="admin_api.issue_key", reason="")
            except TooManyStaffKeys:
                form.add_error(None, f"There are {keys.KEYS_MAX} live keys already. Revoke one first.")
            else:
                return self._show_once(request, key, text)
        return show_form(
            self,
            request,
            form=form,
            title="Issue a key",
            explanation="The key is shown once. It does what you may do, within the scopes chosen, and dies when you "
            "are suspended or leave.",
        )

    def _show_once(self, request: HttpRequest, key: StaffKey, text: str) -> HttpResponse:
        messages.success(request, f"Issued {key}.")
        response = TemplateResponse(
            request,
            "admin/staff_key.html",
            {**self.admin_site.each_context(request), "opts": self.opts, "title": "Your key", "key": key, "text": text},
        )
        patch_cache_control(response, no_store=True, private=True)
        return response

    @staff_operation(
        description="Revoke",
        permission="revoke",
        explanation="The program that uses this key stops working at once and needs a new one.",
        form_class=ReasonForm,
        refusals={InvalidStaffKey: "This key is revoked already."},
    )
    def revoke(self, request: HttpRequest, key: StaffKey, data: dict[str, Any]) -> str:
        """Make a key dead at once."""
        keys.revoke_staff_key(key_id=key.pk)
        return f"Revoked {key}."
