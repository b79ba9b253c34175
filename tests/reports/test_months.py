"""Months beside days: the same figures from fewer rows, whatever comes when."""

import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from django.db import connection, transaction

from reports import figures, folding, months, past, tasks
from reports.figures import Figures
from reports.models import CostEntry, DayFigure, FoldCursor, MonthFigure
from reports.months import Spans
from reports.sources import FIGURES
from tests.fixtures import accept_due, funded, place, report
from tests.reports.test_figures import fold_now, fold_settled
from wallet.models import LedgerEntry

pytestmark = pytest.mark.django_db
SERVICE, PROVIDER, CUSTOMER, PANEL = DayFigure.Kind.SERVICE, DayFigure.Kind.PROVIDER, DayFigure.Kind.CUSTOMER, "panel"
NOTE_PAST = "INSERT INTO reports_foldcursor (source, folded, candidate) SELECT 'past', 0, max(id) FROM orders_attempt"
BEGIN, END = date(2021, 1, 20), date(2021, 6, 10)


def complete_all():
    count = 0
    while folding.complete_next_month():
        count += 1
    return count


@pytest.fixture
def half_a_year(customer, likes):
    """Orders from January to June, of every week one, and every third of them delivered in part."""
    funded(customer, "100")
    days = [BEGIN + timedelta(days=number) for number in range(0, (END - BEGIN).days + 1, 7)]
    for number, day in enumerate(days):
        order_id = place(customer, likes)
        report(order_id, "Partial", remains=250) if number % 3 == 0 else report(order_id, "Completed")
        move_newest(order_id, day)
    return days


def move_newest(order_id, day):
    """Let an order, its charge and its cost have been on that day, and what came back five days later."""
    moment = datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE orders_order SET created_at = %s WHERE id = %s", [moment, order_id])
        for key, at in ((f"charge:order:{order_id}", moment), (f"refund:order:{order_id}:%", moment + timedelta(5))):
            cursor.execute("UPDATE wallet_ledgerentry SET created_at = %s WHERE key LIKE %s", [at, key])
        for condition, at in (("units > 0", moment), ("units < 0", moment + timedelta(days=5))):
            cursor.execute(
                f"UPDATE reports_costentry SET at = %s WHERE {condition}"
                " AND run_id IN (SELECT id FROM orders_run WHERE order_id = %s)",
                [at, order_id],
            )
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def plain_sums(since, until):
    """Add up orders, ledger and costs one by one."""
    bounds = [since, until]
    with connection.cursor() as cursor:

        def ask(statement):
            cursor.execute(statement, bounds)
            return cursor.fetchone()[0] or Decimal(0)

        within = "(%s AT TIME ZONE 'UTC')::date BETWEEN %%s AND %%s"
        created, at = within % "created_at", within % "at"
        return Figures(
            orders=ask(f"SELECT count(*) FROM orders_order WHERE {created}"),
            charged=ask(f"SELECT sum(amount) FROM wallet_ledgerentry WHERE key LIKE 'charge:%%' AND {created}"),
            refunded=ask(f"SELECT sum(amount) FROM wallet_ledgerentry WHERE key LIKE 'refund:%%' AND {created}"),
            cost=ask(f"SELECT sum(amount) FROM reports_costentry WHERE amount > 0 AND {at}"),
            returned=ask(f"SELECT -sum(amount) FROM reports_costentry WHERE amount < 0 AND {at}"),
        )


def read(kind, since, until):
    return figures.list_subjects(kind, since=since, until=until).subjects


def assert_months_are_their_days():
    for month in MonthFigure.objects.values_list("month", flat=True).distinct():
        found = MonthFigure.objects.filter(month=month)
        in_month = DayFigure.objects.filter(day__year=month.year, day__month=month.month)
        assert {(row.kind, row.subject_id): tuple(getattr(row, name) for name in FIGURES) for row in found} == {
            (kind, subject_id): tuple(
                sum(getattr(row, name) for row in in_month.filter(kind=kind, subject_id=subject_id)) for name in FIGURES
            )
            for kind, subject_id in in_month.values_list("kind", "subject_id").distinct()
        }


PERIODS = [
    (BEGIN, END),
    (date(2021, 2, 1), date(2021, 4, 30)),  # whole months
    (date(2021, 1, 31), date(2021, 2, 1)),  # one day of each
    (date(2021, 2, 2), date(2021, 4, 29)),  # all but a day at both ends
    (date(2021, 2, 20), date(2021, 5, 9)),
    (date(2021, 3, 5), date(2021, 3, 25)),
    (date(2021, 3, 10), date(2021, 3, 10)),
    (date(2020, 12, 1), date(2021, 12, 31)),
]


@pytest.mark.parametrize("completed", ["none", "some", "all"])
def test_reports_are_exact_at_all_borders(half_a_year, customer, likes, provider, completed):
    fold_now()
    if completed == "some":
        assert [folding.complete_next_month() for _ in range(2)] == [True, True]
    elif completed == "all":
        assert complete_all() >= 6

    for since, until in PERIODS:
        expected = plain_sums(since, until)
        found = read(SERVICE, since, until)
        assert found == ({likes.pk: expected} if expected != Figures() else {})
        assert sum(read(CUSTOMER, since, until).values(), Figures()) == expected
        at_provider = sum(read(PROVIDER, since, until).values(), Figures())
        assert (at_provider.cost, at_provider.returned) == (expected.cost, expected.returned)
        assert figures.list_days(since=since, until=until).total == expected
    assert plain_sums(BEGIN, END).orders == len(half_a_year)


def test_any_period_is_exact(half_a_year, likes):
    fold_now()
    complete_all()
    random = Random(7)
    for _ in range(40):
        since = BEGIN + timedelta(days=random.randrange(140))
        until = since + timedelta(days=random.randrange(140))
        expected = plain_sums(since, until)
        assert read(SERVICE, since, until) == ({likes.pk: expected} if expected != Figures() else {})


def test_corrections_after_a_month_was_added_up_are_in_it(half_a_year, customer, likes):
    fold_now()
    complete_all()
    since, until = date(2021, 3, 1), date(2021, 4, 30)
    before = read(SERVICE, since, until)[likes.pk]

    late = place(customer, likes)
    report(late, "Completed")
    move_newest(late, date(2021, 3, 14))
    assert read(SERVICE, since, until)[likes.pk] == before + Figures(1, Decimal("0.85"), cost=Decimal("0.4"))
    fold_now()
    assert read(SERVICE, since, until)[likes.pk] == before + Figures(1, Decimal("0.85"), cost=Decimal("0.4"))
    report(late, "Canceled")  # a provider that corrects itself: all of it comes back
    move_newest(late, date(2021, 4, 20))
    fold_now()

    assert read(SERVICE, since, until)[likes.pk] == plain_sums(since, until) != before
    assert complete_all() == 0
    assert_months_are_their_days()


def test_months_are_added_up_one_at_a_time_and_stay(half_a_year):
    fold_now()

    assert folding.complete_next_month()
    newest = MonthFigure.objects.get(kind=PANEL).month
    assert newest == DayFigure.objects.latest("day").day.replace(day=1)
    assert complete_all() == len({day.replace(day=1) for day in DayFigure.objects.values_list("day", flat=True)}) - 1
    assert not folding.complete_next_month()
    assert_months_are_their_days()


def test_a_new_month_is_added_to_by_the_fold(customer, likes):
    funded(customer, "10")
    fold_now()
    complete_all()
    assert not MonthFigure.objects.filter(kind=SERVICE).exists()

    place(customer, likes)
    accept_due()
    fold_now()

    assert MonthFigure.objects.get(kind=SERVICE, subject_id=likes.pk).charged == Decimal("0.85")
    assert_months_are_their_days()


def test_a_month_that_dies_while_it_is_added_up_leaves_nothing(half_a_year):
    def die(execute, sql, *rest):
        result = execute(sql, *rest)
        if "INTO reports_monthfigure" in sql:
            raise KeyboardInterrupt
        return result

    fold_now()
    with connection.execute_wrapper(die), pytest.raises(KeyboardInterrupt):
        folding.complete_next_month()

    assert not MonthFigure.objects.exists()
    assert complete_all() >= 6


def test_who_has_figures_only_outside_of_the_period_is_left_out(half_a_year, likes):
    fold_now()
    complete_all()
    quiet = DayFigure.objects.filter(kind=SERVICE, day__month=3).values_list("day", flat=True)
    day = next(day for day in (date(2021, 3, number) for number in range(20, 32)) if day not in set(quiet))

    assert read(SERVICE, day, day) == {}
    assert read(SERVICE, date(2021, 3, 1), date(2021, 3, 31)).keys() == {likes.pk}


def test_a_year_reads_months(half_a_year):
    """Fewer rows is what months are for: the days of whole months are not read."""
    fold_now()
    complete_all()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM reports_dayfigure WHERE day BETWEEN '2021-02-01' AND '2021-04-30'")

    assert sum(read(SERVICE, date(2021, 1, 1), date(2021, 6, 30)).values(), Figures()).orders == len(half_a_year)


JANUARY, FEBRUARY, MARCH = date(2021, 1, 1), date(2021, 2, 1), date(2021, 3, 1)


@pytest.mark.parametrize(
    ("since", "until", "complete", "expected"),
    [
        (JANUARY, date(2021, 3, 31), set(), Spans([], [(JANUARY, date(2021, 3, 31))], [])),
        (JANUARY, date(2021, 3, 31), {JANUARY, FEBRUARY, MARCH}, Spans([JANUARY, FEBRUARY, MARCH], [], [])),
        (
            JANUARY,
            date(2021, 3, 31),
            {FEBRUARY},
            Spans([FEBRUARY], [(JANUARY, date(2021, 1, 31)), (MARCH, date(2021, 3, 31))], []),
        ),
        (
            date(2021, 1, 30),
            date(2021, 3, 30),
            {JANUARY, FEBRUARY, MARCH},
            Spans([FEBRUARY, MARCH], [(date(2021, 1, 30), date(2021, 1, 31))], [(date(2021, 3, 31),) * 2]),
        ),
        (
            date(2021, 2, 3),
            date(2021, 2, 27),
            {FEBRUARY},
            Spans([FEBRUARY], [], [(FEBRUARY, date(2021, 2, 2)), (date(2021, 2, 28),) * 2]),
        ),
    ],
)
def test_periods_are_split_into_months_and_days(since, until, complete, expected):
    assert months.split(since=since, until=until, complete=complete, today=date(2021, 7, 1)) == expected


def test_days_to_come_cost_nothing():
    found = months.split(since=FEBRUARY, until=date(2021, 2, 3), complete={FEBRUARY}, today=date(2021, 2, 3))

    assert found == Spans([FEBRUARY], [], [(date(2021, 2, 4), date(2021, 2, 28))])


@pytest.mark.django_db(transaction=True)
def test_the_task_completes_months_when_it_has_folded(customer, likes, monkeypatch):
    monkeypatch.setattr(folding, "SEEN_BEFORE", timedelta(0))
    funded(customer, "10")
    place(customer, likes)
    deadline = time.monotonic() + 120
    while not MonthFigure.objects.exists() and time.monotonic() < deadline:
        fold_settled(tasks.fold)

    assert_months_are_their_days()
    assert MonthFigure.objects.get(kind=PANEL).deposited == 10


def forget_months():
    """Have all months added up again, as no release does. A fold in between would begin them with its part only."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [folding._LOCK_NUMBER])
        MonthFigure.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_months_completed_while_others_fold_miss_nothing(customer, likes, monkeypatch):
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
        for number in range(1, 11):
            place(customer, likes)
            if number == 5:
                forget_months()  # to be completed while they grow
            found = read(SERVICE, figures.today() - timedelta(days=40), figures.today())
            assert found[likes.pk].orders == number
    finally:
        ordered.set()
        for thread in threads:
            thread.join(20)
    fold_settled()
    complete_all()

    assert_months_are_their_days()
    assert MonthFigure.objects.get(kind=PANEL).orders == 10


# --- What was sent before costs were kept --------------------------------------------------------


@pytest.fixture
def from_before(customer, likes, make_service):
    """Three sent orders without cost entries, as a panel has them that is migrated: whole, in part, under way."""
    funded(customer, "10")
    orders = [place(customer, likes) for _ in range(3)]
    report(orders[0], "Completed")
    report(orders[1], "Partial", remains=333)
    report(orders[2], "In progress", remains=500)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM reports_costentry")
        cursor.execute("DELETE FROM reports_foldcursor")
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
        cursor.execute(NOTE_PAST)
    return orders


def costs():
    return list(CostEntry.objects.order_by("attempt", "pk").values_list("units", "amount"))


TAKEN, RETURNED = (1000, Decimal("0.4")), (-333, Decimal("-0.1332"))


@pytest.mark.parametrize("batch", [1, 2, 5000])
def test_costs_of_the_past_are_written_in_turns(from_before, monkeypatch, batch):
    monkeypatch.setattr(past, "BATCH_ATTEMPTS", batch)
    turns = 1
    while past.note_next():
        turns += 1
        assert figures.list_days(since=figures.today(), until=figures.today()).is_behind

    assert costs() == [TAKEN, TAKEN, RETURNED, TAKEN]
    assert turns >= 3 // batch
    found = figures.list_days(since=figures.today(), until=figures.today())
    assert (found.total.cost, found.total.returned, found.gap_at) == (Decimal("1.2"), Decimal("0.1332"), None)
    assert not past.note_next()
    assert len(costs()) == 4


def test_costs_of_the_past_have_the_times_of_then(from_before):
    past.note_next()

    for entry in CostEntry.objects.select_related("attempt", "run"):
        assert entry.at == (entry.attempt.finished_at if entry.units > 0 else entry.run.finished_at)


def test_what_comes_back_after_a_turn_is_noted_once(from_before, monkeypatch):
    monkeypatch.setattr(past, "BATCH_ATTEMPTS", 1)
    report(from_before[2], "Partial", remains=100)  # the trigger finds no costs yet
    while past.note_next():
        pass
    report(from_before[1], "Canceled")

    rest = (-667, Decimal("-0.2668"))
    assert costs() == [TAKEN, TAKEN, RETURNED, rest, TAKEN, (-100, Decimal("-0.04"))]


def test_costs_that_triggers_wrote_are_not_written_again(customer, likes):
    """A panel that ran the former migration, which wrote all of them."""
    funded(customer, "10")
    report(place(customer, likes), "Partial", remains=333)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM reports_foldcursor")
        cursor.execute(NOTE_PAST)

    assert not past.note_next()
    assert costs() == [TAKEN, RETURNED]


def test_a_turn_that_dies_half_way_is_made_again(from_before):
    def die(execute, sql, *rest):
        if "FOR NO KEY UPDATE" in sql:
            raise KeyboardInterrupt
        return execute(sql, *rest)

    with connection.execute_wrapper(die), pytest.raises(KeyboardInterrupt):
        past.note_next()
    assert costs() == [TAKEN] * 3
    assert FoldCursor.objects.get(source="past").folded == 0

    past.note_next()
    assert costs() == [TAKEN, TAKEN, RETURNED, TAKEN]


@pytest.mark.django_db(transaction=True)
def test_a_run_that_ends_during_a_turn_gives_back_once(from_before):
    """Its transaction began before the costs were there, and commits after."""
    changed, go_on = threading.Event(), threading.Event()

    def end_slowly():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE orders_run SET state = 'partial', remains = 250, finished_at = now() WHERE order_id = %s",
                    [from_before[2]],
                )
                changed.set()
                assert go_on.wait(60)
        finally:
            connection.close()

    def note():
        try:
            past.note_next()
        finally:
            connection.close()

    threads = [threading.Thread(target=end_slowly)]
    threads[0].start()
    assert changed.wait(30)
    threads.append(threading.Thread(target=note))
    threads[1].start()
    wait_until_somebody_waits_for_a_row()
    go_on.set()
    for thread in threads:
        thread.join(60)

    assert costs() == [TAKEN, TAKEN, RETURNED, TAKEN, (-250, Decimal("-0.1"))]


def wait_until_somebody_waits_for_a_row():
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock' AND query LIKE '%%FOR NO KEY UPDATE%%'"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody waited")


@pytest.mark.django_db(transaction=True)
def test_the_task_goes_on_with_the_past(from_before, monkeypatch):
    monkeypatch.setattr(folding, "SEEN_BEFORE", timedelta(0))
    monkeypatch.setattr(past, "BATCH_ATTEMPTS", 1)
    deadline = time.monotonic() + 120
    while not MonthFigure.objects.filter(cost=Decimal("1.2")).exists() and time.monotonic() < deadline:
        fold_settled(tasks.fold)

    assert DayFigure.objects.get(kind=PANEL).cost == Decimal("1.2")
    assert_months_are_their_days()


def test_pages_say_until_when_they_are_complete(from_before, monkeypatch):
    yesterday = figures.today() - timedelta(days=1)
    found = figures.list_subjects(SERVICE, since=yesterday, until=figures.today())
    assert found.gap_at is not None
    assert found.gap_at.date() == figures.today()
    # A period that ended before lacks nothing.
    assert figures.list_subjects(SERVICE, since=yesterday, until=yesterday).gap_at is None

    past.note_next()
    assert figures.list_subjects(SERVICE, since=yesterday, until=figures.today()).gap_at is None
    monkeypatch.setattr(figures, "TAIL_IDS_MAX", 1)
    FoldCursor.objects.update_or_create(source="entry", defaults={"folded": 0})
    second = LedgerEntry.objects.order_by("pk")[1]
    assert figures.list_days(since=yesterday, until=figures.today()).gap_at <= second.created_at
