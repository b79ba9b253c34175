"""What the panel asks of a provider, whatever protocol it speaks.

`client.py` speaks to other panels over HTTP, `sandbox.py` to nobody; `connect` picks by the provider's kind.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, TypeVar

from providers.errors import NotCalled
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


@dataclass(frozen=True, slots=True)
class ProviderService:
    """A service in a provider's own catalogue; `cost` is per 1000 (packages: of one), in its currency."""

    id: str
    name: str
    type: str
    category: str
    cost: Decimal
    min: int
    max: int
    refill: bool
    cancel: bool
    dripfeed: bool


@dataclass(frozen=True, slots=True)
class ProviderBalance:
    """Our money at a provider; no currency where it does not say."""

    amount: Decimal
    currency: str | None


class Adapter(Protocol):
    """One provider, ready to be called. Every method may raise a `ProviderError`."""

    def services(self) -> Sequence[ProviderService]:
        """Return its whole catalogue; entries that nobody can read are left out."""
        ...

    def balance(self) -> ProviderBalance:
        """Return our money there."""
        ...

    def add(
        self,
        *,
        service: str,
        service_type: str,
        link: str,
        quantity: int,
        parameters: Mapping[str, str | Sequence[str]],
    ) -> str:
        """Order a run and return the provider's order id. Not idempotent: call once per attempt.

        :param service_type: the service's type; it says which parameters are sent.
        :param parameters: lists for line parameters, text for the others.
        """
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
    """Return the adapter that speaks to this provider.

    :raises NotCalled: it is a manual one. Workers never come here for it; staff may ask.
    """
    # They implement this module's protocol.
    from providers.client import PanelClient
    from providers.sandbox import Sandbox

    if provider.is_manual:
        raise NotCalled("its orders are delivered by hand; there is nobody to call")
    if provider.kind == Provider.Kind.SANDBOX:
        return Sandbox()
    return PanelClient(provider)
