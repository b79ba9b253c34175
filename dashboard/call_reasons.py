"""Why a call of the API was refused, in plain words; the API's own texts are short and never change."""

import json
import re
from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from api_v2.errors import INTERNAL_ERROR

REASONS: dict[str, str | Promise] = {
    "Invalid API key": _("The key is missing, wrong, revoked or rotated."),
    "Account suspended": _("Your account is suspended. Contact support to have it looked at."),
    "Rate limit exceeded": _(
        "This key asked faster than it may for more than a minute. Slow down, or ask for many IDs in one call."
    ),
    "Incorrect request": _("The request has not the shape the action needs."),
    "Service is not active": _("The service is paused, removed, or never was. Read the catalog again."),
    "Quantity is too low": _("The quantity, or that of one run, is below the service's minimum."),
    "Quantity is too high": _("The quantity is above the service's maximum. Split it into several orders."),
    "Insufficient balance": _("Your balance did not cover the order. Add funds before you send it again."),
    "Incorrect order ID": _("You have no order with this ID, or it is archived."),
    "Order already completed": _("The order had already ended; there was nothing left to cancel."),
    "Cancel not available": _("The service has no cancel. Look at its cancel flag first."),
    "Refill not available": _("The service has no refill, or the time for it is over."),
    "Order not eligible for refill": _("The order was not delivered yet, or another refill of it was open."),
    "Refill not found": _("No refill of your orders has this ID."),
    INTERNAL_ERROR: _(
        "Something broke on our side. Reading calls can be repeated; before you repeat an order, make sure that it was"
        " not placed."
    ),
}
# What is known in more detail, by the names of the facts.
DETAILED: dict[frozenset[str], str | Promise] = {
    frozenset({"quantity", "minimum"}): _("The quantity was %(quantity)s; the service's minimum is %(minimum)s."),
    frozenset({"quantity", "maximum"}): _("The quantity was %(quantity)s; the service's maximum is %(maximum)s."),
    frozenset({"parameter"}): _("This service needs the parameter “%(parameter)s”."),
}
_ERROR = re.compile(r'"error":("(?:[^"\\]|\\.)*")')


def list_errors(answer: str) -> list[str]:
    """Return the API's error texts in an answer, each once; a batch may hold several."""
    found = (json.loads(text) for text in _ERROR.findall(answer))
    return [text for text in dict.fromkeys(found) if text in REASONS]


def list_reasons(answer: str, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return each error text of an answer with what it means.

    :param facts: what the refusal of the whole call was about, when there was one.
    """
    if detailed := DETAILED.get(frozenset(facts)):
        return [(text, str(detailed) % facts) for text in list_errors(answer)]
    # The sentence beside "Incorrect request" says what exactly is wrong with it; it is a part of the protocol.
    detail = facts.get("detail")
    return [(text, f"{REASONS[text]} {detail}" if detail else str(REASONS[text])) for text in list_errors(answer)]
