"""The published client `safesmm`, unmodified: urllib, which raises on any HTTP error."""

import pytest
from safesmm import SafeSMM, SafeSMMError

from tests.fixtures import LINK, balance_of, key_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(shop, url):
    return SafeSMM(key_of(shop), api_url=url)


def refused(call, *args, **kwargs):
    """Expect the client's own error and return its text."""
    with pytest.raises(SafeSMMError) as error:
        call(*args, **kwargs)
    return str(error.value)


def test_services(client):
    assert [service["service"] for service in client.services()] == [1042, 1043, 1044, 1045]


def test_balance(client):
    assert client.balance() == {"balance": "10.00000", "currency": "USD"}


def test_an_order_s_life(client, deliver):
    order_id = client.add_order(1042, LINK, 1000)["order"]
    assert client.status(order_id)["status"] == "Pending"

    deliver()

    assert client.status(order_id)["status"] == "Completed"
    assert list(client.refill(order_id)) == ["refill"]
    assert refused(client.refill, order_id) == "Order not eligible for refill"


def test_add_order_with_comments(client, shop):
    client.add_order(1043, LINK, comments="a\nb")

    assert str(balance_of(shop)) == "9.99830"


def test_add_order_with_drip_feed(client):
    order_id = client.add_order(1042, LINK, 1000, runs=5, interval=30)["order"]

    assert client.status(order_id)["remains"] == "1000"


def test_multi_status(client):
    order_id = client.add_order(1042, LINK, 1000)["order"]

    answer = client.multi_status([order_id, 10**9])

    assert answer[str(order_id)]["status"] == "Pending"
    assert answer[str(10**9)] == {"error": "Incorrect order ID"}


@pytest.mark.parametrize("wrap", [lambda order_id: order_id, str, lambda order_id: [order_id]])
def test_cancel(client, shop, wrap):
    order_id = client.add_order(1042, LINK, 1000)["order"]

    assert client.cancel(wrap(order_id)) == [{"order": order_id, "cancel": 1}]
    assert balance_of(shop) == 10


def test_errors_keep_our_text(client, url):
    assert refused(client.add_order, 1, LINK, 1000) == "Service is not active"
    assert refused(client.add_order, 1042, LINK) == "Incorrect request"
    assert refused(client.add_order, 1042, LINK, 100_000) == "Insufficient balance"
    assert refused(client.status, "abc") == "Incorrect order ID"
    assert refused(client.multi_status, range(101)) == "Incorrect request"
    assert refused(client.multi_status, []) == "Incorrect request"
    assert refused(SafeSMM("0" * 32, api_url=url).balance) == "Invalid API key"
