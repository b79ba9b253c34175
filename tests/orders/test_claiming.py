"""Several workers that look for the next run at the same time."""

import threading

import pytest
from django.db import connection, transaction

from orders import submission
from providers.models import Provider
from tests.orders.conftest import order_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def claiming(provider):
    """Somebody who is just claiming a run at `provider`, until the test ends."""
    has_begun, may_end = threading.Event(), threading.Event()

    def claim():
        with transaction.atomic():
            Provider.objects.select_for_update(no_key=True).get(pk=provider.pk)
            has_begun.set()
            may_end.wait(30)
        connection.close()

    thread = threading.Thread(target=claim)
    thread.start()
    assert has_begun.wait(10)
    yield
    may_end.set()
    thread.join()


@pytest.fixture(autouse=True)
def no_waiting(db):
    """Fail instead of waiting for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '2s'")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")


def test_goes_to_the_next_provider_instead_of_waiting(customer, make_service, claiming):
    other = Provider.objects.create(name="Other", kind=Provider.Kind.SANDBOX)
    order_of(customer, make_service())
    second = order_of(customer, make_service(provider=other))

    claim = submission.claim_next()

    assert claim.run.order_id == second.pk


def test_leaves_the_run_to_who_is_claiming(customer, followers, claiming):
    order_of(customer, followers)

    assert submission.claim_next() is None
