"""Cards and wallets through Stripe Checkout: the customer pays on Stripe's page, a signed event tells us.

What Stripe says in its events is handled in `payments/stripe_events.py`. The library is imported where it is used:
it takes a moment to load, and most processes never need it.
"""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.conf import settings

from panel.alerts import tell_staff
from payments.currencies import UNCERTAIN, to_minor_units
from payments.errors import GatewayRefused, GatewayUnreachable
from payments.gateways.base import Addresses, Gateway, Instructions, Redirect
from payments.models import REFERENCE_MAX_CHARACTERS, Payment

if TYPE_CHECKING:
    import stripe

TIMEOUT_SECONDS = 10  # a web server's thread waits for it
RETRIES = 1  # the same idempotency key goes with each, so Stripe makes one session
SIGNATURE_TOLERANCE_SECONDS = 300  # Stripe's own: an older signature may have been overheard

# What our sessions carry so that their events find back; events without it are of other programs on the account.
PAYMENT_KEY = "panel_payment"
CUSTOMER_KEY = "panel_customer"

logger = logging.getLogger(__name__)


class EventNotAuthentic(Exception):
    """The body is not what Stripe signed, or is no event."""


def is_configured() -> bool:
    """Say whether both secrets are set: without the second nobody would ever be credited."""
    return bool(settings.STRIPE_SECRET_KEY and settings.STRIPE_WEBHOOK_SECRET)


class StripeCheckout(Gateway):
    """Stripe's own payment page, one session per payment."""

    expires_after = timedelta(hours=25)  # Stripe's sessions end after 24 hours, and tell us so
    starts_within = timedelta(hours=23)  # Stripe remembers idempotency keys for 24 hours

    @property
    def is_ready(self) -> bool:
        """Both secrets must be set, and the currency's units be certain."""
        return is_configured() and self.settings.currency not in UNCERTAIN

    def check_amount(self, amount: Decimal) -> None:
        """Refuse also what does not come out even in minor units."""
        super().check_amount(amount)
        to_minor_units(amount, self.settings.currency)

    def start(self, payment: Payment, *, addresses: Addresses) -> Instructions | Redirect:
        """Make a Checkout Session, or get the one that was made for this payment before."""
        import stripe

        ours = {PAYMENT_KEY: str(payment.request_id), CUSTOMER_KEY: str(payment.wallet.user_id)}
        currency = self.settings.currency
        try:
            session = _client().v1.checkout.sessions.create(
                params={
                    "mode": "payment",
                    "client_reference_id": str(payment.pk),
                    "metadata": ours,
                    "payment_intent_data": {"metadata": ours},  # charges and refunds then name us too
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": currency.lower(),
                                "unit_amount": to_minor_units(payment.amount, currency),
                                "product_data": {"name": f"{settings.SITE_NAME}: payment {payment.pk}"},
                            },
                        }
                    ],
                    "success_url": addresses.paid,
                    "cancel_url": addresses.not_paid,
                },
                # Not the number: another panel on the same Stripe account has a payment of that number too.
                options={"idempotency_key": f"panel-payment-{payment.request_id}"},
            )
        except (stripe.APIConnectionError, stripe.RateLimitError) as error:
            logger.warning("Stripe was not reached for payment %s: %s", payment.pk, error)
            raise GatewayUnreachable from error
        except stripe.StripeError as error:
            if error.http_status is None or error.http_status >= 500:  # noqa: PLR2004
                logger.warning("Stripe failed on payment %s: %s", payment.pk, error)
                raise GatewayUnreachable from error
            tell_staff(
                f"Stripe refused payment {payment.pk}",
                f"Nobody can pay by card until this is mended: {error}",
            )
            raise GatewayRefused from error
        url, reference = session.url, session.id
        if not url or len(reference) > REFERENCE_MAX_CHARACTERS:
            logger.error("Stripe's session for payment %s cannot be used: %s", payment.pk, reference)
            raise GatewayRefused
        return Redirect(url=url, reference=reference)


def read_event(body: bytes, *, signature: str) -> dict[str, Any]:
    """Return what Stripe says, once it is certain that it was Stripe.

    :raises EventNotAuthentic: wrong or old signature, or no event.
    """
    import stripe

    try:
        stripe.Webhook.construct_event(
            body, signature, settings.STRIPE_WEBHOOK_SECRET, tolerance=SIGNATURE_TOLERANCE_SECONDS
        )
        # PostgreSQL keeps no NUL; where a customer typed one at Stripe's, the money counts all the same.
        event = json.loads(body.decode().replace("\\u0000", ""))
    # The library expects an object and trips over any other JSON.
    except (ValueError, AttributeError, stripe.SignatureVerificationError) as error:
        raise EventNotAuthentic from error
    if not isinstance(event, dict) or not isinstance(event.get("id"), str) or not isinstance(event.get("type"), str):
        raise EventNotAuthentic
    return event


def _client() -> stripe.StripeClient:
    import stripe

    return stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        base_addresses={"api": settings.STRIPE_API_BASE},
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        max_network_retries=RETRIES,
    )
