"""One item of a batch trips over a bug, or the database goes away: what was done for the others reaches the client."""

import socket
from contextlib import contextmanager

import pytest
from django.db import connection

from orders.models import Cancellation, Refill
from orders.transitions import Status
from tests.fixtures import balance_of, call_api, funded, key_of, nothing_moves, place, post_api, report

INTERNAL_ERROR = {"error": "Internal error"}


@pytest.fixture
def buyer(customer):
    return funded(customer, "10")


@pytest.fixture
def delivered(buyer, followers):
    """The ids of three completed orders."""
    order_ids = [place(buyer, followers) for _ in range(3)]
    for order_id in order_ids:
        report(order_id, "Completed")
    key_of(buyer)
    return order_ids


def ask(user, action, order_ids):
    return post_api({"key": key_of(user), "action": action, "orders": ",".join(map(str, order_ids))})


@contextmanager
def at_statements(beginning, *, on, happens):
    """Let something happen before those of the statements beginning so that are counted in `on`, from 1."""
    met = []

    def wrapper(execute, sql, *rest):
        if sql.strip().startswith(beginning):
            met.append(sql)
            if len(met) in on:
                happens()
        return execute(sql, *rest)

    with connection.execute_wrapper(wrapper):
        yield
    assert met


def crash():
    raise RuntimeError("a bug of ours")


def cut():
    """Cut the line to the database under this thread's feet."""
    with socket.socket(fileno=connection.connection.pgconn.socket) as line:
        line.shutdown(socket.SHUT_RDWR)
        line.detach()


def deadlock():
    """Be the one whom the database ends to let the others go on."""
    with connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END $$")


OPENING = "WITH opened AS"
CANCELING = "WITH requested AS"


@pytest.mark.django_db
def test_a_refill_that_crashes_does_not_lose_the_others(buyer, delivered, caplog):
    with at_statements(OPENING, on=[2], happens=crash):
        answer = ask(buyer, "refill", delivered)

    first, third = Refill.objects.order_by("pk")
    assert answer.status_code == 200
    assert answer.json() == [
        {"order": delivered[0], "refill": first.pk},
        {"order": delivered[1], "refill": INTERNAL_ERROR},
        {"order": delivered[2], "refill": third.pk},
    ]
    assert (first.order_id, third.order_id) == (delivered[0], delivered[2])
    assert "a bug of ours" in caplog.text
    assert f"item {delivered[1]} of a batch crashed" in caplog.text
    assert key_of(buyer) not in caplog.text


@pytest.mark.django_db
def test_a_cancellation_that_crashes_does_not_lose_the_others(buyer, followers, caplog):
    order_ids = [place(buyer, followers) for _ in range(2)]
    with at_statements(CANCELING, on=[1], happens=crash):
        answer = ask(buyer, "cancel", order_ids)

    assert answer.json() == [
        {"order": order_ids[0], "cancel": INTERNAL_ERROR},
        {"order": order_ids[1], "cancel": 1},
    ]
    assert Cancellation.objects.get().order_id == order_ids[1]
    assert str(balance_of(buyer)) == "9.15000"
    assert call_api(buyer, action="status", order=order_ids[0])["status"] == Status.PENDING
    assert "a bug of ours" in caplog.text


@pytest.mark.django_db
def test_one_that_crashes_alone_is_the_answer_of_a_crash(buyer, delivered):
    with nothing_moves(), at_statements(OPENING, on=[1], happens=crash):
        answer = post_api({"key": key_of(buyer), "action": "refill", "order": delivered[0]})

    assert (answer.status_code, answer.json()) == (500, INTERNAL_ERROR)


@pytest.mark.django_db(transaction=True)
def test_a_line_that_breaks_ends_one_item_only(buyer, delivered):
    with at_statements(OPENING, on=[2], happens=cut):
        answer = ask(buyer, "refill", delivered)

    first, third = Refill.objects.order_by("pk").values_list("pk", flat=True)
    assert answer.status_code == 200
    assert [item["refill"] for item in answer.json()] == [first, INTERNAL_ERROR, third]


@pytest.mark.django_db(transaction=True)
def test_refills_opened_before_the_database_went_away_are_told(buyer, delivered, monkeypatch, caplog):
    with monkeypatch.context() as patch:

        def go_away():
            patch.setitem(connection.settings_dict, "HOST", "/nowhere")
            cut()

        with at_statements(OPENING, on=[2], happens=go_away):
            answer = ask(buyer, "refill", delivered)

    assert answer.status_code == 200
    assert answer.json() == [
        {"order": delivered[0], "refill": Refill.objects.get().pk},
        {"order": delivered[1], "refill": INTERNAL_ERROR},
        {"order": delivered[2], "refill": INTERNAL_ERROR},
    ]
    # Each might have waited for a database that is away.
    assert f"item {delivered[1]} of a batch" in caplog.text
    assert f"item {delivered[2]} of a batch" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_before_anything_was_done_fails_the_call(buyer, delivered):
    with nothing_moves(), at_statements(OPENING, on=[1], happens=cut):
        answer = ask(buyer, "refill", delivered)

    assert (answer.status_code, answer.json()) == (500, INTERNAL_ERROR)


@pytest.mark.django_db(transaction=True)
def test_a_deadlock_ends_one_item_only(buyer, delivered):
    with at_statements(OPENING, on=[2], happens=deadlock):
        answer = ask(buyer, "refill", delivered)

    first, third = Refill.objects.order_by("pk").values_list("pk", flat=True)
    assert [item["refill"] for item in answer.json()] == [first, INTERNAL_ERROR, third]
