"""The published client `smmpy`, unmodified: old user agent, no session, every value as text."""

import pytest
import smmpy

from tests.fixtures import LINK, balance_of, key_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(shop, url):
    return smmpy.smm(url, key_of(shop))


def refused(call, *args, **kwargs):
    """Expect the client's own error and return its text."""
    with pytest.raises(Exception) as error:  # noqa: PT011 - the client raises nothing finer
        call(*args, **kwargs)
    assert type(error.value) is Exception
    return str(error.value)


def test_get_services(client):
    services = client.get_services()

    assert [service["service"] for service in services] == [1042, 1043, 1044, 1045]
    assert {len(service) for service in services} == {9}


def test_get_balance(client):
    assert client.get_balance() == {"balance": "10.00000", "currency": "USD"}


def test_an_order_s_life(client, shop, deliver, deliver_refills):
    order_id = client.add_order(1042, LINK, 1000)["order"]
    assert client.get_status(order_id) == {
        "charge": "0.85000",
        "start_count": "0",
        "status": "Pending",
        "remains": "1000",
        "currency": "USD",
    }

    deliver()

    assert client.get_status(order_id)["status"] == "Completed"
    refill_id = client.create_refill(order_id)["refill"]
    assert client.get_refill_status(refill_id) == {"status": "Pending"}
    deliver_refills()
    assert client.get_refill_status(refill_id) == {"status": "Completed"}
    assert refused(client.get_refill_status, 10**9) == "Refill not found"


def test_add_order_with_comments(client, shop):
    client.add_order(1043, LINK, 2, comments="one\r\ntwo")

    assert str(balance_of(shop)) == "9.99830"


def test_add_order_with_drip_feed(client):
    order_id = client.add_order(1042, LINK, 1000, runs=5, interval=60)["order"]

    assert client.get_status(order_id)["charge"] == "0.85000"


def test_many_at_once(client, deliver, deliver_refills):
    first, second = (client.add_order(1042, LINK, 1000)["order"] for _ in range(2))
    third = client.add_order(1043, LINK, 1, comments="one")["order"]
    deliver()

    statuses = client.get_multi_status([first, second, third, 10**9])
    assert [status.get("status") for status in statuses.values()] == ["Completed", "Completed", "Completed", None]
    assert statuses[str(10**9)] == {"error": "Incorrect order ID"}

    made = client.create_multi_refill([first, second, third])
    assert made[2] == {"order": third, "refill": {"error": "Refill not available"}}
    refill_ids = [line["refill"] for line in made[:2]]
    deliver_refills()
    assert client.get_multi_refill_status([*refill_ids, 10**9]) == [
        {"refill": refill_ids[0], "status": "Completed"},
        {"refill": refill_ids[1], "status": "Completed"},
        {"refill": 10**9, "status": {"error": "Refill not found"}},
    ]


def test_cancel_orders(client, shop):
    order_id = client.add_order(1042, LINK, 1000)["order"]
    kept = client.add_order(1044, LINK, 1000)["order"]

    assert client.cancel_orders([order_id, kept, 10**9]) == [
        {"order": order_id, "cancel": 1},
        {"order": kept, "cancel": {"error": "Cancel not available"}},
        {"order": 10**9, "cancel": {"error": "Incorrect order ID"}},
    ]
    assert str(balance_of(shop)) == "9.15000"


def test_errors_keep_our_text(client, url):
    assert refused(client.add_order, 1, LINK, 1000) == "Service is not active"
    assert refused(client.add_order, 1042, LINK, 1) == "Quantity is too low"
    assert refused(client.add_order, 1042, LINK, 10**6) == "Quantity is too high"
    assert refused(client.add_order, 1042, LINK, 100_000) == "Insufficient balance"
    assert refused(client.add_order, 1042, "", 1000) == "Incorrect request"
    assert refused(client.add_order, 1042, LINK, 1000, runs=5) == "Incorrect request"
    assert refused(client.get_status, 10**9) == "Incorrect order ID"
    assert refused(client.create_refill, 10**9) == "Incorrect order ID"
    assert refused(smmpy.smm(url, "0" * 32).get_balance) == "Invalid API key"
