"""Ways to pay, payments, and what is given on top of them."""

from payments.admin import gifts, payments

__all__ = ["gifts", "payments"]
