"""Refunds are exact to 0.00001 whatever the sequence of reports, and it takes a lock to post them once.

REFUND_CASES says how many cases are tried, REFUND_SEED which.
"""

import os
import random
import threading
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from orders import pricing
from orders.models import Order
from panel import checkpoints
from panel.money import round_down
from tests.fixtures import balance_of
from tests.orders.conftest import order_of, report, submitted
from wallet import ledger
from wallet.errors import AlreadyPosted
from wallet.models import Wallet

CASES = 5000
UNITS = 100_000  # in one of the currency


def draw_case(chance):
    """Draw an order in runs and what remained of each; reports come in any sequence, some of them again."""
    quantity = int(10 ** chance.uniform(0, 7))
    runs = pricing.split_runs(quantity=quantity, runs=min(chance.choice([1, 1, 2, 3, 7, 30]), quantity))
    rate = Decimal(chance.randint(1, int(10 ** chance.uniform(1, 8.7)))) / UNITS
    remains = [chance.choice([0, size, chance.randint(0, size)]) for size in runs]
    reports = [*range(len(runs)), *chance.choices(range(len(runs)), k=2)]
    chance.shuffle(reports)
    return rate, quantity, remains, reports


def refund(charge, quantity, remains, reports):
    """Give back report by report, as `settlement.settle` does."""
    known: dict[int, int] = {}
    refunded = Decimal(0)
    for run in reports:
        known[run] = remains[run]
        due = pricing.refund_due(charge=charge, quantity=quantity, undelivered=sum(known.values()), refunded=refunded)
        assert due >= 0
        refunded += due
    return refunded


def exact_refund(charge, quantity, undelivered):
    """Reckon in whole hundred-thousandths what is due, rounded down; all of it when nothing was delivered."""
    units = int(charge * UNITS)
    return Decimal(units if undelivered == quantity else units * undelivered // quantity) / UNITS


def draw_cases():
    chance = random.Random(int(os.environ.get("REFUND_SEED", "1")))
    return (draw_case(chance) for _ in range(int(os.environ.get("REFUND_CASES", CASES))))


def test_any_sequence_of_reports_gives_back_what_is_due():
    for rate, quantity, remains, reports in draw_cases():
        charge = pricing.charge_for(rate=rate, quantity=quantity, flat_rate=False)
        assert refund(charge, quantity, remains, reports) == exact_refund(charge, quantity, sum(remains)), (
            f"{rate=} {quantity=} {remains=} {reports=}"
        )


def test_control_rounding_each_run_gives_back_something_else():
    wrong = 0
    for rate, quantity, remains, _ in draw_cases():
        charge = pricing.charge_for(rate=rate, quantity=quantity, flat_rate=False)
        each = sum((round_down(charge * remain / quantity) for remain in remains), Decimal(0))
        wrong += each != exact_refund(charge, quantity, sum(remains))

    assert wrong > CASES / 20


@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_everybody_tries_to_give_back(customer, followers):
    """Eight workers that look without a lock all find the refund due; only the ledger's key stops seven of them.

    With it none of them is stopped: `tests/orders/test_tracking.py`.
    """
    order_id = order_of(customer, followers).pk
    wallet_id = Wallet.objects.get(user=customer).pk
    everybody_has_looked = threading.Barrier(8)
    stopped = []

    def work():
        order = Order.objects.get(pk=order_id)
        everybody_has_looked.wait(10)
        try:
            with transaction.atomic():
                Order.objects.filter(pk=order_id).update(refunded=order.charge - order.refunded, refund_count=1)
                ledger.credit(
                    wallet_id=wallet_id, amount=order.charge, key=f"refund:order:{order_id}:1", source="sales"
                )
        except AlreadyPosted as error:
            stopped.append(error)
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert len(stopped) == 7
    assert balance_of(customer) == 100


@pytest.mark.django_db(transaction=True)
def test_two_runs_of_an_order_that_end_at_once(customer, followers, monkeypatch):
    """The second waits until the first has given back its part, and finds it given back."""
    order = order_of(customer, followers, quantity=1000, runs=2, interval_minutes=60)
    first = submitted(order, provider_order="P-1")
    order.runs.filter(state="queued").update(due_at=Now())
    second = submitted(order, provider_order="P-2")
    first_has_settled = threading.Event()
    second_waits = threading.Event()

    def listen(name):
        if name == "in_report" and threading.current_thread() is worker:
            first_has_settled.set()
            second_waits.wait(10)

    def work():
        report(first, "Partial", remains=100)
        connection.close()

    monkeypatch.setattr(checkpoints, "listener", listen)
    worker = threading.Thread(target=work)
    worker.start()
    assert first_has_settled.wait(10)
    threading.Timer(0.3, second_waits.set).start()  # by then the second has come as far as the lock
    report(second, "Partial", remains=200)
    worker.join(10)

    order.refresh_from_db()
    assert order.refunded == round_down(order.charge * 300 / 1000)
    assert (order.refund_count, order.remains) == (2, 300)
