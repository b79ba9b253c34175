"""Services as a spreadsheet: out as CSV or XLSX, and in again after a preview of what would change.

Only services that are there can be changed. New ones need a provider and a price there: they come from imports of a
provider's catalogue, or are added one by one.
"""

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from import_export import fields, resources
from import_export.admin import ImportExportMixin
from import_export.formats.base_formats import CSV, XLSX
from import_export.results import Result, RowResult
from import_export.tmp_storages import CacheStorage
from import_export.widgets import CharWidget, ForeignKeyWidget
from unfold.contrib.import_export.forms import ExportForm, ImportForm

from catalog import writers
from catalog.models import Category, Service
from panel.csv_export import FORMULA_STARTS, neutralise

YES_AND_NO = ("1", "0", "true", "false")
DIGITS_MAX = 20  # larger numbers are refused for their size
FILE_BYTES_MAX = 5 * 1024 * 1024  # twenty thousand services with long descriptions
COLUMNS = (
    "id", "category", "name", "description", "type", "rate", "min", "max", "refill", "refill_days", "cancel",
    "dripfeed", "average_minutes", "position", "is_active",
)  # fmt: skip


class TextWidget(CharWidget):
    """A text that no spreadsheet takes for a formula; read back, it is what it was."""

    def render(self, value: Any, obj: Any = None, **options: Any) -> Any:
        """Return the cell."""
        return neutralise(super().render(value, obj, **options))

    def clean(self, value: Any, row: Any = None, **options: Any) -> Any:
        """Return the text of a cell."""
        return super().clean(_read(value), row, **options)


class CategoryWidget(ForeignKeyWidget):
    """A category by its name."""

    def render(self, value: Any, obj: Any = None, **options: Any) -> Any:
        """Return the cell."""
        return neutralise(super().render(value, obj, **options))

    def clean(self, value: Any, row: Any = None, **options: Any) -> Any:
        """Return the category."""
        return super().clean(_read(value), row, **options)


class ServiceResource(resources.ModelResource):
    """Rows of services; a column that is left out stays as it is."""

    category = fields.Field("category", "category", CategoryWidget(Category, "name"))
    name = fields.Field("name", "name", TextWidget())
    description = fields.Field("description", "description", TextWidget())
    type = fields.Field("type", "type", readonly=True)

    class Meta:
        model = Service
        fields = COLUMNS
        export_order = COLUMNS
        import_id_fields = ("id",)
        skip_unchanged = True
        clean_model_instances = True
        use_transactions = True

    def before_import_row(self, row: Any, **_options: Any) -> None:
        """Refuse rows of services that are not there."""
        service_id = str(row.get("id") or "").strip()
        if not service_id.isdecimal() or not Service.objects.filter(pk=int(service_id[:10])).exists():
            raise ValidationError({"id": f"There is no service {service_id or 'without an id'}."})

    def import_field(self, field: Any, instance: Service, row: Any, *args: Any, **options: Any) -> None:
        """Refuse a cell that is not of its column's kind: the library would round it, guess, or name Python's types."""
        _check_kind(field.attribute, row.get(field.column_name))
        super().import_field(field, instance, row, *args, **options)

    def do_instance_save(self, instance: Service, is_create: bool) -> None:
        """Write only the columns that changed: a sync may be writing the rest."""
        assert not is_create
        before = Service.objects.select_for_update().get(pk=instance.pk)
        changed = [name for name in COLUMNS if getattr(before, name) != getattr(instance, name)]
        if "is_active" in changed:  # staff decided: a sync has no more say in it
            instance.off_sale_because = ""
            changed.append("off_sale_because")
        instance.save(update_fields=changed)


def _check_kind(column: str, cell: Any) -> None:
    """Look whether a cell can be what its column holds; an empty one is left to the model.

    :raises ValueError: the message is for who sent the file.
    """
    text = "" if cell is None else str(cell).strip()
    if not text:
        return
    kind = Service._meta.get_field(column)  # noqa: SLF001 - Django's public name for it
    if isinstance(kind, models.BooleanField) and text.lower() not in YES_AND_NO:
        raise ValueError(f"“{text}” is neither 1 nor 0.")
    if isinstance(kind, models.DecimalField | models.IntegerField):
        try:
            number = Decimal(text)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            raise ValueError(f"“{text}” is no number.")
        if isinstance(kind, models.IntegerField) and number.adjusted() < DIGITS_MAX and number % 1:
            raise ValueError(f"“{text}” is no whole number.")


def _read(cell: Any) -> Any:
    is_marked = isinstance(cell, str) and cell.startswith("'") and cell[1:].startswith(FORMULA_STARTS)
    return cell[1:] if is_marked else cell


class SheetForm(ImportForm):
    """The file with its format."""

    def clean_import_file(self) -> UploadedFile:
        """Refuse what is too large to be a price list."""
        file: UploadedFile = self.cleaned_data["import_file"]
        if file.size and file.size > FILE_BYTES_MAX:
            raise forms.ValidationError(f"The file may have {FILE_BYTES_MAX // 1024**2} MB at most.")
        return file


class SheetsMixin(ImportExportMixin):
    """Adds import and export to the services' list."""

    resource_classes = (ServiceResource,)
    import_form_class = SheetForm
    export_form_class = ExportForm
    formats = (CSV, XLSX)
    # In the database's cache, as the next request may meet another machine.
    tmp_storage_class = CacheStorage

    def process_import(self, request: HttpRequest, **options: Any) -> HttpResponse:
        """Change the services and write it down in one transaction."""
        with transaction.atomic():
            writers.sign(writers.Writer.STAFF)
            answer: HttpResponse = super().process_import(request, **options)
        return answer

    def generate_log_entries(self, result: Result, request: HttpRequest) -> None:
        """Write what changed into the staff log, as one entry."""
        rows = [row for row in result.rows if row.import_type == RowResult.IMPORT_TYPE_UPDATE]
        if not rows:
            return
        before, after = {}, {}
        for row in rows:
            was, became = row.original, row.instance
            names = [name for name in COLUMNS if getattr(was, name) != getattr(became, name)]
            before[str(row.object_id)] = {name: str(getattr(was, name)) for name in names}
            after[str(row.object_id)] = {name: str(getattr(became, name)) for name in names}
        changed = list(Service.objects.filter(pk__in=[row.object_id for row in rows]))
        self.log_many(request, changed, f"Changed {len(rows)} services from a file.", before=before, after=after)
