"""GET /orders and /orders/{id}: what tools read, exactly, and how it is narrowed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from admin_api import paging
from catalog.models import Service
from orders import holds, placement, submission
from orders.models import Order, OrderEvent, Run
from orders.queries import load_buyer
from tests.admin_api.calling import Tool, refusal
from tests.fixtures import LINK, funded, place, report


@pytest.fixture
def order_id(customer: User, followers: Service) -> int:
    return place(funded(customer, "100"), followers)


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows]


@contextmanager
def facts_may_change() -> Iterator[None]:
    """Let a test write when something was ordered, which nobody may otherwise."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        yield
        cursor.execute("SET session_replication_role = origin")


def written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def test_lists_an_order(tool: Tool, order_id: int) -> None:
    report(order_id, "Partial", remains=250, start_count=17)
    order = Order.objects.get()
    touched = OrderEvent.objects.latest("at").at

    body = tool.get("orders").json()

    assert body == {
        "data": {
            "count": 1,
            "list": [
                {
                    "id": order_id,
                    "external_id": Run.objects.get().provider_order,
                    "user": "customer",
                    "creation_type": "api",
                    "charge": {"value": "0.63750", "currency_code": "USD", "formatted": "0.6375 USD"},
                    "link": LINK,
                    "start_count": 17,
                    "quantity": 1000,
                    "remains": 250,
                    "service_id": 1042,
                    "service_name": "Instagram Followers — Real & Active",
                    "service_type": "Default",
                    "status": "partial",
                    "provider": "Sandbox",
                    "created": written(order.created_at),
                    "created_timestamp": int(order.created_at.timestamp()),
                    "last_update": written(touched),
                    "last_update_timestamp": int(touched.timestamp()),
                    "by_hand": None,
                    "actions": {
                        "resend": False,
                        "request_cancel": False,
                        "cancel_and_refund": True,
                        "set_partial": False,
                        "edit_link": False,
                        "refill": True,
                    },
                }
            ],
        },
        "pagination": {"prev_page_href": None, "next_page_href": None, "offset": 0, "limit": 100},
        "error_message": "",
        "error_code": 0,
    }


def test_shows_one_order_as_the_list_does(tool: Tool, order_id: int) -> None:
    whole = tool.rows("orders")[0] | {"comments": "", "parameters": {}}
    assert tool.data(f"orders/{order_id}") == whole
    assert tool.data(f"orders/{order_id}/") == whole


@pytest.mark.parametrize("wrong", ["2147483647", "999999999999999999999999", "0"])
def test_an_order_that_is_not_there_is_not_found(tool: Tool, order_id: int, wrong: str) -> None:
    assert refusal(tool.get(f"orders/{wrong}")) == (404, "Not found.")


def test_pages_lead_to_each_other(tool: Tool, customer: User, followers: Service) -> None:
    funded(customer, "100")
    orders = [place(customer, followers) for _ in range(5)]

    first = tool.get("orders", limit=2, user="customer").json()
    assert ids(first["data"]["list"]) == orders[:2:-1]
    assert first["pagination"] == {
        "prev_page_href": None,
        "next_page_href": "/adminapi/v2/orders?limit=2&user=customer&offset=2",
        "offset": 0,
        "limit": 2,
    }
    follow = tool.client.get(first["pagination"]["next_page_href"], headers={"X-Api-Key": tool.text}).json()
    assert ids(follow["data"]["list"]) == orders[2:0:-1]
    assert follow["pagination"]["prev_page_href"] == "/adminapi/v2/orders?limit=2&user=customer&offset=0"
    last = tool.get("orders", limit=2, offset=4).json()
    assert (ids(last["data"]["list"]), last["pagination"]["next_page_href"]) == ([orders[0]], None)
    assert ids(tool.rows("orders", sort="date-asc")) == orders


def test_filters(tool: Tool, customer: User, other_customer: User, followers: Service, make_service: Any) -> None:
    likes = make_service(name="Likes", provider_service="likes")
    funded(customer, "100"), funded(other_customer, "100")
    first = place(customer, followers)
    buyer = load_buyer(other_customer.pk)
    assert buyer is not None
    draft = placement.Draft(service_id=likes.pk, link="https://instagram.com/p/1", quantity=100)
    second = placement.place_order(buyer=buyer, draft=draft).order_id
    report(first, "Completed")

    def found(**query: Any) -> list[int]:
        return ids(tool.rows("orders", **query))

    assert found() == [second, first]
    assert found(ids=f"{first},7,{first}") == [first]
    assert found(user="customer") == [first]
    assert found(user="nobody") == []
    assert found(order_status="completed") == [first]
    assert found(order_status="completed,in_progress,pending") == [second, first]
    assert found(service_ids=f"{likes.pk}") == [second]
    assert found(service_ids=f"{likes.pk},{followers.pk}") == [second, first]
    assert found(link="https://instagram.com/p/1") == [second]
    assert found(creation_type="web") == [second]
    assert found(creation_type="api") == [first]
    assert found(provider="Sandbox") == [second, first]
    assert found(provider="Other") == []
    assert found(external_id=Run.objects.get(order=first).provider_order) == [first]


def test_filters_by_time(tool: Tool, customer: User, followers: Service) -> None:
    funded(customer, "100")
    orders = [place(customer, followers) for _ in range(4)]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for day, order in enumerate(orders):
        with facts_may_change():
            Order.objects.filter(pk=order).update(created_at=start + timedelta(days=day))
    second = int((start + timedelta(days=1)).timestamp())

    assert ids(tool.rows("orders", created_from=second)) == orders[:0:-1]
    assert ids(tool.rows("orders", created_to=second)) == [orders[1], orders[0]]
    assert ids(tool.rows("orders", created_from=second + 1, created_to=second + 86400)) == [orders[2]]
    assert tool.rows("orders", created_to=0) == []
    assert ids(tool.rows("orders", created_from=0)) == orders[::-1]


def test_time_filters_of_an_empty_panel(tool: Tool) -> None:
    assert tool.rows("orders", created_from=0, created_to=1) == []


def test_held_and_unknown_orders_are_told_from_pending_ones(tool: Tool, customer: User, followers: Service) -> None:
    funded(customer, "100")
    unknown, held, pending = (place(customer, followers) for _ in range(3))
    claim = submission.claim_next()
    assert claim is not None
    assert claim.run.order_id == unknown
    submission.record_unknown(claim.attempt.pk, evidence="read timed out")
    holds.hold_run(Run.objects.get(order=held), because="it costs more than it brings")

    assert {row["id"]: row["status"] for row in tool.rows("orders")} == {
        unknown: "error",
        held: "fail",
        pending: "pending",
    }
    assert ids(tool.rows("orders", order_status="pending")) == [pending]
    assert ids(tool.rows("orders", order_status="fail")) == [held]
    assert ids(tool.rows("orders", order_status="error")) == [unknown]
    assert ids(tool.rows("orders", order_status="fail,error,completed")) == [held, unknown]


TOO_FAR_BACK = (
    "offset: Ensure this value is less than or equal to 100000. What is further back is found by "
    "created_from and created_to, or by ids."
)
KNOWN_WORDS = "order_status: Must be of: pending, in_progress, processing, completed, partial, canceled, fail, error."


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"limit": 0}, "limit: Ensure this value is greater than or equal to 1."),
        ({"limit": 1001}, "limit: Ensure this value is less than or equal to 1000."),
        ({"limit": "ten"}, "limit: A valid integer is required."),
        ({"offset": -1}, "offset: Ensure this value is greater than or equal to 0."),
        (
            {"offset": 100_001},
            TOO_FAR_BACK,
        ),
        ({"ids": "1;2"}, "ids: Ids are whole numbers, in an array or with commas between."),
        ({"ids": "-1"}, "ids: Ids are whole numbers, in an array or with commas between."),
        ({"ids": "9999999999"}, "ids: Ids are whole numbers, in an array or with commas between."),
        ({"ids": ","}, "ids: Name at least one id."),
        ({"ids": ",".join(map(str, range(1, 1002)))}, "ids: At most 1000 ids at once."),
        ({"order_status": "Completed"}, KNOWN_WORDS),
        ({"created_from": "yesterday"}, "created_from: A valid integer is required."),
        ({"created_from": 10**12}, "created_from: Ensure this value is less than or equal to 32503680000."),
        ({"sort": "price"}, 'sort: "price" is not a valid choice.'),
        ({"user": "\ud800".encode("utf-8", "surrogatepass")}, None),
        ({"link": "a\0b"}, "The address or the headers of this request cannot be read."),
    ],
)  # fmt: skip
def test_refuses_what_makes_no_sense(tool: Tool, query: dict[str, Any], sentence: str | None) -> None:
    response = tool.get("orders", **query)

    if sentence is None:
        assert tool.rows("orders", **query) == []
    else:
        assert refusal(response) == (400, sentence)


def test_a_list_that_takes_too_long_is_given_up(tool: Tool, order_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "TIMEOUT_MILLISECONDS", 1)
    from admin_api import order_rows

    slow = order_rows.list_orders
    monkeypatch.setattr(order_rows, "list_orders", lambda wanted: slow(wanted).extra(where=["pg_sleep(1) IS NOT NULL"]))

    assert refusal(tool.get("orders")) == (
        400,
        "This takes too long to look for. Narrow it by created_from and created_to, by user or by ids.",
    )


def test_costs_the_same_queries_for_any_page(tool: Tool, customer: User, followers: Service) -> None:
    funded(customer, "100")

    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            tool.rows("orders")
        return len([query for query in queries if query["sql"].startswith("SELECT")])

    place(customer, followers)
    tool.rows("orders")
    few = count()
    for _ in range(5):
        place(customer, followers)
    assert count() == few
