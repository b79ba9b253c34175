"""Why money did not move."""

from panel.errors import DomainError


class InsufficientBalance(DomainError):
    """The wallet would go below zero."""


class AlreadyPosted(DomainError):
    """An entry with this key exists: the business event was posted before."""

    def __init__(self, *, key: str) -> None:
        super().__init__(key)
        self.key = key


class AmountRefused(DomainError):
    """The amount is not positive, has more than five decimals, or is too large for a wallet."""


class ReasonMissing(DomainError):
    """Staff must say why."""
