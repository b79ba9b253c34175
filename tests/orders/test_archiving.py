"""Putting old orders away."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from orders import archiving, listing, refills
from orders.models import Order
from tests.fixtures import call_api
from tests.orders.conftest import order_of, report, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture
def old(customer, followers):
    """An order that was completed 200 days ago."""
    order = order_of(customer, followers)
    report(submitted(order, provider_order=f"P-{order.pk}"), "Completed")
    Order.objects.filter(pk=order.pk).update(finished_at=Now() - timedelta(days=200))
    return order


def test_archives_what_ended_long_ago(customer, followers, old):
    young = order_of(customer, followers)
    report(submitted(young), "Completed")
    unfinished = order_of(customer, followers)

    assert archiving.archive_orders() == 1
    assert archiving.archive_orders() == 0

    assert list(Order.objects.filter(archived_at=None).order_by("pk")) == [young, unfinished]


def test_the_api_no_longer_knows_it_and_the_dashboard_does(customer, old):
    archiving.archive_orders()

    assert call_api(customer, action="status", order=old.pk) == {"error": "Incorrect order ID"}
    assert [order.pk for order in listing.list_orders(customer.pk).rows] == [old.pk]


def test_an_open_refill_keeps_it(customer, old):
    refills.request_refill(user_id=customer.pk, order_id=old.pk)

    assert archiving.archive_orders() == 0


def test_the_age_is_a_setting(old, settings):
    settings.ARCHIVE_AFTER_DAYS = 201

    assert archiving.archive_orders() == 0


def test_database_refuses_to_archive_what_has_not_ended(customer, followers):
    order_of(customer, followers)

    with pytest.raises(IntegrityError, match="order_archived_after_end"), transaction.atomic():
        Order.objects.update(archived_at=Now())
