"""Members of the staff at their browsers: `boss` may do everything, a clerk what the test says."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from orders import submission
from orders.models import ReviewItem
from tests.admin.browsing import with_second_factor
from tests.catalog.conftest import resell, shelf  # noqa: F401 - fixtures of pages about providers
from tests.fixtures import PASSWORD, funded, place
from tests.payments.conftest import bank, card, stripe_api  # noqa: F401 - fixtures of pages about payments
from tests.support.tickets import ticket  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def one_person_is_enough(settings: Any) -> None:
    """Let tests see at once what a page does; `test_approvals.py` is about the second person."""
    settings.FOUR_EYES = False


@pytest.fixture
def boss(staff: User) -> Client:
    """A superuser, logged in."""
    return with_second_factor(staff)


@pytest.fixture
def make_clerk(db: None) -> Callable[..., Client]:
    """Log in a member of the staff with the given permissions and no others."""

    def make(*permissions: str) -> Client:
        user = User.objects.create_user(username=f"clerk-{len(permissions)}", password=PASSWORD, is_staff=True)
        for name in permissions:
            app, codename = name.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        return with_second_factor(user)

    return make


@pytest.fixture
def order_id(customer: User, followers: Any) -> int:
    """An order of 1,000 at 0.85, queued; 9.15 are left in the wallet."""
    return place(funded(customer, "10"), followers)


@pytest.fixture
def review(order_id: int) -> ReviewItem:
    """The order's run, sent without an answer."""
    claim = submission.claim_next()
    assert claim is not None
    submission.record_unknown(claim.attempt.pk, evidence="read timed out after 20 s")
    return ReviewItem.objects.get()
