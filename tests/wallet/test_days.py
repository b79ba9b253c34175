"""What moved in a wallet, day by day: always exactly what its entries say."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection, transaction

from tests.fixtures import funded
from wallet import adjustments, days, ledger, tasks
from wallet.models import Account, DayFold, LedgerEntry, Wallet, WalletDay

pytestmark = pytest.mark.django_db
COUNT = 40


@pytest.fixture
def wallet(customer):
    return Wallet.objects.get(user=customer)


def move(wallet, change):
    """Charge the wallet, or refund to it, as orders do."""
    amount = Decimal(change)
    with transaction.atomic():
        if amount < 0:
            ledger.debit(wallet_id=wallet.pk, amount=-amount, key=f"charge:order:{uuid4()}")
        else:
            ledger.credit(wallet_id=wallet.pk, amount=amount, key=f"refund:order:{uuid4()}", source=Account.Kind.SALES)


def spread_over_days(wallet):
    """Put the entries so far on different days, each later than the one before: the ledger itself refuses that."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE wallet_ledgerentry SET created_at = created_at - make_interval(days => 30 - (seq %% 30)::int)"
            " WHERE wallet_id = %s",
            [wallet.pk],
        )


def entries_say(wallet):
    """Add the ledger up in Python, without a line of what is tested."""
    sums = {}
    for entry in LedgerEntry.objects.filter(wallet=wallet).select_related("debit", "credit"):
        day = sums.setdefault(entry.created_at.astimezone(UTC).date(), [Decimal(0)] * 4 + [0])
        change = entry.balance_after - entry.balance_before
        house = entry.credit.kind if change < 0 else entry.debit.kind
        if house == "sales" and change < 0:
            day[0] -= change
            day[4] += 1
        elif house == "sales":
            day[1] += change
        else:
            day[2 if house == "cash" else 3] += change
    return {day: tuple(values) for day, values in sums.items()}


def days_say(wallet):
    listed = days.list_days(wallet_id=wallet.pk, count=COUNT).days
    return {
        day.day: (day.charged, day.refunded, day.deposited, day.other, day.charge_count)
        for day in listed
        if day != days.Day(day.day)
    }


@pytest.fixture
def busy(customer, staff, wallet):
    """A wallet with movements of every kind on many days."""
    funded(customer, "400")
    for number in range(1, 41):
        move(wallet, f"-{number}.00001" if number % 3 else f"0.{number:05}")
        if number % 8 == 0:
            funded(customer, "90")
    for change in ("5", "-2.5"):
        adjustments.adjust_balance(
            wallet=wallet, change=Decimal(change), reason="So", actor_id=staff.pk, request_id=uuid4()
        )
    spread_over_days(wallet)
    return wallet


def test_are_exact_before_anything_is_folded(busy):
    assert days_say(busy) == entries_say(busy)
    assert not WalletDay.objects.exists()


@pytest.mark.parametrize("batch", [1, 7, 10_000])
def test_are_exact_after_every_fold(busy, monkeypatch, batch):
    monkeypatch.setattr(days, "BATCH_ENTRIES", batch)
    expected = entries_say(busy)

    while days.fold_wallet(busy.pk):
        assert days_say(busy) == expected

    busy.refresh_from_db()
    assert DayFold.objects.get(wallet=busy).seq == busy.seq
    assert sum(row.deposited + row.refunded + row.other - row.charged for row in busy.days.all()) == busy.balance


def test_contain_what_comes_after_a_fold(busy):
    days.fold_wallet(busy.pk)
    move(busy, "-1.5")
    move(busy, "0.25")

    assert days_say(busy) == entries_say(busy)
    assert days.fold_wallet(busy.pk) == 2
    assert days_say(busy) == entries_say(busy)


def test_a_fold_that_dies_leaves_nothing(busy):
    def die(execute, sql, *rest):
        result = execute(sql, *rest)
        if "wallet_walletday" in sql:
            raise KeyboardInterrupt
        return result

    with connection.execute_wrapper(die), pytest.raises(KeyboardInterrupt):
        days.fold_wallet(busy.pk)

    assert not WalletDay.objects.exists()
    days.fold_wallet(busy.pk)
    assert days_say(busy) == entries_say(busy)


@pytest.mark.django_db(transaction=True)
def test_racing_folders_add_each_entry_once(busy, monkeypatch):
    monkeypatch.setattr(days, "BATCH_ENTRIES", 3)
    start = threading.Barrier(5)

    def work(job):
        start.wait(10)
        try:
            for _ in range(8):
                job()
        finally:
            connection.close()

    jobs = [lambda: days.fold_wallet(busy.pk)] * 4 + [lambda: move(busy, "-0.1")]
    threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert days_say(busy) == entries_say(busy)
    while days.fold_wallet(busy.pk):
        pass
    assert days_say(busy) == entries_say(busy)


@pytest.mark.django_db(transaction=True)
def test_a_movement_does_not_wait_for_a_folder(busy):
    seq = busy.seq
    moved = []

    def move_elsewhere():
        try:
            move(busy, "-0.1")
            moved.append(True)
        finally:
            connection.close()

    def order_meanwhile(execute, sql, *rest):
        result = execute(sql, *rest)
        if "wallet_walletday" in sql:
            thread = threading.Thread(target=move_elsewhere)
            thread.start()
            thread.join(5)
            assert moved
        return result

    with connection.execute_wrapper(order_meanwhile):
        days.fold_wallet(busy.pk)

    assert DayFold.objects.get(wallet=busy).seq == Wallet.objects.get(pk=busy.pk).seq - 1 > seq
    assert days_say(busy) == entries_say(busy)


def test_the_task_folds_wallets_with_enough_to_do(busy, other_customer, monkeypatch):
    monkeypatch.setattr(days, "FOLD_FROM_ENTRIES", 10)
    funded(other_customer, "5")

    tasks.fold_days()

    assert list(DayFold.objects.values_list("wallet_id", "seq")) == [(busy.pk, Wallet.objects.get(pk=busy.pk).seq)]
    tasks.fold_days()
    assert days_say(busy) == entries_say(busy)


def test_are_of_one_wallet(busy, other_customer):
    days.fold_wallet(busy.pk)

    assert not days_say(Wallet.objects.get(user=other_customer))


def test_have_no_gaps_and_end_today(wallet):
    listed = days.list_days(wallet_id=wallet.pk, count=30)

    assert len(listed.days) == 30
    assert listed.days[-1].day == datetime.now(UTC).date()
    assert {b.day - a.day for a, b in zip(listed.days, listed.days[1:], strict=False)} == {timedelta(days=1)}
    assert (listed.spent, listed.charge_count, listed.is_behind) == (0, 0, False)


def test_say_when_too_much_waits_to_be_added_up(busy, monkeypatch):
    monkeypatch.setattr(days, "TAIL_ENTRIES_MAX", 10)
    assert days.list_days(wallet_id=busy.pk, count=30).is_behind

    days.fold_wallet(busy.pk)

    assert not days.list_days(wallet_id=busy.pk, count=30).is_behind


def spent(*amounts):
    today = datetime.now(UTC).date()
    listed = [days.Day(today - timedelta(days=age), charged=Decimal(amount)) for age, amount in enumerate(amounts)]
    return days.Days(listed[::-1], is_behind=False)


@pytest.mark.parametrize(
    ("balance", "amounts", "expected"),
    [
        ("30", ["70"], None),  # ten a day, three days left
        ("29.99", ["70"], days.Pace(Decimal(10), 2)),
        ("29.99", ["0"] * 6 + ["70"], days.Pace(Decimal(10), 2)),
        ("0", ["0"] * 7 + ["70"], None),  # longer ago than a week
        ("0", ["7"], days.Pace(Decimal(1), 0)),
        ("0", ["0"], None),
        ("0", ["0.00001"], None),  # nothing a day
    ],
)
def test_a_balance_is_low_below_three_days_of_the_last_week(balance, amounts, expected):
    assert days.measure_low_balance(balance=Decimal(balance), days=spent(*amounts)) == expected
