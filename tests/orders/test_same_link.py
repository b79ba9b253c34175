"""The unfinished order that a second one on the same link would meet."""

from orders import queries
from tests.fixtures import LINK, funded, place, report


def test_finds_the_newest_unfinished_order_on_the_link(customer, followers):
    funded(customer, "5")
    first, second = place(customer, followers), place(customer, followers)
    place(customer, followers, link=f"{LINK}/other")

    assert queries.find_unfinished(customer.pk, link=LINK).pk == second
    report(second, "Completed", remains=0)
    assert queries.find_unfinished(customer.pk, link=LINK).pk == first
    assert queries.find_unfinished(customer.pk, link="https://elsewhere.example") is None


def test_finds_nobody_elses(customer, other_customer, followers):
    funded(other_customer, "1")
    place(other_customer, followers)

    assert queries.find_unfinished(customer.pk, link=LINK) is None


def test_looks_through_the_newest_orders_only(customer, followers, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(queries, "SAME_LINK_ORDERS_MAX", 2)
    funded(customer, "5")
    place(customer, followers)
    for number in range(2):
        place(customer, followers, link=f"{LINK}/{number}")

    with django_assert_num_queries(1):
        assert queries.find_unfinished(customer.pk, link=LINK) is None
