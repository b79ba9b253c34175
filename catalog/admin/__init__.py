"""What is on sale, for staff to edit: one file for each page. A price or a pause counts from the next request on."""

from catalog.admin import categories, prices, providers, services, updates

__all__ = ["categories", "prices", "providers", "services", "updates"]
