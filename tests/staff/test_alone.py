"""Many small amounts are a large one: what one person moves alone within a day has a limit."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from accounts.models import User
from staff import alone, approvals, bulk
from staff.models import AuditEntry, BulkJob
from tests.fixtures import balance_of, funded, nothing_moves, place
from tests.staff.conftest import ORIGIN, member

CANCEL = "orders.cancel_and_refund"


@pytest.fixture(autouse=True)
def limits(settings: Any) -> None:
    """A hundred at once, 150 a day."""
    settings.FOUR_EYES_ABOVE, settings.FOUR_EYES_ABOVE_A_DAY = Decimal(100), Decimal(150)


@pytest.fixture
def rich(customer: User) -> User:
    """A customer to take from."""
    funded(customer, "1000")
    return customer


@pytest.mark.parametrize(("last", "waits"), [("-50", False), ("-50.00001", True)])
def test_what_takes_the_day_above_the_limit_waits(
    adjust: Callable[..., Any], rich: User, last: str, waits: bool
) -> None:
    assert adjust("-100").approval is None

    outcome = adjust(last)

    assert (outcome.approval is not None) is waits
    assert balance_of(rich) == (Decimal(900) if waits else Decimal(850))


def test_each_person_has_a_limit_of_their_own(adjust: Callable[..., Any], rich: User) -> None:
    adjust("-100")

    assert adjust("-100", actor=member("other", "Manager")).approval is None
    assert balance_of(rich) == Decimal(800)


def test_what_a_second_person_approved_does_not_count(
    adjust: Callable[..., Any], rich: User, asker: User, second: User
) -> None:
    approvals.approve(approval_id=adjust("-101").approval.pk, actor=second, origin=ORIGIN)
    assert adjust("-102").approval is not None  # asked for, not moved

    assert alone.sum_lately(asker) == alone.sum_lately(second) == 0
    assert adjust("-100").approval is None


def test_yesterday_does_not_count(adjust: Callable[..., Any], rich: User, asker: User) -> None:
    adjust("-100")
    with connection.cursor() as cursor:  # the log lets nobody change it
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE staff_auditentry SET at = at - %s", [timedelta(hours=24, seconds=1)])
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")

    assert alone.sum_lately(asker) == 0
    assert adjust("-100").approval is None


def test_job_counts_once_and_as_soon_as_it_is_asked_for(asker: User, rich: User, followers: Any, settings: Any) -> None:
    ids = [place(rich, followers) for _ in range(3)]  # 0.85 each
    settings.FOUR_EYES_ABOVE_A_DAY = Decimal("2.55")

    def cancel(order_ids: list[int]) -> BulkJob:
        return bulk.create_job(
            CANCEL, subject_ids=order_ids, reason="closed", actor=asker, origin=ORIGIN, token=uuid4()
        )

    assert cancel(ids[:2]).state == "running"
    assert alone.sum_lately(asker) == Decimal("1.7")
    bulk.work(seconds=10)
    assert alone.sum_lately(asker) == Decimal("1.7")

    settings.FOUR_EYES_ABOVE_A_DAY = Decimal("2.54999")
    asked = cancel(ids[2:])

    with nothing_moves():
        bulk.work(seconds=10)
    assert asked.state == "asked"
    assert alone.sum_lately(asker) == Decimal("1.7")  # what only waits is not counted


def test_what_moves_nothing_never_waits_for_it(adjust: Callable[..., Any], asker: User, rich: User) -> None:
    adjust("-100")
    adjust("-50")

    job = bulk.create_job(
        "orders.complete", subject_ids=[1], reason="said so", actor=asker, origin=ORIGIN, token=uuid4()
    )

    assert job.state == "running"


def test_at_once_is_no_way_around(transactional_db: None, adjust: Callable[..., Any], rich: User) -> None:
    def take(_number: int) -> bool:
        try:
            return adjust("-60").approval is None
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        moved = list(pool.map(take, range(4)))

    assert sorted(moved) == [False, False, True, True]
    assert balance_of(rich) == Decimal(880)
    assert AuditEntry.objects.filter(operation="wallet.adjust_balance").count() == 2
