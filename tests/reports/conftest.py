"""What tests of figures share."""

from decimal import Decimal

import pytest
from django.db import connection

from reports.sources import SOURCES


@pytest.fixture(autouse=True)
def from_the_first_id(db):
    """Number rows from one: other tests of this database leave sequences at millions, and folders go by ids."""
    with connection.cursor() as cursor:
        for source in SOURCES:
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{source.table}', 'id'), 1, false)")


@pytest.fixture
def likes(make_service):
    """Costs us 0.40 per 1000 and is sold for 0.85."""
    return make_service(id=2001, provider_service="ig-likes", cost=Decimal("0.4"))
