"""How long a refill can be asked for: bounded, so that it ends at a date."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader

from catalog.models import REFILL_DAYS_MAX, Service

pytestmark = pytest.mark.django_db


def test_the_database_refuses_what_leads_to_no_date(followers):
    with pytest.raises(IntegrityError, match="service_refill_days_bounded"), transaction.atomic():
        Service.objects.update(refill_days=REFILL_DAYS_MAX + 1)

    assert Service.objects.get().refill_days == 365


def test_what_was_longer_becomes_the_longest(make_service):
    endless, usual = make_service(), make_service()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks still to come cannot be altered
        cursor.execute("ALTER TABLE catalog_service DROP CONSTRAINT service_refill_days_bounded")
    Service.objects.filter(pk=endless.pk).update(refill_days=9_999_999)
    migrations = MigrationLoader(connection)

    with connection.schema_editor() as editor:
        migrations.get_migration("catalog", "0011_refill_days_bounded").apply(
            migrations.project_state(("catalog", "0010_say_what_is_wrong")), editor
        )

    assert dict(Service.objects.values_list("pk", "refill_days")) == {endless.pk: REFILL_DAYS_MAX, usual.pk: 365}
