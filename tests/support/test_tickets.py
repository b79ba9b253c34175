"""Customers ask, staff answer, and each sees what is new."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from support import queries, tickets
from support.attachments import Upload
from support.errors import (
    AttachmentTypeRefused,
    OrdersNotFound,
    TicketNotFound,
    TooManyMessages,
    TooManyOpenTickets,
    TooMuchAttached,
)
from support.models import TEXT_MAX_CHARACTERS, Attachment, Message, Ticket
from tests.fixtures import funded, place
from tests.support.tickets import PNG, Written, opened

State = Ticket.State


def unread(user):
    user.refresh_from_db(fields=["unread_tickets"])
    return user.unread_tickets


def answer(ticket, staff, text="An answer", **changes):
    tickets.reply_as_staff(staff_id=staff.pk, ticket_id=ticket.pk, text=text, **changes)
    ticket.refresh_from_db()


def test_opens_with_message_orders_and_files(customer, followers):
    order_id = place(funded(customer, "1"), followers)

    ticket = opened(
        customer, subject=Ticket.Subject.ORDER, order_ids=[order_id], uploads=[Upload("shot.png", PNG)], text="Why?"
    )

    message = Message.objects.get()
    file = Attachment.objects.get()
    assert (ticket.state, ticket.subject, ticket.title, ticket.last_message) == ("open", "order", "Hello", message)
    assert (message.text, message.author, message.is_staff) == ("Why?", customer, False)
    assert list(ticket.orders.values_list("pk", flat=True)) == [order_id]
    assert (file.name, file.content_type, file.size, bytes(file.content)) == ("shot.png", "image/png", len(PNG), PNG)
    assert (ticket.is_unread_by_staff, ticket.is_unread_by_customer, unread(customer)) == (True, False, 0)


def test_refuses_orders_of_others_as_if_they_were_not_there(customer, other_customer, followers):
    own, foreign = (place(funded(user, "1"), followers) for user in (customer, other_customer))
    before = Written()

    for missing in (foreign, 999_999):
        with pytest.raises(OrdersNotFound) as refusal:
            opened(customer, order_ids=[own, missing])
        assert refusal.value.order_ids == [missing]
    assert Written() == before


def test_refuses_files_that_are_something_else(customer, ticket):
    before = Written()

    with pytest.raises(AttachmentTypeRefused):
        opened(customer, uploads=[Upload("a.png", PNG), Upload("b.png", b"MZ\x90\x00")])
    with pytest.raises(AttachmentTypeRefused):
        tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="x", uploads=[Upload("b.png", b"PK\x03\x04")])
    assert Written() == before


def test_an_answer_is_unread_until_it_is_read(customer, other_customer, staff, ticket):
    answer(ticket, staff)

    assert (ticket.state, ticket.is_unread_by_customer, ticket.is_unread_by_staff) == ("answered", True, False)
    assert (unread(customer), unread(other_customer)) == (1, 0)
    assert tickets.mark_read(ticket) is True
    ticket.refresh_from_db()
    assert (ticket.is_unread_by_customer, unread(customer)) == (False, 0)
    assert tickets.mark_read(ticket) is False


def test_counts_tickets_and_not_answers(customer, staff, ticket):
    other = opened(customer)
    answer(ticket, staff)
    answer(ticket, staff)
    answer(other, staff)

    assert unread(customer) == 2
    tickets.mark_read(other)
    assert unread(customer) == 1
    tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="Thanks")
    assert unread(customer) == 0


def test_an_answer_that_came_while_reading_stays_unread(customer, staff, ticket):
    answer(ticket, staff)
    seen = Ticket.objects.get(pk=ticket.pk)
    answer(ticket, staff, "One more thing")

    assert tickets.mark_read(seen) is False
    assert unread(customer) == 1
    tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="And?")
    seen_by_staff = Ticket.objects.get(pk=ticket.pk)
    tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="Hello?")
    tickets.mark_read_by_staff(seen_by_staff)
    ticket.refresh_from_db()
    assert ticket.is_unread_by_staff
    tickets.mark_read_by_staff(ticket)
    ticket.refresh_from_db()
    assert not ticket.is_unread_by_staff


def test_a_reply_opens_a_closed_ticket(customer, staff, ticket):
    tickets.close(customer_id=customer.pk, ticket_id=ticket.pk)
    ticket.refresh_from_db()
    assert (ticket.state, ticket.is_unread_by_staff) == ("closed", False)
    tickets.close(customer_id=customer.pk, ticket_id=ticket.pk)

    tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="Still there")
    ticket.refresh_from_db()

    assert (ticket.state, ticket.is_unread_by_staff) == ("open", True)
    answer(ticket, staff, closes=True)
    assert (ticket.state, unread(customer)) == ("closed", 1)
    answer(ticket, staff)
    assert ticket.state == "answered"
    tickets.close_as_staff(ticket_id=ticket.pk)
    ticket.refresh_from_db()
    assert ticket.state == "closed"


@pytest.mark.parametrize("whose", ["foreign", "missing"])
def test_nobody_writes_to_tickets_of_others(whose, customer, other_customer, ticket):
    ticket_id = ticket.pk if whose == "foreign" else 999_999
    before = Written()

    with pytest.raises(TicketNotFound):
        tickets.reply(customer_id=other_customer.pk, ticket_id=ticket_id, text="x", uploads=[Upload("a.png", PNG)])
    with pytest.raises(TicketNotFound):
        tickets.close(customer_id=other_customer.pk, ticket_id=ticket_id)
    with pytest.raises(TicketNotFound):
        queries.get_ticket(other_customer.pk, ticket_id)
    assert Written() == before


def test_staff_are_told_when_a_ticket_is_not_there(staff):
    with pytest.raises(TicketNotFound):
        tickets.reply_as_staff(staff_id=staff.pk, ticket_id=999_999, text="x")
    with pytest.raises(TicketNotFound):
        tickets.close_as_staff(ticket_id=999_999)


def test_limits_open_tickets(customer, other_customer, ticket, monkeypatch):
    monkeypatch.setattr(tickets, "OPEN_TICKETS_MAX", 2)
    opened(customer)
    before = Written()

    with pytest.raises(TooManyOpenTickets):
        opened(customer)
    assert Written() == before
    opened(other_customer)
    tickets.close(customer_id=customer.pk, ticket_id=ticket.pk)
    opened(customer)
    with pytest.raises(TooManyOpenTickets):
        tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="open it again")


def test_limits_messages_per_hour(customer, other_customer, staff, ticket, monkeypatch):
    monkeypatch.setattr(tickets, "MESSAGES_PER_HOUR", 2)
    tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="second")
    answer(ticket, staff)
    before = Written()

    with pytest.raises(TooManyMessages):
        tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="third")
    with pytest.raises(TooManyMessages):
        opened(customer)
    assert Written() == before
    opened(other_customer)


def test_limits_bytes_per_day(customer, ticket, monkeypatch):
    monkeypatch.setattr(tickets, "ATTACHED_BYTES_PER_DAY", 2 * len(PNG))
    file = Upload("a.png", PNG)
    tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="one", uploads=[file])
    before = Written()

    with pytest.raises(TooMuchAttached):
        tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="three", uploads=[file, file])
    assert Written() == before
    tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="no file")
    tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="two", uploads=[file])


def test_old_messages_do_not_count(customer, ticket, monkeypatch):
    monkeypatch.setattr(tickets, "MESSAGES_PER_HOUR", 1)
    later = timezone.now() + timedelta(hours=1, seconds=1)
    monkeypatch.setattr(tickets.timezone, "now", lambda: later)

    tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="second")


def test_messages_never_change(ticket):
    message = Message.objects.get()
    for change in (
        lambda: Message.objects.filter(pk=message.pk).update(text="I never said that"),
        lambda: Message.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(IntegrityError, match="messages never change"), transaction.atomic():
            change()
    assert Message.objects.get().text == "A question"


@pytest.mark.parametrize("text", ["", "x" * (TEXT_MAX_CHARACTERS + 1)])
def test_the_database_keeps_the_length_of_messages(text, customer, ticket):
    with pytest.raises(IntegrityError, match="message_length"), transaction.atomic():
        Message.objects.create(ticket=ticket, author=customer, is_staff=False, text=text)


def test_lists_what_happened_last_first(customer, other_customer, staff):
    first, second, third = (opened(customer, title=title) for title in ("1", "2", "3"))
    opened(other_customer)
    answer(first, staff)

    def titles(**asked):
        page = queries.list_tickets(customer.pk, **asked)
        return [ticket.title for ticket in page.rows], page.next_key

    assert titles() == (["1", "3", "2"], None)
    assert titles(limit=2) == (["1", "3"], third.last_message_id)
    assert titles(before=third.last_message_id) == (["2"], None)
    assert titles(state="answered") == (["1"], None)
    assert second.state == "open"


def test_long_conversations_are_read_in_parts(customer, ticket):
    for number in range(4):
        tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text=str(number))

    newest = queries.list_messages(ticket, limit=2)
    older = queries.list_messages(ticket, limit=10, before=newest.next_key)

    assert [message.text for message in newest.rows] == ["2", "3"]
    assert [message.text for message in older.rows] == ["A question", "0", "1"]
    assert older.next_key is None


def both_at_once(first: Callable[[], object], second: Callable[[], object]) -> list[object]:
    def run(work: Callable[[], object]) -> object:
        try:
            return work()
        except Exception as error:
            return type(error)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, (first, second)))


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_do_not_pass_the_limit_together(customer, monkeypatch):
    monkeypatch.setattr(tickets, "OPEN_TICKETS_MAX", 1)

    def try_to_open() -> object:
        return opened(customer).state

    assert sorted(both_at_once(try_to_open, try_to_open), key=str) == [TooManyOpenTickets, "open"]
    assert Ticket.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_answers_at_once_count_once_each(customer, staff):
    one, two = opened(customer), opened(customer)
    both_at_once(lambda: answer(one, staff), lambda: answer(two, staff))

    assert unread(customer) == 2
