"""The statement."""

import csv
import io
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from accounts.models import User
from dashboard.views import wallet as wallet_page
from tests.fixtures import funded, place, report
from wallet import adjustments, ledger, statements
from wallet.models import Account, Wallet

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
    # two days looked for, one balance
    with django_assert_num_queries(8):
        browser.get(URL, {"since": "2020-01-01", "until": "2100-01-01", "kind": "deposit"})


def test_kinds_are_shown_with_what_the_others_came_to(customer, browser, followers):
    funded(customer, "10")
    order_id = place(customer, followers)
    report(order_id, "Partial", remains=400)
    funded(customer, "5")

    page = browser.get(URL, {"kind": "deposit"})

    assert [line.change for line in page.context["lines"]] == [5, 10]
    context = page.context
    assert (context["opening_balance"], context["shown"], context["others"]) == (0, 15, Decimal("-0.51"))
    assert context["closing_balance"] == Decimal("14.49")
    assert "Other lines in between, not shown" in page.text
    refund = browser.get(URL, {"kind": "refund"}).context
    assert [line.order_id for line in refund["lines"]] == [order_id]


def test_days_are_the_readers(customer, browser):
    funded(customer, "1")
    moved_at = customer.wallet.entries.get().created_at
    User.objects.filter(pk=customer.pk).update(time_zone="Pacific/Kiritimati")  # 14 hours ahead
    day = moved_at.astimezone(ZoneInfo("Pacific/Kiritimati")).date()

    def lines(since, until):
        return len(browser.get(URL, {"since": since, "until": until}).context["lines"])

    assert lines(day, day) == 1
    assert lines(day - timedelta(days=1), day - timedelta(days=1)) == 0
    assert lines(day + timedelta(days=1), "") == 0
    assert "Kiritimati" in browser.get(URL).text


def test_period_without_lines_says_what_the_balance_was(customer, browser):
    funded(customer, "7")

    before = browser.get(URL, {"until": "2020-01-01"})
    after = browser.get(URL, {"since": "2100-01-01"})

    assert (before.context["opening_balance"], before.context["closing_balance"]) == (0, 0)
    assert (after.context["opening_balance"], after.context["closing_balance"]) == (7, 7)
    assert "The balance at the end of this period was 7.00 USD." in after.text


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "x", "until": "2026-02-30", "kind": "gift"},
        {"since": "0001-01-01", "until": "9999-12-31"},
        {"since": "2026-02-02", "until": "2026-02-01"},
        {"before": "9" * 40},
    ],
)
def test_senseless_periods_are_told_and_harmless(customer, browser, asked):
    funded(customer, "1")

    assert browser.get(URL, asked).status_code == 200
    assert browser.get("/wallet/statement.csv", asked).status_code == 200


def test_end_before_beginning_is_told_beside_the_field(customer, browser):
    page = browser.get(URL, {"since": "2026-02-02", "until": "2026-02-01"})

    assert "This day is before the first one." in page.text


def test_csv_has_every_line_and_no_formulas(customer, other_customer, staff, browser, followers, monkeypatch):
    monkeypatch.setattr(statements, "LINES_AT_ONCE", 2)
    funded(other_customer, "500")
    funded(customer, "10")
    order_id = place(customer, followers)
    for number in range(3):
        adjustments.adjust_balance(
            wallet=Wallet.objects.get(user=customer),
            change=Decimal(-1),
            reason=f"=HYPERLINK({number})",
            actor_id=staff.pk,
            request_id=uuid4(),
        )

    answer = browser.get("/wallet/statement.csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))

    assert answer.headers["Content-Type"].startswith("text/csv")
    assert [row["Number"] for row in rows] == ["5", "4", "3", "2", "1"]
    assert [row["Kind"] for row in rows] == ["adjustment", "adjustment", "adjustment", "charge", "deposit"]
    assert (rows[0]["Note"], rows[0]["Amount"], rows[0]["Balance"]) == ("'=HYPERLINK(2)", "-1.00000", "6.15000")
    assert (rows[3]["Order"], rows[3]["Amount"], rows[3]["Currency"]) == (str(order_id), "-0.85000", "USD")
    charges = browser.get("/wallet/statement.csv", {"kind": "charge"})
    assert b"".join(charges.streaming_content).count(b"\n") == 2


def test_csv_notes_are_in_the_readers_language(customer, staff, browser):
    wallet = Wallet.objects.get(user=customer)
    funded(customer, "10")
    ledger.credit(
        wallet_id=wallet.pk,
        amount=Decimal(1),
        key="bonus:payment:8",
        source=Account.Kind.BONUS,
        reason="Bonus on payment 8",
    )
    ledger.credit(
        wallet_id=wallet.pk,
        amount=Decimal(1),
        key="bonus:coupon:9",
        source=Account.Kind.BONUS,
        reason="Coupon SPRING on payment 9",
    )
    adjustments.adjust_balance(
        wallet=wallet, change=Decimal(-1), reason="Agreed by phone", actor_id=staff.pk, request_id=uuid4()
    )

    def notes():
        answer = browser.get("/wallet/statement.csv")
        rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))
        return [row[4] for row in rows[1:]]

    reference = f"test-{customer.pk}-0"
    assert notes() == ["Agreed by phone", "Coupon SPRING on payment 9", "Bonus on payment 8", f"Deposit {reference}"]
    User.objects.filter(pk=customer.pk).update(language="es")
    assert notes() == ["Agreed by phone", "Cupón SPRING por el pago 9", "Bono por el pago 8", f"Depósito {reference}"]


def test_printed_statement_names_customer_and_period(customer, browser):
    funded(customer, "10")

    page = browser.get(URL, {"print": "1", "since": "2020-01-05"})

    assert "5 January 2020" in page.text
    assert "Closing balance" in page.text
    assert "data-print" in page.text
    assert "newest 1,000 lines" not in page.text
    assert "Bonuses" in browser.get(URL, {"print": "1", "kind": "bonus"}).text


def test_staff_without_a_wallet_have_no_file(staff_browser):
    assert staff_browser.get("/wallet/statement.csv").status_code == 404
