"""The list of orders."""

from django.utils import timezone

from orders import queries
from orders.models import Order
from tests.fixtures import funded, place, report

URL = "/orders/"


def _ids(page):
    return [order.pk for order in page.context["page"].orders]


def test_lists_own_orders_newest_first(customer, other_customer, browser, followers):
    funded(customer, "100")
    funded(other_customer, "100")
    first = place(customer, followers)
    place(other_customer, followers)
    last = place(customer, followers)

    assert _ids(browser.get(URL)) == [last, first]


def test_costs_the_same_queries_however_many_orders(customer, browser, followers, django_assert_num_queries):
    funded(customer, "100")
    for _ in range(3):
        place(customer, followers)
    # session, user, orders, buyer
    with django_assert_num_queries(4):
        browser.get(URL)
    place(customer, followers)
    with django_assert_num_queries(4):
        browser.get(URL)
    # and how far back a filter looks
    with django_assert_num_queries(5):
        browser.get(URL, {"q": "handle", "status": "Pending"})


def test_pages_by_key(customer, browser, followers, monkeypatch):
    monkeypatch.setattr(queries.list_orders, "__kwdefaults__", {**queries.list_orders.__kwdefaults__, "limit": 2})
    funded(customer, "100")
    ids = [place(customer, followers) for _ in range(5)]

    page = browser.get(URL)
    assert _ids(page) == [ids[4], ids[3]]
    page = browser.get(URL, {"before": page.context["page"].next_before})
    assert _ids(page) == [ids[2], ids[1]]
    page = browser.get(URL, {"before": page.context["page"].next_before})
    assert _ids(page) == [ids[0]]
    assert page.context["page"].next_before is None


def test_filter_looks_back_in_steps(customer, browser, followers, monkeypatch):
    monkeypatch.setattr(queries, "SCANNED_ORDERS_MAX", 2)
    funded(customer, "100")
    wanted = place(customer, followers, link="https://example.com/wanted")
    for _ in range(3):
        place(customer, followers)

    page = browser.get(URL, {"q": "wanted"})
    assert _ids(page) == []
    assert "Older orders may match" in page.text
    page = browser.get(URL, {"q": "wanted", "before": page.context["page"].next_before})
    assert _ids(page) == [wanted]


def test_filters_by_status(customer, browser, followers):
    funded(customer, "100")
    done, waiting = place(customer, followers), None
    report(done, "Completed")
    waiting = place(customer, followers)

    assert _ids(browser.get(URL, {"status": "Completed"})) == [done]
    assert _ids(browser.get(URL, {"status": "Pending"})) == [waiting]


def test_searches_by_id_and_by_part_of_a_link(customer, other_customer, browser, followers):
    funded(customer, "100")
    funded(other_customer, "100")
    theirs = place(other_customer, followers, link="https://example.com/abc")
    mine = place(customer, followers, link="https://example.com/ABC_50%")
    place(customer, followers, link="https://example.com/xyz")

    assert _ids(browser.get(URL, {"q": str(mine)})) == [mine]
    assert _ids(browser.get(URL, {"q": f"#{mine}"})) == [mine]
    assert _ids(browser.get(URL, {"q": "abc_50%"})) == [mine]
    assert _ids(browser.get(URL, {"q": str(theirs)})) == []


def test_senseless_addresses_show_everything(customer, browser, followers):
    funded(customer, "100")
    mine = place(customer, followers)

    for query in ({"before": "x"}, {"before": "-1"}, {"before": "9" * 30}, {"status": "Lost"}):
        page = browser.get(URL, query)
        assert page.status_code == 200
        assert _ids(page) == [mine]
    assert browser.get(URL, {"q": "9" * 40}).status_code == 200


def test_shows_archived_orders_with_a_badge(customer, browser, followers):
    funded(customer, "100")
    order_id = place(customer, followers)
    report(order_id, "Completed")
    Order.objects.filter(pk=order_id).update(archived_at=timezone.now())

    page = browser.get(URL)

    assert _ids(page) == [order_id]
    assert "Archived" in page.text


def test_shows_the_charge_net_of_refunds(customer, browser, followers):
    funded(customer, "100")
    order_id = place(customer, followers)
    report(order_id, "Partial", remains=400)

    assert '0.51<span class="money-fill">000</span>' in browser.get(URL).text


def test_links_only_to_the_web(customer, browser, followers):
    funded(customer, "100")
    hostile = 'javascript:alert(1)//"><script>alert(2)</script>'
    place(customer, followers, link=hostile)
    place(customer, followers, link='https://example.com/"onmouseover="x')

    text = browser.get(URL).text

    assert 'href="javascript:' not in text
    assert "<script>alert" not in text
    assert 'href="https://example.com/&quot;onmouseover=&quot;x"' in text
    assert 'rel="noopener noreferrer nofollow" target="_blank"' in text
