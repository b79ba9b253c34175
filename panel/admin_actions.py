"""A staff action: a page that says what will happen and asks for what is needed, then one operation.

Nothing happens by GET. The pages are ordinary views, so the operation runs outside the transaction in which
Django's admin wraps its own forms. What moves orders or money is an operation of `staff.operations` and done by
`ask_and_perform`; `staff_operation` is for the rest. Both are written into the staff log.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from panel.admin_pages import PanelAdmin, get_visible, link_to, origin_of
from panel.errors import DomainError, describe_refusal
from panel.fields import REASON_MAX_CHARACTERS
from panel.money import format_amount
from staff import audit, bulk
from staff.errors import NothingSelected, TooManySelected
from staff.operations import registry

PREVIEWED = 10  # subjects named on the page that asks about many
NOT_ARGUMENTS = frozenset({"confirmed", "reason"})

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
        for name, field in self.fields.items():
            field.label = capfirst(field.label or name)
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

    It is done and written down in one transaction, so it must not wait for anybody else's server.

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
            form = form_class(sent, request.FILES or None, initial=initial(obj) if initial else None)
            if form.is_valid():
                try:
                    done = _run_and_log(model_admin, request, obj, form.cleaned_data)
                except DomainError as error:
                    form.add_error(None, describe_refusal(error, refusals or {}))
                else:
                    model_admin.message_user(request, done, messages.SUCCESS)
                    return redirect(leads_to or model_admin.page_after(obj))
            return show_form(model_admin, request, form=form, title=description, explanation=explanation, subject=obj)

        def _run_and_log(model_admin: PanelAdmin, request: HttpRequest, obj: Any, data: dict[str, Any]) -> str:
            with transaction.atomic(durable=True):
                obj.refresh_from_db()  # workers write, too, while somebody reads the form
                before = audit.snapshot(obj)
                done = run(model_admin, request, obj, data)
                obj.refresh_from_db()
                model_admin.log_action_page(
                    request,
                    obj,
                    done,
                    before=before,
                    operation=f"{model_admin.opts.label_lower}: {description}",
                    reason=data.get("reason", ""),
                )
            return done

        return ask_and_run

    return make_action


def ask_and_perform(
    model_admin: PanelAdmin,
    request: HttpRequest,
    object_id: str,
    *,
    operation: str,
    explanation: str,
    form_class: type[StaffActionForm],
    initial: Callable[[Any], dict[str, Any]] | None = None,
    subject_of: Callable[[Any], int] = lambda obj: obj.pk,
) -> HttpResponse:
    """Show the form of a registered operation for one object, and perform it when the form comes back valid.

    Its arguments are the form's fields. It may turn out that a second person is needed; the page says so, and nothing
    has moved.

    :param initial: gets the object and returns what the form is filled with at first.
    :param subject_of: gets the object and returns the id of what the operation is about, where that is another one.
    """
    obj = get_visible(model_admin, request, object_id)
    asked = registry.get_operation(operation)
    form = form_class(request.POST if request.method == "POST" else None, initial=initial(obj) if initial else None)
    if form.is_valid():
        try:
            outcome = registry.perform(
                operation,
                subject_id=subject_of(obj),
                arguments=arguments_of(form),
                reason=form.cleaned_data.get("reason", ""),
                actor=request.user,
                origin=origin_of(request),
            )
        except DomainError as error:
            form.add_error(None, registry.explain(error, asked))
        else:
            level = messages.WARNING if outcome.approval else messages.SUCCESS
            model_admin.message_user(request, outcome.text, level)
            return redirect(model_admin.page_after(obj))
    return show_form(model_admin, request, form=form, title=asked.title, explanation=explanation, subject=obj)


def ask_and_perform_on_many(
    model_admin: PanelAdmin,
    request: HttpRequest,
    queryset: QuerySet[Any],
    *,
    operation: str,
    explanation: str,
    form_class: type[StaffActionForm],
    repeated: Mapping[str, Any] | None = None,
) -> HttpResponse | None:
    """Show what an operation would do to selected objects, and start a job when the form comes back valid.

    :param repeated: hidden fields by which the same objects are found again; without them the checked rows.
    """
    asked = registry.get_operation(operation)
    ids = list(queryset.order_by().values_list("pk", flat=True)[: bulk.ITEMS_MAX + 1])
    is_answer = "answered" in request.POST
    form = form_class(request.POST if is_answer else None)
    if is_answer and form.is_valid():
        try:
            job = bulk.create_job(
                operation,
                subject_ids=ids,
                arguments=arguments_of(form),
                reason=form.cleaned_data.get("reason", ""),
                actor=request.user,
                origin=origin_of(request),
                token=UUID(request.POST.get("token", "")),
            )
        except (NothingSelected, TooManySelected, ValueError):
            model_admin.message_user(request, f"Select from 1 to {bulk.ITEMS_MAX} rows.", messages.ERROR)
            return None
        return redirect("admin:staff_bulkjob_change", job.pk)
    weighed: Decimal = bulk.weigh(asked, ids, {}) if not form_class.base_fields.keys() - NOT_ARGUMENTS else Decimal(0)
    first = [link_to(obj) for obj in queryset.model.objects.filter(pk__in=ids[:PREVIEWED])]
    return show_form(
        model_admin,
        request,
        form=form,
        title=asked.title,
        explanation=explanation,
        preview={"count": len(ids), "first": first, "amount": format_amount(weighed) if weighed else ""},
        repeated={
            "action": [request.POST.get("action", "")],
            "answered": ["yes"],
            "token": [request.POST.get("token") or uuid4()],
            **(repeated or {ACTION_CHECKBOX_NAME: ids}),
        },
    )


def arguments_of(form: forms.Form) -> dict[str, Any]:
    """Return a form's fields as the arguments of an operation, in JSON's types; amounts stay exact as text."""
    return {
        name: value if value is None or isinstance(value, bool | int | str | list) else str(value)
        for name, value in form.cleaned_data.items()
        if name not in NOT_ARGUMENTS
    }


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
