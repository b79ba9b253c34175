"""Why a key, a sign-up or a change of the account was refused."""

from panel.errors import DomainError


class InvalidApiKey(DomainError):
    """No live key has this text."""


class AccountSuspended(DomainError):
    """The customer may not use the panel for now."""


class TooManyApiKeys(DomainError):
    """The customer has as many live keys as one may have."""


class UsernameTaken(DomainError):
    """Somebody else has this user name, be it in other capitals."""


class EmailTaken(DomainError):
    """Somebody else has this mail address, be it in other capitals."""


class NotACustomer(DomainError):
    """Nobody signs in as one of the staff, or as somebody who could not log in."""
