"""What staff do all day, in their browser: two persons, a queue, orders mended one by one and many at once, imports."""

import re
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from e2e import people
from e2e.panel import Panel

REASON = "as agreed by phone"
ADMIN = "/admin"


@pytest.fixture
def boss(open_page, panel: Panel) -> Page:
    """The owner's browser."""
    page = open_page(base_url=panel.staff_url)
    people.log_in_as_staff(page, panel)
    return page


@pytest.fixture
def second(open_page, panel: Panel) -> Page:
    """The second person's browser."""
    page = open_page(base_url=panel.staff_url)
    people.log_in_as_staff(page, panel, who="second_person")
    return page


def test_a_large_deposit_needs_two_persons(boss, second, demo_page, panel):
    before = balance_of(panel)
    payment = people.ask_to_add_funds(demo_page, amount="250.00")

    people.approve_payment_as_staff(boss, panel, payment=payment, received="250.00")
    expect(boss.get_by_text("waits for a second person").first).to_be_visible()
    assert balance_of(panel) == before

    second.goto(f"{ADMIN}/")
    second.get_by_role("link", name=re.compile("Approvals waiting")).click()
    second.locator("#result_list a, table a").filter(has_text=re.compile(r"^\d+$")).first.click()
    act(second, "Approve")
    expect(second.get_by_text("Credited 250.00000 USD").first).to_be_visible()
    assert balance_of(panel) == before + 250
    expect(demo_page.get_by_role("heading", name="added to your wallet")).to_be_visible()


def test_a_coupon_is_switched_on_by_two_persons(boss, second):
    boss.goto(f"{ADMIN}/payments/coupon/add/")
    for name, value in {"code": "E2E-SPRING", "currency": "USD", "percent": "5", "fixed": "0"}.items():
        boss.locator(f"[name={name}]").fill(value)
    boss.get_by_role("button", name="Save", exact=True).click()
    boss.get_by_role("link", name="Switch on").first.click()
    answer(boss, button="Switch on")
    expect(boss.get_by_text("waits for a second person").first).to_be_visible()
    page = boss.url

    second.goto(f"{ADMIN}/")
    second.get_by_role("link", name=re.compile("Approvals waiting")).click()
    second.locator("#result_list a, table a").filter(has_text=re.compile(r"^\d+$")).first.click()
    expect(second.get_by_text("As it is now")).to_be_visible()
    act(second, "Approve")
    expect(second.get_by_text("E2E-SPRING is on").first).to_be_visible()

    boss.goto(page)
    expect(boss.get_by_role("link", name="Switch off").first).to_be_visible()
    expect(boss.locator("[name=percent]")).to_have_count(0)


def test_an_unknown_order_is_worked_off_by_one_key(boss, panel):
    order = order_by_api(panel, link="https://example.com/lost/1")

    wait_for_review(boss, order)
    row = boss.locator("tr", has=boss.locator(f"text='{order}/1'")).or_(
        boss.locator("tr", has=boss.get_by_role("link", name=str(order)))
    )
    row.locator("[data-key=x]").first.focus()
    row.locator("[data-key=x]").first.click()
    answer(boss, button=re.compile("Absent: cancel and refund"))

    status = people.call_api(panel, panel.facts["api_key"], action="status", order=order)
    assert (status["status"], status["charge"]) == ("Canceled", "0.00000")


def test_an_order_is_set_to_partial(boss, panel):
    order = order_by_api(panel, link="https://example.com/slow/partial-by-hand", quantity=1000)
    charge = Decimal(people.call_api(panel, panel.facts["api_key"], action="status", order=order)["charge"])
    wait_until_sent(boss, order)

    boss.goto(f"{ADMIN}/orders/order/{order}/change/")
    boss.get_by_role("link", name="Set partial").first.click()
    boss.locator("[name=remains]").fill("400")
    answer(boss, button="Set partial")

    status = people.call_api(panel, panel.facts["api_key"], action="status", order=order)
    assert (status["status"], status["remains"]) == ("Partial", "400")
    assert Decimal(status["charge"]) == charge * 600 / 1000
    boss.goto(f"{ADMIN}/orders/order/{order}/change/")
    expect(boss.get_by_text(REASON).first).to_be_visible()


def test_many_orders_are_canceled_with_progress(boss, panel):
    orders = [order_by_api(panel, link=f"https://example.com/slow/many-{number}") for number in range(3)]
    for order in orders:
        wait_until_sent(boss, order)

    boss.goto(f"{ADMIN}/orders/order/?ids={','.join(map(str, orders))}")
    boss.get_by_label("Select all orders on this page").check()
    boss.locator("select[name=action]").select_option("cancel_selected")
    boss.get_by_role("button", name=re.compile("^(Run|Go)")).first.click()
    expect(boss.get_by_text(re.compile("3 selected"))).to_be_visible()
    answer(boss, button="Cancel and refund")

    boss.wait_for_url("**/staff/bulkjob/*/change/")
    expect(boss.get_by_text("3 done, 0 refused, 0 waiting")).to_be_visible()
    answers = people.call_api(panel, panel.facts["api_key"], action="status", orders=",".join(map(str, orders)))
    assert {answer["status"] for answer in answers.values()} == {"Canceled"}


def test_a_providers_catalogue_is_imported(boss, panel):
    boss.goto(f"{ADMIN}/providers/provider/add/")
    boss.locator("[name=name]").fill("Another panel")
    boss.locator("select[name=kind]").select_option("panel")
    boss.locator("[name=api_url]").fill(f"{panel.url}/api/v2")
    boss.locator("[name=api_key]").fill(panel.facts["api_key"])
    boss.get_by_role("button", name="Save and continue editing").click()
    boss.get_by_role("link", name="Import services").first.click()
    boss.locator("#import-search").fill("Followers")
    boss.locator("#id_percent").fill("25")
    for box in boss.locator(".import-table tbody input[type=checkbox]:enabled").all()[:2]:
        box.check()
    boss.get_by_role("button", name="Import", exact=True).click()
    expect(boss.get_by_text(re.compile("2 services"))).to_be_visible()


def act(page: Page, name: str) -> None:
    """Open an action's page by its button and confirm it."""
    page.get_by_role("link", name=name, exact=True).first.click()
    answer(page, button=name)


def answer(page: Page, *, button: str | re.Pattern[str]) -> None:
    """Fill in what every action asks, and send it."""
    page.get_by_label("I have read this and want it done").check()  # waits for the page, as counting does not
    if page.locator("[name=reason]").count():
        page.locator("[name=reason]").fill(REASON)
    page.get_by_role("button", name=button).click()
    page.wait_for_url(lambda address: "/change/" in address or address.endswith("/reviewitem/"))


def order_by_api(panel: Panel, *, link: str, quantity: int = 500) -> int:
    """Place an order of the demo customer's."""
    service = panel.facts["services"]["default"]
    return people.call_api(panel, panel.facts["api_key"], action="add", service=service, link=link, quantity=quantity)[
        "order"
    ]


def balance_of(panel: Panel) -> Decimal:
    """Return what the demo customer has."""
    return Decimal(people.call_api(panel, panel.facts["api_key"], action="balance")["balance"])


def wait_for_review(page: Page, order: int) -> None:
    """Look at the queue until an order is in it."""
    for _ in range(60):
        page.goto(f"{ADMIN}/orders/reviewitem/?state=open")
        if page.get_by_text(str(order)).count():
            return
        page.wait_for_timeout(500)
    raise AssertionError(f"order {order} did not come into the review queue")


def wait_until_sent(page: Page, order: int) -> None:
    """Look at an order until a provider has it."""
    for _ in range(60):
        page.goto(f"{ADMIN}/orders/order/{order}/change/")
        if page.get_by_text("accepted").count():
            return
        page.wait_for_timeout(500)
    raise AssertionError(f"order {order} was not sent")
