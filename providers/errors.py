"""How a call to a provider can fail. None of these ever reaches a customer.

The distinction that matters is what the provider may have done: `NotSent` and the refusals are certain,
`Ambiguous` is not, and nothing may be sent again or refunded on a guess.
"""


class ProviderError(Exception):
    """A call to a provider failed; `evidence` says how, for staff."""

    def __init__(self, evidence: str) -> None:
        super().__init__(evidence)
        self.evidence = evidence


class NotSent(ProviderError):
    """Nothing left this machine: the name did not resolve, the connection was refused."""


class Refused(ProviderError):
    """The provider said no to this request and will say no again."""


class RefusedForNow(ProviderError):
    """The provider says no to everything for a while: our balance there, its rate limit, a key that died."""


class LinkBusy(ProviderError):
    """The provider will take this order later: it still works on another one for the same link."""


class NotCalled(ProviderError):
    """There is nobody to call: its orders are delivered by hand."""


class Ambiguous(ProviderError):
    """The request may have been carried out: a time-out, a reset, an answer nobody can read."""
