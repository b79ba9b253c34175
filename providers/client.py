"""Speak to another panel: the protocol that we offer our own customers, from the other side."""

import json
import logging
from collections.abc import Mapping, Sequence
from urllib.parse import quote_plus

from providers import keys, network, replies, values
from providers.adapter import ProviderBalance, ProviderService, Report, ReportedRefillStatus
from providers.errors import ProviderError
from providers.models import Provider

CATALOGUE_BYTES_MAX = 16 * 1024 * 1024  # the largest panels list tens of thousands of services
KEY_CHARACTERS_MIN = 6  # anything shorter is no secret, and to black it out would garble every answer
MASK = "***"

# The types whose quantity the panel finds by itself: one for a package, else the number of lines.
QUANTITY_NOT_SENT = frozenset(
    {"Package", "Custom Comments", "Custom Comments Package", "Mentions Custom List", "Comment Replies"}
)

logger = logging.getLogger(__name__)


class PanelClient:
    """One panel, over HTTP. Implements `providers.adapter.Adapter`; nothing is ever tried twice."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def services(self) -> Sequence[ProviderService]:
        """Read its whole catalogue."""
        found, unreadable = replies.read_services(self._call("services", {}, body_bytes_max=CATALOGUE_BYTES_MAX))
        if unreadable:
            logger.warning("%s of provider %s's services cannot be read", unreadable, self._provider)
        return found

    def balance(self) -> ProviderBalance:
        """Ask for our money there."""
        return replies.read_balance(self._call("balance", {}))

    def add(
        self,
        *,
        service: str,
        service_type: str,
        link: str,
        quantity: int,
        parameters: Mapping[str, str | Sequence[str]],
    ) -> str:
        """Order a run and return the provider's order id. Not idempotent: call once per attempt."""
        fields = {name: value if isinstance(value, str) else "\n".join(value) for name, value in parameters.items()}
        fields |= {"service": service, "link": link}
        if service_type not in QUANTITY_NOT_SENT:
            fields["quantity"] = str(quantity)
        return replies.read_order(self._call("add", fields))

    def statuses(self, provider_orders: Sequence[str]) -> Mapping[str, Report]:
        """Ask about orders; what is said in words that nobody knows is left out like what is not said."""
        reply = self._call("status", {"orders": ",".join(provider_orders)})
        reports, unreadable = replies.read_statuses(reply, provider_orders)
        if unreadable:
            logger.warning("provider %s reports what cannot be read: %s", self._provider, unreadable)
        return reports

    def cancel(self, provider_orders: Sequence[str]) -> Mapping[str, str]:
        """Ask for cancellation and return each answer in words."""
        reply = self._call("cancel", {"orders": ",".join(provider_orders)})
        return replies.read_cancellations(reply, provider_orders)

    def refill(self, provider_order: str) -> str:
        """Ask for a refill and return the provider's refill id."""
        return replies.read_refill(self._call("refill", {"order": provider_order}), provider_order)

    def refill_statuses(self, provider_refills: Sequence[str]) -> Mapping[str, ReportedRefillStatus]:
        """Ask about refills."""
        reply = self._call("refill_status", {"refills": ",".join(provider_refills)})
        reports, unreadable = replies.read_refill_statuses(reply, provider_refills)
        if unreadable:
            logger.warning("provider %s reports what cannot be read: %s", self._provider, unreadable)
        return reports

    def _call(self, action: str, fields: Mapping[str, str], *, body_bytes_max: int | None = None) -> replies.Reply:
        """Make one call; what it returns or raises does not hold our key, whatever the panel echoes."""
        api_key = keys.unseal(self._provider)
        try:
            answer = network.post(
                self._provider.api_url,
                {**fields, "key": api_key, "action": action},
                body_bytes_max=body_bytes_max or network.BODY_BYTES_MAX,
            )
        except ProviderError as error:
            raise type(error)(values.clean(_masked(error.evidence, api_key))) from None
        body = answer.body
        for spelling in _spellings(api_key):
            body = body.replace(spelling.encode(), MASK.encode())
        location = None if answer.location is None else _masked(answer.location, api_key)
        return replies.Reply(status=answer.status, body=body, location=location)


def _masked(text: str, api_key: str) -> str:
    for spelling in _spellings(api_key):
        text = text.replace(spelling, MASK)
    return text


def _spellings(api_key: str) -> set[str]:
    """Return the ways in which an answer may hold our key."""
    if len(api_key) < KEY_CHARACTERS_MIN:
        return set()
    escaped = json.dumps(api_key)[1:-1]
    return {api_key, quote_plus(api_key), escaped, escaped.replace("/", "\\/")}
