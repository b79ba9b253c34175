"""Put notices into words and send them, in the customer's language and by the customer's clock."""

import smtplib
import time

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from accounts import notices as choices_of
from accounts.models import User
from accounts.preferences import preferences_of
from dashboard.templatetags.panel import amount
from orders import notices, queries
from orders.models import Notice
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
    with preferences_of(user):
        facts = {
            Notice.Kind.LOW_BALANCE: _low_balance,
            Notice.Kind.ENDED_ORDERS: _ended_orders,
        }[Notice.Kind(notice.kind)](notice)
        if facts is None:
            return None
        token = choices_of.make_stop_token(choices_of.Stop(user.pk, notice.kind))
        stop_url = _address("dashboard:stop_notices", token)
        context = {
            **facts,
            "name": user.first_name or user.username,
            "site_name": settings.SITE_NAME,
            "stop_url": stop_url,
        }
        body = render_to_string(f"dashboard/mails/{notice.kind}.txt", context)
        headers = {}
        if stop_url:  # what mail programs show as their own button
            headers = {"List-Unsubscribe": f"<{stop_url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
        return EmailMessage(f"{settings.EMAIL_SUBJECT_PREFIX}{facts['subject']}", body, to=[address], headers=headers)


def _low_balance(notice: Notice) -> dict[str, object] | None:
    choices = choices_of.get_choices(notice.customer_id)
    try:
        wallet = wallet_queries.get_wallet(notice.customer_id)
    except Wallet.DoesNotExist:
        return None
    if choices.low_balance_below is None or wallet.balance >= choices.low_balance_below:
        return None  # topped up meanwhile
    balance = f"{amount(wallet.balance)} {wallet.currency}"
    return {
        "subject": gettext("Your balance is %(balance)s") % {"balance": balance},
        "balance": balance,
        "below": f"{amount(choices.low_balance_below)} {wallet.currency}",
        "wallet_url": _address("dashboard:wallet"),
    }


def _ended_orders(notice: Notice) -> dict[str, object]:
    orders = queries.list_orders_by_id(notice.customer_id, notice.order_ids)
    lines = [
        {"order": order, "delivered": order.quantity - order.remains, "url": _address("dashboard:order", order.pk)}
        for order in orders
    ]
    number = notice.order_count
    subject = ngettext(
        "%(number)s order was not delivered in full", "%(number)s orders were not delivered in full", number
    )
    return {
        "subject": subject % {"number": number},
        "number": number,
        "lines": lines,
        "more": number - len(lines),
        "orders_url": _address("dashboard:orders"),
    }


def _address(name: str, *args: object) -> str:
    """Return a page's whole address; empty where the panel does not know its own."""
    return settings.BASE_URL + reverse(name, args=args) if settings.BASE_URL else ""
