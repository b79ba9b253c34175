"""Staff are told of questions and customers of answers, once and in their language."""

import pytest
from django.core import mail

from accounts.models import User
from support import mails, tickets
from support.models import Ticket
from tests.support.tickets import opened


@pytest.fixture(autouse=True)
def addresses(settings):
    settings.ADMINS = [("boss@example.com", "boss@example.com")]
    settings.BASE_URL = "https://panel.example"


def answer(ticket, staff):
    tickets.reply_as_staff(staff_id=staff.pk, ticket_id=ticket.pk, text="The secret answer")


def sent():
    mail.outbox.clear()
    mails.send_due()
    return [(letter.to, letter.subject) for letter in mail.outbox]


def test_tells_staff_of_a_new_ticket(customer):
    ticket = opened(customer, title="No money\nBcc: x@example.com")

    assert sent() == [(["boss@example.com"], f"[Panel] Ticket {ticket.pk}: No money Bcc: x@example.com")]
    assert f"https://panel.example/admin/support/ticket/{ticket.pk}/change/" in mail.outbox[0].body
    assert "A question" not in mail.outbox[0].body
    assert sent() == []


def test_tells_staff_once_of_what_they_have_not_read(customer, ticket):
    tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="More")
    assert len(sent()) == 1
    tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="And more")
    assert sent() == []

    tickets.mark_read_by_staff(Ticket.objects.get())
    tickets.reply(customer_id=customer.pk, ticket_id=ticket.pk, text="New")

    assert len(sent()) == 1


def test_tells_the_customer_that_there_is_an_answer_but_not_which(customer, staff, ticket):
    sent()
    answer(ticket, staff)

    assert sent() == [(["customer@example.com"], "[Panel] Support has answered: Hello")]
    assert f"https://panel.example/support/{ticket.pk}/" in mail.outbox[0].body
    assert "secret" not in mail.outbox[0].body


def test_writes_in_the_customers_language(customer, staff, ticket):
    User.objects.filter(pk=customer.pk).update(language="es")
    sent()
    answer(ticket, staff)

    assert len(sent()) == 1  # whose words are the translators'


def test_tells_of_several_answers_once(customer, staff, ticket):
    sent()
    answer(ticket, staff)
    answer(ticket, staff)

    assert len(sent()) == 1


def test_does_not_tell_of_what_is_read(customer, staff, ticket):
    sent()
    answer(ticket, staff)
    tickets.mark_read(Ticket.objects.get())

    assert sent() == []


def test_does_without_addresses(customer, staff, ticket, settings):
    settings.BASE_URL = ""
    sent()
    answer(ticket, staff)
    assert len(sent()) == 1
    assert "Log in and open Support" in mail.outbox[0].body
    User.objects.filter(pk=customer.pk).update(email="")
    answer(ticket, staff)

    assert sent() == []


def test_a_mail_server_that_is_away_stops_nothing(customer, staff, ticket, settings, caplog):
    settings.EMAIL_BACKEND = "tests.support.test_mails.Broken"
    answer(ticket, staff)
    other = opened(customer)

    assert mails.send_due() == 2
    assert f"ticket {ticket.pk} could not be sent" in caplog.text
    assert mails.send_due() == 0
    assert other.pk


class Broken:
    """A mail server that is away."""

    def __init__(self, **options):
        raise ConnectionRefusedError
