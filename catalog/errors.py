"""What staff may be refused when they choose what to sell, and customers when they mark it; no API client is."""

from panel.errors import DomainError


class ProviderCurrencyUnknown(DomainError):
    """What the provider charges in is not among our currencies, so its prices mean nothing here."""

    def __init__(self, currency: str) -> None:
        super().__init__(currency)
        self.currency = currency


class NotImportable(DomainError):
    """A service of a provider cannot be sold here; `reason` says why, for staff."""

    def __init__(self, provider_service: str, reason: str) -> None:
        super().__init__(provider_service, reason)
        self.provider_service = provider_service
        self.reason = reason


class RouteExists(DomainError):
    """The service is bought there already."""


class ServiceNotFound(DomainError):
    """No such service on sale."""


class TooManyFavourites(DomainError):
    """The customer has marked as many services as one may."""

    def __init__(self, *, maximum: int) -> None:
        super().__init__(maximum)
        self.maximum = maximum


class SameCustomer(DomainError):
    """Prices are copied from somebody else."""


class PricesMoved(DomainError):
    """Prices are not what staff were shown when they decided."""


class PriceTooHigh(DomainError):
    """A price would be more than the database can hold."""

    def __init__(self, service_id: int) -> None:
        super().__init__(service_id)
        self.service_id = service_id


class NotOfCategory(DomainError):
    """What is put in order is not one category's services."""
