"""Journeys of a customer, from the landing page to a statement that adds up."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx
from allauth.mfa.totp.internal import auth as totp
from playwright.sync_api import Page, expect

from e2e import people
from e2e.axe import assert_no_grave_faults
from e2e.conftest import PHONE, OpenPage
from e2e.panel import Panel

FUNDS = Decimal("50.00000")
API_PAUSE_SECONDS = 0.02
TOTP_SECONDS = 30
TWO_FACTOR_PAGES = (
    "/account/2fa/",
    "/account/2fa/recovery-codes/",
    "/account/2fa/recovery-codes/generate/",
    "/account/2fa/totp/deactivate/",
)


def funded_newcomer(open_page: OpenPage, panel: Panel, newcomer: dict[str, str], **options: Any) -> Page:
    page = open_page(**options)
    people.sign_up(page, **newcomer)
    fund(open_page, panel, page)
    return page


def fund(open_page: OpenPage, panel: Panel, page: Page) -> None:
    """Send money and have staff approve it; the customer's page, which stays open, tells that it is there."""
    payment = people.ask_to_add_funds(page, amount=f"{FUNDS:.2f}")
    staff = open_page()
    people.log_in_as_staff(staff, panel)
    people.approve_payment_as_staff(staff, panel, payment=payment, received=f"{FUNDS:.2f}")
    expect(page.get_by_role("heading", name="added to your wallet")).to_be_visible()


def test_from_signing_up_to_a_statement_that_adds_up(open_page, panel, newcomer):
    page = open_page()
    people.sign_up(page, **newcomer)
    key = people.make_key(page, name="My shop", password=newcomer["password"])
    assert people.call_api(panel, key, action="balance") == {"balance": "0.00000", "currency": "USD"}

    fund(open_page, panel, page)
    assert people.call_api(panel, key, action="balance") == {"balance": str(FUNDS), "currency": "USD"}

    finished = people.place_order(page, service=panel.facts["services"]["default"], link=people.LINK, quantity=1000)
    watch_until(page, "Completed")
    assert people.call_api(panel, key, action="status", order=finished)["status"] == "Completed"

    stopped = people.place_order(
        page, service=panel.facts["services"]["default"], link="https://example.com/slow", quantity=2000
    )
    before = people.balance_shown(page)
    cancel_order(page)
    watch_until(page, "Canceled", "Partial")
    expect(page.get_by_text("refunded").first).to_be_visible()
    refunded = Decimal(people.call_api(panel, key, action="balance")["balance"]) - before
    assert refunded > 0

    closing, changes, opening = read_statement(page)
    assert opening == 0
    assert opening + sum(changes) == closing
    assert closing == before + refunded
    assert refunded in changes
    assert page.get_by_role("link", name=str(stopped)).count() >= 2


def test_a_running_program_sees_a_rotation_at_once(open_page, panel, newcomer):
    page = open_page()
    people.sign_up(page, **newcomer)
    old = people.make_key(page, name="Till", password=newcomer["password"])

    with calling_all_the_time(panel, old) as answers:
        page.goto("/account/api/")
        page.get_by_role("link", name="Rotate Till").click()
        page.get_by_label("Password").fill(newcomer["password"])
        page.locator("main form button.btn-primary").click()
        new = page.locator("#new-key").inner_text().strip()
        answered = len(answers)
        assert people.call_api(panel, new, action="balance") == {"balance": "0.00000", "currency": "USD"}
        assert people.call_api(panel, old, action="balance") == {"error": "Invalid API key"}

    assert answers[0] == {"balance": "0.00000", "currency": "USD"}
    # The call that was on its way while the page was sent may have been answered before.
    assert all(answer == {"error": "Invalid API key"} for answer in answers[answered + 1 :])
    assert {tuple(answer) for answer in answers} == {("balance", "currency"), ("error",)}


def test_ordering_on_a_phone(open_page, panel, newcomer):
    page = funded_newcomer(open_page, panel, newcomer, viewport=PHONE, has_touch=True, is_mobile=True)
    page.goto("/dashboard/")
    page.locator("header details.menu summary").first.tap()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="New order").tap()
    page.wait_for_url("**/new-order/**")
    assert not overflows(page)

    people.place_order(page, service=panel.facts["services"]["default"], link=people.LINK, quantity=100)
    assert not overflows(page)
    watch_until(page, "Completed")
    page.goto("/orders/")
    assert not overflows(page)
    page.goto("/wallet/")
    assert not overflows(page)


def test_ordering_with_the_keyboard_only(open_page, panel, newcomer):
    page = funded_newcomer(open_page, panel, newcomer)
    page.goto("/dashboard/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    tab_to(page, page.get_by_role("navigation", name="Main").get_by_role("link", name="New order"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/new-order/**")

    page.goto(f"/new-order/?service={panel.facts['services']['default']}")
    tab_to(page, page.locator("main [name=link]"))
    page.keyboard.type(people.LINK)
    tab_to(page, page.locator("main [name=quantity]"))
    page.keyboard.type("100")
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("link", name="View order"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/orders/*/**")

    expect(page.get_by_role("heading", level=1)).to_contain_text("Order")


def test_choosing_a_service_with_the_keyboard_while_typing(demo_page):
    demo_page.goto("/new-order/")
    expect(demo_page.locator("#q")).to_be_focused()
    demo_page.keyboard.type("1042")
    expect(demo_page.locator("#choices [role=option]")).to_have_count(1)
    demo_page.keyboard.press("ArrowDown")
    demo_page.keyboard.press("Enter")

    demo_page.wait_for_url("**/new-order/?*service=1042*")
    expect(demo_page.locator("main [name=link]")).to_be_visible()


def test_a_mass_order_leaves_out_a_bad_line(open_page, panel, newcomer):
    page = funded_newcomer(open_page, panel, newcomer)
    service = panel.facts["services"]["default"]
    good = [f"{service}|{people.LINK}{number}|100" for number in range(1, 4)]

    people.check_mass_order(page, "\n".join([*good, f"{service}|{people.LINK}9|1"]))
    expect(page.get_by_role("heading", name="Lines that cannot be ordered")).to_be_visible()
    assert people.balance_shown(page) == FUNDS
    people.place_mass_order(page)

    expect(page.locator("h1 .badge").get_by_text("Done", exact=True)).to_be_visible(timeout=60_000)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    lines = download.value.path().read_text().strip().splitlines()
    assert len(lines) == 1 + len(good)
    closing, changes, opening = read_statement(page)
    assert sorted(changes) == sorted([FUNDS, *[(closing - FUNDS) / 3] * 3])
    assert opening + sum(changes) == closing


def test_a_customer_turns_on_a_second_factor_and_is_asked_for_it(open_page, newcomer):
    page = open_page()
    people.sign_up(page, **newcomer)
    page.goto("/account/2fa/totp/activate/")
    page.locator("main [name=password]").fill(newcomer["password"])  # signing up does not count as logging in
    page.locator("main button.btn-primary").click()
    page.wait_for_url("**/totp/activate/")
    secret = page.locator("main input[disabled]").first.input_value()
    page.locator("main [name=code]").fill(code_of(secret))
    page.locator("main button.btn-primary").click()
    page.wait_for_url("**/recovery-codes/**")
    assert_no_grave_faults(page)
    for address in TWO_FACTOR_PAGES:
        page.goto(address)
        assert_no_grave_faults(page)

    other = open_page()
    other.goto("/account/login/")
    other.locator("[name=login]").fill(newcomer["username"])
    other.locator("[name=password]").fill(newcomer["password"])
    other.locator("main button.btn-primary").click()
    other.wait_for_url("**/account/2fa/authenticate/**")
    assert_no_grave_faults(other)


def test_the_theme_follows_the_system_until_it_is_chosen(open_page):
    page = open_page(color_scheme="dark")
    page.goto("/")
    assert brightness(page) < 64

    page.locator("[data-theme-toggle]").first.click()
    assert brightness(page) > 192

    page.goto("/services/")
    assert brightness(page) > 192


def test_a_customer_reads_spanish_everywhere(open_page, newcomer):
    page = open_page()
    people.sign_up(page, **newcomer)
    page.goto("/account/profile/")
    page.locator("main [name=language]").select_option("es")
    page.locator("main form button.btn-primary").click()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    page.goto("/orders/")
    expect(page.locator("html")).to_have_attribute("lang", "es")


def test_a_visitor_reads_spanish_and_keeps_it(open_page):
    page = open_page()
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", "en")

    page.get_by_role("button", name="Español").click()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    page.goto("/account/login/")
    expect(page.locator("html")).to_have_attribute("lang", "es")
    expect(page.get_by_role("button", name="English")).to_be_visible()


def code_of(secret: str) -> str:
    """What an authenticator app shows now."""
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // TOTP_SECONDS))


@contextmanager
def calling_all_the_time(panel: Panel, key: str) -> Iterator[list[dict[str, Any]]]:
    """A customer's program that asks for its balance again and again, on one connection."""
    answers: list[dict[str, Any]] = []
    over = threading.Event()

    def run() -> None:
        with httpx.Client(timeout=30) as client:
            while not over.wait(API_PAUSE_SECONDS):
                answers.append(client.post(f"{panel.url}/api/v2", data={"key": key, "action": "balance"}).json())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join()


def watch_until(page: Page, *statuses: str) -> None:
    """See an order's page change by itself: the same document from beginning to end."""
    page.evaluate("window.theSamePage = true")
    badges = page.locator("h1 .badge")
    shown = badges.get_by_text(statuses[0], exact=True)
    for status in statuses[1:]:
        shown = shown.or_(badges.get_by_text(status, exact=True))
    expect(shown).to_be_visible(timeout=90_000)
    assert page.evaluate("window.theSamePage") is True


def cancel_order(page: Page) -> None:
    page.locator("#cancel").click()
    dialog = page.locator("dialog[open]")
    if dialog.count():
        dialog.locator("[data-deed]").click()
    expect(page.get_by_text("Cancellation requested").or_(page.get_by_text("Canceled")).first).to_be_visible()


def read_statement(page: Page) -> tuple[Decimal, list[Decimal], Decimal]:
    page.goto("/wallet/")
    table = page.locator("main table").first
    rows = table.locator("tbody tr")
    closing = people.amount_in(rows.filter(has_text="Closing balance").inner_text())
    opening = people.amount_in(rows.filter(has_text="Opening balance").inner_text())
    lines = rows.filter(has_not_text="Closing balance").filter(has_not_text="Opening balance")
    column = table.locator("thead th").all_inner_texts()
    place = next(number for number, head in enumerate(column) if "Amount" in head)
    changes = [people.amount_in(row.locator("td").nth(place).inner_text()) for row in lines.all()]
    return closing, changes, opening


def tab_to(page: Page, target: Any) -> None:
    for _ in range(80):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} is not reached with Tab")


def overflows(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def brightness(page: Page) -> float:
    """Look at the corner of the page, whatever the style sheet says."""
    return page.evaluate(
        """() => {
            const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
            canvas.fillStyle = getComputedStyle(document.body).backgroundColor;
            canvas.fillRect(0, 0, 1, 1);
            return canvas.getImageData(0, 0, 1, 1).data.slice(0, 3).reduce((sum, part) => sum + part) / 3;
        }"""
    )
