"""Mass orders on the website: checked before anything is charged, placed once, every line accounted for."""

import csv
import io
import re
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from catalog.models import Service
from dashboard import mass_forms
from dashboard.views import mass_orders as mass_order_pages
from orders import mass_orders, tasks
from orders.models import MassOrder, MassOrderLine, Order
from tests.fixtures import balance_of, funded, nothing_moves

URL = "/new-order/mass/"
LINES = "1042|https://a.b/1|1000\n1042|https://a.b/2|2000"


def check(browser, text="", **fields):
    return browser.post(URL, {"text": text, **fields})


def upload(browser, content, *, name="orders.csv"):
    return check(browser, file=SimpleUploadedFile(name, content))


def agree(browser, page):
    """Press the review's button, with what its form holds."""
    return browser.post(URL, agreement(page))


def agreement(page):
    review = page.context["review"]
    return {
        "step": "place",
        "text": page.context["text"],
        "token": str(page.context["token"]),
        "count": len(review.good),
        "total": page.context["plain_total"],
    }


def ordered(browser, text=LINES):
    """Check and agree; return the mass order, whose lines still wait."""
    page = agree(browser, check(browser, text))
    assert page.status_code == 302, page.text
    return MassOrder.objects.get(pk=int(page.url.split("/")[-2]))


def problems(page):
    return {problem.number: problem.sentence for problem in page.context["problems"]}


def test_checks_charges_nothing_and_tells_what_it_would_cost(customer, browser, followers):
    funded(customer, "10")
    with nothing_moves():
        page = check(browser, LINES)

    review = page.context["review"]
    assert (review.total, review.left) == (Decimal("2.55"), Decimal("7.45"))
    assert "Place 2 orders" in page.text
    assert not MassOrder.objects.exists()


def test_places_what_was_agreed_to(customer, browser, followers):
    funded(customer, "10")

    mass_order = ordered(browser)
    tasks.place_mass_orders()

    page = browser.get(reverse("dashboard:mass_order_detail", args=[mass_order.pk]))
    assert balance_of(customer) == Decimal("7.45")
    assert "2 of 2 lines done" in page.text
    for order in Order.objects.all():
        assert f'href="/orders/{order.pk}/"' in page.text
    assert 'hx-trigger="every' not in page.text


def test_is_a_tab_beside_the_single_order(browser, followers):
    assert f'href="{URL}"' in browser.get("/new-order/").text


def test_the_review_holds_the_text_unchanged(customer, browser, followers):
    funded(customer, "10")
    text = '\n\n1042|https://a.b/?x=<b>&y="1"|1000\n\n1042|x|100'

    page = check(browser, text)

    held = re.search(r'<textarea name="text" hidden[^>]*>\n(.*?)</textarea>', page.text, re.DOTALL)[1]
    assert held == "\n\n1042|https://a.b/?x=&lt;b&gt;&amp;y=&quot;1&quot;|1000\n\n1042|x|100"
    assert [line.number for line in page.context["review"].good] == [3, 5]


def test_tells_what_is_wrong_beside_each_line(customer, browser, followers, make_service):
    funded(customer, "10")
    package, paused = make_service(type="Package"), make_service(is_active=False)
    text = "\n".join(
        [
            "1042|https://a.b/1|1000",
            "1042|https://a.b/2|49",
            f"{package.pk}|https://a.b/3|1",
            f"{paused.pk}|https://a.b/4|100",
            "1042|<script>alert(1)</script>",
            "1042|https://a.b/5|200000",
        ]
    )

    page = check(browser, text)

    assert problems(page) == {
        2: "Too few: 49. The minimum of this service is 50.",
        3: "A service of the type “Package” needs more than a link and a quantity. Order it on its own.",
        4: "This service is no longer on sale. Choose another one.",
        5: "Write three parts: service|link|quantity.",
        6: "Too many: 200,000. The maximum of this service is 100,000.",
    }
    assert "Place 1 order" in page.text
    assert "5 lines cannot be ordered and are left out" in page.text
    assert "<script>alert" not in page.text


def test_only_good_lines_are_placed_under_their_numbers(customer, browser, followers):
    funded(customer, "10")

    mass_order = ordered(browser, "nonsense\n1042|https://a.b/1|1000\n1042|x|1")

    assert list(mass_order.lines.values_list("number", "link")) == [(2, "https://a.b/1")]


def test_asks_for_better_lines_when_none_is_good(customer, browser, followers):
    page = check(browser, "1042|x|1\nnonsense")

    assert "review" not in page.context
    assert list(problems(page)) == [1, 2]
    assert "1042|x|1\nnonsense</textarea>" in page.text


def test_the_lines_can_be_changed_with_what_is_wrong_beside_them(customer, browser, followers):
    funded(customer, "10")
    page = check(browser, "1042|x|1\n1042|x|100")

    page = browser.post(URL, {**agreement(page), "step": "change"})

    assert list(problems(page)) == [1]
    assert "1042|x|1\n1042|x|100</textarea>" in page.text
    assert not MassOrder.objects.exists()


def test_says_before_placing_that_the_balance_is_short(customer, browser, followers):
    funded(customer, "2")

    page = check(browser, LINES)

    assert "Your balance lacks 0.55 USD for these orders." in page.text
    assert 'value="place"' not in page.text
    with nothing_moves():
        page = agree(browser, page)
    assert page.status_code == 200
    assert not MassOrder.objects.exists()


def test_a_form_sent_twice_makes_one_mass_order(customer, browser, followers):
    funded(customer, "3")
    form = agreement(check(browser, LINES))
    first = browser.post(URL, form)
    tasks.place_mass_orders()

    second = browser.post(URL, form)  # the balance no longer covers it

    assert first.url == second.url
    assert MassOrder.objects.count() == 1
    assert Order.objects.count() == 2


def test_a_price_that_changed_is_shown_again_before_anything_happens(customer, browser, followers):
    funded(customer, "10")
    form = agreement(check(browser, LINES))
    Service.objects.filter(pk=followers.pk).update(rate=Decimal("0.90"))

    with nothing_moves():
        page = browser.post(URL, form)

    assert "Prices or services changed meanwhile." in page.text
    assert page.context["review"].total == Decimal("2.70")
    assert not MassOrder.objects.exists()


@pytest.mark.parametrize("change", [{"token": "x"}, {"count": "0"}, {"total": "NaN"}, {"total": ""}, {"count": "3"}])
def test_an_agreement_that_makes_no_sense_is_asked_for_again(customer, browser, followers, change):
    funded(customer, "10")
    form = agreement(check(browser, LINES))

    page = browser.post(URL, {**form, **change})

    assert page.status_code == 200
    assert "Place 2 orders" in page.text
    assert not MassOrder.objects.exists()


def test_suspended_customers_are_refused(customer, browser, suspend, followers):
    funded(customer, "10")
    form = agreement(check(browser, LINES))
    suspend()

    with nothing_moves():
        for page in (check(browser, LINES), browser.post(URL, form)):
            assert "Your account is suspended. Contact support" in page.text
    assert not MassOrder.objects.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfservice,link,quantity\r\n1042,https://a.b/1,1000\r\n1042,https://a.b/2,2000\r\n",
        LINES.encode(),
        b'1042;"https://a.b/1";1000\n1042;https://a.b/2;2000',
    ],
)
def test_reads_files(customer, browser, followers, content):
    funded(customer, "10")

    page = upload(browser, content)

    assert page.context["review"].total == Decimal("2.55")
    assert agree(browser, page).status_code == 302


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("1042,https://a.b/señal,1000".encode("latin-1"), "This file is not in UTF-8."),
        ("1042,https://a.b,1000".encode("utf-16"), "This file is not in UTF-8."),
        (b"1042,https://a.b/\0,1000", "This is no text file."),
        (b"", "This file is empty."),
        (b"x" * 900_001, "This is more than 900 KB."),
        (b"\n" * 5 + b",,\n", "There is no line to order."),
    ],
)
def test_refuses_files_it_cannot_read(browser, followers, content, sentence):
    page = upload(browser, content)

    assert sentence in page.text
    assert page.status_code == 200


def test_refuses_too_much(browser, followers, monkeypatch):
    monkeypatch.setattr(mass_forms, "LINES_MAX", 2)
    assert "These are 3 lines. One mass order takes 2;" in check(browser, LINES + "\n1042|x|100").text
    assert (
        "Paste lines or choose a file, not both." in check(browser, LINES, file=SimpleUploadedFile("x", b"1|a|1")).text
    )
    assert "There is no line to order." in check(browser, "  \n ").text
    monkeypatch.setattr(mass_forms, "TEXT_MAX_BYTES", 10)
    assert "Split it and send the parts" in check(browser, LINES).text


def test_warns_of_the_same_link_twice(customer, browser, followers):
    funded(customer, "10")

    page = check(browser, "1042|https://a.b|100\n1042|https://a.c|100\n1042|https://a.b|200")

    assert [row.twin for row in page.context["good"]] == [None, None, 1]
    assert "Same service and link as line 1" in page.text


def test_shows_progress_that_goes_on_by_itself(customer, browser, followers):
    funded(customer, "10")
    mass_order = ordered(browser)
    mass_orders.place_next(mass_order.pk)
    live = reverse("dashboard:mass_order_live", args=[mass_order.pk])

    page = browser.get(live)

    assert "1 of 2 lines done" in page.text
    assert f'hx-get="{live}"' in page.text
    assert "<html" not in page.text
    tasks.place_mass_orders()
    assert "hx-get" not in browser.get(live).text


def test_only_refused_lines_can_be_listed(customer, browser, followers):
    funded(customer, "10")
    mass_order = ordered(browser)
    mass_orders.place_next(mass_order.pk)
    Service.objects.filter(pk=followers.pk).update(rate=Decimal("0.90"))
    tasks.place_mass_orders()

    page = browser.get(reverse("dashboard:mass_order_detail", args=[mass_order.pk]), {"state": "refused"})

    assert [line.number for line, _ in page.context["lines"]] == [2]
    assert "The price rose from 1.70 to 1.80 after you agreed, so nothing was ordered." in page.text


def test_outcomes_can_be_downloaded(customer, browser, followers):
    funded(customer, "10")
    mass_order = ordered(browser, "1042|=HYPERLINK(1)|1000\n1042|https://a.b/2|2000\n1042|https://a.b/3|100")
    for _ in range(2):
        mass_orders.place_next(mass_order.pk)
    mass_orders.stop_mass_order(user_id=customer.pk, mass_order_id=mass_order.pk)
    first, second = Order.objects.order_by("pk")

    answer = browser.get(reverse("dashboard:mass_order_csv", args=[mass_order.pk]))

    assert list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode()))) == [
        ["line", "service", "link", "quantity", "outcome", "order", "charge", "reason"],
        ["1", "1042", "'=HYPERLINK(1)", "1000", "placed", str(first.pk), "0.85000", ""],
        ["2", "1042", "https://a.b/2", "2000", "placed", str(second.pk), "1.70000", ""],
        [
            "3",
            "1042",
            "https://a.b/3",
            "100",
            "skipped",
            "",
            "",
            "Not tried: the mass order was stopped before its turn.",
        ],
    ]


def test_can_be_stopped(customer, browser, followers):
    funded(customer, "10")
    mass_order = ordered(browser)
    url = reverse("dashboard:stop_mass_order", args=[mass_order.pk])

    assert "Stopped. Orders that were placed go on." in browser.post(url, follow=True).text
    assert "Nothing is left to stop" in browser.post(url, follow=True).text
    tasks.place_mass_orders()
    assert not Order.objects.exists()


def test_others_never_see_it(customer, browser, other_browser, followers):
    funded(customer, "10")
    mass_order = ordered(browser)

    for name in ("mass_order_detail", "mass_order_live", "mass_order_csv"):
        assert other_browser.get(reverse(f"dashboard:{name}", args=[mass_order.pk])).status_code == 404
        assert browser.get(reverse(f"dashboard:{name}", args=[mass_order.pk])).status_code == 200
    assert other_browser.post(reverse("dashboard:stop_mass_order", args=[mass_order.pk])).status_code == 404
    assert not other_browser.get(URL).context["page"].rows
    assert MassOrder.objects.get().state == "placing"


def test_anothers_token_makes_a_mass_order_of_ones_own(customer, other_customer, browser, other_browser, followers):
    funded(customer, "10")
    funded(other_customer, "10")
    page = check(browser, LINES)
    agree(browser, page)

    agree(other_browser, page)

    assert MassOrder.objects.count() == 2


def test_lists_earlier_ones_in_pages(customer, browser, followers, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(mass_order_pages, "PAGE_MASS_ORDERS", 2)
    funded(customer, "10")
    made = [ordered(browser, f"1042|x{number}|100").pk for number in range(3)]
    # session, user, buyer, mass orders
    with django_assert_num_queries(4):
        page = browser.get(URL)

    assert [row.pk for row in page.context["page"].rows] == made[:0:-1]
    older = browser.get(URL, {"before": page.context["page"].next_key})
    assert [row.pk for row in older.context["page"].rows] == made[:1]


def test_pages_of_lines_take_fixed_queries(customer, browser, followers, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(mass_order_pages, "PAGE_LINES", 4)
    funded(customer, "10")
    mass_order = ordered(browser, "\n".join(f"1042|https://a.b/{number}|100" for number in range(1, 11)))
    url, seen = reverse("dashboard:mass_order_detail", args=[mass_order.pk]), []
    while url:
        # session, user, mass order, buyer, lines, progress
        with django_assert_num_queries(6):
            page = browser.get(url)
        assert len(page.context["lines"]) <= 4
        seen += [line.number for line, _ in page.context["lines"]]
        url = page.context["older_url"]

    assert seen == list(range(1, 11))


def test_thousands_of_lines_make_a_small_page(customer, browser, followers):
    funded(customer, "1000")
    text = "\n".join(f"1042|https://instagram.com/shop_number_{number}|100" for number in range(2500))

    page = check(browser, text)
    assert len(page.content) < len(text) + 150_000
    agree(browser, page)

    assert MassOrderLine.objects.count() == 2500
