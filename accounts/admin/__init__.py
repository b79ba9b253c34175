"""Customers and staff, their keys and second factors, a page each. Their money is in `wallet.admin`."""

from accounts.admin import api_keys, groups, impersonations, logins, users

__all__ = ["api_keys", "groups", "impersonations", "logins", "users"]
