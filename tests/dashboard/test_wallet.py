"""The statement."""

from decimal import Decimal
from uuid import uuid4

from dashboard.views import wallet as wallet_page
from tests.fixtures import funded, place, report
from wallet import adjustments
from wallet.models import Wallet

URL = "/wallet/"


def _lines(page):
    return [(line.title, line.order_id, line.change, line.balance) for line in page.context["lines"]]


def test_explains_the_balance(customer, other_customer, browser, followers):
    funded(other_customer, "500")
    funded(customer, "10")
    order_id = place(customer, followers)
    report(order_id, "Partial", remains=400)

    page = browser.get(URL)

    assert _lines(page) == [
        ("Refund", order_id, Decimal("0.34"), Decimal("9.49")),
        ("Charge", order_id, Decimal("-0.85"), Decimal("9.15")),
        ("Deposit", None, Decimal(10), Decimal(10)),
    ]
    assert (page.context["opening_balance"], page.context["closing_balance"]) == (Decimal(0), Decimal("9.49"))
    assert f'href="/orders/{order_id}/"' in page.text


def test_says_why_staff_changed_it(customer, staff, browser):
    wallet = Wallet.objects.get(user=customer)
    adjustments.adjust_balance(
        wallet=wallet, change=Decimal(5), reason="Sorry <b>for</b> Monday", actor_id=staff.pk, request_id=uuid4()
    )

    text = browser.get(URL).text

    assert "Adjustment" in text
    assert "Sorry &lt;b&gt;for&lt;/b&gt; Monday" in text


def test_pages_add_up(customer, browser, monkeypatch):
    monkeypatch.setattr(wallet_page, "PAGE_LINES", 2)
    for amount in ("1", "2", "3", "4", "5"):
        funded(customer, amount)

    closing, before = Decimal(15), ""
    changes = []
    while before is not None:
        page = browser.get(URL, {"before": before} if before else {})
        assert page.context["closing_balance"] == closing
        assert page.context["opening_balance"] == closing - sum(line.change for line in page.context["lines"])
        closing, before = page.context["opening_balance"], page.context["next_before"]
        changes += [line.change for line in page.context["lines"]]
    assert closing == 0
    assert changes == [5, 4, 3, 2, 1]


def test_senseless_addresses_show_the_newest_page(customer, browser):
    funded(customer, "1")

    for before in ("x", "0", "1", "-5", "9" * 30):
        page = browser.get(URL, {"before": before})
        assert page.status_code == 200
        assert page.context["closing_balance"] == Decimal(1)


def test_costs_fixed_queries(customer, browser, django_assert_num_queries):
    funded(customer, "1")
    # session, user, wallet, lines, buyer
    with django_assert_num_queries(5):
        browser.get(URL)
    funded(customer, "1")
    with django_assert_num_queries(5):
        browser.get(URL)
