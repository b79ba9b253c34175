"""What the staff's pages share: lists that stay cheap, pages that only show, and what is written of what they do."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist, PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import JSONField, Model, QuerySet, TextField
from django.db.models.constants import LOOKUP_SEP
from django.forms import Field, ModelChoiceField, ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from panel import admin_history
from panel.admin_facts import Fact
from panel.admin_history import PAGE_ROWS, Happening
from staff import audit, history
from staff.audit import Origin
from staff.models import Channel

COUNTED_ROWS_MAX = 10_000  # as far as anybody pages; counting ten million rows takes seconds
SEARCHED_ID_DIGITS_MAX = 18  # what fits a database integer
FIELDS_IN_A_ROW = 4  # of pages that only show
LONG_CHARACTERS = 120  # a column for more than this gets a row of its own


def name_fields(fields: Mapping[str, Field]) -> None:
    """Name the fields of a form that is a row, for whoever cannot see what stands above them."""
    for name, field in fields.items():
        widget: Any = getattr(field.widget, "widget", field.widget)  # within the one that offers to add another
        widget.attrs.setdefault("aria-label", str(field.label or name))


class CappedPaginator(Paginator):
    """Count no further than `COUNTED_ROWS_MAX`: what is older is found by searching, not by paging."""

    @cached_property
    def count(self) -> int:
        """Count the rows that can be paged through."""
        rows: Any = self.object_list
        return rows[:COUNTED_ROWS_MAX].count()


class PanelAdmin(ModelAdmin):
    """A list that costs the same however long its table is."""

    paginator: type[Paginator] = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_disable_select_all = True  # an action runs on what one can see
    change_form_before_template = "admin/page_actions.html"
    change_form_after_template = "admin/facts.html"

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Keep what a form changes for the staff log, where all is known and before it is written."""
        before, after = _changes_of(form)
        for formset in formsets or ():
            _add_changes_of_rows(formset, before, after)
        vars(request)["audited_changes"] = before, after
        return super().construct_change_message(request, form, formsets, add)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Let nobody filter by what is secret: who finds a row by its first letter can go on to the last."""
        is_secret = not audit.UNLOGGED_FIELDS.isdisjoint(lookup.split(LOOKUP_SEP))
        return not is_secret and super().lookup_allowed(lookup, value, request)

    # Django's own record of changes is not kept: the staff log says more, and nobody can change it.

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write it into the staff log, in the form's transaction."""
        self._record_form(request, obj, "add")

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write it into the staff log, in the form's transaction."""
        self._record_form(request, obj, "change", outcome=message if isinstance(message, str) else "")

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Write into the staff log what a page deletes, in the page's transaction, with all that is lost.

        Of a list `delete_queryset` writes it: Django has no transaction around that.
        """
        if isinstance(queryset, list):
            self._log_deletions(request, queryset)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete what was selected in a list and write it down, all or none."""
        with transaction.atomic():
            rows = self.model._default_manager.select_for_update()  # noqa: SLF001 - Django's public name for it
            self._log_deletions(request, rows.filter(pk__in=list(queryset.values_list("pk", flat=True))).order_by("pk"))
            super().delete_queryset(request, queryset)

    def _log_deletions(self, request: HttpRequest, objects: Iterable[Any]) -> None:
        for obj in objects:
            self.log_deed(request, obj, f"{self.opts.label_lower}: delete", before=audit.snapshot(obj))

    def log_action_page(
        self, request: HttpRequest, obj: Any, done: str, *, before: Mapping[str, Any], operation: str, reason: str
    ) -> None:
        """Write what a page of an action did into the staff log."""
        was, became = audit.differences(before, audit.snapshot(obj))
        self.log_deed(request, obj, operation, before=was, after=became, reason=reason, outcome=done)

    def log_many(
        self,
        request: HttpRequest,
        objects: Sequence[Any],
        done: str,
        *,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        is_new: bool = False,
    ) -> None:
        """Write what changed many objects at once as one entry of the staff log.

        An entry each would keep all other staff waiting: the log is a chain.

        :param objects: of one model, which may be another than the page's.
        :param before: by the objects' ids, as `after`.
        """
        if not objects:
            return
        label = objects[0]._meta.label_lower  # noqa: SLF001 - Django's public name for it
        audit.record(
            actor=request.user,
            operation=f"{label}: {'add' if is_new else 'change'} many",
            subject_model=label,
            subject_id=audit.MANY,
            origin=origin_of(request),
            before=before,
            after=after,
            outcome=done,
        )

    def list_log(self, obj: Model, *, before: int | None, limit: int) -> Sequence[history.Entry]:
        """List what the staff log says of an object, newest first, see there."""
        return history.list_entries(_logged_model(self.model), obj.pk, before=before, limit=limit)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what the staff log says of an object to whoever may see the object."""
        obj = get_visible(self, request, object_id)
        happenings, older = self.read_history(obj, key=request.GET.get("before", ""))
        return admin_history.show_page(self, request, obj, happenings=happenings, older=older)

    def read_history(self, obj: Any, *, key: str) -> tuple[Sequence[Happening], str]:
        """Read a page of what happened to an object and the key of the page after it; pages that know more override it.

        :param key: a page's; what makes no sense is the top.
        """
        entries = self.list_log(obj, before=parse_id(key), limit=PAGE_ROWS + 1)
        shown = entries[:PAGE_ROWS]
        find = partial(admin_history.find_column, self.model)
        older = str(shown[-1].id) if len(entries) > PAGE_ROWS else ""
        return [admin_history.tell_entry(entry, find) for entry in shown], older

    def _record_form(self, request: HttpRequest, obj: Any, verb: str, **more: Any) -> None:
        before, after = vars(request).pop("audited_changes", ({}, {}))
        self.log_deed(request, obj, f"{self.opts.label_lower}: {verb}", before=before, after=after, **more)

    def log_deed(self, request: HttpRequest, obj: Any, operation: str, **facts: Any) -> None:
        """Write into the staff log what was done to an object, which may be of another model than the page's.

        :param facts: see `staff.audit.record`.
        """
        audit.record(
            actor=request.user,
            operation=operation[:60],
            subject_model=_logged_model(type(obj)),
            subject_id=obj.pk,
            origin=origin_of(request),
            **facts,
        )

    def get_changelist_formset(self, request: HttpRequest, **options: Any) -> Any:
        """Name the fields of a list that is edited in place: their column's head is no label."""
        formset = super().get_changelist_formset(request, **options)
        name_fields(formset.form.base_fields)
        return formset

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Let the head of the list count and offer all only where something is left out."""
        changelist = super().get_changelist_instance(request)
        if not (changelist.query or changelist.has_active_filters):
            changelist.full_result_count = changelist.result_count
        return changelist

    def list_facts(self, obj: Any) -> Iterable[Fact]:
        """Give what is shown under the object's own fields; pages override it."""
        return ()

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any) -> Any:
        """Add the actions and the facts. As read-only fields each would be computed five times: once per mention."""
        original = context.get("original")
        context["facts"] = list(self.list_facts(original)) if original else []
        context["page_actions"] = context.pop("actions_detail", ())  # the theme's place is too small for them
        return super().render_change_form(request, context, *args, **options)

    def describe(self, obj: Any) -> str:
        """Say on an action's page what the action is about; pages add what decides."""
        return str(obj)

    def offers(self, action: str, obj: Model) -> bool:
        """Say whether an action of the page has anything to do for this object; pages override it."""
        return True

    def page_after(self, obj: Any) -> str:
        """Return where an action on an object leads: to its page; pages that it leaves by then override it."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[obj.pk])

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Show only the buttons that have something to do."""
        actions = super().get_actions_detail(request, object_id)
        obj = self.get_object(request, object_id) if actions else None
        return [action for action in actions if obj and self.offers(action.method.original_function_name, obj)]


class UndeletableAdmin(PanelAdmin):
    """For rows that others point at: they are switched off, not deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse always, superusers too."""
        return False


class ReadOnlyAdmin(UndeletableAdmin):
    """For rows that only domain operations write: facts side by side, long ones in rows of their own."""

    compressed_fields = False  # the theme's word for labels beside their fields
    long_fields: tuple[str, ...] = ()  # those that a page makes; of columns it is known

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Lay out what the page names."""
        return [
            (title, {**options, "fields": tuple(self._lay_out(options["fields"]))})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def _lay_out(self, names: Sequence[Any]) -> Iterator[Any]:
        row: list[str] = []
        for name in names:
            if len(row) == FIELDS_IN_A_ROW or (row and self._is_long(name)):
                yield tuple(row)
                row = []
            if self._is_long(name):
                yield name
            else:
                row.append(name)
        if row:
            yield tuple(row)

    def _is_long(self, name: str) -> bool:
        if name in self.long_fields:
            return True
        try:
            field: Any = self.opts.get_field(name)
        except FieldDoesNotExist:
            return False
        is_text = isinstance(field, TextField | JSONField) or (getattr(field, "max_length", 0) or 0) > LONG_CHARACTERS
        return is_text and not field.choices

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse always, superusers too."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse always, superusers too."""
        return False


def get_visible(model_admin: ModelAdmin, request: HttpRequest, object_id: str) -> Any:
    """Return an object to somebody who may see it, which the permission to act on it does not say.

    :raises Http404: there is none.
    :raises PermissionDenied:
    """
    obj = model_admin.get_object(request, object_id)
    if obj is None:
        raise Http404
    if not model_admin.has_view_permission(request, obj):
        raise PermissionDenied
    return obj


def state_column(colours: Mapping[Any, str]) -> Any:
    """Make a column of an object's state in words.

    :param colours: the theme's name of the colour by state; the others are grey.
    """

    @admin.display(description="state")
    def shown_state(_page: PanelAdmin, obj: Any) -> SafeString:
        return draw_label(obj.get_state_display(), colours.get(obj.state, ""))

    return shown_state


def draw_label(text: str, colour: str = "") -> SafeString:
    """Draw a word as the theme's label; of itself the theme does so in lists only.

    :param colour: the theme's name of it; empty: grey.
    """
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": colour})


def parse_id(term: str) -> int | None:
    """Return the id a search term may be."""
    if term.isascii() and term.isdigit() and len(term) <= SEARCHED_ID_DIGITS_MAX:
        return int(term)
    return None


def link_to(obj: Model, text: object = None) -> SafeString:
    """Link to the page of an object."""
    opts = obj._meta  # noqa: SLF001 - Django's public name for it
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[obj.pk])
    return format_html('<a href="{}" class="text-link">{}</a>', url, obj if text is None else text)


def origin_of(request: HttpRequest) -> Origin:
    """Say from where a request for the admin came."""
    return Origin(Channel.ADMIN, str(request.META.get(settings.RATELIMIT_IP_META_KEY, ""))[:64])


def _logged_model(model: type[Model]) -> str:
    """As what the log knows a model's objects: a page may show some rows of a table as something of their own."""
    concrete = model._meta.concrete_model  # noqa: SLF001 - Django's public name for it
    assert concrete is not None
    return concrete._meta.label_lower  # noqa: SLF001 - as above


def _changes_of(form: ModelForm) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a form's fields held and hold, those that changed; of secrets only that they did."""
    before, after = {}, {}
    for name in form.changed_data:
        is_secret = name in audit.UNLOGGED_FIELDS or "password" in name or "key" in name
        before[name] = "" if is_secret else _say(_initial_of(form, name))
        after[name] = "(changed)" if is_secret else _say(form.cleaned_data.get(name))
    return before, after


def _initial_of(form: ModelForm, name: str) -> Any:
    """Return what a field held; an object by the name it has, as it will be said of the one that follows."""
    field, value = form.fields[name], form.get_initial_for_field(form.fields[name], name)
    if not isinstance(field, ModelChoiceField) or isinstance(value, list | tuple | QuerySet):
        return value
    try:
        return field.to_python(value)
    except ValidationError:  # no longer there
        return value


def _add_changes_of_rows(formset: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Add what changed in the rows of a form: each field under the name of its row."""
    for form in formset.forms:
        if form in formset.deleted_forms or not form.has_changed():
            continue
        row = f"{form.instance._meta.verbose_name} {form.instance}"  # noqa: SLF001 - Django's public name for it
        was, became = _changes_of(form)
        before |= {f"{row}: {name}": value for name, value in was.items()}
        after |= {f"{row}: {name}": value for name, value in became.items()}
    for obj in formset.deleted_objects:
        row = f"{obj._meta.verbose_name} {obj}"  # noqa: SLF001 - as above
        before[row], after[row] = audit.snapshot(obj), None


def _say(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, QuerySet | list | tuple | set):
        return sorted(str(_say(item)) for item in value)
    return str(value)
