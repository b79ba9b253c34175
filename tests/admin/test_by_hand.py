"""What staff do where orders are delivered by hand: see what waits, take it, report on it."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import Route, Service
from orders import cancellations, refills, reporting, taking
from orders.models import Cancellation, Order, Refill, Run
from providers.models import Provider
from staff import bulk
from staff.models import Approval, AuditEntry, BulkJob
from tests.admin.browsing import complaints, list_page_of, page_of, page_of_action, run_action, told
from tests.fixtures import balance_of, funded, nothing_moves, place
from wallet import audit

LIST = "/admin/orders/order/"
WHY = {"reason": "mine to deliver"}
ADD = "/admin/providers/provider/add/"


@pytest.fixture
def order(customer: User, handmade: Service) -> Order:
    return Order.objects.get(pk=place(funded(customer, "100"), handmade))


@pytest.fixture
def taken(order: Order) -> Order:
    taking.take_order(order_id=order.pk, reason="mine", actor_id=None)
    order.refresh_from_db()
    return order


def offered(client: Client, order: Order) -> set[str]:
    page = client.get(page_of(order)).content.decode()
    return {deed for deed in ("take", "report") if page_of_action(order, deed) in page}


def listed(client: Client, **query: Any) -> list[int]:
    return [order.pk for order in client.get(LIST, query).context["cl"].result_list]


def test_an_order_is_taken_on_its_page(boss: Client, staff: User, order: Order) -> None:
    assert offered(boss, order) == {"take"}

    response = run_action(boss, order, "take", **WHY)

    assert told(response) == f"{order.pk}: taken, 1000 to deliver by hand."
    order.refresh_from_db()
    assert order.status == "In progress"
    assert order.events.get(kind="submitted").actor == staff
    assert AuditEntry.objects.get(operation="orders.take").reason == "mine to deliver"
    assert offered(boss, order) == {"report"}
    with nothing_moves():
        assert "A provider has it" in complaints(run_action(boss, order, "take", **WHY))


def test_what_was_taken_is_reported_on(boss: Client, customer: User, taken: Order) -> None:
    page = boss.get(page_of_action(taken, "report"))
    assert page.context["form"].initial == {
        "run": 1, "status": "In progress", "remains": 1000, "start_count": None,
    }  # fmt: skip
    with nothing_moves():
        assert "how much was not delivered" in complaints(
            run_action(boss, taken, "report", **WHY, run=1, status="Partial")
        )

    run_action(boss, taken, "report", **WHY, run=1, status="In progress", remains=600, start_count=4)
    response = run_action(boss, taken, "report", **WHY, run=1, status="Partial", remains=400)

    assert told(response).endswith(f"{taken.pk}: partial, 400 undelivered, 0.34000 given back.")
    taken.refresh_from_db()
    assert (taken.status, taken.remains, taken.start_count) == ("Partial", 400, 4)
    assert balance_of(customer) == Decimal("99.49")
    assert audit.audit_ledger().is_clean


@pytest.mark.parametrize(
    ("deed", "data", "status"),
    [("partial", {"remains": 400}, "Partial"), ("complete", {}, "Completed"), ("cancel", {}, "Canceled")],
)
def test_what_staff_do_to_any_order_works_here_too(
    boss: Client, taken: Order, deed: str, data: dict[str, Any], status: str
) -> None:
    run_action(boss, taken, "start_count", **WHY, start_count=4)
    assert run_action(boss, taken, deed, **WHY, **data).status_code == 302

    taken.refresh_from_db()
    assert (taken.status, taken.start_count) == (status, 4)
    assert audit.audit_ledger().is_clean


def test_a_large_refund_needs_a_second_person(boss: Client, taken: Order, settings: Any) -> None:
    settings.FOUR_EYES, settings.FOUR_EYES_ABOVE = True, Decimal("0.5")

    with nothing_moves():
        response = run_action(boss, taken, "report", **WHY, run=1, status="Canceled")

    assert "waits for a second person" in told(response)
    assert Approval.objects.get().amount == Decimal("0.85")


def test_the_list_shows_what_waits_and_what_is_out(
    boss: Client, customer: User, followers: Service, handmade: Service, taken: Order
) -> None:
    waiting, _ = place(customer, handmade), place(customer, followers)
    held = place(customer, handmade)
    Run.objects.filter(order=held).update(held_at="2026-01-01T00:00:00Z", held_because="it would lose money")

    assert listed(boss, by_hand="waiting") == [waiting]
    assert listed(boss, by_hand="out") == [taken.pk]
    assert listed(boss, by_hand="waiting", service=followers.pk) == []
    assert listed(boss, by_hand="out", status="In progress", customer="customer") == [taken.pk]
    assert listed(boss, by_hand="nonsense") == []


def test_all_that_waits_is_taken_at_once(boss: Client, customer: User, handmade: Service, order: Order) -> None:
    second = place(customer, handmade)
    first = boss.get(f"{LIST}all/", {"deed": "take", "by_hand": "waiting"})
    assert boss.get(first.url).context["preview"]["count"] == 2

    boss.post(first.url, WHY | {"confirmed": "on", "answered": "yes", "token": str(uuid4())})
    bulk.work(seconds=30)

    assert set(BulkJob.objects.get().items.values_list("state", flat=True)) == {"done"}
    assert set(Run.objects.values_list("order", "state")) == {(order.pk, "in_progress"), (second, "in_progress")}


def test_who_may_only_look_takes_nothing(make_clerk: Any, order: Order) -> None:
    clerk = make_clerk("orders.view_order")

    assert offered(clerk, order) == set()
    with nothing_moves():
        assert run_action(clerk, order, "take", **WHY).status_code == 403
        assert run_action(clerk, order, "report", **WHY, run=1, status="Canceled").status_code == 403


# --- Queues -----------------------------------------------------------------------------------------------------------


def test_home_shows_what_waits_by_hand(
    boss: Client, customer: User, handmade: Service, taken: Order, make_clerk: Any
) -> None:
    for status in ("Completed", "In progress"):
        other = place(customer, handmade)
        taking.take_order(order_id=other, reason="mine", actor_id=None)
        if status == "Completed":
            reporting.report_by_hand(order_id=other, status=status, reason="done", actor_id=None)
            refills.request_refill(user_id=customer.pk, order_id=other)
    cancellations.request_cancellation(user_id=customer.pk, order_id=taken.pk)
    place(customer, handmade)

    needs = {need.label: need for need in boss.get("/admin/").context["needs"]}

    counts = {label: need.count for label, need in needs.items() if "by hand" in label}
    assert counts == {
        "Orders to deliver by hand": 1,
        "Refills to deliver by hand": 1,
        "Cancellations to decide by hand": 1,
    }
    assert needs["Orders to deliver by hand"].detail.startswith("the first for ")
    assert needs["Stuck runs"].count == 0
    for label in counts:
        page = boss.get(needs[label].url)
        assert page.status_code == 200
        assert len(page.context["cl"].result_list) == 1, label
    assert [need.label for need in make_clerk("orders.view_refill").get("/admin/").context["needs"]] == [
        "Refills to deliver by hand", "Refills in doubt",
    ]  # fmt: skip


def test_requests_are_decided_by_one_key(boss: Client, customer: User, taken: Order) -> None:
    cancellations.request_cancellation(user_id=customer.pk, order_id=taken.pk)
    page = boss.get(list_page_of(Cancellation)).content.decode()
    assert f'href="{page_of_action(taken, "report")}" data-key="r"' in page

    run_action(boss, taken, "report", **WHY, run=1, status="Completed")
    refill = Refill.objects.get(pk=refills.request_refill(user_id=customer.pk, order_id=taken.pk))
    page = boss.get(list_page_of(Refill), {"answer": "hand"}).content.decode()
    assert f'href="{page_of_action(refill, "set_status")}" data-key="s"' in page
    run_action(boss, refill, "set_status", status="Completed", **WHY)

    refill.refresh_from_db()
    assert refill.status == "Completed"
    assert "data-key" not in boss.get(list_page_of(Refill)).content.decode()


# --- The provider and its routes --------------------------------------------------------------------------------------


def form_of(**changes: Any) -> dict[str, Any]:
    names = ("currency", "concurrency_max", "price_rule", "markup_percent", "markup_fixed", "rounding")
    fields = {name: getattr(Provider(), name) for name in names}
    return {
        **fields, "name": "My team", "kind": "manual", "pause_at_loss": "on", "balance_alert": "", "api_url": "",
        "api_key": "", **changes,
    }  # fmt: skip


def test_a_manual_provider_is_added_and_kept(boss: Client) -> None:
    for wrong in ({"api_url": "https://panel.example/api/v2"}, {"api_key": "secret"}):
        page = boss.post(ADD, form_of(**wrong))
        assert "leave this empty" in str(page.context["adminform"].form.errors)
        assert not Provider.objects.exists()
    boss.post(ADD, form_of())
    provider = Provider.objects.get()
    assert provider.is_manual

    page = boss.get(page_of(provider)).content.decode()

    for action in ("test", "sync", "sell"):
        assert page_of_action(provider, action) not in page
    assert page_of_action(provider, "pause") in page
    assert "api_key" not in page
    assert "by hand" in boss.get(list_page_of(Provider)).content.decode()
    boss.post(page_of(provider), {"name": "Our team", "currency": "USD", "kind": "panel"})
    provider.refresh_from_db()
    assert (provider.name, provider.kind) == ("Our team", "manual")
    assert "delivered by hand" in told(run_action(boss, provider, "test"))
    assert "delivered by hand" in told(run_action(boss, provider, "sync"))
    provider.refresh_from_db()
    assert (provider.failures, provider.sync_failure) == (0, "")
    assert provider.name not in boss.get("/admin/catalog/service/import-services/").content.decode()


def test_a_route_by_hand_needs_no_service_id(boss: Client, make_service: Any, manual: Provider) -> None:
    service = make_service()
    route = service.routes.get()

    def save(provider: Provider) -> Any:
        rows = {
            "routes-TOTAL_FORMS": 2, "routes-INITIAL_FORMS": 1, "routes-0-id": route.pk,
            "routes-0-service": service.pk, "routes-0-priority": 1, "routes-0-provider": route.provider_id,
            "routes-0-provider_service": route.provider_service, "routes-0-cost": "0", "routes-0-is_active": "on",
            "routes-1-service": service.pk, "routes-1-priority": 2, "routes-1-provider": provider.pk,
            "routes-1-provider_service": "", "routes-1-cost": "0.40", "routes-1-is_active": "on",
        }  # fmt: skip
        names = ("name", "position", "type", "description", "rate", "min", "max", "refill_days")
        facts = {name: getattr(service, name) for name in names}
        return boss.post(page_of(service), {**facts, "category": service.category_id, "is_active": "on", **rows})

    refused = save(route.provider)
    assert refused.status_code == 200
    assert "This field is required" in str(refused.context["inline_admin_formsets"][0].formset.errors)
    assert Route.objects.count() == 1

    assert save(manual).status_code == 302
    assert Route.objects.get(provider=manual).provider_service == "by hand"
