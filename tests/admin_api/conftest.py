"""What all tests of the Admin API share."""

import pytest

from accounts.models import User
from tests.admin_api.calling import Tool, tool_of


@pytest.fixture
def tool(staff: User) -> Tool:
    """A tool whose key may do everything, as its owner may."""
    return tool_of(staff)
