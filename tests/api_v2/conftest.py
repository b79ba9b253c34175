"""What all API tests share."""

import pytest

from tests.api_v2.scenes import Stage


@pytest.fixture
def stage(customer, other_customer, make_service) -> Stage:
    """An empty world to arrange a scene in."""
    return Stage(customer=customer, other_customer=other_customer, make_service=make_service)
