"""A staff action: a page that says what will happen and asks for what is needed, then one operation.

Nothing happens by GET. The pages are ordinary views, so the operation runs outside the transaction in which
Django's admin wraps its own forms.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from panel.admin_pages import PanelAdmin
from panel.errors import DomainError

REASON_MAX_CHARACTERS = 300  # the columns that keep it

View = TypeVar("View", bound=Callable[..., Any])
# A method of a page: gets the request, the object and the form's data, and returns what it did, in words.
Operation = Callable[[Any, HttpRequest, Any, dict[str, Any]], str]
Refusals = Mapping[type[DomainError], str]


def staff_action(*, description: str, permission: str) -> Callable[[View], View]:
    """Make a method the button and the page of an action, for those whom `has_<permission>_permission` lets.

    Named by a method of the page and not as `app.codename`: the framework would look the latter up in the database
    whenever it checks the project, also before the first migration.
    """
    return action(description=description, permissions=[permission])


def actor_of(request: HttpRequest) -> int:
    """Return the id of the member of the staff who acts."""
    assert request.user.pk is not None
    return request.user.pk


class StaffActionForm(forms.Form):
    """The least that every action asks: that it was read."""

    confirmed = forms.BooleanField(label="I have read this and want it done", widget=UnfoldBooleanWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Inherited fields come first, but the reason belongs under what it is for, and the confirmation under all.
        last: list[str] = [name for name in ("reason", "confirmed") if name in self.fields]
        self.order_fields([name for name in self.fields if name not in last] + last)


class ReasonForm(StaffActionForm):
    """An action that staff must give a reason for."""

    reason = forms.CharField(
        max_length=REASON_MAX_CHARACTERS,
        help_text="Kept with your name.",
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
    )


class ShownReasonForm(ReasonForm):
    """The same for what the customer's pages repeat."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = "The customer sees this text. It is kept with your name."


def staff_operation(
    *,
    description: str,
    permission: str,
    explanation: str,
    form_class: type[StaffActionForm] = StaffActionForm,
    refusals: Refusals | None = None,
    initial: Callable[[Any], dict[str, Any]] | None = None,
    leads_to: str = "",
) -> Callable[[Operation], Callable[..., HttpResponse]]:
    """Make a method that does one operation on one object a staff action, which asks first.

    :param refusals: what to say when the domain refuses; nothing has moved then.
    :param initial: gets the object and returns what the form is filled with at first.
    :param leads_to: the page after it; empty: the object's.
    """

    def make_action(run: Operation) -> Callable[..., HttpResponse]:
        @staff_action(description=description, permission=permission)
        @wraps(run)
        def ask_and_run(model_admin: PanelAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
            obj = get_visible(model_admin, request, object_id)
            sent = request.POST if request.method == "POST" else None
            form = form_class(sent, initial=initial(obj) if initial else None)
            if form.is_valid():
                try:
                    done = run(model_admin, request, obj, form.cleaned_data)
                except DomainError as error:
                    form.add_error(None, describe_refusal(error, refusals or {}))
                else:
                    model_admin.log_change(request, obj, done)
                    model_admin.message_user(request, done, messages.SUCCESS)
                    return redirect(leads_to or model_admin.page_after(obj))
            return show_form(model_admin, request, form=form, title=description, explanation=explanation, subject=obj)

        return ask_and_run

    return make_action


def get_visible(model_admin: PanelAdmin, request: HttpRequest, object_id: str) -> Any:
    """Return the object an action is about to somebody who may see it, which the permission to act does not say."""
    obj = model_admin.get_object(request, object_id)
    if obj is None:
        raise Http404
    if not model_admin.has_view_permission(request, obj):
        raise PermissionDenied
    return obj


def show_form(
    model_admin: PanelAdmin,
    request: HttpRequest,
    *,
    form: forms.Form,
    title: str,
    explanation: str,
    subject: Model | None = None,
    **context: Any,
) -> HttpResponse:
    """Show an action's page."""
    return TemplateResponse(
        request,
        "admin/staff_action.html",
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "title": title,
            "explanation": explanation,
            "form": form,
            "original": subject,
            "subject": model_admin.describe(subject) if subject else "",
            **context,
        },
    )


def describe_refusal(error: DomainError, refusals: Refusals) -> str:
    """Return what staff read when the domain says no."""
    return refusals.get(type(error), f"Refused ({type(error).__name__}). Nothing was changed.")
