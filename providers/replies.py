"""What a panel's reply means: strict reading of what strangers wrote, without any input or output.

A reply is either understood or `Ambiguous`; nothing is guessed, and no value of any shape raises anything else
than a `ProviderError`. Batches are read item by item, so that one bad item costs nobody else.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from providers import refusals, values
from providers.adapter import ProviderBalance, ProviderService, Report, ReportedRefillStatus, ReportedStatus
from providers.errors import Ambiguous, ProviderError, Refused, RefusedForNow

EVIDENCE_CHARACTERS_MAX = 1000
NAME_CHARACTERS_MAX = 255
ACCEPTED = "accepted"  # a cancellation was taken on

# The words panels use, as `values.letters` leaves them.
STATUSES = {
    "pending": ReportedStatus.PENDING,
    "awaiting": ReportedStatus.PENDING,
    "queued": ReportedStatus.PENDING,
    "inqueue": ReportedStatus.PENDING,
    "processing": ReportedStatus.PROCESSING,
    "processingorder": ReportedStatus.PROCESSING,
    "inprogress": ReportedStatus.IN_PROGRESS,
    "inprocess": ReportedStatus.IN_PROGRESS,
    "active": ReportedStatus.IN_PROGRESS,
    "running": ReportedStatus.IN_PROGRESS,
    "complete": ReportedStatus.COMPLETED,
    "completed": ReportedStatus.COMPLETED,
    "partial": ReportedStatus.PARTIAL,
    "partiallycompleted": ReportedStatus.PARTIAL,
    "partialcompleted": ReportedStatus.PARTIAL,
    "canceled": ReportedStatus.CANCELED,
    "cancelled": ReportedStatus.CANCELED,
    "refunded": ReportedStatus.CANCELED,
}
REFILL_STATUSES = {
    "pending": ReportedRefillStatus.PENDING,
    "awaiting": ReportedRefillStatus.PENDING,
    "processing": ReportedRefillStatus.IN_PROGRESS,
    "inprogress": ReportedRefillStatus.IN_PROGRESS,
    "complete": ReportedRefillStatus.COMPLETED,
    "completed": ReportedRefillStatus.COMPLETED,
    "rejected": ReportedRefillStatus.REJECTED,
    "canceled": ReportedRefillStatus.REJECTED,
    "cancelled": ReportedRefillStatus.REJECTED,
}
_DECIDED = (2, 4)  # hundreds of HTTP statuses
_FAILURE_WORDS = frozenset({"error", "fail", "failed", "false"})
_ACCEPTANCE_WORDS = frozenset({"1", "true", "ok", "success", "accepted", "requested"})


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP answer, from which our key was removed."""

    status: int
    body: bytes
    location: str | None = None

    @property
    def evidence(self) -> str:
        """Tell staff what came, in text that the database takes."""
        start = self.body[: EVIDENCE_CHARACTERS_MAX * 4].decode(errors="replace")
        led_to = f" to {self.location}" if self.location else ""
        return values.clean(f"HTTP {self.status}{led_to}: {start}")[:EVIDENCE_CHARACTERS_MAX]

    @property
    def is_ok(self) -> bool:
        """Say whether it claims success."""
        return self.status in (HTTPStatus.OK, HTTPStatus.CREATED)


def read_order(reply: Reply) -> str:
    """Return the id of the order that was taken.

    :raises Refused, RefusedForNow, LinkBusy: a known no, so none was taken
    :raises Ambiguous: anything else
    """
    payload = _parse(reply)
    order = payload.get("order") if isinstance(payload, dict) else None
    if order is None:
        raise _refusal(reply, payload, is_order=True)
    return _require_id(reply, order, payload)


def read_refill(reply: Reply, provider_order: str) -> str:
    """Return the id of the refill that was taken on.

    :raises ProviderError: as `read_order` does, without `LinkBusy`
    """
    payload = _parse(reply)
    item = next((item for _, item in _items(payload, [provider_order], "order")), None)
    refill = item.get("refill") if isinstance(item, dict) else None
    if isinstance(refill, dict):  # a no, in the shape that batches give it
        item, refill = refill, refill.get("refill")
    if refill is None:
        raise _refusal(reply, item)
    return _require_id(reply, refill, item)


def read_statuses(reply: Reply, ids: Sequence[str]) -> tuple[dict[str, Report], dict[str, str]]:
    """Return what is said of these orders, and what is said of others of them that nobody can read.

    :raises ProviderError: nothing is said of any of them
    """
    reports: dict[str, Report] = {}
    unreadable: dict[str, str] = {}
    for provider_order, item in _batch(reply, ids, "order"):
        status = STATUSES.get(values.letters(item.get("status"))) if isinstance(item, dict) else None
        if status is not None:
            start_count, remains = (values.read_whole(item.get(name)) for name in ("start_count", "remains"))
            reports[provider_order] = Report(status=status, start_count=start_count, remains=remains)
        elif not _says_unknown(item):
            unreadable[provider_order] = _excerpt(item)
    return reports, unreadable


def read_refill_statuses(reply: Reply, ids: Sequence[str]) -> tuple[dict[str, ReportedRefillStatus], dict[str, str]]:
    """Return what is said of these refills, and what is said of others of them that nobody can read.

    :raises ProviderError: nothing is said of any of them
    """
    reports: dict[str, ReportedRefillStatus] = {}
    unreadable: dict[str, str] = {}
    for refill, item in _batch(reply, ids, "refill"):
        said = item.get("status") if isinstance(item, dict) else item
        status = REFILL_STATUSES.get(values.letters(said))
        if status is not None:
            reports[refill] = status
        elif not _says_unknown(said) and not _says_unknown(item):
            unreadable[refill] = _excerpt(item)
    return reports, unreadable


def read_cancellations(reply: Reply, ids: Sequence[str]) -> dict[str, str]:
    """Return the answer for each of these orders: `ACCEPTED`, or the words of the refusal.

    :raises ProviderError: nothing is said of any of them
    """
    answers = {}
    for provider_order, item in _batch(reply, ids, "order"):
        said = item.get("cancel", item) if isinstance(item, dict) else item
        if not isinstance(said, dict) and str(said).lower() in _ACCEPTANCE_WORDS:
            answers[provider_order] = ACCEPTED
        else:
            text = said if isinstance(said, str) else _error_text(said)
            answers[provider_order] = values.read_text(text, NAME_CHARACTERS_MAX) or "an answer nobody can read"
    return answers


def read_services(reply: Reply) -> tuple[list[ProviderService], int]:
    """Return a catalogue, and how many of its entries nobody can read or stand there again.

    :raises ProviderError: it is none
    """
    payload = _parse(reply)
    is_keyed = isinstance(payload, dict) and payload and all(isinstance(entry, dict) for entry in payload.values())
    if is_keyed and not _has_error(payload):
        payload = list(payload.values())
    if not isinstance(payload, list) or not reply.is_ok:
        raise _refusal(reply, payload)
    found: dict[str, ProviderService] = {}
    for entry in payload:
        service = _service(entry) if isinstance(entry, dict) else None
        if service is not None:
            found.setdefault(service.id, service)
    return list(found.values()), len(payload) - len(found)


def read_balance(reply: Reply) -> ProviderBalance:
    """Return our money there.

    :raises ProviderError: it does not say
    """
    payload = _parse(reply)
    amount = values.read_amount(payload.get("balance")) if isinstance(payload, dict) else None
    if amount is None or _has_error(payload) or not reply.is_ok:
        raise _refusal(reply, payload)
    currency = payload.get("currency")
    is_code = isinstance(currency, str) and re.fullmatch("[A-Za-z]{3}", currency)
    return ProviderBalance(amount=amount, currency=currency.upper() if is_code else None)


def _parse(reply: Reply) -> Any:
    try:
        return values.parse_json(reply.body)
    except ValueError:
        raise _refusal(reply, None) from None


def _refusal(reply: Reply, payload: Any, *, is_order: bool = False) -> ProviderError:
    """Make the error that a reply without a result means."""
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return RefusedForNow(reply.evidence)
    text = _error_text(payload)
    # A server that fails (5xx), or sends us elsewhere (3xx), has not decided anything.
    if text is None or reply.status // 100 not in _DECIDED:
        return Ambiguous(reply.evidence)
    classify = refusals.classify_order_refusal if is_order else refusals.classify_refusal
    return (classify(text) or Ambiguous)(reply.evidence)


def _has_error(payload: Any) -> bool:
    """Say whether an answer, or an item of one, speaks of a failure."""
    return isinstance(payload, dict) and any(payload.get(name) for name in ("error", "errors"))


def _error_text(payload: Any) -> str | None:
    """Find the words of a failure, in the shapes that panels give it."""
    if not isinstance(payload, dict):
        return None
    error = payload.get("error") or payload.get("errors")
    if error is True or (not error and str(payload.get("status")).lower() in _FAILURE_WORDS):
        error = payload.get("message")
    if isinstance(error, list) and len(error) == 1:
        error = error[0]
    if isinstance(error, dict):
        error = error.get("message")
    return error if isinstance(error, str) and error else None


def _says_unknown(item: Any) -> bool:
    """Say whether an item of a batch means that there is no such order or refill."""
    text = item if isinstance(item, str) else _error_text(item)
    return text is not None and refusals.says_unknown_id(text)


def _batch(reply: Reply, ids: Sequence[str], id_field: str) -> list[tuple[str, Any]]:
    """Return what is said of each id that was asked for.

    :raises ProviderError: the reply is no batch
    """
    payload = _parse(reply)
    if _has_error(payload) or not reply.is_ok or not isinstance(payload, list | dict):
        refusal = _refusal(reply, payload)
        if len(ids) == 1 and isinstance(refusal, Refused):
            return [(ids[0], payload)]  # a no to a batch of one is about that one
        raise refusal
    return list(_items(payload, ids, id_field))


def _items(payload: Any, ids: Sequence[str], id_field: str) -> Iterator[tuple[str, Any]]:
    """Give each item of a batch with its id: keyed by id, in a list, or alone. Ids not asked for are dropped."""
    asked = set(ids)
    if isinstance(payload, list):
        for item in payload:
            found = values.read_id(item.get(id_field)) if isinstance(item, dict) else None
            if found in asked:
                asked.discard(found)  # said twice: the first counts
                yield found, item
    elif isinstance(payload, dict):
        keyed = [(key, item) for key, item in payload.items() if key in asked]
        if keyed:
            yield from keyed
        elif len(ids) == 1 and payload and (id_field not in payload or values.read_id(payload[id_field]) == ids[0]):
            yield ids[0], payload


def _service(entry: dict[str, Any]) -> ProviderService | None:
    """Read one entry of a catalogue."""
    service, cost = values.read_id(entry.get("service")), values.read_amount(entry.get("rate"))
    smallest, largest = (values.read_whole(entry.get(name)) for name in ("min", "max"))
    name, kind, category = (
        values.read_text(entry.get(field), NAME_CHARACTERS_MAX) for field in ("name", "type", "category")
    )
    if service is None or cost is None or smallest is None or largest is None:
        return None
    if not (name and kind and category) or cost < 0 or not 0 <= smallest <= largest:
        return None
    refill, cancel, dripfeed = (values.read_flag(entry.get(field)) for field in ("refill", "cancel", "dripfeed"))
    return ProviderService(
        id=service,
        name=name,
        type=kind,
        category=category,
        cost=cost,
        min=smallest,
        max=largest,
        refill=refill,
        cancel=cancel,
        dripfeed=dripfeed,
    )


def _require_id(reply: Reply, value: Any, item: Any) -> str:
    """Return the id of what was taken on, unless something else in the reply speaks against it.

    :raises Ambiguous: it does
    """
    found = values.read_id(value)
    failed = _has_error(item) or str(item.get("status")).lower() in _FAILURE_WORDS
    if found is None or failed or not reply.is_ok:
        raise Ambiguous(reply.evidence)
    return found


def _excerpt(item: Any) -> str:
    return values.clean(str(item))[:100]
