"""Mass orders: each line is placed once, whatever happens to the workers, and its outcome is written with it."""

import threading
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import DataError, OperationalError, connection

from accounts.errors import AccountSuspended
from accounts.models import User
from catalog.models import Service
from orders import mass_orders, placement, queries, tasks
from orders.errors import (
    MassOrderAlreadyEnded,
    MassOrderNotFound,
    NotForMassOrders,
    PlacementFailed,
    PriceRose,
    QuantityTooHigh,
    QuantityTooLow,
    ServiceNotActive,
)
from orders.models import MassOrder, MassOrderLine, Order
from orders.placement import Draft
from tests.fixtures import balance_of, funded, nothing_moves
from tests.simulation.death import dying_at
from wallet import audit
from wallet.errors import InsufficientBalance

pytestmark = pytest.mark.django_db


def drafts_of(service, *quantities):
    return [
        (number, Draft(service_id=service.pk, link=f"https://example.com/{number}", quantity=quantity))
        for number, quantity in enumerate(quantities, start=1)
    ]


def check(user, service, *quantities):
    return mass_orders.check_lines(buyer=queries.load_buyer(user.pk), drafts=drafts_of(service, *quantities))


def create(user, service, *quantities, token=None):
    return mass_orders.create_mass_order(
        buyer=queries.load_buyer(user.pk), lines=check(user, service, *quantities), token=token or uuid4()
    )


def outcomes(mass_order):
    """List what came of each line: the quantity of its order, or why there is none."""
    return [
        line.order.quantity if line.order else line.refusal or line.state
        for line in mass_order.lines.select_related("order").order_by("number")
    ]


def everything_adds_up(mass_order):
    mass_order.refresh_from_db()
    placed = mass_order.lines.filter(state="placed")
    assert Order.objects.count() == placed.count() == mass_order.placed_count
    assert mass_order.charged == sum(order.charge for order in Order.objects.all())
    assert audit.audit_ledger().is_clean
    return True


def test_places_every_line_in_order(customer, followers):
    funded(customer, "10")
    mass_order = create(customer, followers, 1000, 2000, 100)
    assert not Order.objects.exists()
    assert (mass_order.charge, mass_order.line_count) == (Decimal("2.635"), 3)

    tasks.place_mass_orders()

    assert outcomes(mass_order) == [1000, 2000, 100]
    orders = list(Order.objects.order_by("pk"))
    assert [order.link for order in orders] == [f"https://example.com/{number}" for number in (1, 2, 3)]
    assert {(order.customer_id, order.api_key_id) for order in orders} == {(customer.pk, None)}
    assert balance_of(customer) == Decimal("7.365")
    assert everything_adds_up(mass_order)
    assert mass_order.state == "done"
    assert mass_order.finished_at


def test_creating_charges_nothing(customer, followers):
    funded(customer, "10")
    with nothing_moves():
        create(customer, followers, 1000)


def test_checks_each_line_alone(customer, followers, make_service):
    package = make_service(type="Package")
    comments = make_service(type="Custom Comments", min=1)
    paused = make_service(is_active=False)
    lines = [
        *((number, Draft(service_id=followers.pk, link="x", quantity=n)) for number, n in enumerate((49, 50, 100_001))),
        *((10 + n, Draft(service_id=s.pk, link="x", quantity=100)) for n, s in enumerate((package, comments, paused))),
        (20, Draft(service_id=999_999, link="x", quantity=100)),
    ]

    with nothing_moves():
        checked = mass_orders.check_lines(buyer=queries.load_buyer(customer.pk), drafts=lines)

    assert [type(line.refusal) for line in checked] == [
        QuantityTooLow,
        type(None),
        QuantityTooHigh,
        NotForMassOrders,
        NotForMassOrders,
        ServiceNotActive,
        ServiceNotActive,
    ]
    assert checked[1].charge == Decimal("0.0425")


def test_refuses_what_the_balance_does_not_cover(customer, followers):
    funded(customer, "1.69999")

    with nothing_moves(), pytest.raises(InsufficientBalance):
        create(customer, followers, 1000, 1000)

    assert not MassOrder.objects.exists()


def test_refuses_suspended_customers(customer, followers):
    funded(customer, "10")
    lines = check(customer, followers, 1000)
    User.objects.filter(pk=customer.pk).update(is_suspended=True)
    buyer = queries.load_buyer(customer.pk)

    with pytest.raises(AccountSuspended):
        mass_orders.create_mass_order(buyer=buyer, lines=lines, token=uuid4())
    with pytest.raises(AccountSuspended):
        mass_orders.check_lines(buyer=buyer, drafts=[])
    assert not MassOrder.objects.exists()


@pytest.mark.parametrize("quantities", [(), (1000, 1)])
def test_takes_only_lines_that_passed_the_check(customer, followers, quantities):
    funded(customer, "10")
    with pytest.raises(ValueError, match="checked and not refused"):
        create(customer, followers, *quantities)


def test_a_form_sent_twice_makes_one_mass_order(customer, other_customer, followers):
    funded(customer, "1")
    funded(other_customer, "1")
    token = uuid4()
    lines = check(customer, followers, 1000)
    mass_order = mass_orders.create_mass_order(buyer=queries.load_buyer(customer.pk), lines=lines, token=token)
    tasks.place_mass_orders()

    again = mass_orders.create_mass_order(buyer=queries.load_buyer(customer.pk), lines=lines, token=token)

    assert again == mass_order  # and not "insufficient balance", which the first one has spent
    assert create(other_customer, followers, 1000, token=token) != mass_order


@pytest.mark.django_db(transaction=True)
def test_racing_forms_make_one_mass_order(customer, followers):
    funded(customer, "100")
    token = uuid4()
    made = in_threads(4, lambda: create(customer, followers, 1000, 1000, token=token).pk)

    assert len(set(made)) == 1
    assert MassOrderLine.objects.count() == 2


def in_threads(count, target):
    barrier, results = threading.Barrier(count), []

    def run():
        try:
            barrier.wait(10)
            results.append(target())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == count
    return results


@pytest.mark.django_db(transaction=True)
def test_racing_workers_place_each_line_once(customer, followers):
    funded(customer, "100")
    mass_order = create(customer, followers, *[100] * 30)

    def work():
        while MassOrder.objects.filter(state="placing").exists():
            mass_orders.place_lines(seconds=5)

    in_threads(4, work)

    assert outcomes(mass_order) == [100] * 30
    assert balance_of(customer) == 100 - 30 * Decimal("0.085")
    assert everything_adds_up(mass_order)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("point", ["after_line_placed", "after_line_recorded"])
def test_a_worker_that_dies_leaves_the_line_as_it_was(customer, followers, point):
    funded(customer, "10")
    mass_order = create(customer, followers, 1000, 2000)

    with nothing_moves(), dying_at(point) as death:
        mass_orders.place_lines(seconds=5)
    assert death.has_come
    assert outcomes(mass_order) == ["waiting", "waiting"]
    tasks.place_mass_orders()

    assert outcomes(mass_order) == [1000, 2000]
    assert everything_adds_up(mass_order)


@pytest.mark.django_db(transaction=True)
def test_a_lost_answer_to_the_commit_places_nothing_twice(customer, followers):
    funded(customer, "10")
    mass_order = create(customer, followers, 1000, 2000)
    commit = connection._commit
    lost = []

    def lose_answer():
        commit()
        if not lost and Order.objects.exists():
            lost.append(True)
            raise OperationalError("server closed the connection unexpectedly")

    connection._commit = lose_answer
    try:
        with pytest.raises(OperationalError):
            mass_orders.place_lines(seconds=5)
    finally:
        connection._commit = commit
    tasks.place_mass_orders()

    assert outcomes(mass_order) == [1000, 2000]
    assert everything_adds_up(mass_order)


def test_goes_on_after_a_line_the_balance_does_not_cover(customer, followers):
    funded(customer, "2")
    mass_order = create(customer, followers, 1000, 1000, 100)
    placement.place_order(
        buyer=queries.load_buyer(customer.pk), draft=Draft(service_id=followers.pk, link="x", quantity=1000)
    )

    tasks.place_mass_orders()

    assert outcomes(mass_order) == [1000, "InsufficientBalance", 100]
    assert balance_of(customer) == Decimal("0.215")


def test_does_not_place_what_became_dearer_or_left_the_shelf(customer, followers, make_service):
    funded(customer, "10")
    other = make_service()
    dear = create(customer, followers, 1000, 100_000 // 100)
    gone = create(customer, other, 1000)
    Service.objects.filter(pk=followers.pk).update(rate=Decimal("0.86"))
    Service.objects.filter(pk=other.pk).update(is_active=False)

    with nothing_moves():
        tasks.place_mass_orders()

    assert outcomes(dear) == ["PriceRose"] * 2
    assert outcomes(gone) == ["ServiceNotActive"]
    refusal = mass_orders.refusal_of(dear.lines.first())
    assert isinstance(refusal, PriceRose)
    assert (refusal.agreed, refusal.charge) == ("0.85000", "0.86000")


def test_what_became_cheaper_is_placed_at_the_lower_price(customer, followers):
    funded(customer, "10")
    mass_order = create(customer, followers, 1000)
    Service.objects.filter(pk=followers.pk).update(rate=Decimal("0.80"))

    tasks.place_mass_orders()

    mass_order.refresh_from_db()
    assert (mass_order.charge, mass_order.charged) == (Decimal("0.85"), Decimal("0.80"))


@pytest.mark.parametrize("change", [{"is_suspended": True}, {"is_active": False}])
def test_stops_when_the_customer_is_suspended_or_made_inactive(customer, followers, change):
    funded(customer, "10")
    mass_order = create(customer, followers, 1000, 1000, 1000)
    assert mass_orders.place_next(mass_order.pk)
    User.objects.filter(pk=customer.pk).update(**change)

    tasks.place_mass_orders()

    assert outcomes(mass_order) == [1000, "skipped", "skipped"]
    assert everything_adds_up(mass_order)
    assert (mass_order.state, mass_order.stopped_because) == ("stopped", "suspended")


def test_the_customer_can_stop_it(customer, other_customer, followers):
    funded(customer, "10")
    mass_order = create(customer, followers, 1000, 1000)
    mass_orders.place_next(mass_order.pk)

    with pytest.raises(MassOrderNotFound):
        mass_orders.stop_mass_order(user_id=other_customer.pk, mass_order_id=mass_order.pk)
    mass_orders.stop_mass_order(user_id=customer.pk, mass_order_id=mass_order.pk)
    tasks.place_mass_orders()

    assert outcomes(mass_order) == [1000, "skipped"]
    assert everything_adds_up(mass_order)
    with pytest.raises(MassOrderAlreadyEnded):
        mass_orders.stop_mass_order(user_id=customer.pk, mass_order_id=mass_order.pk)


def test_mass_orders_are_placed_in_turns(customer, other_customer, followers, monkeypatch):
    monkeypatch.setattr(mass_orders, "LINES_IN_TURN", 2)
    funded(customer, "10")
    funded(other_customer, "10")
    create(customer, followers, *[100] * 5)
    create(other_customer, followers, 100)

    tasks.place_mass_orders()

    placed = list(Order.objects.order_by("pk").values_list("customer__username", flat=True))
    assert placed == ["customer", "customer", "other", "customer", "customer", "customer"]


def test_gives_its_thread_back(customer, followers):
    funded(customer, "10")
    mass_order = create(customer, followers, 100)

    mass_orders.place_lines(seconds=0)

    assert outcomes(mass_order) == ["waiting"]


@pytest.mark.django_db(transaction=True)
def test_a_line_that_breaks_does_not_hold_up_the_others(customer, followers, caplog):
    funded(customer, "10")
    mass_order = create(customer, followers, 1000, 2000, 100)

    def break_it(execute, sql, parameters, *rest):
        result = execute(sql, parameters, *rest)
        if "INSERT INTO orders_order (" in sql and parameters["quantity"] == 2000:
            raise DataError("planted")
        return result

    with connection.execute_wrapper(break_it):
        tasks.place_mass_orders()

    assert outcomes(mass_order) == [1000, "PlacementFailed", 100]
    assert everything_adds_up(mass_order)
    assert "could not be placed" in caplog.text
    line = mass_order.lines.get(number=2)
    assert isinstance(mass_orders.refusal_of(line), PlacementFailed)


def test_every_refusal_of_a_line_can_be_read_again(customer, followers):
    made = {
        "NotForMassOrders": NotForMassOrders(service_type="Poll"),
        "QuantityTooLow": QuantityTooLow(quantity=1, minimum=2),
        "QuantityTooHigh": QuantityTooHigh(quantity=3, maximum=2),
        "PriceRose": PriceRose(agreed="1.00000", charge="2.00000"),
    }
    for name, kind in mass_orders.REFUSALS.items():
        refusal = made.get(name) or kind()
        line = MassOrderLine(refusal=name, refusal_facts=vars(refusal))
        read = mass_orders.refusal_of(line)
        assert type(read) is kind
        assert vars(read) == vars(refusal)
