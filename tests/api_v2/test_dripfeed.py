"""Drip-feed: `quantity` is the total, split into runs, unless the owner says that it is per run."""

from datetime import timedelta
from decimal import Decimal

import pytest

from orders.models import Order, Run
from tests.fixtures import LINK, call_api, funded, place, refused_api

pytestmark = pytest.mark.django_db

INCOMPLETE = {"error": "Incorrect request", "detail": "Drip-feed needs both 'runs' and 'interval'."}
NOT_OFFERED = {
    "error": "Incorrect request",
    "detail": "This service has no drip-feed; leave out 'runs' and 'interval'.",
}


@pytest.fixture
def buyer(customer):
    return funded(customer, "10")


def add(user, **params):
    return refused_api(user, **{"action": "add", "service": 1042, "link": LINK, "quantity": 1000, **params})


def run_quantities():
    return list(Run.objects.order_by("number").values_list("quantity", flat=True))


def test_splits_the_total_and_charges_it_once(buyer, followers):
    order_id = place(buyer, followers, runs=5, interval=60)

    order = Order.objects.get()
    assert (order.quantity, order.run_count, order.interval_minutes) == (1000, 5, 60)
    assert run_quantities() == [200] * 5
    assert call_api(buyer, action="status", order=order_id)["charge"] == "0.85000"
    assert call_api(buyer, action="balance")["balance"] == "9.15000"


@pytest.mark.parametrize(
    ("quantity", "runs", "expected"),
    [
        (1000, 1, [1000]),
        (1000, 3, [333, 333, 334]),
        (350, 4, [87, 88, 87, 88]),
        (1003, 4, [250, 251, 251, 251]),
        (250, 5, [50] * 5),
    ],
)
def test_runs_differ_by_one_at_most_and_add_up(buyer, followers, quantity, runs, expected):
    place(buyer, followers, quantity=quantity, runs=runs, interval=10)

    assert run_quantities() == expected


def test_runs_are_due_one_interval_apart(buyer, followers):
    place(buyer, followers, runs=3, interval=90)

    first, second, third = Run.objects.order_by("number").values_list("due_at", flat=True)
    assert second - first == third - second == timedelta(minutes=90)
    assert first == Order.objects.get().created_at


def test_refuses_when_a_run_is_below_the_minimum(buyer, followers):
    assert add(buyer, quantity=249, runs=5, interval=60) == {"error": "Quantity is too low"}
    assert add(buyer, quantity=1000, runs=1000, interval=60) == {"error": "Quantity is too low"}
    assert add(buyer, quantity=50, runs=60, interval=60) == {"error": "Quantity is too low"}


def test_refuses_when_the_total_is_above_the_maximum(buyer, followers):
    assert add(buyer, quantity=100_001, runs=5, interval=60) == {"error": "Quantity is too high"}


@pytest.mark.parametrize("absent", [{}, {"interval": ""}, {"interval": "0"}, {"interval": "null"}])
def test_refuses_runs_without_interval(buyer, followers, absent):
    assert add(buyer, runs=5, **absent) == INCOMPLETE


@pytest.mark.parametrize("absent", [{}, {"runs": ""}, {"runs": "0"}, {"runs": "undefined"}])
def test_refuses_interval_without_runs(buyer, followers, absent):
    assert add(buyer, interval=60, **absent) == INCOMPLETE


@pytest.mark.parametrize("nothing", ["", "0", "undefined", "null", "None"])
def test_both_absent_is_an_ordinary_order(buyer, followers, nothing):
    place(buyer, followers, runs=nothing, interval=nothing)

    assert run_quantities() == [1000]
    assert Order.objects.get().interval_minutes is None


def test_refuses_on_a_service_without_it(buyer, make_service):
    make_service(id=1042, dripfeed=False)

    assert add(buyer, runs=5, interval=60) == NOT_OFFERED


def test_refuses_on_a_type_without_it(buyer, make_service):
    """Only Default orders are a plain number that can be split."""
    make_service(id=1042, type="Package", dripfeed=True)

    assert add(buyer, runs=5, interval=60) == NOT_OFFERED


def test_refuses_when_the_balance_is_short(customer, followers):
    funded(customer, "0.84999")

    assert add(customer, runs=5, interval=60) == {"error": "Insufficient balance"}


class TestPerRun:
    """`DRIPFEED_QUANTITY=per_run`, for owners whose customers come from panels that count so."""

    @pytest.fixture(autouse=True)
    def per_run(self, settings):
        settings.DRIPFEED_QUANTITY = "per_run"

    def test_multiplies_quantity_and_charge(self, buyer, followers):
        place(buyer, followers, runs=5, interval=60)

        order = Order.objects.get()
        assert (order.quantity, order.charge) == (5000, Decimal("4.25"))
        assert run_quantities() == [1000] * 5

    def test_leaves_ordinary_orders_alone(self, buyer, followers):
        place(buyer, followers)

        assert Order.objects.get().quantity == 1000

    def test_limits_hold_for_each_run(self, buyer, followers):
        assert add(buyer, quantity=49, runs=100, interval=60) == {"error": "Quantity is too low"}
        assert add(buyer, quantity=100_001, runs=2, interval=60) == {"error": "Quantity is too high"}

    def test_refuses_a_total_that_no_column_holds(self, buyer, make_service):
        make_service(id=1042, dripfeed=True, max=2**31 - 1, rate=0)

        assert add(buyer, quantity=2**31 - 1, runs=2, interval=60) == {"error": "Quantity is too high"}

    def test_refuses_when_the_balance_is_short_for_all_runs(self, customer, followers):
        funded(customer, "4.24999")

        assert add(customer, runs=5, interval=60) == {"error": "Insufficient balance"}
