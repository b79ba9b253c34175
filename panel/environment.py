"""How the settings read the environment: what cannot be used is refused with the variable's name.

Every method raises `ImproperlyConfigured`, whose message is one line for the operator.
"""

from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured


class Env(environ.Env):
    """The environment, with the kinds of variables that the panel has."""

    BOOLEAN_FALSE_STRINGS = ("false", "off", "n", "no", "0", "")

    @classmethod
    def parse_value(cls, value: Any, cast: Any) -> Any:
        """Read a value; of a switch only what says on or off, where environ takes any other word for off."""
        if cast is bool:
            word = value.lower().strip()
            if word not in cls.BOOLEAN_TRUE_STRINGS + cls.BOOLEAN_FALSE_STRINGS:
                raise ValueError(f"it must be 1 or 0, not {value!r}")
            return word in cls.BOOLEAN_TRUE_STRINGS
        return super().parse_value(value, cast)

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        """Read one variable."""
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var} cannot be used: {error}") from error

    def secret(self, name: str, *, in_debug: str) -> str:
        """Read a variable that has no safe default; only DEBUG may go without it."""
        value: str = self.str(name, default="")
        if value:
            return value
        if self.bool("DEBUG", default=False):
            return in_debug
        raise ImproperlyConfigured(f"{name} is not set. It is required when DEBUG is off; see .env.example.")

    def choice(self, name: str, *choices: str, default: str) -> str:
        """Read a variable that must be one of a few words."""
        value: str = self.str(name, default=default)
        if value not in choices:
            *others, last = map(repr, choices)
            raise ImproperlyConfigured(f"{name} must be {', '.join(others)} or {last}, not {value!r}.")
        return value

    def positive(self, name: str, *, default: int, most: int) -> int:
        """Read a variable that counts something."""
        value: int = self.int(name, default=default)
        if not 1 <= value <= most:
            raise ImproperlyConfigured(f"{name} must be a whole number from 1 to {most}, not {value}.")
        return value

    def amount(self, name: str, *, default: str) -> Decimal:
        """Read an amount of money, not below zero."""
        text: str = self.str(name, default=default)
        try:
            amount = Decimal(text)
        except InvalidOperation as error:
            raise ImproperlyConfigured(f"{name} must be an amount like 100 or 99.50, not {text!r}.") from error
        if not amount.is_finite() or amount < 0:
            raise ImproperlyConfigured(f"{name} must be an amount not below zero, not {text!r}.")
        return amount

    def server(self, name: str, *schemes: str, in_debug: str) -> str:
        """Read the URL of a server that the panel cannot be without; `schemes` are those it may begin with."""
        url = self.secret(name, in_debug=in_debug)
        if _parts(name, url).scheme not in schemes:
            *others, last = (f"{scheme}://" for scheme in schemes)
            raise ImproperlyConfigured(f"{name} must start with {', '.join(others)} or {last}")
        return url

    def origin(self, name: str, *, default: str = "") -> str:
        """Read the address of a website, without a slash at the end; empty where it may be left out."""
        url = self.str(name, default=default).rstrip("/")
        if url:
            _check_origin(name, url)
        return url

    def origins(self, name: str, *, default: list[str]) -> list[str]:
        """Read addresses of websites, with commas between."""
        urls: list[str] = self.list(name, default=default)
        for url in urls:
            _check_origin(name, url)
        return urls


def _check_origin(name: str, url: str) -> None:
    parts = _parts(name, url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ImproperlyConfigured(f"{name} must start with https:// or http:// and name a host, not {url!r}.")


def _parts(name: str, url: str) -> Any:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} cannot be used: {error}") from error
