"""What the pages say when the domain says no; the API has its own texts."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.api_keys import KEYS_MAX
from accounts.errors import AccountSuspended, EmailTaken, InvalidApiKey, TooManyApiKeys, UsernameTaken
from catalog.errors import TooManyFavourites
from dashboard.templatetags.panel import amount
from dashboard.words import type_word_for
from orders.errors import (
    CancelNotAvailable,
    DripfeedIncomplete,
    DripfeedNotOffered,
    MassOrderAlreadyEnded,
    NotForMassOrders,
    OrderAlreadyCompleted,
    OrderNotEligibleForRefill,
    ParameterMissing,
    PlacementFailed,
    PriceRose,
    QuantityTooHigh,
    QuantityTooLow,
    RefillNotAvailable,
    ServiceNotActive,
)
from panel.errors import DomainError
from panel.money import format_rate
from payments.errors import (
    AmountTooHigh,
    AmountTooLow,
    CouponNeedsMore,
    CouponUnknown,
    CouponUsed,
    CouponUsedUp,
    FeeTakesAll,
    GatewayNotOffered,
    GatewayRefused,
    GatewayUnreachable,
    PaymentOver,
    TooFineAmount,
    TooManyCouponTries,
    TooManyOpenPayments,
)
from support.attachments import ATTACHMENTS_MAX
from support.errors import (
    AttachmentTooLarge,
    AttachmentTypeRefused,
    OrdersNotFound,
    TooManyAttachments,
    TooManyMessages,
    TooManyOpenTickets,
    TooMuchAttached,
)
from support.tickets import OPEN_TICKETS_MAX
from wallet.errors import InsufficientBalance

SENTENCES: dict[type[DomainError], Promise | Callable[[Any], str]] = {
    AccountSuspended: _("Your account is suspended. Contact support to have it looked at."),
    InvalidApiKey: _("This key is already revoked."),
    UsernameTaken: _("Somebody else has this username. Choose another one."),
    EmailTaken: _("Another account uses this address. Contact support if it is yours."),
    TooManyApiKeys: lambda _error: (
        gettext("You have %(maximum)s live keys, the most one account can have. Revoke one first.")
        % {"maximum": KEYS_MAX}
    ),
    TooManyFavourites: lambda error: (
        gettext("You have %(maximum)s favourites, the most one account can have. Remove one first.")
        % {"maximum": error.maximum}
    ),
    ServiceNotActive: _("This service is no longer on sale. Choose another one."),
    ParameterMissing: _("This service needs this field."),
    DripfeedIncomplete: _("Fill in both runs and interval, or leave both empty."),
    DripfeedNotOffered: _("This service cannot be delivered in runs."),
    QuantityTooLow: lambda error: (
        gettext("Too few: %(quantity)s. The minimum of this service is %(minimum)s.")
        % {"quantity": f"{error.quantity:,}", "minimum": f"{error.minimum:,}"}
    ),
    QuantityTooHigh: lambda error: (
        gettext("Too many: %(quantity)s. The maximum of this service is %(maximum)s.")
        % {"quantity": f"{error.quantity:,}", "maximum": f"{error.maximum:,}"}
    ),
    InsufficientBalance: _("Your balance does not cover this order."),
    OrderAlreadyCompleted: _("This order has ended; there is nothing left to cancel."),
    CancelNotAvailable: _("This service cannot be canceled once ordered."),
    RefillNotAvailable: _("This service has no refill, or the time for it is over."),
    NotForMassOrders: lambda error: (
        gettext("A service of the type “%(type)s” needs more than a link and a quantity. Order it on its own.")
        % {"type": type_word_for(error.service_type)}
    ),
    PriceRose: lambda error: (
        gettext("The price rose from %(agreed)s to %(charge)s after you agreed, so nothing was ordered.")
        % {"agreed": amount(Decimal(error.agreed)), "charge": amount(Decimal(error.charge))}
    ),
    PlacementFailed: _("Something went wrong on our side; nothing was charged. Order it again."),
    MassOrderAlreadyEnded: _("Nothing is left to stop: every line has its outcome."),
    OrderNotEligibleForRefill: _(
        "A refill is possible once the order is delivered and no other refill of it is running."
    ),
    AmountTooLow: lambda error: (
        gettext("The least you can add this way is %(amount)s %(currency)s.")
        % {"amount": format_rate(error.minimum), "currency": error.currency}
    ),
    AmountTooHigh: lambda error: (
        gettext("The most you can add this way is %(amount)s %(currency)s.")
        % {"amount": format_rate(error.maximum), "currency": error.currency}
    ),
    TooFineAmount: lambda error: (
        gettext("%(currency)s is paid in steps of %(step)s.") % {"step": error.step, "currency": error.currency}
    ),
    FeeTakesAll: _("The fee would take all of it. Choose a larger amount."),
    GatewayNotOffered: _("This way to pay is not offered any more. Choose another one."),
    GatewayUnreachable: _("The payment page did not open. Nothing was paid. Wait a minute, then try again."),
    GatewayRefused: _(
        "This payment could not be started, and nothing was paid. Choose another way to pay or contact support."
    ),
    PaymentOver: _("This payment has ended. Start a new one."),
    CouponUnknown: _("There is no coupon with this code that you can use now."),
    TooManyCouponTries: _(
        "Too many codes that do not exist. Leave the code out, or wait an hour and then try again: until then even"
        " a right one is refused."
    ),
    CouponUsed: _("You have used this coupon already."),
    CouponUsedUp: _("This coupon has been used up."),
    CouponNeedsMore: lambda error: (
        gettext("This coupon is for payments from %(amount)s %(currency)s.")
        % {"amount": format_rate(error.minimum), "currency": error.currency}
    ),
    TooManyOpenPayments: _("You have many payments open already. Finish one of them, or wait until they expire."),
    TooManyOpenTickets: lambda _error: (
        gettext(
            "You have %(most)s open tickets, the most there can be. Close one that is done, or reply in one of them."
        )
        % {"most": OPEN_TICKETS_MAX}
    ),
    TooManyMessages: _("You have written many messages within the hour. Try again later."),
    OrdersNotFound: lambda error: (
        ngettext(
            "Order %(ids)s is not among your orders.", "These are not among your orders: %(ids)s.", len(error.order_ids)
        )
        % {"ids": ", ".join(map(str, error.order_ids))}
    ),
    TooManyAttachments: lambda _error: gettext("Attach %(most)s files at most.") % {"most": ATTACHMENTS_MAX},
    TooMuchAttached: _("You have attached a lot today. Try again tomorrow, or without files."),
    AttachmentTooLarge: lambda error: gettext("“%(name)s” is too large.") % {"name": error.name},
    AttachmentTypeRefused: lambda error: (
        gettext("“%(name)s” cannot be attached: it is empty, or no picture (PNG, JPEG, WebP, GIF), PDF or plain text.")
        % {"name": error.name}
    ),
}


def sentence_for(error: DomainError | type[DomainError]) -> str:
    """Say a refusal to a customer."""
    kind = error if isinstance(error, type) else type(error)
    sentence = SENTENCES[kind]
    return str(sentence) if isinstance(sentence, Promise) else sentence(error)
