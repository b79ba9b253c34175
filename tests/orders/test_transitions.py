"""The life of a run: the table in Python, the table in the database, and the trigger between them."""

import itertools

import pytest
from django.db import DatabaseError, connection, transaction

from orders.models import Run
from orders.transitions import TRANSITIONS, RunState, Status, derive_status, may_follow
from tests.orders.conftest import order_of

S = RunState


def test_database_holds_the_same_table(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT source, target FROM orders_transition")
        held = set(cursor.fetchall())

    assert held == {(source.value, target.value) for source, targets in TRANSITIONS.items() for target in targets}


@pytest.mark.django_db
def test_every_pair_by_raw_sql(customer, followers):
    run = order_of(customer, followers).runs.get()
    refused, passed = set(), set()

    for source, target in itertools.product(S, S):
        if source == target:
            continue
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("UPDATE orders_run SET state = %s WHERE id = %s", [source.value, run.pk])
            cursor.execute("SET session_replication_role = origin")
            try:
                with transaction.atomic():
                    cursor.execute("UPDATE orders_run SET state = %s WHERE id = %s", [target.value, run.pk])
                passed.add((source, target))
            except DatabaseError as error:
                refused.add((source, target, "may not follow" in str(error)))

    assert passed == {(source, target) for source, target in itertools.product(S, S) if may_follow(source, target)}
    assert len(passed) + len(refused) == len(S) * (len(S) - 1)
    assert all(by_our_rule for _, _, by_our_rule in refused)


@pytest.mark.django_db
@pytest.mark.parametrize("state", [state for state in S if state != S.QUEUED])
def test_a_run_starts_queued(customer, followers, state):
    order = order_of(customer, followers)

    with pytest.raises(DatabaseError, match="starts queued"), transaction.atomic():
        Run.objects.create(order=order, number=2, quantity=1, remains=1, state=state)


@pytest.mark.parametrize(
    ("runs", "status"),
    [
        ([(S.QUEUED, 10, 10)], Status.PENDING),
        ([(S.SUBMITTING, 10, 10)], Status.PENDING),
        ([(S.SUBMITTED, 10, 10)], Status.PENDING),
        ([(S.UNKNOWN, 10, 10)], Status.PENDING),
        ([(S.PROCESSING, 10, 10)], Status.PROCESSING),
        ([(S.IN_PROGRESS, 10, 4)], Status.IN_PROGRESS),
        ([(S.COMPLETED, 10, 0)], Status.COMPLETED),
        ([(S.PARTIAL, 10, 3)], Status.PARTIAL),
        ([(S.CANCELED, 10, 10)], Status.CANCELED),
        ([(S.REJECTED, 10, 10)], Status.CANCELED),
        ([(S.COMPLETED, 5, 0), (S.QUEUED, 5, 5)], Status.IN_PROGRESS),
        ([(S.COMPLETED, 5, 0), (S.UNKNOWN, 5, 5)], Status.IN_PROGRESS),
        ([(S.COMPLETED, 5, 0), (S.CANCELED, 5, 5)], Status.PARTIAL),
        ([(S.CANCELED, 5, 5), (S.REJECTED, 5, 5)], Status.CANCELED),
        ([(S.CANCELED, 5, 5), (S.QUEUED, 5, 5)], Status.PENDING),
        ([(S.PROCESSING, 5, 5), (S.QUEUED, 5, 5)], Status.PROCESSING),
        ([(S.COMPLETED, 5, 0), (S.COMPLETED, 5, 0)], Status.COMPLETED),
    ],
)
def test_derives_the_public_status(runs, status):
    assert derive_status(runs) == status
