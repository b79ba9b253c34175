"""How small the coins of a currency are, and how gateways write amounts as whole numbers. Pure."""

from decimal import Decimal

from payments.errors import TooFineAmount

CENT = Decimal("0.01")
ONE = Decimal(1)

# Stripe's documents ("Zero-decimal currencies", "Three-decimal currencies", "Special cases").
_NO_DECIMALS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THREE_DECIMALS = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
# Has no coins any more, but is still written with two decimals, which must be zeros.
_NO_COINS = frozenset(["ISK"])
# Its units on the wire are told in two ways; a hundredfold mistake is worse than another way to pay.
UNCERTAIN = frozenset(["UGX"])


def smallest_step(currency: str) -> Decimal:
    """Return the smallest amount that people pay; card networks take no thousandths, even where there are some."""
    return ONE if currency in _NO_DECIMALS | _NO_COINS | UNCERTAIN else CENT


def to_minor_units(amount: Decimal, currency: str) -> int:
    """Write an amount as the whole number of minor units that Stripe takes.

    :raises TooFineAmount: it would have to be rounded.
    """
    step = smallest_step(currency)
    if amount % step != 0:
        raise TooFineAmount(step=step, currency=currency)
    return int(amount.scaleb(_places(currency)))


def from_minor_units(units: int, currency: str) -> Decimal:
    """Read Stripe's whole number of minor units; exact, whatever the currency's coins are."""
    return Decimal(units).scaleb(-_places(currency))


def _places(currency: str) -> int:
    if currency in UNCERTAIN:
        raise ValueError(f"the minor units of {currency} are not certain")
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2
