"""Money, orders and keys are shown; nobody, superusers included, edits or deletes them by hand."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client

from accounts.models import User
from catalog.models import Service
from orders.models import ReviewItem
from panel.admin_pages import ReadOnlyAdmin, UndeletableAdmin
from support import tickets
from tests.admin.browsing import page_of
from tests.fixtures import call_api, nothing_moves, place, report
from tests.support.tickets import opened

READ_ONLY = [
    "wallet.LedgerEntry", "wallet.Wallet", "wallet.Account", "wallet.Deposit", "orders.Order", "orders.Refill",
    "orders.Cancellation", "orders.ReviewItem", "accounts.ApiKey", "catalog.ServiceUpdate", "support.Ticket",
]  # fmt: skip
KEPT = [*READ_ONLY, "accounts.User", "catalog.Service", "catalog.Currency", "providers.Provider"]
# Shown on the page of their order, and nowhere to edit.
NOT_REGISTERED = [
    "orders.Run", "orders.Attempt", "orders.OrderEvent", "catalog.CatalogVersion", "support.Message",
    "support.Attachment",
]  # fmt: skip


@pytest.fixture
def one_of_each(customer: User, followers: Service, review: ReviewItem) -> None:
    """A panel in which every table has a row."""
    order_id = place(customer, followers)
    report(order_id, "Completed")
    call_api(customer, action="refill", order=order_id)
    call_api(customer, action="cancel", orders=place(customer, followers))
    tickets.mark_read_by_staff(opened(customer))


@pytest.mark.usefixtures("one_of_each")
@pytest.mark.parametrize("label", READ_ONLY)
def test_superusers_cannot_write(boss: Client, label: str) -> None:
    model = apps.get_model(label)
    row = model.objects.first()
    before = model.objects.values().get(pk=row.pk)
    edited = {field.name: "1" for field in model._meta.concrete_fields}

    with nothing_moves():
        assert boss.get(page_of(row)).status_code == 200
        assert boss.post(page_of(row), edited).status_code == 403
        assert boss.post(page_of(row).replace(f"{row.pk}/change/", "add/"), edited).status_code == 403

    assert model.objects.values().get(pk=row.pk) == before


@pytest.mark.usefixtures("one_of_each")
@pytest.mark.parametrize("label", KEPT)
def test_superusers_cannot_delete(boss: Client, label: str) -> None:
    model = apps.get_model(label)
    row = model.objects.first()
    rows = model.objects.count()

    with nothing_moves():
        assert boss.post(page_of(row).replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
        everything = {"action": "delete_selected", "_selected_action": row.pk, "post": "yes", "select_across": "1"}
        boss.post(page_of(row).replace(f"{row.pk}/change/", ""), everything)

    assert model.objects.count() == rows


@pytest.mark.parametrize("label", NOT_REGISTERED)
def test_parts_of_orders_have_no_pages_of_their_own(label: str) -> None:
    assert not admin.site.is_registered(apps.get_model(label))


def test_every_page_that_writes_is_meant_to() -> None:
    writes = {model._meta.label for model, page in admin.site._registry.items() if not isinstance(page, ReadOnlyAdmin)}
    deletes = {
        model._meta.label for model, page in admin.site._registry.items() if not isinstance(page, UndeletableAdmin)
    }

    assert writes == deletes | {
        "accounts.User", "catalog.Service", "catalog.Currency", "payments.Coupon", "payments.GatewaySettings",
        "providers.Provider",
    }  # fmt: skip
    assert deletes == {
        "auth.Group", "catalog.Category", "catalog.CustomRate", "catalog.Discount", "content.MailText", "content.News",
        "content.Page", "payments.BonusRule", "status.Incident", "support.SavedReply",
    }  # fmt: skip


@pytest.mark.usefixtures("one_of_each")
def test_staff_see_only_what_they_may(make_clerk: Callable[..., Client]) -> None:
    clerk = make_clerk("orders.view_order")
    rows: list[Any] = [apps.get_model(label).objects.first() for label in KEPT if label != "orders.Order"]

    for row in rows:
        assert clerk.get(page_of(row)).status_code == 403
    assert clerk.get("/admin/orders/order/").status_code == 200
