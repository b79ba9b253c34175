"""Orders for staff: facts to read, and the few decisions that only a person can make. One file for each page."""

from orders.admin import cancellations, held_runs, orders, providers, refills, reviews, stuck_runs

__all__ = ["cancellations", "held_runs", "orders", "providers", "refills", "reviews", "stuck_runs"]
