"""Saved replies as they are put into the answer to one ticket."""

import re

from support.models import SavedReply, Ticket

PLACEHOLDERS = re.compile(r"\{(?:username|ticket|orders)\}")

REPLIES_MAX = 200  # more than anybody finds again


def list_replies(ticket: Ticket) -> list[dict[str, str]]:
    """Return titles and texts, with the placeholders filled in; words in other braces stay as they are."""
    orders = ", ".join(map(str, ticket.orders.order_by("pk").values_list("pk", flat=True)))
    known = {"{username}": ticket.customer.username, "{ticket}": str(ticket.pk), "{orders}": orders}
    return [
        {"title": reply.title, "text": _fill(reply.text, known)} for reply in SavedReply.objects.all()[:REPLIES_MAX]
    ]


def _fill(text: str, known: dict[str, str]) -> str:
    # One pass from left to right: a customer whose name is a placeholder changes nothing.
    return PLACEHOLDERS.sub(lambda found: known[found[0]], text)
