"""Why something that staff wanted was refused; nothing has moved then."""

from panel.errors import DomainError


class RefillEnded(DomainError):
    """The refill has its final status."""


class ApprovalOver(DomainError):
    """It was decided already, or its time is over."""


class OwnApproval(DomainError):
    """Who asked for it cannot be the second person."""


class OwnMoney(DomainError):
    """Whoever decides about money does not own it."""


class SubjectGone(DomainError):
    """What it is about is not there any more."""


class AskerMayNot(DomainError):
    """Who asked for it may not do it any more."""


class Outgrown(DomainError):
    """It would move more than it was weighed with when somebody asked for it."""


class NothingSelected(DomainError):
    """A bulk job about nothing."""


class TooManySelected(DomainError):
    """More than one bulk job takes."""


class JobOver(DomainError):
    """A job that has ended cannot be stopped."""
