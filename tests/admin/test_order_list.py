"""The staff's list of orders: pages by key, filters that find what they should, and how far they looked."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from catalog.models import Route, Service
from orders import staff_listing
from orders.models import Order, Run
from orders.staff_listing import Source, StaffFilter
from providers.models import Provider
from tests.dashboard.conftest import logged_in
from tests.fixtures import LINK, call_api, funded, place, report

LIST = "/admin/orders/order/"


@pytest.fixture
def many(customer: User, followers: Service) -> list[int]:
    """Seven orders, oldest first."""
    funded(customer, "100")
    return [place(customer, followers) for _ in range(7)]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staff_listing, "PAGE_ORDERS", 3)


def shown(response: Any) -> list[int]:
    """Return the ids on a page, as they stand there."""
    assert response.status_code == 200
    page = response.content.decode()
    orders = [order.pk for order in response.context["cl"].page.orders]
    for order_id in orders:
        assert f"{LIST}{order_id}/change/" in page
    assert page.count('/change/">') >= len(orders)
    return orders


def ids_of(wanted: StaffFilter, **options: Any) -> list[int]:
    return [order.pk for order in staff_listing.list_orders(wanted, **options).orders]


def test_pages_go_down_and_up_by_key(boss: Client, many: list[int]) -> None:
    newest = many[::-1]
    first = boss.get(LIST)
    assert shown(first) == newest[:3]

    second = boss.get(LIST + first.context["cl"].older_address)
    third = boss.get(LIST + second.context["cl"].older_address)
    assert (shown(second), shown(third)) == (newest[3:6], newest[6:])
    assert third.context["cl"].older_address is None

    back = boss.get(LIST + third.context["cl"].newer_address)
    top = boss.get(LIST + back.context["cl"].newer_address)
    assert (shown(back), shown(top)) == (newest[3:6], newest[:3])
    assert top.context["cl"].newer_address is None


def test_a_new_order_shifts_nothing(boss: Client, customer: User, followers: Service, many: list[int]) -> None:
    older = boss.get(LIST).context["cl"].older_address

    place(customer, followers)

    assert shown(boss.get(LIST + older)) == many[3:0:-1]


def test_takes_the_same_queries_on_every_page(boss: Client, many: list[int]) -> None:
    def count(address: str) -> int:
        boss.get(address)
        with CaptureQueriesContext(connection) as queries:
            boss.get(address)
        assert not any("COUNT(" in query["sql"] or "OFFSET" in query["sql"] for query in queries)
        return len(queries)

    few = count(f"{LIST}?before={many[1]}")
    assert few == count(f"{LIST}?before={many[6]}") <= 9


@pytest.mark.parametrize(
    "address", ["?before=x", "?before=-1", "?after=" + "9" * 40, "?before=", "?p=7", "?all=1", "?o=1.-2", "?nonsense=1"]
)
def test_bears_any_key(boss: Client, many: list[int], address: str) -> None:
    assert boss.get(LIST + address).status_code == 200


def test_looks_through_windows_and_says_how_far(
    boss: Client, customer: User, many: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staff_listing, "SCANNED_ORDERS_MAX", 3)
    call_api(customer, action="cancel", orders=many[0])

    first = boss.get(LIST, {"status": "Canceled"})
    assert shown(first) == []
    assert "Looked back as far as" in first.content.decode()
    second = boss.get(LIST + first.context["cl"].older_address)
    third = boss.get(LIST + second.context["cl"].older_address)

    assert (shown(second), shown(third)) == ([], [many[0]])
    assert third.context["cl"].older_address is None
    assert list(staff_listing.stream_ids(StaffFilter(status=staff_listing.Status.CANCELED))) == [many[0]]
    upwards = staff_listing.list_orders(StaffFilter(status=staff_listing.Status.CANCELED), after=many[0])
    assert (upwards.orders, upwards.newer_after) == ([], many[3])


def test_filters_by_each_column(
    boss: Client,
    customer: User,
    other_customer: User,
    followers: Service,
    make_service: Callable[..., Service],
    many: list[int],
) -> None:
    backup = Provider.objects.create(name="Backup", kind=Provider.Kind.SANDBOX)
    other_service = make_service(provider=backup, provider_service="b")
    other = place(funded(other_customer, "10"), other_service, link="https://example.com/other")
    canceled = many[2]
    call_api(customer, action="cancel", orders=canceled)
    logged_in(customer).post(
        "/orders/new/", {"service": followers.pk, "link": LINK, "quantity": 1000, "agreed": "0.85"}
    )

    for query, found in [
        ({"status": "Canceled"}, [canceled]),
        ({"provider": backup.pk}, [other]),
        ({"service": other_service.pk}, [other]),
        ({"service": other_service.pk, "status": "Canceled"}, []),
        ({"customer": "other"}, [other]),
        ({"customer": other_customer.pk, "service": other_service.pk}, [other]),
        ({"customer": other_customer.pk, "service": followers.pk}, []),
        ({"link": "https://example.com/other"}, [other]),
        ({"link": "https://example.com/othe"}, []),
        ({"ids": f"{many[0]}, {many[1]}\n{many[0]};999999 x"}, [many[1], many[0]]),
        ({"ids": f"{many[0]} {canceled}", "status": "Canceled"}, [canceled]),
        ({"q": "other"}, [other]),
        ({"q": "other", "customer": "customer"}, []),
        ({"q": str(canceled), "status": "Canceled"}, [canceled]),
        ({"q": str(canceled), "status": "Completed"}, []),
        ({"source": "api", "status": "Canceled"}, [canceled]),
    ]:
        assert shown(boss.get(LIST, query)) == found, query


def test_filters_by_source(customer: User, many: list[int]) -> None:
    Order.objects.filter(pk=many[0]).update(status="Pending")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE orders_order SET api_key_id = NULL WHERE id = %s", [many[0]])
        cursor.execute("SET LOCAL session_replication_role = origin")

    assert ids_of(StaffFilter(source=Source.WEB)) == [many[0]]
    assert ids_of(StaffFilter(source=Source.API), limit=10) == many[:0:-1]


def test_filters_by_days(boss: Client, many: list[int]) -> None:
    today = timezone.localdate()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for days, order_id in enumerate(reversed(many)):
            cursor.execute(
                "UPDATE orders_order SET created_at = created_at - make_interval(days => %s) WHERE id = %s",
                [days, order_id],
            )
        cursor.execute("SET LOCAL session_replication_role = origin")
    newest = many[::-1]

    def day(ago: int) -> str:
        return (today - timedelta(days=ago)).isoformat()

    assert shown(boss.get(LIST, {"since": day(1)})) == newest[:2]
    assert shown(boss.get(LIST, {"since": day(3), "until": day(2)})) == newest[2:4]
    assert shown(boss.get(LIST, {"until": day(5)})) == newest[5:]
    assert shown(boss.get(LIST, {"since": day(4), "until": day(4), "status": "Canceled"})) == []


@pytest.mark.parametrize(
    "query",
    [
        {"customer": "nobody"},
        {"customer": "9" * 40},
        {"status": "Lost"},
        {"provider": "77"},
        {"service": "x"},
        {"service": str(2**31)},
        {"since": "2026-13-01"},
        {"ids": "a, b"},
        {"ids": ",".join(map(str, range(1, 1002)))},
        {"link": "x" * 2049},
        {"source": "fax"},
    ],
)
def test_says_what_is_wrong_with_a_filter_and_shows_nothing(
    boss: Client, many: list[int], query: dict[str, str]
) -> None:
    response = boss.get(LIST, query)

    assert shown(response) == []
    assert list(response.context["cl"].filter_form.errors) == list(query)
    assert not Order.objects.filter(pk__in=response.context["cl"].get_queryset(response.wsgi_request)).exists()


def test_says_about_how_many_there_are(boss: Client, many: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE orders_order")

    page = boss.get(LIST).content.decode()

    assert "about 7 orders in all" in page
    assert "1 found" in boss.get(LIST, {"q": str(many[0])}).content.decode()


def test_has_what_the_themes_script_looks_for(boss: Client, many: list[int]) -> None:
    page = boss.get(LIST).content.decode()

    for name in ("result-list ", "action-toggle", "action-select"):
        assert name in page.partition('id="result_list"')[2]


def test_finds_what_several_providers_know_by_the_same_id(boss: Client, many: list[int]) -> None:
    report(many[0], "In progress", remains=900)
    backup = Provider.objects.create(name="Backup", kind=Provider.Kind.SANDBOX)
    Route.objects.create(service_id=1042, provider=backup, provider_service="b")
    Run.objects.filter(order=many[1]).update(provider=backup, provider_order=f"p{Run.objects.get(order=many[0]).pk}")

    term = Run.objects.get(order=many[0]).provider_order

    assert shown(boss.get(LIST, {"q": term})) == [many[1], many[0]]


def test_a_user_name_of_digits_is_found_where_no_order_has_that_id(boss: Client, many: list[int]) -> None:
    user = User.objects.get(username="customer")
    user.username = "123456789"
    user.save(update_fields=["username"])

    assert shown(boss.get(LIST, {"q": "123456789"})) == many[:3:-1]


def test_an_action_reaches_only_what_the_filter_shows(boss: Client, many: list[int]) -> None:
    data = {"action": "cancel_selected", "_selected_action": many[:2]}

    page = boss.post(f"{LIST}?ids={many[0]}", data).content.decode()

    assert f'name="_selected_action" value="{many[0]}"' in page
    assert f'name="_selected_action" value="{many[1]}"' not in page
