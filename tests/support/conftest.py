"""Tickets to write to."""

from tests.support.tickets import ticket  # noqa: F401 - shared with the tests of pages
