"""Why a text cannot be shown."""

from panel.errors import DomainError


class PageNotFound(DomainError):
    """There is no such page, or it is a draft."""
