"""What staff do about orders on their pages: one by one, selected, or all that a filter finds."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import Route, Service
from orders import cancellations, submission
from orders.admin.deeds import DEEDS, DEEDS_ON_MANY
from orders.models import Cancellation, Order, OrderEvent, Run
from providers.models import Provider
from staff import bulk
from staff.models import Approval, AuditEntry, BulkJob
from tests.admin.browsing import complaints, page_of, page_of_action, run_action, told
from tests.fixtures import LINK, balance_of, call_api, nothing_moves, place, report
from wallet import audit

LIST = "/admin/orders/order/"
ALL = f"{LIST}all/"
WHY = {"reason": "asked for in ticket 7"}
EXTRA: dict[str, dict[str, Any]] = {
    "partial": {"remains": 400},
    "link": {"link": "https://example.com/right"},
    "start_count": {"start_count": 500},
    "move": {"provider_id": 0},
}


@pytest.fixture
def order(order_id: int) -> Order:
    return Order.objects.get(pk=order_id)


def answers(deed: str) -> dict[str, Any]:
    """Return a complete answer to what a deed asks."""
    extra = dict(EXTRA.get(deed, {}))
    if deed == "move":
        extra["provider_id"] = Provider.objects.get(name="Sandbox").pk
    return WHY | extra


def test_link_is_changed(boss: Client, staff: User, order: Order) -> None:
    response = run_action(boss, order, "link", **answers("link"))

    assert response.url == page_of(order)
    assert told(response) == f"{order.pk}: the link is changed for 1 run."
    order.refresh_from_db()
    assert order.link == "https://example.com/right"
    assert OrderEvent.objects.get(kind="staff").actor == staff
    line = AuditEntry.objects.latest("pk")
    assert (line.operation, line.before, line.after) == (
        "orders.change_link", {"link": LINK}, {"link": "https://example.com/right"},
    )  # fmt: skip


def test_partial_ends_and_refunds(boss: Client, customer: User, order: Order) -> None:
    report(order.pk, "In progress", remains=600)

    response = run_action(boss, order, "partial", **answers("partial"))

    assert "400 undelivered, 0.34000 given back" in told(response)
    assert balance_of(customer) == Decimal("9.49")
    assert audit.audit_ledger().is_clean


def test_complete_and_start_count(boss: Client, order: Order) -> None:
    report(order.pk, "In progress", remains=600)

    run_action(boss, order, "complete", **WHY)
    run_action(boss, order, "start_count", **answers("start_count"))

    order.refresh_from_db()
    assert (order.status, order.remains, order.start_count) == ("Completed", 0, 500)


def test_cancel_is_requested_and_the_request_rejected(boss: Client, order: Order) -> None:
    report(order.pk, "In progress", remains=600)

    run_action(boss, order, "request_cancel", **WHY)
    assert Cancellation.objects.get().forward_at is not None
    cancellations.forward_cancellations()
    run_action(boss, order, "reject_cancel", **WHY)

    assert not Cancellation.objects.exists()


def test_resend_and_move(boss: Client, order: Order, followers: Service) -> None:
    submission.record_link_busy(submission.claim_next(), evidence="busy")  # type: ignore[arg-type]
    backup = Provider.objects.create(name="Backup", kind=Provider.Kind.SANDBOX)
    Route.objects.create(service=followers, provider=backup, provider_service="b", cost=1, priority=2)

    assert told(run_action(boss, order, "resend", **WHY)) == f"{order.pk}: 1 run to be sent now."
    with nothing_moves():
        refused = run_action(boss, order, "move", **WHY, provider_id=backup.pk)
    assert "Accept the loss" in complaints(refused)
    run_action(boss, order, "move", **WHY, provider_id=backup.pk, accept_loss="on")

    assert Run.objects.get().provider == backup


@pytest.mark.parametrize("deed", DEEDS)
def test_needs_a_reason_a_confirmation_and_a_post(boss: Client, order: Order, deed: str) -> None:
    with nothing_moves():
        complaints(run_action(boss, order, deed, **answers(deed) | {"reason": " "}))
        complaints(run_action(boss, order, deed, **answers(deed) | {"confirmed": ""}))
        assert boss.get(page_of_action(order, deed), answers(deed) | {"confirmed": "on"}).status_code == 200
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("deed", DEEDS)
def test_refuses_staff_without_the_permission(make_clerk: Callable[..., Client], order: Order, deed: str) -> None:
    clerk = make_clerk("orders.view_order", "orders.change_reviewitem", "orders.change_refill")

    with nothing_moves():
        assert run_action(clerk, order, deed, **answers(deed)).status_code == 403
        selected = {"action": f"{deed}_selected", "_selected_action": order.pk, "answered": "yes", "confirmed": "on"}
        clerk.post(LIST, selected | answers(deed) | {"token": str(uuid4())})
        every = clerk.post(f"{ALL}?deed={deed}&status=Pending&upto=999999", answers(deed) | {"answered": "yes"})
        assert every.status_code == (403 if deed in DEEDS_ON_MANY else 404)
    assert not BulkJob.objects.exists()
    assert page_of_action(order, deed) not in clerk.get(page_of(order)).content.decode()


def test_refuses_strangers(order: Order, customer: User) -> None:
    client = Client()
    client.force_login(customer, backend="allauth.account.auth_backends.AuthenticationBackend")

    with nothing_moves():
        for deed in DEEDS:
            assert run_action(client, order, deed, **answers(deed)).status_code == 302
        assert client.post(f"{ALL}?deed=cancel&status=Pending&upto=9", WHY).status_code == 302


def test_a_large_refund_waits_for_a_second_person(boss: Client, order: Order, settings: Any) -> None:
    settings.FOUR_EYES, settings.FOUR_EYES_ABOVE = True, Decimal("0.10")
    report(order.pk, "In progress", remains=600)

    with nothing_moves():
        response = run_action(boss, order, "partial", **answers("partial"))

    assert "waits for a second person" in told(response)
    assert Approval.objects.get().amount == Decimal("0.34")


def test_offers_only_what_may_have_something_to_do(boss: Client, customer: User, order: Order) -> None:
    def offered() -> set[str]:
        page = boss.get(page_of(order)).content.decode()
        return {deed for deed in DEEDS if page_of_action(order, deed) in page}

    assert offered() == set(DEEDS) - {"reject_cancel", "take", "report"}
    call_api(customer, action="cancel", orders=order.pk)
    assert offered() == {"start_count"}


# All that a filter finds


def ask_about_all(client: Client, deed: str, **query: Any) -> Any:
    """Ask for the preview, which first fixes up to which order it goes."""
    first: Any = client.get(ALL, {"deed": deed, **query})
    assert first.status_code == 302
    return client.get(first.url), first.url


def test_all_that_a_filter_finds_becomes_a_job(
    boss: Client, customer: User, other_customer: User, followers: Service, order: Order
) -> None:
    second = place(customer, followers)
    page, address = ask_about_all(boss, "cancel", customer=customer.pk, status="Pending")
    assert page.context["preview"]["count"] == 2
    assert page.context["preview"]["amount"] == "1.70000"
    assert parse_qs(urlsplit(address).query)["upto"] == [str(second)]
    later = place(customer, followers)

    done = boss.post(address, WHY | {"confirmed": "on", "answered": "yes", "token": str(uuid4())})

    job = BulkJob.objects.get()
    assert done.url == page_of(job)
    assert sorted(job.items.values_list("subject_id", flat=True)) == [order.pk, second]
    bulk.work(seconds=30)
    assert list(Order.objects.filter(status="Canceled").order_by("pk").values_list("pk", flat=True)) == [
        order.pk, second,
    ]  # fmt: skip
    assert Order.objects.get(pk=later).status == "Pending"
    assert audit.audit_ledger().is_clean


def test_the_same_form_sent_twice_makes_one_job(boss: Client, order: Order) -> None:
    _, address = ask_about_all(boss, "cancel", status="Pending")
    data = WHY | {"confirmed": "on", "answered": "yes", "token": str(uuid4())}

    boss.post(address, data)
    boss.post(address, data)

    assert BulkJob.objects.count() == 1


@pytest.mark.parametrize("query", [{}, {"status": "Lost"}, {"customer": "nobody"}])
def test_all_needs_a_filter(boss: Client, order: Order, query: dict[str, str]) -> None:
    with nothing_moves():
        response: Any = boss.post(
            f"{ALL}?deed=cancel&upto=99999&" + "&".join(f"{k}={v}" for k, v in query.items()), WHY
        )

    assert response.url == LIST
    assert "Narrow the list first" in told(response)
    assert not BulkJob.objects.exists()


@pytest.mark.parametrize("deed", ["", "link", "partial", "delete"])
def test_all_knows_only_what_can_be_done_to_many(boss: Client, order: Order, deed: str) -> None:
    assert boss.get(ALL, {"deed": deed, "status": "Pending"}).status_code == 404


def test_the_list_offers_it_when_it_is_narrowed(boss: Client, order: Order) -> None:
    assert ALL not in boss.get(LIST).content.decode()
    assert ALL in boss.get(LIST, {"status": "Pending"}).content.decode()


# The story


def test_page_shows_what_each_provider_got(boss: Client, order: Order) -> None:
    claim = submission.claim_next()
    assert claim is not None
    submission.record_not_sent(claim, evidence="no route to host")
    run_action(boss, order, "link", **answers("link"))
    run_action(boss, order, "resend", **WHY)
    report(order.pk, "Completed")
    page = boss.get(page_of(order)).content.decode()

    attempts = page.partition("Attempts, newest first")[2].partition("Cancellation")[0]
    newest, oldest = attempts.index("link: https://example.com/right"), attempts.index(f"link: {LINK}")
    assert newest < oldest
    for fact in ("service: ig-followers", "quantity: 1000", "no route to host", "/admin/providers/provider/"):
        assert fact in attempts
    assert "Refills, newest first" in page
