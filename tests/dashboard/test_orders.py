"""The list of orders."""

import csv
import io

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from orders import cancellations, listing, refills
from orders.models import Order
from tests.fixtures import funded, place, report

URL = "/orders/"


def _ids(page):
    return [order.pk for order in page.context["page"].rows]


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
    monkeypatch.setattr(listing, "PAGE_ORDERS", 2)
    funded(customer, "100")
    ids = [place(customer, followers) for _ in range(5)]

    page = browser.get(URL)
    assert _ids(page) == [ids[4], ids[3]]
    page = browser.get(URL, {"before": page.context["page"].next_key})
    assert _ids(page) == [ids[2], ids[1]]
    page = browser.get(URL, {"before": page.context["page"].next_key})
    assert _ids(page) == [ids[0]]
    assert page.context["page"].next_key is None


def test_filter_looks_back_in_steps(customer, browser, followers, monkeypatch):
    monkeypatch.setattr(listing, "SCANNED_ORDERS_MAX", 2)
    funded(customer, "100")
    wanted = place(customer, followers, link="https://example.com/wanted")
    for _ in range(3):
        place(customer, followers)

    page = browser.get(URL, {"q": "wanted"})
    assert _ids(page) == []
    assert "Older orders may match" in page.text
    page = browser.get(URL, {"q": "wanted", "before": page.context["page"].next_key})
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


def test_marks_every_row_that_may_change_and_gives_it_when_it_has(customer, browser, followers):
    funded(customer, "100")
    first, second, done = (place(customer, followers) for _ in range(3))
    report(done, "Completed")
    watched = browser.get(URL).context["watched"]
    assert [word.split("-")[0] for word in watched.split(",")] == [str(second), str(first)]

    live = browser.get(f"{URL}live/", {"rows": watched})
    assert live.context["rows"] == []
    assert live.context["watched"] == watched

    report(first, "Completed")
    live = browser.get(f"{URL}live/", {"rows": watched})
    assert [row.order.pk for row in live.context["rows"]] == [first]
    assert f'<template><tr id="order-{first}" hx-swap-oob="true">' in live.text
    assert live.context["watched"].startswith(f"{second}-")

    report(second, "Canceled")
    live = browser.get(f"{URL}live/", {"rows": live.context["watched"]})
    assert "hx-get=" not in live.text.partition("<template>")[0]


def test_live_rows_are_the_readers_own(customer, other_customer, browser, other_browser, followers):
    funded(customer, "100")
    mine = place(customer, followers)

    theirs = other_browser.get(f"{URL}live/", {"rows": f"{mine}-x,{mine + 1}-y,z,-,99999999999999-a"})

    assert theirs.status_code == 200
    assert theirs.context["rows"] == []
    assert Client().get(f"{URL}live/", {"rows": f"{mine}-x"}).headers["HX-Refresh"] == "true"


def test_finds_a_hundred_pasted_ids_on_one_page(customer, other_customer, browser, followers):
    funded(customer, "100")
    funded(other_customer, "100")
    mine = [place(customer, followers, quantity=50) for _ in range(3)]
    theirs = place(other_customer, followers)
    pasted = "\r\n".join(map(str, mine[:2])) + f", #{mine[2]};\t{theirs} {10**12}"

    page = browser.get(URL, {"q": pasted})

    assert _ids(page) == mine[::-1]
    assert page.context["missing_ids"] == [theirs, 10**12]
    assert f"None of your orders has these IDs: {theirs}, {10**12}" in page.text
    assert len(browser.get(URL, {"q": " ".join(map(str, range(1, 101)))}).context["missing_ids"]) >= 97
    page = browser.get(URL, {"q": " ".join(map(str, range(1, 102)))})
    assert "Up to 100 orders can be looked for at once; these are 101." in page.text


def test_an_id_is_found_however_old(customer, browser, followers, monkeypatch):
    monkeypatch.setattr(listing, "SCANNED_ORDERS_MAX", 1)
    funded(customer, "100")
    wanted, *_ = (place(customer, followers) for _ in range(4))

    assert _ids(browser.get(URL, {"q": str(wanted)})) == [wanted]


def test_filters_by_service(customer, browser, followers, make_service):
    funded(customer, "100")
    place(customer, followers)
    likes = place(customer, make_service(id=77))

    assert _ids(browser.get(URL, {"service": "77"})) == [likes]
    assert _ids(browser.get(URL, {"service": "78"})) == []
    page = browser.get(URL, {"service": "x"})
    assert len(_ids(page)) == 2
    assert "Enter the number of a service." in page.text


def test_filters_by_the_days_of_the_readers_time_zone(customer, browser, followers):
    funded(customer, "100")
    ids = [place(customer, followers) for _ in range(6)]
    # Noon in UTC is the next day already in Auckland.
    ordered_at(dict(zip(ids, [f"2026-03-{day:02} 12:00Z" for day in range(1, 7)], strict=True)))
    User.objects.filter(pk=customer.pk).update(time_zone="Pacific/Auckland")

    assert _ids(browser.get(URL, {"since": "2026-03-04"})) == ids[:1:-1]
    assert _ids(browser.get(URL, {"until": "2026-03-04"})) == ids[2::-1]
    assert _ids(browser.get(URL, {"since": "2026-03-03", "until": "2026-03-03"})) == [ids[1]]
    assert _ids(browser.get(URL, {"since": "2026-03-09"})) == []
    assert _ids(browser.get(URL, {"until": "2026-02-09"})) == []


def test_days_find_orders_that_got_their_ids_in_another_order(customer, browser, followers):
    funded(customer, "100")
    ids = [place(customer, followers) for _ in range(4)]
    times = ["2026-03-01 12:00Z", "2026-03-02 00:00:20Z", "2026-03-01 23:59:50Z", "2026-03-02 12:00Z"]
    ordered_at(dict(zip(ids, times, strict=True)))

    assert _ids(browser.get(URL, {"since": "2026-03-02"})) == [ids[3], ids[1]]
    assert _ids(browser.get(URL, {"until": "2026-03-01"})) == [ids[2], ids[0]]


def test_days_cost_a_fixed_number_of_queries(customer, browser, followers, django_assert_num_queries):
    funded(customer, "100")
    for _ in range(3):
        place(customer, followers)
    # session, user, first and last id, orders, buyer
    with django_assert_num_queries(6):
        browser.get(URL, {"since": "2020-01-01", "until": "2030-01-01"})


def test_days_without_any_order(browser):
    assert _ids(browser.get(URL, {"since": "2020-01-01", "until": "2030-01-01"})) == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"since": "2026-03-02", "until": "2026-03-01"}, "This is before the first day."),
        ({"since": "yesterday"}, "Enter a valid date."),
        ({"until": "9999-12-31"}, "Enter a valid date."),
        ({"service": "0"}, "Enter the number of a service."),
    ],
)
def test_says_beside_the_field_what_makes_no_sense(query, said, customer, browser, followers):
    funded(customer, "100")
    mine = place(customer, followers)

    page = browser.get(URL, query)

    assert said in page.text
    assert mine in _ids(page) or "since" in query


def test_rows_say_why_something_cannot_be_done(customer, browser, followers, make_service):
    funded(customer, "100")
    service = make_service(id=77, cancel=False, refill=False)
    rows = {
        "may cancel": place(customer, followers),
        "no cancel": place(customer, service),
        "no refill": place(customer, service),
        "may refill": place(customer, followers),
        "refilling": place(customer, followers),
        "asked": place(customer, followers),
        "over": place(customer, followers),
    }
    for name in ("no refill", "may refill", "refilling"):
        report(rows[name], "Completed")
    refills.request_refill(user_id=customer.pk, order_id=rows["refilling"])
    report(rows["asked"], "In progress")
    cancellations.request_cancellation(user_id=customer.pk, order_id=rows["asked"])
    report(rows["over"], "Canceled")

    found = {row.order.pk: (row.deed, row.refusal) for row in browser.get(URL).context["rows"]}

    assert {name: found[pk] for name, pk in rows.items()} == {
        "may cancel": ("cancel", ""),
        "no cancel": ("cancel", "This service cannot be canceled once ordered."),
        "no refill": ("refill", "This service has no refill, or the time for it is over."),
        "may refill": ("refill", ""),
        "refilling": (
            "refill",
            "A refill is possible once the order is delivered and no other refill of it is running.",
        ),
        "asked": ("cancel", "Cancellation is requested already."),
        "over": ("", ""),
    }


def test_exports_what_the_filters_leave(customer, other_customer, browser, followers, monkeypatch):
    monkeypatch.setattr(listing, "STREAMED_AT_ONCE", 2)
    monkeypatch.setattr(listing, "SCANNED_ORDERS_MAX", 3)
    funded(customer, "100")
    funded(other_customer, "100")
    hostile = place(customer, followers, link="=HYPERLINK(1)")
    ids = [place(customer, followers, link=f"https://example.com/{number}") for number in range(7)]
    place(other_customer, followers)
    report(ids[0], "Partial", remains=400)
    User.objects.filter(pk=customer.pk).update(time_zone="Pacific/Auckland")
    ordered_at({ids[0]: "2026-03-01 12:00Z"})

    response = browser.get(browser.get(URL).context["export_url"])
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))

    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert [int(row["Order"]) for row in rows] == [*ids[::-1], hostile]
    assert rows[-1]["Link"] == "'=HYPERLINK(1)"
    assert rows[-2] | {"Ended": ""} == {
        "Order": str(ids[0]),
        "Ordered": "2026-03-02 01:00:00+13:00",
        "Service ID": "1042",
        "Service": followers.name,
        "Link": "https://example.com/0",
        "Quantity": "1000",
        "Start count": "",
        "Remains": "400",
        "Status": "Partial",
        "Charge": "0.85000",
        "Refunded": "0.34000",
        "Net charge": "0.51000",
        "Currency": "USD",
        "Ended": "",
        "Runs": "1",
        "Minutes between runs": "",
    }
    exported = browser.get(f"{URL}export.csv", {"status": "Pending", "q": "example.com"})
    rows = list(csv.DictReader(io.StringIO(b"".join(exported.streaming_content).decode())))
    assert [int(row["Order"]) for row in rows] == ids[:0:-1]


def test_export_link_keeps_the_filters_and_not_the_page(customer, browser, followers):
    funded(customer, "100")
    place(customer, followers)

    page = browser.get(URL, {"status": "Pending", "q": "a b", "before": "999999", "x": "y", "since": ""})

    assert page.context["export_url"] == "/orders/export.csv?q=a+b&status=Pending"


def ordered_at(times):
    """Write down other times for orders; the database lets nobody do that."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for order_id, moment in times.items():
            cursor.execute("UPDATE orders_order SET created_at = %s::timestamptz WHERE id = %s", [moment, order_id])
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
