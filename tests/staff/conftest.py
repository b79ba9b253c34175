"""Two members of the staff: one asks, the other looks at it."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group

from accounts.models import User
from staff.audit import Origin
from staff.models import Channel
from staff.operations import registry
from staff.operations.registry import Outcome
from tests.fixtures import PASSWORD
from tests.payments.conftest import bank  # noqa: F401 - a fixture

ORIGIN = Origin(Channel.ADMIN, "192.0.2.7")


@pytest.fixture(autouse=True)
def threshold(settings: Any) -> None:
    """Two persons from 100 on."""
    settings.FOUR_EYES = True


def member(name: str, role: str) -> User:
    """Make a member of the staff with a role."""
    user = User.objects.create_user(username=name, password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def asker(db: None) -> User:
    """Who asks."""
    return member("asker", "Manager")


@pytest.fixture
def second(db: None) -> User:
    """The second person."""
    return member("second", "Finance")


@pytest.fixture
def adjust(asker: User, customer: User) -> Callable[..., Outcome]:
    """Ask for a change of the customer's balance."""

    def ask(change: str, **more: Any) -> Outcome:
        return registry.perform(
            "wallet.adjust_balance",
            arguments={"change": change, "request_id": str(uuid4())},
            reason="a gift",
            origin=ORIGIN,
            **{"subject_id": customer.wallet.pk, "actor": asker, **more},
        )

    return ask
