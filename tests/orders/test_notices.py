"""Finding what customers want to be told: low balances, and orders that ended Partial or Canceled."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from accounts import notices as choices_of
from accounts.models import NoticeChoices, User
from orders import notices, tasks
from orders.models import EndedOrdersCursor, LowBalance, Notice, Order
from tests.fixtures import funded, nothing_moves, place, report
from wallet import adjustments
from wallet.models import Wallet

pytestmark = pytest.mark.django_db(transaction=True)

ENDED = Notice.Kind.ENDED_ORDERS
LOW = Notice.Kind.LOW_BALANCE


@pytest.fixture
def listener(customer: User) -> User:
    """The customer, with a verified address, who wants to be told everything."""
    return wants_all(customer)


def wants_all(user: User, *, verified: bool = True) -> User:
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=verified)
    choices_of.change_choices(user_id=user.pk, low_balance=True, low_balance_below=Decimal(10), ended_orders=True)
    return user


def look(*, at=None) -> None:
    """Look at what ended until now, as if the last look was long ago and all of it had settled."""
    Order.objects.filter(finished_at__isnull=False).update(
        finished_at=(at or timezone.now()) - notices.SETTLING - timedelta(seconds=1)
    )
    if not EndedOrdersCursor.objects.exists():
        EndedOrdersCursor.objects.create(pk=1, until=timezone.now() - timedelta(minutes=5))
    tasks.find_notices()


def waiting(kind: str = ENDED) -> list[tuple[int, list[int], int]]:
    return list(Notice.objects.filter(kind=kind).order_by("pk").values_list("customer_id", "order_ids", "order_count"))


def spend(user: User, amount: str) -> None:
    wallet = Wallet.objects.get(user=user)
    adjustments.adjust_balance(
        wallet=wallet, change=-Decimal(amount), reason="test", actor_id=user.pk, request_id=uuid4()
    )


def test_tells_of_orders_that_ended_partial_or_canceled(listener, followers):
    funded(listener, "100")
    partial, canceled, completed, _running = (place(listener, followers) for _ in range(4))
    report(partial, "Partial", remains=400)
    report(canceled, "Canceled")
    report(completed, "Completed")
    with nothing_moves():
        look()

    assert waiting() == [(listener.pk, [partial, canceled], 2)]
    assert Notice.objects.get(kind=ENDED).due_at > timezone.now() + timedelta(minutes=14)


def test_tells_of_each_once_and_gathers_what_comes_while_one_waits(listener, followers):
    funded(listener, "100")
    first, second = (place(listener, followers) for _ in range(2))
    report(first, "Canceled")
    look()
    cursor = EndedOrdersCursor.objects.get().until
    tasks.find_notices()
    assert EndedOrdersCursor.objects.get().until > cursor

    report(second, "Canceled")
    Order.objects.filter(pk=second).update(finished_at=timezone.now() - notices.SETTLING - timedelta(milliseconds=1))
    EndedOrdersCursor.objects.update(until=Order.objects.get(pk=second).finished_at - timedelta(microseconds=1))
    tasks.find_notices()

    assert waiting() == [(listener.pk, [first, second], 2)]


def test_what_comes_after_a_try_has_begun_is_a_notice_of_its_own(listener, followers):
    Notice.objects.create(customer=listener, kind=ENDED, order_ids=[1], order_count=1, due_at=timezone.now(), tries=1)
    funded(listener, "100")
    order = place(listener, followers)
    report(order, "Canceled")
    look()

    assert [ids for _, ids, _ in waiting()] == [[1], [order]]


def test_one_notice_holds_so_many_orders_and_counts_the_rest(listener, followers, monkeypatch):
    monkeypatch.setattr(notices, "LISTED_MAX", 2)
    funded(listener, "100")
    orders = [place(listener, followers) for _ in range(4)]
    for order in orders:
        report(order, "Canceled")
    look()

    assert waiting() == [(listener.pk, orders[:2], 4)]


def test_what_has_just_ended_waits_until_it_has_settled(listener, followers):
    funded(listener, "100")
    EndedOrdersCursor.objects.create(pk=1, until=timezone.now() - timedelta(minutes=5))
    report(place(listener, followers), "Canceled")
    tasks.find_notices()

    assert waiting() == []
    assert EndedOrdersCursor.objects.get().until < timezone.now() - notices.SETTLING


def test_the_first_look_begins_now_and_a_late_one_a_day_ago(listener, followers):
    funded(listener, "100")
    report(place(listener, followers), "Canceled")
    Order.objects.update(finished_at=timezone.now() - timedelta(hours=25))
    tasks.find_notices()
    assert waiting() == []

    EndedOrdersCursor.objects.update(until=timezone.now() - timedelta(days=300))
    tasks.find_notices()
    assert waiting() == []
    Order.objects.update(finished_at=timezone.now() - timedelta(hours=23))
    EndedOrdersCursor.objects.update(until=timezone.now() - timedelta(days=300))
    tasks.find_notices()
    assert len(waiting()) == 1


def unverified(user: User) -> None:
    EmailAddress.objects.update(verified=False)


def inactive(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def turned_off(user: User) -> None:
    NoticeChoices.objects.update(low_balance=False, ended_orders=False)


@pytest.mark.parametrize("change", [unverified, inactive, turned_off])
def test_nobody_is_told_who_cannot_or_does_not_want_to_be(listener, followers, change):
    funded(listener, "1")
    report(place(listener, followers), "Canceled")
    change(listener)
    look()

    assert Notice.objects.count() == LowBalance.objects.count() == 0


def test_where_nobody_verifies_addresses_the_accounts_own_will_do(customer, followers, settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "none"
    wants_all(customer, verified=False)
    look()

    assert len(waiting(LOW)) == 1


def test_tells_of_a_low_balance_once_and_again_only_after_it_rose(listener):
    for _ in range(3):
        notices.find_low_balances()
    assert len(waiting(LOW)) == 1
    Notice.objects.all().delete()  # sent

    funded(listener, "9.99999")
    notices.find_low_balances()
    assert waiting(LOW) == []

    funded(listener, "0.00001")
    notices.find_low_balances()
    assert waiting(LOW) == []
    spend(listener, "0.00001")
    notices.find_low_balances()
    assert len(waiting(LOW)) == 1


def test_turning_it_off_and_on_again_tells_again(listener):
    notices.find_low_balances()
    Notice.objects.all().delete()
    NoticeChoices.objects.update(low_balance=False)
    notices.find_low_balances()
    NoticeChoices.objects.update(low_balance=True)
    notices.find_low_balances()

    assert len(waiting(LOW)) == 1


def test_a_claimed_notice_is_due_again_later_each_time_and_given_up_in_the_end(listener, caplog):
    notices.find_low_balances()
    waits = []
    for _ in range(notices.TRIES_MAX):
        Notice.objects.update(due_at=timezone.now())
        claimed = notices.claim_next()
        assert notices.claim_next() is None
        waits.append(Notice.objects.get().due_at - timezone.now())
        notices.record_failed(claimed, "refused")

    assert Notice.objects.count() == 0
    assert [round(wait.total_seconds() / 60) for wait in waits] == [5, 10, 20, 40, 80, 160]
    assert "try 6 of 6" in caplog.text


def test_a_threshold_is_needed_and_positive(customer):
    from django.db import IntegrityError, transaction

    for below in (None, Decimal(0), Decimal(-1)):
        with pytest.raises(IntegrityError), transaction.atomic():
            choices_of.change_choices(
                user_id=customer.pk, low_balance=True, low_balance_below=below, ended_orders=False
            )
    assert not NoticeChoices.objects.exists()
