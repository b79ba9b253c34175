"""The app's configuration: knows all operations once the models are there, and makes the roles after migrations."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class StaffConfig(AppConfig):
    """Staff: log, operations, second persons, roles."""

    name = "staff"

    def ready(self) -> None:
        """Register the operations and wait for the permissions, which Django makes after migrations."""
        # They register what they define.
        from staff.operations import gifts, orders, payments, refills, reviews, runs, wallet  # noqa: F401

        post_migrate.connect(_make_roles, sender=self)


def _make_roles(**_: Any) -> None:
    from staff.roles import make_roles

    make_roles()
