"""Adding funds, as a customer does it: choose, pay, follow."""

import re
import time
from decimal import Decimal
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_ratelimit import core
from redis.exceptions import RedisError

from api_v2.throttling import network_of
from dashboard import coupon_tries
from payments import decisions
from payments.models import BonusRule, Coupon, GatewaySettings, Payment
from tests.fixtures import balance_of, funded, nothing_moves
from tests.payments.conftest import request as request_payment
from tests.payments.fake_stripe import CHECKOUT

pytestmark = pytest.mark.django_db

ADD = "/wallet/add/"
QUOTE = "/wallet/add/quote/"
DEPOSITS = "/wallet/deposits/"


def send(browser, row, amount="50", **changes):
    return browser.post(ADD, {"gateway": row.pk, "amount": amount, "request_id": uuid4()} | changes)


def page_of(payment):
    return f"{DEPOSITS}{payment.pk}/"


def test_manual_transfer_from_wish_to_credit(customer, staff, browser, bank):
    with nothing_moves():
        answer = send(browser, bank)
        payment = Payment.objects.get()
        assert answer.url == page_of(payment)
        page = browser.get(answer.url).text
        assert f"IBAN DE00 1234. Write: payment {payment.pk}" in page
        answer = browser.post(page_of(payment), {"reference": "Wire 17", "note": "from my brother"})
    assert answer.url == page_of(payment)
    assert "We are looking for your money" in browser.get(page_of(payment)).text

    decisions.approve_payment(payment_id=payment.pk, received=Decimal(50), reference="Wire 17", actor_id=staff.pk)

    assert balance_of(customer) == 50
    assert "50.00 USD added to your wallet" in browser.get(page_of(payment)).text


def test_card_goes_to_stripes_page(browser, card, stripe_api):
    with nothing_moves():
        answer = send(browser, card)

    assert (answer.status_code, answer.url) == (302, f"{CHECKOUT}cs_test_0001")
    payment = Payment.objects.get()
    assert stripe_api.received[0]["success_url"] == f"http://testserver{page_of(payment)}?from=paid"
    assert stripe_api.received[0]["cancel_url"] == f"http://testserver{page_of(payment)}?from=not-paid"
    assert "Waiting for the confirmation" in browser.get(f"{page_of(payment)}?from=paid").text
    assert "You have not paid yet" in browser.get(f"{page_of(payment)}?from=not-paid").text
    assert browser.post(f"{page_of(payment)}pay/").url == f"{CHECKOUT}cs_test_0001"


def test_coming_back_from_stripe_credits_nothing(browser, card, stripe_api):
    send(browser, card)

    with nothing_moves():
        browser.get(f"{page_of(Payment.objects.get())}?from=paid")

    assert Payment.objects.get().state == "pending"


def test_stripe_that_is_away_leaves_a_payment_to_try_again(browser, card, stripe_api):
    stripe_api.failures = [(503, {})] * 2

    answer = send(browser, card)

    payment = Payment.objects.get()
    assert answer.url == page_of(payment)
    page = browser.get(answer.url).text
    assert "The payment page did not open. Nothing was paid." in page
    assert "Pay 50.00 USD" in page
    assert browser.post(f"{page_of(payment)}pay/").url.startswith(CHECKOUT)


def test_form_sent_twice_is_one_payment(browser, bank):
    form = uuid4()

    first, second = (send(browser, bank, request_id=form) for _ in range(2))

    assert first.url == second.url
    assert Payment.objects.count() == 1


def test_form_of_somebody_else_is_not_there(browser, other_browser, bank):
    form = uuid4()
    send(other_browser, bank, request_id=form)

    assert send(browser, bank, request_id=form).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"amount": "4.99"}, "amount", "The least you can add this way is 5.00 USD."),
        ({"amount": "1000.01"}, "amount", "The most you can add this way is 1000.00 USD."),
        ({"amount": "10.001"}, "amount", "USD is paid in steps of 0.01."),
        ({"amount": "-5"}, "amount", "The least you can add this way is 5.00 USD."),
        ({"amount": ""}, "amount", "Enter the amount you want to pay."),
        ({"amount": "NaN"}, "amount", "Enter a number."),
        ({"amount": "1e3000"}, "amount", "Ensure that there are no more than"),
        ({"amount": "ten"}, "amount", "Enter a number."),
        ({"gateway": "999999"}, "gateway", "Select a valid choice"),
        ({"gateway": "x"}, "gateway", "Select a valid choice"),
        ({"gateway": ""}, "gateway", "Choose how you want to pay."),
        ({"request_id": "x"}, "request_id", "Enter a valid UUID."),
    ],
)
def test_bad_input_is_told_beside_its_field(browser, bank, changes, field, said):
    with nothing_moves():
        page = send(browser, bank, **changes)

    assert page.status_code == 200
    assert said in str(page.context["form"].errors[field])
    assert Payment.objects.count() == 0


def test_gateway_of_another_currency_is_not_offered(browser, bank):
    other = GatewaySettings.objects.create(kind="manual", code="bank", currency="EUR", label="SEPA transfer")

    assert "SEPA transfer" not in browser.get(ADD).text
    assert "gateway" in send(browser, other).context["form"].errors


def test_suspended_customer_adds_nothing(browser, suspend, bank):
    suspend()

    page = send(browser, bank)

    assert "Your account is suspended" in str(page.context["form"].errors)
    assert Payment.objects.count() == 0


def test_preview_shows_fee_bonus_and_credit(browser, card):
    BonusRule.objects.create(currency="USD", from_amount=100, percent=5)

    quote = browser.get(QUOTE, {"gateway": card.pk, "amount": "100"})

    shown = " ".join(re.sub(r"<[^>]+>", " ", quote.text).split())
    assert re.search(r"You pay 100\.00 000.*Fee −3\.20 000.*Bonus 5 % \+5\.00 000.*Added.* 101\.80 000", shown), shown


@pytest.mark.parametrize("asked", [{}, {"amount": "5"}, {"gateway": "x", "amount": "y"}, {"amount": "1e9999"}])
def test_preview_of_nonsense_is_empty(browser, bank, asked):
    page = browser.get(QUOTE, asked)

    assert page.status_code == 200
    assert "Enter an amount to see" in page.text


def test_preview_says_why_an_amount_cannot_be(browser, bank):
    assert "The least you can add" in browser.get(QUOTE, {"gateway": bank.pk, "amount": "1"}).text


def test_without_a_way_to_pay_support_is_named(browser):
    assert "No way to pay is set up for your currency" in browser.get(ADD).text


def test_nobody_sees_the_payments_of_others(customer, other_browser, bank, card):
    for gateway in (bank, card):
        payment = request_payment(customer, gateway)
        assert other_browser.get(page_of(payment)).status_code == 404
        assert other_browser.get(f"{page_of(payment)}live/").status_code == 404
        assert other_browser.post(page_of(payment), {"reference": "mine"}).status_code == 404
        assert other_browser.post(f"{page_of(payment)}pay/").status_code == 404
        assert f"{page_of(payment)}" not in other_browser.get(DEPOSITS).text
        payment.refresh_from_db()
        assert (payment.state, payment.customer_reference) == ("pending", "")


def test_what_the_customer_writes_stays_text(customer, browser, bank):
    payment = request_payment(customer, bank)

    browser.post(page_of(payment), {"reference": "<script>alert(1)</script>", "note": '"><img src=x onerror=y>'})

    page = browser.get(page_of(payment)).text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert" in page


def test_reference_is_needed(customer, browser, bank):
    payment = request_payment(customer, bank)

    page = browser.post(page_of(payment), {"reference": "  "})

    assert "reference" in page.context["form"].errors
    payment.refresh_from_db()
    assert payment.state == "pending"


def test_page_watches_until_something_happens(customer, browser, client, bank):
    payment = request_payment(customer, bank)
    live = f"{page_of(payment)}live/"

    assert f'hx-get="{live}?state=pending"' in browser.get(page_of(payment)).text
    assert browser.get(live, {"state": "pending"}).status_code == 204
    Payment.objects.update(state="rejected", ended_at=timezone.now(), reason="Nothing has arrived.")
    assert browser.get(live, {"state": "pending"}).headers["HX-Refresh"] == "true"
    assert client.get(live, {"state": "pending"}).headers["HX-Refresh"] == "true"
    page = browser.get(page_of(payment)).text
    assert "Nothing has arrived." in page
    assert live not in page


def test_deposits_page_by_key_in_fixed_queries(customer, browser, bank, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr("payments.queries.list_incoming.__kwdefaults__", {"before": None, "limit": 2})
    funded(customer, "10")
    for amount in ("20", "30", "40"):
        request_payment(customer, bank, amount)

    # session, user, wallet, payments, deposits, buyer
    with django_assert_num_queries(6):
        newest = browser.get(DEPOSITS)
    older = browser.get(DEPOSITS, {"before": newest.context["next_before"]})

    assert [item.paid for page in (newest, older) for item in page.context["page"].items] == [40, 30, 20, 10]
    assert older.context["next_before"] == ""
    assert "Deposit by our staff" in older.text


@pytest.mark.parametrize("before", ["x", "0", "2026-13-01T00:00:00Z"])
def test_senseless_addresses_show_the_newest(customer, browser, bank, before):
    request_payment(customer, bank)

    assert len(browser.get(DEPOSITS, {"before": before}).context["page"].items) == 1


def test_form_may_lead_to_stripe_only_when_it_is_set_up(browser):
    assert "stripe" not in browser.get(ADD).headers["Content-Security-Policy"]


def test_coupon_on_the_page_of_adding_funds(browser, customer, bank, staff):
    coupon = Coupon.objects.create(code="WELCOME", currency="USD", percent=10)
    data = {"gateway": bank.pk, "amount": "50", "coupon": "welcome"}

    assert "+5.00" in browser.get("/wallet/add/quote/", data).content.decode()
    page = browser.post("/wallet/add/", {**data, "request_id": uuid4()})
    payment = Payment.objects.get()
    assert (page.url, payment.coupon, payment.coupon_bonus) == (f"/wallet/deposits/{payment.pk}/", coupon, 5)
    assert "Coupon WELCOME" in browser.get(page.url).content.decode()

    decisions.approve_payment(payment_id=payment.pk, received=Decimal(50), reference="r", actor_id=staff.pk)
    assert "+5.00" in browser.get("/wallet/deposits/").content.decode()
    statement = browser.get("/wallet/").content.decode()
    assert "Coupon" in statement
    assert f"on payment {payment.pk}" in statement


def test_refused_coupon_says_why_and_nothing_is_asked_for(browser, bank):
    data = {"gateway": bank.pk, "amount": "50", "coupon": "<b>NO</b>"}

    assert "There is no coupon with this code" in browser.get("/wallet/add/quote/", data).content.decode()
    with nothing_moves():
        page = browser.post("/wallet/add/", {**data, "request_id": uuid4()}).content.decode()

    assert "There is no coupon with this code" in page
    assert "<b>NO</b>" not in page
    assert not Payment.objects.exists()


# --- Codes that are tried out --------------------------------------------------------------------

TRIES = 20  # of one customer within the hour
TRIES_OF_ADDRESS = 60
TOO_MANY = "Too many codes that do not exist"
UNKNOWN = "There is no coupon with this code"


@pytest.fixture
def one_hour(monkeypatch):
    """Let no hour end while tries are counted; give the clock."""
    clock = SimpleNamespace(now=time.time())
    monkeypatch.setattr(core, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


def try_code(browser, row, code, **headers):
    return browser.get(QUOTE, {"gateway": row.pk, "amount": "50", "coupon": code}, headers=headers).text


def try_often(browser, row, tries=TRIES, **headers):
    for number in range(tries):
        assert UNKNOWN in try_code(browser, row, f"GUESS{number}", **headers)


@pytest.fixture
def welcome(usd):
    return Coupon.objects.create(code="WELCOME", currency="USD", percent=10)


def test_after_many_wrong_codes_a_right_one_is_refused_too(browser, bank, welcome, one_hour):
    with nothing_moves():
        try_often(browser, bank)

        with CaptureQueriesContext(connection) as queries:
            quoted = try_code(browser, bank, "welcome")
        assert TOO_MANY in quoted
        assert "+5.00" not in quoted
        assert not any("payments_coupon" in query["sql"] for query in queries)
        assert TOO_MANY in try_code(browser, bank, "GUESS")
        page = send(browser, bank, coupon="welcome")

    assert TOO_MANY in page.context["form"].errors["coupon"][0]
    assert not Payment.objects.exists()
    one_hour.now += 3601
    assert "+5.00" in try_code(browser, bank, "welcome")
    assert send(browser, bank, coupon="welcome").status_code == 302


@pytest.mark.usefixtures("one_hour", "welcome")
def test_whoever_tried_too_often_still_pays_without_a_code(browser, bank):
    try_often(browser, bank)

    assert UNKNOWN not in try_code(browser, bank, "")
    assert send(browser, bank).status_code == 302
    assert Payment.objects.get().coupon is None


@pytest.mark.usefixtures("one_hour", "welcome")
def test_sent_forms_count_like_quotes_and_once(browser, bank):
    for number in range(TRIES):
        page = send(browser, bank, coupon=f"GUESS{number}")
        assert UNKNOWN in page.context["form"].errors["coupon"][0]

    assert TOO_MANY in try_code(browser, bank, "welcome")


@pytest.mark.usefixtures("one_hour", "welcome")
def test_one_typing_error_counts_once_however_often_the_page_asks(browser, bank):
    for _ in range(TRIES + 5):
        assert UNKNOWN in try_code(browser, bank, "welcom")
    assert UNKNOWN in send(browser, bank, coupon=" WELCOM ").context["form"].errors["coupon"][0]

    assert "+5.00" in try_code(browser, bank, "welcome")
    try_often(browser, bank, tries=TRIES - 1)
    assert TOO_MANY in try_code(browser, bank, "welcome")


@pytest.mark.usefixtures("one_hour")
def test_codes_that_exist_are_no_guesses(browser, bank, welcome):
    Coupon.objects.create(code="LARGE", currency="USD", percent=10, from_amount=1000)
    Coupon.objects.create(code="GONE", currency="USD", percent=10, uses_max=0)
    for _ in range(TRIES):
        assert "+5.00" in try_code(browser, bank, "welcome")
        assert "payments from" in try_code(browser, bank, "large")
        assert "used up" in try_code(browser, bank, "gone")

    assert "+5.00" in try_code(browser, bank, "welcome")


@pytest.mark.usefixtures("one_hour", "welcome")
def test_customers_are_counted_on_their_own(browser, other_browser, bank):
    try_often(browser, bank)

    assert "+5.00" in try_code(other_browser, bank, "welcome")


@pytest.mark.usefixtures("one_hour", "welcome")
def test_addresses_are_counted_whoever_asks(customer, other_customer, browser, other_browser, bank, settings):
    settings.RATELIMIT_IP_META_KEY = "HTTP_X_REAL_IP"
    group, _, _ = coupon_tries.LIMITS[1]
    for number in range(TRIES_OF_ADDRESS):  # by many customers
        request = RequestFactory().get("/", headers={"X-Real-IP": f"2001:db8::{number}"})
        core.get_usage(request, group=group, key=network_of, rate="60/h", increment=True)

    assert TOO_MANY in try_code(browser, bank, "welcome", **{"X-Real-IP": "2001:db8::ffff"})
    assert TOO_MANY in try_code(other_browser, bank, "welcome", **{"X-Real-IP": "2001:db8::1"})
    assert "+5.00" in try_code(browser, bank, "welcome", **{"X-Real-IP": "2001:db8:0:1::1"})


@pytest.mark.usefixtures("one_hour", "welcome")
def test_wrong_codes_count_for_the_address(customer, other_customer, browser, other_browser, bank, monkeypatch):
    monkeypatch.setattr(coupon_tries, "LIMITS", [(*coupon_tries.LIMITS[1][:2], "3/h")])
    try_often(browser, bank, tries=2)
    try_often(other_browser, bank, tries=1)

    for one in (browser, other_browser):
        assert TOO_MANY in try_code(one, bank, "welcome")


@pytest.mark.usefixtures("one_hour", "welcome")
def test_codes_pass_while_tries_cannot_be_counted(browser, bank, monkeypatch):
    try_often(browser, bank)

    def refuse(*_args, **_options):
        raise RedisError("away")

    monkeypatch.setattr(caches["limits"], "add", refuse)

    assert "+5.00" in try_code(browser, bank, "welcome")
    assert UNKNOWN in try_code(browser, bank, "GUESS")
