"""What the panel asks of a provider, whatever protocol it speaks.

An adapter for upstream panels over HTTP belongs beside `sandbox.py`, as `client.py`; `connect` picks it by
the provider's kind.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from providers.models import Provider

T = TypeVar("T")

STATUS_IDS_MAX = 100  # protocol: ids in one status call


class ReportedStatus(StrEnum):
    """The protocol's status words, as a provider uses them."""

    PENDING = "Pending"
    PROCESSING = "Processing"
    IN_PROGRESS = "In progress"
    COMPLETED = "Completed"
    PARTIAL = "Partial"
    CANCELED = "Canceled"


class ReportedRefillStatus(StrEnum):
    """The protocol's words for a refill."""

    PENDING = "Pending"
    IN_PROGRESS = "In progress"
    COMPLETED = "Completed"
    REJECTED = "Rejected"


@dataclass(frozen=True, slots=True)
class Report:
    """What a provider says of one of our runs; None where it says nothing."""

    status: ReportedStatus
    start_count: int | None
    remains: int | None


class Adapter(Protocol):
    """One provider, ready to be called. Every method may raise a `ProviderError`."""

    def add(self, *, service: str, link: str, quantity: int, parameters: Mapping[str, str | Sequence[str]]) -> str:
        """Order a run and return the provider's order id. Not idempotent: call once per attempt."""
        ...

    def statuses(self, provider_orders: Sequence[str]) -> Mapping[str, Report]:
        """Report on at most `STATUS_IDS_MAX` orders; those the provider does not know are left out."""
        ...

    def cancel(self, provider_orders: Sequence[str]) -> Mapping[str, str]:
        """Ask for cancellation and return each answer in words; what happens shows in `statuses`."""
        ...

    def refill(self, provider_order: str) -> str:
        """Ask for a refill and return the provider's refill id."""
        ...

    def refill_statuses(self, provider_refills: Sequence[str]) -> Mapping[str, ReportedRefillStatus]:
        """Report on at most `STATUS_IDS_MAX` refills; unknown ones are left out."""
        ...


def batched(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a list into pieces of at most `size`."""
    return (things[start : start + size] for start in range(0, len(things), size))


def connect(provider: Provider) -> Adapter:
    """Return the adapter that speaks to this provider."""
    from providers.sandbox import Sandbox  # an adapter implements this module's protocol

    return {Provider.Kind.SANDBOX: Sandbox}[Provider.Kind(provider.kind)]()
