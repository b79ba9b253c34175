"""The database goes away while an order is being placed: an error is answered only when there is no order."""

import socket
import threading
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection, transaction

from orders import lost_answers, placement, queries
from orders.models import Order
from tests.fixtures import LINK, balance_of, funded, nothing_moves
from tests.orders.conftest import order_of
from wallet import audit
from wallet.models import Wallet

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place(customer, followers):
    funded(customer, "100")
    draft = placement.Draft(service_id=followers.pk, link=LINK, quantity=1000)
    return lambda: placement.place_order(buyer=queries.load_buyer(customer.pk), draft=draft).order_id


def cut():
    """Cut the line to the database under this thread's feet; the server's end does not notice while it works."""
    with socket.socket(fileno=connection.connection.pgconn.socket) as line:
        line.shutdown(socket.SHUT_RDWR)
        line.detach()


@contextmanager
def around_the_order(*, before=None, after=None):
    def wrapper(execute, sql, *rest):
        is_order = "INSERT INTO orders_order (" in sql
        if is_order and before:
            before()
        result = execute(sql, *rest)
        if is_order and after:
            after()
            raise OperationalError("server closed the connection unexpectedly")
        return result

    with connection.execute_wrapper(wrapper):
        yield


def lose_answer():
    connection.connection.close()


def test_answers_the_order_that_was_committed(customer, place):
    with around_the_order(after=lose_answer):
        order_id = place()

    assert Order.objects.get().pk == order_id
    assert str(balance_of(customer)) == "99.15000"
    assert audit.audit_ledger().is_clean


def test_never_takes_another_order_for_it(customer, followers, place):
    order_of(customer, followers, funds="")

    with nothing_moves(), around_the_order(before=cut), pytest.raises(OperationalError):
        place()


def test_refuses_when_nothing_was_sent(place):
    with nothing_moves(), around_the_order(before=cut), pytest.raises(OperationalError):
        place()


def test_ends_what_the_server_still_works_on_before_it_refuses(customer, place):
    """Without that the order would be placed after the client was told that it was not."""
    lines, refused = [], []

    def order():
        try:
            with around_the_order(before=lambda: lines.append(connection.connection.pgconn.socket)):
                place()
        except OperationalError as error:
            refused.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=order)
    with nothing_moves():
        with transaction.atomic():
            Wallet.objects.select_for_update().get(user=customer)  # the order waits for it
            thread.start()
            wait_until(waits_for_a_lock)
            with socket.socket(fileno=lines[0]) as line:
                line.shutdown(socket.SHUT_RDWR)
                line.detach()
            thread.join(10)
            assert len(refused) == 1
        assert not sessions_at_work()


def test_waits_for_the_database_to_come_back(place, monkeypatch):
    monkeypatch.setattr(lost_answers, "ASK_AGAIN_SECONDS", 0.01)
    outages = [OperationalError("the database system is starting up")] * 3
    look = lost_answers._look

    def away(**facts):
        if outages:
            raise outages.pop()
        return look(**facts)

    monkeypatch.setattr(lost_answers, "_look", away)
    with around_the_order(after=lose_answer):
        assert place() == Order.objects.get().pk
    assert outages == []


def test_says_so_when_it_does_not_come_back(place, monkeypatch):
    monkeypatch.setattr(lost_answers, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(lost_answers, "_look", lambda **facts: (_ for _ in ()).throw(OperationalError("refused")))

    with around_the_order(after=lose_answer), pytest.raises(lost_answers.StillUnknown):
        place()


def test_a_refusal_by_the_database_is_no_lost_answer(place, monkeypatch):
    monkeypatch.setattr(lost_answers, "find_order", lambda **facts: pytest.fail("nothing was lost"))

    def time_out():
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 1")
            cursor.execute("SELECT pg_sleep(1)")

    with nothing_moves():
        with around_the_order(before=time_out), pytest.raises(OperationalError):
            place()
        connection.close()


def sessions_at_work():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
            " AND pid <> pg_backend_pid() AND query LIKE '%INSERT INTO orders_order (%'"
        )
        return cursor.fetchall()


def waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # or a transaction sees what it saw before
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%orders_order%'"
        )
        return cursor.fetchone()[0] == 1


def wait_until(happens, *, seconds=10):
    for _ in range(seconds * 100):
        if happens():
            return
        threading.Event().wait(0.01)
    pytest.fail("it did not happen")
