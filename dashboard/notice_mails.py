"""Say notices by mail, in the customer's language and by the customer's clock."""

import smtplib
import time

from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from accounts import notices as choices_of
from accounts.models import User
from accounts.preferences import preferences_of
from content import mails
from content.letters import Fact
from content.mail_lists import ORDER_TIME_FORMAT, EndedOrder, list_ended_orders
from dashboard.templatetags.panel import amount, clock, count
from orders import notices, queries
from orders.models import Notice, Order
from orders.transitions import Status
from wallet import queries as wallet_queries
from wallet.models import Wallet


def send_due(*, seconds: float) -> None:
    """Send what is due until none is left, the time is over, or the mail server does not answer."""
    started = time.monotonic()
    while time.monotonic() - started < seconds and (notice := notices.claim_next()) is not None:
        mail = compose(notice)
        try:
            if mail is not None:
                mail.send()
        except smtplib.SMTPRecipientsRefused as error:
            notices.record_failed(notice, str(error))
        except OSError as error:  # every failure of smtplib is one
            notices.record_failed(notice, str(error))
            return
        else:
            notices.record_sent(notice)


def compose(notice: Notice) -> EmailMessage | None:
    """Write the mail; None when it has nowhere to go, is not wanted any more, or is true no longer."""
    user: User = notice.customer
    address = choices_of.address_of(user)
    choices = choices_of.get_choices(user.pk)
    if address is None or not getattr(choices, notice.kind):
        return None
    found = {
        Notice.Kind.LOW_BALANCE: _low_balance,
        Notice.Kind.ENDED_ORDERS: _ended_orders,
    }[Notice.Kind(notice.kind)](notice)
    if found is None:
        return None
    kind, facts = found
    token = choices_of.make_stop_token(choices_of.Stop(user.pk, notice.kind))
    stop_url = _address("dashboard:stop_notices", token)
    with preferences_of(user):
        letter = mails.write(
            kind,
            language=user.language,
            facts={
                **facts,
                "name": user.first_name or user.username,
                "username": user.username,
                "stop_url": stop_url,
            },
        )
    headers = {}
    if stop_url:  # what mail programs show as their own button
        headers = {"List-Unsubscribe": f"<{stop_url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return EmailMessage(letter.subject, letter.body, to=[address], headers=headers)


def _low_balance(notice: Notice) -> tuple[str, dict[str, Fact]] | None:
    choices = choices_of.get_choices(notice.customer_id)
    try:
        wallet = wallet_queries.get_wallet(notice.customer_id)
    except Wallet.DoesNotExist:
        return None
    if choices.low_balance_below is None or wallet.balance >= choices.low_balance_below:
        return None  # topped up meanwhile
    return "low_balance", {
        "balance": f"{amount(wallet.balance)} {wallet.currency}",
        "below": f"{amount(choices.low_balance_below)} {wallet.currency}",
        "wallet_url": _address("dashboard:wallet"),
    }


def _ended_orders(notice: Notice) -> tuple[str, dict[str, Fact]]:
    orders = queries.list_orders_by_id(notice.customer_id, notice.order_ids)
    number = notice.order_count
    return "ended_order" if number == 1 else "ended_orders", {
        "number": number,
        "orders": lambda: list_ended_orders(map(_describe, orders), more=number - len(orders)),
        "orders_url": _address("dashboard:orders"),
    }


def _describe(order: Order) -> EndedOrder:
    is_canceled = order.status == Status.CANCELED
    return EndedOrder(
        order_id=order.pk,
        ended_at=date_format(timezone.localtime(order.finished_at), ORDER_TIME_FORMAT) if order.finished_at else "",
        clock=clock(),
        service=order.service.name,
        delivered="" if is_canceled else count(order.quantity - order.remains),
        quantity=count(order.quantity),
        address=_address("dashboard:order", order.pk),
    )


def _address(name: str, *args: object) -> str:
    """Return a page's whole address; empty where the panel does not know its own."""
    return settings.BASE_URL + reverse(name, args=args) if settings.BASE_URL else ""
