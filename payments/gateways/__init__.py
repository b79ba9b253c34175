"""The ways money comes in, each behind the same interface: see `base.py`."""

from payments.gateways import manual, stripe
from payments.gateways.base import Gateway
from payments.models import GatewaySettings

_KINDS: dict[str, type[Gateway]] = {
    GatewaySettings.Kind.MANUAL: manual.ManualTransfer,
    GatewaySettings.Kind.STRIPE: stripe.StripeCheckout,
}


def gateway_for(settings: GatewaySettings) -> Gateway:
    """Return the gateway that a row of settings is about."""
    return _KINDS[settings.kind](settings)
