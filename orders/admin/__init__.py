"""Orders for staff: facts to read, and the few decisions that only a person can make. One file for each page."""

from orders.admin import cancellations, orders, refills, reviews

__all__ = ["cancellations", "orders", "refills", "reviews"]
