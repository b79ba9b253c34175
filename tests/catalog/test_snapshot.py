"""The catalogue in memory is never older than the version that was read with the request."""

import threading

import pytest
from django.db import connection

from catalog import snapshot
from catalog.models import CatalogVersion, Category, Currency, CustomRate, Discount, Service

pytestmark = pytest.mark.django_db


def version():
    return CatalogVersion.objects.get(pk=1).version


@pytest.mark.parametrize(
    "change",
    [
        lambda service, user: Service.objects.filter(pk=service.pk).update(rate=2),
        lambda service, user: service.delete(),
        lambda service, user: Category.objects.create(name="x"),
        lambda service, user: Currency.objects.create(code="EUR", rate="0.9"),
        lambda service, user: CustomRate.objects.create(customer=user, service=service, rate=1),
        lambda service, user: Discount.objects.create(customer=user, percent=5),
    ],
)
def test_every_change_raises_the_version(followers, customer, change):
    before = version()

    change(followers, customer)

    assert version() > before


def test_is_read_once_per_version(followers, django_assert_num_queries):
    current = version()
    first = snapshot.at_version(current)

    with django_assert_num_queries(0):
        assert snapshot.at_version(current) is first


def test_sees_a_change_with_the_next_version(followers):
    assert followers.pk in snapshot.at_version(version()).offers

    Service.objects.update(is_active=False)

    assert followers.pk not in snapshot.at_version(version()).offers


def test_keeps_the_display_order(make_service):
    Category.objects.create(name="Second", position=2)
    Category.objects.create(name="First", position=1)
    make_service(category="Second", position=1)
    last = make_service(category="First", position=9)
    make_service(category="First", position=3)

    offers = list(snapshot.at_version(version()).offers.values())

    assert [offer.category for offer in offers] == ["First", "First", "Second"]
    assert offers[1].id == last.pk


@pytest.mark.django_db(transaction=True)
def test_concurrent_readers_read_once(followers, monkeypatch):
    reads = []
    read = snapshot.read
    monkeypatch.setattr(snapshot, "read", lambda version: reads.append(version) or read(version))
    current, start = version(), threading.Barrier(6)

    def ask():
        start.wait(10)
        snapshot.at_version(current)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(reads) == 1
