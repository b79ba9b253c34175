"""The notification choices, the mails themselves, and the link that turns them off."""

import re
import smtplib
from datetime import timedelta
from decimal import Decimal

import pytest
from allauth.account.models import EmailAddress
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.utils import timezone

from accounts import notices as choices_of
from accounts.models import NoticeChoices, User
from dashboard import notice_mails, tasks
from orders.models import Notice, Order
from tests.fixtures import funded, place, report

PAGE = "/account/notifications/"


@pytest.fixture
def listener(customer: User, settings) -> User:
    """The customer, who wants to be told everything at a verified address."""
    settings.BASE_URL = "https://panel.example"
    EmailAddress.objects.create(user=customer, email=customer.email, primary=True, verified=True)
    choices_of.change_choices(
        user_id=customer.pk, low_balance=True, low_balance_below=Decimal("2.5"), ended_orders=True
    )
    return customer


def due(user: User, kind: str = "low_balance", orders: tuple[int, ...] = (), count: int = 0) -> Notice:
    return Notice.objects.create(
        customer=user, kind=kind, order_ids=list(orders), order_count=count, due_at=timezone.now()
    )


def send() -> None:
    notice_mails.send_due(seconds=10)


@pytest.mark.django_db(transaction=True)
def test_a_low_balance_is_mailed(listener, mailoutbox):
    funded(listener, "1.25")
    due(listener)
    send()

    (mail,) = mailoutbox
    assert mail.to == ["customer@example.com"]
    assert mail.subject == "[Panel] Your balance is 1.25 USD"
    assert "your balance is 1.25 USD, below the 2.50 USD at which" in mail.body
    assert "https://panel.example/wallet/" in mail.body
    assert Notice.objects.count() == 0
    send()
    assert len(mailoutbox) == 1


@pytest.mark.django_db(transaction=True)
def test_orders_are_mailed_by_the_customers_clock(listener, followers, mailoutbox):
    funded(listener, "100")
    partial, canceled = place(listener, followers), place(listener, followers)
    report(partial, "Partial", remains=400)
    report(canceled, "Canceled")
    Order.objects.update(finished_at="2026-07-01T22:30:00Z")
    User.objects.update(time_zone="Europe/Madrid")
    due(listener, "ended_orders", (partial, canceled), 25)
    send()

    body = mailoutbox[0].body
    assert mailoutbox[0].subject == "[Panel] 25 orders were not delivered in full"
    assert f"Order {partial}, 02 Jul 2026, 00:30 (Madrid)" in body
    assert "Partial: 600 of 1,000 delivered" in body
    assert f"https://panel.example/orders/{canceled}/" in body
    assert "And 23 more." in body


@pytest.mark.django_db(transaction=True)
def test_orders_of_somebody_else_are_never_in_a_mail(listener, other_customer, followers, mailoutbox):
    funded(other_customer, "100")
    theirs = place(other_customer, followers)
    due(listener, "ended_orders", (theirs,), 1)
    send()

    body = mailoutbox[0].body
    assert f"/orders/{theirs}/" not in body
    words = " ".join(line for line in body.splitlines() if "://" not in line)  # signed links hold any digit
    assert str(theirs) not in re.findall(r"\d+", words)


@pytest.mark.django_db(transaction=True)
def test_a_mail_speaks_the_customers_language(listener, mailoutbox):
    User.objects.update(language="es")
    mail = notice_mails.compose(due(listener))

    assert mail is not None  # the words themselves are in the catalogue of translations
    assert mail.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "change",
    [
        lambda: NoticeChoices.objects.update(low_balance=False),
        lambda: EmailAddress.objects.update(verified=False),
        lambda: User.objects.update(is_active=False),
        lambda: funded(User.objects.get(), "2.5"),
    ],
    ids=["turned off", "unverified", "inactive", "topped up"],
)
def test_what_is_not_wanted_or_not_true_any_more_is_dropped(listener, mailoutbox, change):
    due(listener)
    change()
    send()

    assert mailoutbox == []
    assert Notice.objects.count() == 0


class Away(EmailBackend):
    """A mail server that does not answer."""

    tries = 0

    def send_messages(self, messages):
        Away.tries += 1
        raise smtplib.SMTPServerDisconnected


class Picky(EmailBackend):
    """A mail server that refuses one address."""

    def send_messages(self, messages):
        if messages[0].to == ["customer@example.com"]:
            raise smtplib.SMTPRecipientsRefused({"customer@example.com": (550, b"no")})
        return super().send_messages(messages)


@pytest.mark.django_db(transaction=True)
def test_a_mail_server_that_is_away_is_tried_once_a_round_and_nothing_is_lost(listener, settings, mailoutbox):
    settings.EMAIL_BACKEND = f"{__name__}.Away"
    due(listener)
    Notice.objects.update(tries=1)
    due(listener)
    tasks.send_notices()

    assert Away.tries == 1
    assert sorted(Notice.objects.values_list("tries", flat=True)) == [0, 2]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    Notice.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    tasks.send_notices()
    assert len(mailoutbox) == 2


@pytest.mark.django_db(transaction=True)
def test_an_address_that_is_refused_keeps_no_other_waiting(listener, other_customer, settings, mailoutbox):
    settings.EMAIL_BACKEND = f"{__name__}.Picky"
    EmailAddress.objects.create(user=other_customer, email="other@example.com", primary=True, verified=True)
    choices_of.change_choices(
        user_id=other_customer.pk, low_balance=True, low_balance_below=Decimal(1), ended_orders=False
    )
    due(listener)
    due(other_customer)
    send()

    assert [mail.to for mail in mailoutbox] == [["other@example.com"]]
    assert Notice.objects.get().customer == listener


def test_without_an_address_of_its_own_the_panel_says_where_to_turn_mails_off(listener, settings):
    settings.BASE_URL = ""
    mail = notice_mails.compose(due(listener))

    assert "in your account, under Notifications" in mail.body
    assert mail.extra_headers == {}


def test_choices_are_saved_and_shown(browser, customer):
    page = browser.post(PAGE, {"low_balance": "on", "low_balance_below": "2.5"}, follow=True)

    assert "Your notifications are saved." in page.text
    choices = NoticeChoices.objects.get(user=customer)
    assert (choices.low_balance, choices.low_balance_below, choices.ended_orders) == (True, Decimal("2.5"), False)
    assert 'value="2.50"' in page.text
    browser.post(PAGE, {"low_balance_below": "2.5", "ended_orders": "on"})
    choices.refresh_from_db()
    assert (choices.low_balance, choices.low_balance_below, choices.ended_orders) == (False, Decimal("2.5"), True)


@pytest.mark.parametrize("below", ["", "0", "-1", "0.000001", "1e30", "NaN", "ten", "1" * 30])
def test_a_bad_threshold_is_said_beside_it_and_changes_nothing(browser, below):
    page = browser.post(PAGE, {"low_balance": "on", "low_balance_below": below})

    assert list(page.context["form"].errors) == ["low_balance_below"]
    assert not NoticeChoices.objects.exists()


def test_says_that_nothing_can_be_sent_to_an_unverified_address(browser, listener):
    assert "Emails go to customer@example.com." in browser.get(PAGE).text
    EmailAddress.objects.update(verified=False)
    assert "Nothing can be sent yet" in browser.get(PAGE).text


def test_the_link_asks_first_and_turns_off_without_logging_in(listener):
    visitor = Client(enforce_csrf_checks=True)
    token = choices_of.make_stop_token(choices_of.Stop(listener.pk, "low_balance"))

    assert "Turn these emails off?" in visitor.get(f"{PAGE}stop/{token}/").text
    assert NoticeChoices.objects.get().low_balance
    page = visitor.post(f"{PAGE}stop/{token}/", {"List-Unsubscribe": "One-Click"})

    assert "Turned off" in page.text
    choices = NoticeChoices.objects.get()
    assert (choices.low_balance, choices.ended_orders) == (False, True)


@pytest.mark.parametrize("change", [lambda token: token[:-1], lambda token: "x" + token, lambda token: "nonsense"])
def test_a_forged_link_is_nothing(listener, change):
    token = choices_of.make_stop_token(choices_of.Stop(listener.pk, "low_balance"))

    assert Client().post(f"{PAGE}stop/{change(token)}/").status_code == 404
    assert NoticeChoices.objects.get().low_balance
