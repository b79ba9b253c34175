"""What people do again and again, by the words they read on the page."""

import re
from decimal import Decimal
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from e2e.panel import Panel

LINK = "https://www.instagram.com/your_handle/"
NUMBER = re.compile(r"[−-]?[\d,]+\.\d+")


def log_in(page: Page, *, username: str, password: str) -> None:
    """Log in through the form."""
    page.goto("/account/login/")
    page.locator("[name=login]").fill(username)
    page.locator("[name=password]").fill(password)
    page.locator("main button.btn-primary").click()
    page.wait_for_url("**/dashboard/")


def sign_up(page: Page, *, username: str, email: str, password: str) -> None:
    """Sign up from the landing page."""
    page.goto("/")
    page.get_by_role("link", name="Sign up").first.click()
    page.locator("[name=email]").fill(email)
    page.locator("[name=username]").fill(username)
    page.locator("[name=password1]").fill(password)
    page.locator("[name=password2]").fill(password)
    page.locator("main button.btn-primary").click()
    page.wait_for_url("**/dashboard/")


def make_key(page: Page, *, name: str, password: str) -> str:
    """Make an API key and return it as it is shown, once."""
    page.goto("/account/api/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Make key").click()
    return page.locator("#new-key").inner_text().strip()


def log_in_as_staff(page: Page, panel: Panel, *, who: str = "staff") -> None:
    """Log in to the admin, as the owner or as the `second_person`."""
    page.goto(f"{panel.staff_url}/account/login/?next=/admin/")
    page.locator("[name=login]").fill(panel.facts[who]["username"])
    page.locator("[name=password]").fill(panel.facts[who]["password"])
    page.locator("main button.btn-primary").click()
    page.wait_for_url("**/admin/")


def ask_to_add_funds(page: Page, *, amount: str) -> int:
    """Choose a bank transfer on the website, say that it was sent, and return the payment's number."""
    page.goto("/wallet/add/")
    page.get_by_text("Bank transfer").first.click()
    page.locator("#add-funds [name=amount]").fill(amount)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(re.compile(r"/wallet/deposits/\d+/"))
    page.locator("main [name=reference]").fill("E2E 0042")
    page.get_by_role("button", name="I have paid").click()
    expect(page.get_by_text("We are looking for your money")).to_be_visible()
    return number_in(page.url)


def approve_payment_as_staff(page: Page, panel: Panel, *, payment: int, received: str) -> None:
    """Approve a payment in the admin, as staff do when the money has arrived."""
    page.goto(f"{panel.staff_url}/admin/payments/payment/{payment}/change/")
    page.get_by_role("link", name="Approve").first.click()
    page.locator("[name=received]").fill(received)
    page.locator("[name=reference]").fill(f"statement {payment}")
    page.locator("[name=reason]").fill("on the bank statement")
    page.get_by_label("I have read this and want it done").check()
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url(f"**/payment/{payment}/change/")


def answer_ticket_as_staff(page: Page, panel: Panel, *, ticket: int, text: str) -> None:
    """Answer a customer's ticket in the admin."""
    page.goto(f"{panel.staff_url}/admin/support/ticket/{ticket}/answer/")
    page.locator("[name=text]").fill(text)
    page.get_by_role("button", name="Answer").click()
    page.wait_for_url(f"**/ticket/{ticket}/change/")


def place_order(page: Page, *, service: int, link: str, quantity: int) -> int:
    """Order on the website and return the order's number; the page is then the order's."""
    page.goto(f"/new-order/?service={service}")
    page.locator("main [name=link]").fill(link)
    page.locator("main [name=quantity]").fill(str(quantity))
    page.get_by_role("button", name="Place order").click()
    return view_placed_order(page)


def view_placed_order(page: Page) -> int:
    """Follow the result of ordering to the order's page and return its number."""
    page.get_by_role("link", name="View order").click()
    page.wait_for_url(re.compile(r"/orders/\d+/"))
    return number_in(page.url)


def check_mass_order(page: Page, lines: str) -> None:
    """Paste lines and have them checked."""
    page.goto("/new-order/mass/")
    page.locator("main textarea[name=text]").fill(lines)
    page.get_by_role("button", name="Check the lines").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your mass order")


def place_mass_order(page: Page) -> int:
    """Place what was checked and return the mass order's number."""
    page.get_by_role("button", name=re.compile("Place .* order")).click()
    page.wait_for_url(re.compile(r"/new-order/mass/\d+/"))
    return number_in(page.url)


def open_ticket(page: Page, *, title: str, text: str) -> int:
    """Write to support and return the ticket's number."""
    page.goto("/support/new/")
    page.locator("label.pick", has_text="Order").first.click()
    page.locator("main [name=title]").fill(title)
    page.locator("main [name=text]").fill(text)
    page.get_by_role("button", name="Open ticket").click()
    page.wait_for_url(re.compile(r"/support/\d+/"))
    return number_in(page.url)


def call_api(panel: Panel, key: str, **parameters: Any) -> dict[str, Any]:
    """Call the API as a customer's program does."""
    return httpx.post(f"{panel.url}/api/v2", data={"key": key, **parameters}, timeout=30).json()


def number_in(address: str) -> int:
    """Read the number that an address ends with."""
    found = re.search(r"/(\d+)/", address)
    assert found, address
    return int(found.group(1))


def amount_in(text: str) -> Decimal:
    """Read the first amount of money in a text."""
    found = NUMBER.search(text)
    assert found, text
    return Decimal(found.group().replace(",", "").replace("−", "-"))


def balance_shown(page: Page) -> Decimal:
    """Read the balance at the top of the page."""
    return amount_in(page.locator("header .balance").inner_text())
