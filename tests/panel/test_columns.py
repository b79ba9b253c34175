"""Rows of which a statement read some columns."""

import pytest
from django.db import connection

from catalog.models import Service
from panel.columns import Columns

pytestmark = pytest.mark.django_db


def read(columns, service):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns.of('s')} FROM catalog_service s WHERE s.id = %s", [service.pk])
        return columns.row(cursor.fetchone())


def test_gives_each_column_its_value_in_whatever_order_they_are_named(followers, django_assert_num_queries):
    row = read(Columns(Service, "refill_days, max, id, category_id, min"), followers)

    with django_assert_num_queries(0):
        assert (row.pk, row.category_id) == (followers.pk, followers.category_id)
        assert (row.min, row.max, row.refill_days) == (followers.min, followers.max, followers.refill_days)


def test_reads_the_other_columns_when_they_are_asked_for(followers, django_assert_num_queries):
    row = read(Columns(Service, "id, min"), followers)

    with django_assert_num_queries(1):
        assert row.name == followers.name


def test_saves_what_changed_only(followers):
    row = read(Columns(Service, "id, min"), followers)
    row.min = followers.min + 1

    row.save(update_fields=["min"])

    saved = Service.objects.get(pk=followers.pk)
    assert (saved.min, saved.name) == (followers.min + 1, followers.name)


def test_refuses_columns_that_the_table_does_not_have():
    with pytest.raises(ValueError, match=r"Service has no colour, price$"):
        Columns(Service, "id, price, colour")
