"""Customers as staff handle them: noted, suspended, looked at from their own side, and given others' prices."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import InternalError, connection, transaction
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone

from accounts import impersonations
from accounts.models import ApiKey, CustomerNote, Impersonation, User
from catalog.models import CustomRate, Discount, Favourite, Service
from orders.models import Order
from payments.models import Payment
from staff.models import AuditEntry
from support import tickets
from support.models import Ticket
from tests.admin.browsing import complaints, page_of, page_of_action, run_action, told
from tests.fixtures import PASSWORD, call_api, funded, key_of, nothing_moves, place

LOOK = {"reason": "Asks where the order is"}
STAFF_PAGES = ("landing", "leave_customer", "stripe_webhook")


def look_as(client: Client, user: User) -> Any:
    """Sign in as a customer."""
    response = run_action(client, user, "sign_in_as", **LOOK)
    assert response.status_code == 302, response.content
    return response


# --- notes ---------------------------------------------------------------------------------------


def test_notes_are_kept_with_their_author(make_clerk: Callable[..., Client], customer: User) -> None:
    clerk = make_clerk("accounts.view_user", "accounts.change_user", "accounts.add_customernote")

    assert run_action(clerk, customer, "note", text="Pays by invoice <b>").status_code == 302

    note = CustomerNote.objects.get()
    assert (note.text, note.author.username, note.customer) == ("Pays by invoice <b>", "clerk-3", customer)
    assert "Pays by invoice &lt;b&gt;" in clerk.get(page_of(customer)).content.decode()


def test_notes_never_change(boss: Client, customer: User) -> None:
    run_action(boss, customer, "note", text="Pays by invoice")

    for statement in ("UPDATE accounts_customernote SET text = 'x'", "DELETE FROM accounts_customernote"):
        with pytest.raises(Exception, match="never changes"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    assert CustomerNote.objects.get().text == "Pays by invoice"


def test_note_needs_its_permission_and_a_text(make_clerk: Callable[..., Client], boss: Client, customer: User) -> None:
    clerk = make_clerk("accounts.view_user", "accounts.change_user")

    assert run_action(clerk, customer, "note", text="x").status_code == 403
    assert "text" in complaints(run_action(boss, customer, "note", text=" "))

    assert not CustomerNote.objects.exists()


# --- suspending ----------------------------------------------------------------------------------


def test_suspending_ends_every_session_and_kills_the_keys(boss: Client, customer: User, other_customer: User) -> None:
    browsers = [Client(), Client()]
    for browser in browsers:
        browser.post("/account/login/", {"login": "customer", "password": PASSWORD})
        assert browser.get("/dashboard/").status_code == 200
    other = Client()
    other.post("/account/login/", {"login": "other", "password": PASSWORD})

    run_action(boss, customer, "suspend", reason="spam")

    for browser in browsers:
        assert browser.get("/dashboard/").status_code == 302
    assert other.get("/dashboard/").status_code == 200
    assert call_api(customer, action="balance") == {"error": "Account suspended"}
    assert boss.get(page_of(customer)).status_code == 200


def test_suspended_customer_reads_but_orders_nothing(boss: Client, customer: User, followers: Service) -> None:
    funded(customer, "10")
    run_action(boss, customer, "suspend", reason="spam")
    browser = Client()
    browser.post("/account/login/", {"login": "customer", "password": PASSWORD})

    with nothing_moves():
        browser.post("/new-order/", {"service": followers.pk, "link": "https://x.example/a", "quantity": 1000})

    assert "suspended" in browser.get("/dashboard/").content.decode()


# --- signing in as a customer --------------------------------------------------------------------


def test_shows_the_customers_pages_with_a_banner(boss: Client, customer: User, staff: User, order_id: int) -> None:
    response = look_as(boss, customer)

    assert response.url == "/dashboard/"
    page = boss.get(f"/orders/{order_id}/").content.decode()
    assert "You are looking as <strong>customer</strong>" in page
    assert "Back to staff" in page
    row = Impersonation.objects.get()
    assert (row.staff, row.customer, row.reason, row.ended_at) == (staff, customer, LOOK["reason"], None)
    assert row.address == "127.0.0.1"
    assert row.expires_at - row.started_at == pytest.approx(timedelta(minutes=30), abs=timedelta(seconds=5))
    assert boss.get("/admin/accounts/user/").status_code == 200  # the admin stays the staff's
    assert LOOK["reason"] in boss.get(page_of(customer)).content.decode()


def test_goes_back_to_staff(boss: Client, customer: User, order_id: int) -> None:
    look_as(boss, customer)

    response = boss.post("/staff/leave/")

    assert response.url == page_of(customer)
    assert Impersonation.objects.get().ended_at is not None
    assert boss.get(f"/orders/{order_id}/").status_code == 404  # staff have no orders
    assert boss.post("/staff/leave/").status_code == 302


def pages_of(order_id: int, ticket: Ticket, service: Service, key: ApiKey) -> list[str]:
    """Return the address of every page of customers, filled with what there is."""
    known = {"order_id": order_id, "ticket_id": ticket.pk, "service_id": service.pk, "key_id": key.pk, "slug": "terms"}
    known |= dict.fromkeys(("mass_order_id", "payment_id", "session_id", "call_id", "attachment_id"), 1)
    known |= {"token": "x"}
    names = [name for name in get_resolver("dashboard.urls").reverse_dict if isinstance(name, str)]
    assert len(names) > 50
    return [
        reverse(f"dashboard:{name}", kwargs={part: known[part] for part in wanted})
        for name in names
        if name not in STAFF_PAGES
        for wanted in [get_resolver("dashboard.urls").reverse_dict.getlist(name)[0][0][0][1]]
    ]


def test_every_page_can_be_read_and_none_writes(
    boss: Client, customer: User, order_id: int, followers: Service, ticket: Ticket, staff: User
) -> None:
    key_of(customer)
    tickets.reply_as_staff(staff_id=staff.pk, ticket_id=ticket.pk, text="There.", closes=False)
    addresses = pages_of(order_id, ticket, followers, ApiKey.objects.get())
    look_as(boss, customer)

    with nothing_moves():
        codes = {address: boss.get(address).status_code for address in addresses}

    assert set(codes.values()) <= {200, 204, 302, 404, 405}, codes
    assert codes[f"/orders/{order_id}/"] == codes[f"/support/{ticket.pk}/"] == codes["/wallet/"] == 200
    ticket.refresh_from_db()
    customer.refresh_from_db()
    assert ticket.is_unread_by_customer
    assert customer.unread_tickets == 1


def test_nothing_can_be_changed_by_post(
    boss: Client, customer: User, order_id: int, followers: Service, ticket: Ticket
) -> None:
    key_of(customer)
    key = ApiKey.objects.get()
    look_as(boss, customer)
    data = {
        "service": followers.pk, "link": "https://x.example/a", "quantity": 1000, "confirmed": "on", "name": "Mine",
        "text": "From staff", "title": "x", "subject": "order", "amount": "5", "orders": order_id, "username": "stolen",
        "password": PASSWORD,
    }  # fmt: skip

    with nothing_moves():
        for address in pages_of(order_id, ticket, followers, key):
            assert boss.post(address, data).status_code == 302, address
            answer = boss.post(address, data, headers={"HX-Request": "true"})
            assert answer.status_code == 403, address
            assert "nothing can be changed" in answer.headers["HX-Trigger"]
        for method in ("put", "delete", "patch"):
            assert getattr(boss, method)(f"/orders/{order_id}/cancel/").status_code == 302

    assert told(boss.post("/new-order/", data)).endswith("nothing can be changed here.")
    customer.refresh_from_db()
    ticket.refresh_from_db()
    assert (customer.username, ticket.state) == ("customer", Ticket.State.OPEN)
    assert ApiKey.objects.get().revoked_at is None
    assert Ticket.objects.count() == 1
    assert Order.objects.count() == 1
    assert not Payment.objects.exists()
    assert not Favourite.objects.exists()


@pytest.mark.parametrize(
    "address",
    [
        "/account/password/change/",
        "/account/email/",
        "/account/2fa/",
        "/account/2fa/totp/activate/",
        "/account/2fa/recovery-codes/",
        "/account/2fa/recovery-codes/download/",
        "/account/reauthenticate/",
    ],
)
def test_login_pages_are_not_shown(boss: Client, customer: User, staff: User, address: str) -> None:
    before = User.objects.get(pk=customer.pk).password, User.objects.get(pk=staff.pk).password
    look_as(boss, customer)

    for response in (boss.get(address), boss.post(address, {"password1": "x" * 12, "email": "mine@example.com"})):
        assert (response.status_code, response.url) == (302, "/dashboard/")
        assert "how a customer logs in" in told(response)

    assert (User.objects.get(pk=customer.pk).password, User.objects.get(pk=staff.pk).password) == before


def test_postgresql_refuses_what_a_page_writes(boss: Client, customer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a page that writes as it is read is stopped by the database."""
    monkeypatch.setattr("dashboard.views.tickets.is_looking", lambda request: False)
    User.objects.filter(pk=customer.pk).update(unread_tickets=7)  # wrong, so the list of tickets would mend it
    look_as(boss, customer)

    with pytest.raises((InternalError, RuntimeError)):
        boss.get("/support/")

    customer.refresh_from_db()
    assert customer.unread_tickets == 7


def test_ends_after_half_an_hour(boss: Client, customer: User, order_id: int) -> None:
    look_as(boss, customer)
    Impersonation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    response = boss.get(f"/orders/{order_id}/")

    assert (response.status_code, response.url) == (302, "/admin/")
    assert boss.get(f"/orders/{order_id}/").status_code == 404


@pytest.mark.parametrize("change", [{"is_staff": True}, {"is_superuser": True}, {"is_active": False}])
def test_ends_when_the_customer_becomes_staff(
    boss: Client, customer: User, order_id: int, change: dict[str, bool]
) -> None:
    look_as(boss, customer)
    User.objects.filter(pk=customer.pk).update(**change)

    assert boss.get(f"/orders/{order_id}/").url == "/admin/"


def test_ends_when_the_permission_goes(make_clerk: Callable[..., Client], customer: User, order_id: int) -> None:
    clerk = make_clerk("accounts.view_user", "accounts.add_impersonation")
    look_as(clerk, customer)
    assert clerk.get(f"/orders/{order_id}/").status_code == 200

    User.objects.get(username="clerk-2").user_permissions.clear()

    assert clerk.get(f"/orders/{order_id}/").status_code == 302
    assert clerk.get(f"/orders/{order_id}/").status_code == 404


def test_second_look_ends_the_first(boss: Client, customer: User, other_customer: User) -> None:
    look_as(boss, customer)
    look_as(boss, other_customer)

    assert "<strong>other</strong>" in boss.get("/dashboard/").content.decode()
    assert list(Impersonation.objects.filter(ended_at=None).values_list("customer", flat=True)) == [other_customer.pk]


def test_anothers_look_cannot_be_taken_over(boss: Client, make_clerk: Callable[..., Client], customer: User) -> None:
    look_as(boss, customer)
    clerk = make_clerk("accounts.view_user", "accounts.add_impersonation")
    session = clerk.session
    session[impersonations.SESSION_KEY] = Impersonation.objects.get().pk
    session.save()

    assert clerk.get("/dashboard/").url == "/admin/"
    assert clerk.post("/staff/leave/").status_code == 302
    assert Impersonation.objects.get().ended_at is None


@pytest.mark.parametrize("rank", [{"is_staff": True}, {"is_superuser": True}, {"is_active": False}])
def test_never_into_accounts_of_staff(boss: Client, customer: User, rank: dict[str, bool]) -> None:
    User.objects.filter(pk=customer.pk).update(**rank)

    assert "Nobody can sign in as staff" in complaints(run_action(boss, customer, "sign_in_as", **LOOK))

    assert not Impersonation.objects.exists()
    assert impersonations.SESSION_KEY not in boss.session


def test_signing_in_needs_its_permission_a_reason_and_a_post(
    boss: Client, make_clerk: Callable[..., Client], customer: User
) -> None:
    clerk = make_clerk("accounts.view_user", "accounts.change_user")

    assert run_action(clerk, customer, "sign_in_as", **LOOK).status_code == 403
    assert "reason" in complaints(run_action(boss, customer, "sign_in_as", reason=" "))
    boss.get(page_of_action(customer, "sign_in_as"), {"confirmed": "on", **LOOK})

    assert not Impersonation.objects.exists()
    assert "sign_in_as" not in clerk.get(page_of(customer)).content.decode()


def test_customers_never_look_as_others(customer: User, other_customer: User, staff: User) -> None:
    browser = Client()
    browser.force_login(other_customer)
    session = browser.session
    row = impersonations.begin(staff_id=staff.pk, customer_id=customer.pk, reason="x", address=None)
    session[impersonations.SESSION_KEY] = row.pk
    session.save()

    assert browser.get("/dashboard/").status_code == 302
    assert "other" in browser.get("/account/profile/").content.decode()


# --- prices --------------------------------------------------------------------------------------


@pytest.fixture
def agreed(customer: User, other_customer: User, make_service: Callable[..., Service]) -> list[Service]:
    """`other` has 10 % off and two prices; `customer` has another price for the first service and one for a third."""
    services = [make_service(), make_service(), make_service()]
    Discount.objects.create(customer=other_customer, percent=10)
    for service, rate in zip(services, ("0.5", "0.6"), strict=False):
        CustomRate.objects.create(customer=other_customer, service=service, rate=rate)
    CustomRate.objects.create(customer=customer, service=services[0], rate="0.8")
    CustomRate.objects.create(customer=customer, service=services[2], rate="0.7")
    return services


def prices_of(user: User) -> dict[int, Decimal]:
    """Return what was agreed with a customer."""
    return dict(CustomRate.objects.filter(customer=user).values_list("service_id", "rate"))


def copy(client: Client, user: User, **data: Any) -> Any:
    """Send the form that copies prices."""
    return client.post(
        reverse("admin:catalog_customrate_copy", args=[user.pk]), {"confirmed": "on", "reason": "Same deal"} | data
    )


def test_shows_what_a_customer_pays(boss: Client, customer: User, agreed: list[Service]) -> None:
    page = boss.get(reverse("admin:catalog_customrate_customer", args=[customer.pk])).content.decode()

    assert "0.8" in page
    assert "-5.9%" in page
    assert f"/admin/catalog/discount/add/?customer={customer.pk}" in page
    assert run_action(boss, customer, "prices").url.endswith(f"/of/{customer.pk}/")


def test_copies_prices_and_keeps_others(boss: Client, customer: User, agreed: list[Service]) -> None:
    first, second, third = (service.pk for service in agreed)

    response = copy(boss, customer, source="OTHER")

    assert told(response) == "2 prices copied from other, 0 removed."
    assert prices_of(customer) == {first: Decimal("0.5"), second: Decimal("0.6"), third: Decimal("0.7")}
    assert customer.discount.percent == 10
    assert call_api(customer, action="services")[0]["rate"] == "0.50"
    logged = AuditEntry.objects.get(operation="catalog.customrate: copy")
    assert (logged.subject_model, logged.subject_id, logged.reason) == ("accounts.user", str(customer.pk), "Same deal")
    assert logged.before == {str(first): "0.80"}
    assert logged.after == {"discount": "10.00", str(first): "0.50", str(second): "0.60"}


def test_copies_prices_and_removes_others(
    boss: Client, customer: User, other_customer: User, agreed: list[Service]
) -> None:
    copy(boss, customer, source="other", replaces="on")

    assert prices_of(customer) == prices_of(other_customer)


def test_copying_refuses_staff_oneself_and_strangers(
    boss: Client, make_clerk: Callable[..., Client], customer: User, staff: User, agreed: list[Service]
) -> None:
    before = prices_of(customer)
    clerk = make_clerk("catalog.view_customrate", "catalog.view_discount", "catalog.add_customrate")

    assert copy(clerk, customer, source="other").status_code == 403
    for source in ("staff", "nobody", "customer"):
        assert "source" in complaints(copy(boss, customer, source=source))
    assert "reason" in complaints(copy(boss, customer, source="other", reason=""))

    assert prices_of(customer) == before
    assert not Discount.objects.filter(customer=customer).exists()


def test_prices_need_their_permission(make_clerk: Callable[..., Client], customer: User) -> None:
    clerk = make_clerk("accounts.view_user")

    assert clerk.get(reverse("admin:catalog_customrate_customer", args=[customer.pk])).status_code == 403
    assert run_action(clerk, customer, "prices").status_code == 403


# --- the way to what is theirs -------------------------------------------------------------------


def test_links_to_what_belongs_to_a_customer(
    boss: Client, customer: User, other_customer: User, followers: Service, ticket: Ticket
) -> None:
    mine = place(funded(customer, "10"), followers)
    others = place(funded(other_customer, "10"), followers)
    page = boss.get(page_of(customer)).content.decode()

    addresses = [
        f"/admin/wallet/ledgerentry/?wallet={customer.wallet.pk}",
        f"/admin/orders/order/?customer={customer.pk}",
        f"/admin/payments/payment/?wallet={customer.wallet.pk}",
        f"/admin/support/ticket/?customer__id__exact={customer.pk}",
    ]
    for address in addresses:
        assert address in page
        assert boss.get(address).status_code == 200
    orders = boss.get(addresses[1]).content.decode()
    assert f"/admin/orders/order/{mine}/" in orders
    assert f"/admin/orders/order/{others}/" not in orders
