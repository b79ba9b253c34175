"""Why a key was refused."""

from panel.errors import DomainError


class InvalidApiKey(DomainError):
    """No live key has this text."""


class AccountSuspended(DomainError):
    """The customer may not use the panel for now."""


class TooManyApiKeys(DomainError):
    """The customer has as many live keys as one may have."""
