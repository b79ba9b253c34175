"""What the business brought: exactly what ledger, orders and attempts say, folded or not."""

import threading
import time
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from accounts import registration
from catalog.models import Currency
from orders import cancellations, submission
from orders.models import Attempt, Order
from providers.models import Provider
from reports import figures, folding, paces, tasks
from reports.figures import Figures
from reports.models import CostEntry, DayFigure, DayPace, FoldCursor
from reports.sources import SOURCES
from tests.fixtures import PASSWORD, accept_due, funded, place, report
from wallet import adjustments, ledger
from wallet.models import Account, LedgerEntry, Wallet

pytestmark = pytest.mark.django_db
SERVICE, PROVIDER, CUSTOMER = DayFigure.Kind.SERVICE, DayFigure.Kind.PROVIDER, DayFigure.Kind.CUSTOMER


def amount(text):
    return Decimal(text)


@pytest.fixture
def views(make_service):
    """Costs us more than it brings."""
    return make_service(
        id=2002, provider_service="views", cost=amount("0.3"), rate=amount("0.1"), allow_loss=True, cancel=True
    )


@pytest.fixture
def traded(customer, other_customer, likes, views):
    """Three orders: one delivered, one in part, one at a loss; and money of every kind."""
    funded(customer, "10")
    funded(other_customer, "5")
    delivered = place(customer, likes)
    partial = place(customer, likes)
    at_a_loss = place(other_customer, views)
    report(delivered, "Completed")
    report(partial, "Partial", remains=250)
    wallet = Wallet.objects.get(user=other_customer)
    adjustments.adjust_balance(
        wallet=wallet, change=amount("-0.5"), reason="So", actor_id=customer.pk, request_id="a" * 32
    )
    return {"delivered": delivered, "partial": partial, "at_a_loss": at_a_loss}


def period():
    today = figures.today()
    return {"since": today - timedelta(days=6), "until": today}


def fold_now():
    """Fold all there is, without waiting for transactions: the test itself is one."""
    for source in SOURCES:
        while folding.fold_next(source, upto=_newest(source)):
            pass


def fold_settled(fold=lambda: folding.fold_all(seconds=5)):
    """Fold until all is folded: transactions in other databases of the server, like other tests', hold it up too."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        fold()
        folded = dict(FoldCursor.objects.values_list("source", "folded"))
        if all(folded.get(source.name, 0) >= _newest(source) for source in SOURCES):
            return
        time.sleep(0.05)
    raise AssertionError(f"not folded in time: {folded}")


def _newest(source):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(max(id), 0) FROM {source.table}")
        return cursor.fetchone()[0]


TOTAL = Figures(
    orders=3,
    charged=amount("1.8"),  # 0.85 + 0.85 + 0.10
    refunded=amount("0.2125"),
    deposited=amount(15),
    other=amount("-0.5"),
    cost=amount("1.1"),  # 0.40 + 0.40 + 0.30
    returned=amount("0.1"),
)


@pytest.mark.parametrize("batch", [None, 1, 2, 1000])
def test_are_exact_folded_or_not(traded, customer, other_customer, likes, views, provider, monkeypatch, batch):
    if batch:
        monkeypatch.setattr(folding, "BATCH_IDS", batch)
        fold_now()

    days = figures.list_days(**period())

    assert days.total == TOTAL
    assert days.days[figures.today()] == TOTAL
    assert list(days.days) == [figures.today() - timedelta(days=number) for number in range(6, -1, -1)]
    assert (days.total.revenue, days.total.net_cost, days.total.profit) == (
        amount("1.5875"), amount("1.0"), amount("0.5875"),
    )  # fmt: skip
    assert (days.total.margin_percent, days.total.refund_percent) == (amount("37.0"), amount("11.8"))
    assert not days.is_behind
    assert figures.list_subjects(SERVICE, **period()).subjects == {
        likes.pk: Figures(2, amount("1.7"), amount("0.2125"), cost=amount("0.8"), returned=amount("0.1")),
        views.pk: Figures(1, amount("0.1"), cost=amount("0.3")),
    }
    assert figures.list_subjects(CUSTOMER, **period()).subjects == {
        customer.pk: Figures(
            2, amount("1.7"), amount("0.2125"), amount(10), cost=amount("0.8"), returned=amount("0.1")
        ),
        other_customer.pk: Figures(1, amount("0.1"), deposited=amount(5), other=amount("-0.5"), cost=amount("0.3")),
    }
    assert figures.list_subjects(PROVIDER, **period()).subjects == {
        provider.pk: Figures(3, amount("1.8"), amount("0.2125"), cost=amount("1.1"), returned=amount("0.1")),
    }


def test_contain_what_comes_after_a_fold(traded, customer, likes):
    fold_now()
    place(customer, likes)
    accept_due()

    assert figures.list_days(**period()).total == TOTAL + Figures(1, amount("0.85"), cost=amount("0.4"))
    fold_now()
    assert figures.list_days(**period()).total == TOTAL + Figures(1, amount("0.85"), cost=amount("0.4"))


def test_a_fold_that_dies_leaves_nothing(traded):
    def die(execute, sql, *rest):
        result = execute(sql, *rest)
        if "INTO reports_dayfigure" in sql:
            raise KeyboardInterrupt
        return result

    with connection.execute_wrapper(die), pytest.raises(KeyboardInterrupt):
        fold_now()

    assert not DayFigure.objects.exists()
    assert figures.list_days(**period()).total == TOTAL


def test_say_that_they_are_behind(traded, monkeypatch):
    monkeypatch.setattr(figures, "TAIL_IDS_MAX", 1)

    assert figures.list_days(**period()).is_behind
    fold_now()
    assert not figures.list_days(**period()).is_behind


def test_read_again_when_somebody_folds_in_between(traded, monkeypatch):
    spell, calls = figures._spell_tail, []

    def fold_first(*args, **options):
        calls.append(1)
        spelled = spell(*args, **options)
        if len(calls) == 1:
            fold_now()
        return spelled

    monkeypatch.setattr(figures, "_spell_tail", fold_first)

    assert figures.list_days(**period()).total == TOTAL
    assert len(calls) == 2


def test_other_currencies_are_converted(likes, usd):
    Currency.objects.create(code="EUR", symbol="€", rate=amount("0.8"))
    buyer = registration.register_customer(username="euro", email="euro@example.com", password=PASSWORD, currency="EUR")
    funded(buyer, "8")
    place(buyer, likes)
    accept_due()

    expected = Figures(1, amount("0.85"), deposited=amount(10), cost=amount("0.4"))
    assert Order.objects.get().charge == amount("0.68")
    assert figures.list_days(**period()).total == expected
    fold_now()
    Currency.objects.filter(code="EUR").update(rate=2)
    assert figures.list_days(**period()).total == expected


def test_a_free_order_counts(customer, make_service):
    place(customer, make_service(rate=0, cost=amount("0.2"), allow_loss=True))
    accept_due()

    assert figures.list_days(**period()).total == Figures(1, cost=amount("0.2"))


def test_days_are_those_of_utc(traded, customer):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE wallet_ledgerentry SET created_at = '2026-03-01 23:59:59.9+00'")
        cursor.execute("UPDATE orders_order SET created_at = '2026-03-02 00:00:00+00'")
        cursor.execute("UPDATE reports_costentry SET at = '2026-03-02 01:00:00+01'")
    first, second = date(2026, 3, 1), date(2026, 3, 2)

    for fold in (lambda: None, fold_now):
        fold()
        days = figures.list_days(since=first, until=second).days
        assert (days[first].charged, days[first].orders, days[first].cost) == (amount("1.8"), 0, 0)
        assert (days[second].charged, days[second].orders, days[second].cost) == (0, 3, amount("1.1"))


def test_costs_are_noted_once_and_given_back_once(customer, likes):
    funded(customer, "10")
    order_id = place(customer, likes)
    report(order_id, "Partial", remains=333)
    report(order_id, "Partial", remains=333)
    report(order_id, "Canceled")

    taken, part, rest = CostEntry.objects.order_by("pk")

    assert (taken.units, taken.amount) == (1000, amount("0.4"))
    assert (part.units, part.amount) == (-333, amount("-0.1332"))
    assert (rest.units, rest.amount) == (-667, amount("-0.2668"))
    assert {taken.attempt, part.attempt, rest.attempt} == {Attempt.objects.get()}


def test_what_was_never_sent_costs_nothing(customer, likes):
    funded(customer, "10")
    order_id = place(customer, likes)
    cancellations.request_cancellation(user_id=customer.pk, order_id=order_id)

    assert not CostEntry.objects.exists()
    total = figures.list_days(**period()).total
    assert (total.charged, total.refunded, total.profit) == (amount("0.85"), amount("0.85"), 0)


def test_a_rejected_try_costs_nothing(customer, likes):
    funded(customer, "10")
    place(customer, likes)
    submission.record_rejected(submission.claim_next(), evidence="no")

    assert not CostEntry.objects.exists()


def test_costs_never_change(traded):
    for change in (
        lambda: CostEntry.objects.update(amount=0),
        lambda: CostEntry.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(DatabaseError, match="reports_costentry refused"), transaction.atomic():
            change()


def test_a_provider_is_credited_with_its_own_runs(customer, likes):
    funded(customer, "10")
    other = Provider.objects.create(name="Other", kind=Provider.Kind.SANDBOX)
    place(customer, likes)
    accept_due()
    likes.routes.update(provider=other, cost=amount("0.5"))
    # Whose route changed after it was queued keeps its cost: what counts is the attempt.
    place(customer, likes)
    accept_due()

    found = figures.list_subjects(PROVIDER, **period()).subjects
    assert found[other.pk] == Figures(1, amount("0.85"), cost=amount("0.5"))
    assert sum((one.cost for one in found.values()), Decimal(0)) == amount("0.9")


# --- Until when nothing can be missing -----------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_id_is_added_up_when_no_older_transaction_runs(customer, other_customer, likes, monkeypatch):
    monkeypatch.setattr(folding, "SEEN_BEFORE", timedelta(0))
    funded(customer, "10")
    wallet_id = Wallet.objects.get(user=other_customer).pk
    entered, let_go = threading.Event(), threading.Event()

    def give_slowly():
        try:
            with transaction.atomic():
                # Its id is lower than that of the charge below, which is committed first.
                ledger.credit(wallet_id=wallet_id, amount=amount(3), key="slow", source=Account.Kind.BONUS)
                entered.set()
                assert let_go.wait(60)
        finally:
            connection.close()

    thread = threading.Thread(target=give_slowly)
    thread.start()
    assert entered.wait(30)
    try:
        place(customer, likes)
        for _ in range(4):
            folding.fold_all(seconds=5)
        assert FoldCursor.objects.get(source="entry").folded == 0
        assert figures.list_days(**period()).total == Figures(1, amount("0.85"), deposited=amount(10))
    finally:
        let_go.set()
        thread.join(30)
    fold_settled()

    assert FoldCursor.objects.get(source="entry").folded == LedgerEntry.objects.latest("pk").pk
    assert DayFigure.objects.get(kind="panel").other == 3
    assert figures.list_days(**period()).total.other == 3


@pytest.mark.django_db(transaction=True)
def test_the_task_folds_what_has_settled(customer, likes, monkeypatch):
    funded(customer, "10")
    place(customer, likes)

    tasks.fold()
    tasks.fold()  # too soon: what was seen a moment ago may have neighbours that are still on their way
    assert not DayFigure.objects.exists()
    monkeypatch.setattr(folding, "SEEN_BEFORE", timedelta(0))
    fold_settled(tasks.fold)

    assert DayFigure.objects.get(kind="panel").deposited == 10
    assert all(cursor.folded for cursor in FoldCursor.objects.filter(source__in=("entry", "order")))


@pytest.mark.django_db(transaction=True)
def test_racing_folders_add_each_row_once(customer, likes, monkeypatch):
    monkeypatch.setattr(folding, "SEEN_BEFORE", timedelta(0))
    monkeypatch.setattr(folding, "BATCH_IDS", 2)
    funded(customer, "100")
    ordered = threading.Event()

    def fold():
        try:
            while not ordered.is_set():
                folding.fold_all(seconds=1)
                time.sleep(0.001)
        finally:
            connection.close()

    threads = [threading.Thread(target=fold) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, 21):
            place(customer, likes)
            assert figures.list_days(**period()).total.orders == number
    finally:
        ordered.set()
        for thread in threads:
            thread.join(20)
    fold_settled()

    assert DayFigure.objects.get(kind="panel").orders == 20
    assert figures.list_days(**period()).total == Figures(20, amount(17), deposited=amount(100))


# --- Paces ---------------------------------------------------------------------------------------


def test_times_to_start_and_to_finish(customer, likes, provider):
    funded(customer, "20")
    seconds = [10, 20, 30, 40, 50, 60, 70, 80, 90, 1000]
    orders = [place(customer, likes) for _ in seconds]
    for order_id in orders:
        report(order_id, "In progress", remains=500)
        report(order_id, "Processing", remains=400)
        report(order_id, "In progress", remains=300)
        report(order_id, "Completed")
    for order_id, took in zip(orders, seconds, strict=True):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(
                "UPDATE orders_orderevent SET at = o.created_at + make_interval(secs =>"
                " CASE WHEN orders_orderevent.kind = 'finished' THEN %s * 10 ELSE %s END)"
                " FROM orders_order o WHERE o.id = order_id AND o.id = %s",
                [took, took, order_id],
            )
            cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    report(orders[0], "Canceled")  # a correction is no second end
    fold_now()

    days = {**period(), "until": figures.today() + timedelta(days=1)}  # in the evening the last ends tomorrow
    for kind, subject_id in ((SERVICE, likes.pk), (PROVIDER, provider.pk)):
        found = paces.list_paces(kind, **days)[subject_id]
        assert found.start.orders == found.finish.orders == 10
        assert found.start.p50.total_seconds() == pytest.approx(50, rel=0.05)
        assert found.start.p90.total_seconds() == pytest.approx(90, rel=0.05)
        assert found.finish.p50.total_seconds() == pytest.approx(500, rel=0.05)
    assert paces.list_panel_paces(**days).start.orders == 10


def test_a_canceled_order_took_no_time(customer, likes):
    funded(customer, "5")
    report(place(customer, likes), "Canceled")
    fold_now()

    assert not DayPace.objects.exists()


def test_percentiles_of_nothing_are_nothing():
    assert paces.measure_pace([]) == paces.Pace()
