"""Promise 18 in a browser: whatever a customer or a program types stays text, for customers and for staff."""

import pytest

from e2e import pages, people
from e2e.world import facts_about

# Would make an element, fetch an image, open a dialog, set a mark.
MARKUP = "\"'><img src=x onerror=alert(1)><script>alert(1)</script><b data-hostile>"
LINK = f"javascript:alert(document.domain)//{MARKUP}"
HOSTILE = "[data-hostile], [onerror], [href^='javascript:' i]"
SHOWN_ON = (
    "dashboard:overview",
    "dashboard:orders",
    "dashboard:order",
    "dashboard:mass_order_detail",
    "dashboard:api_keys",
    "dashboard:api_requests",
    "dashboard:api_request",
    "dashboard:payment",
    "dashboard:tickets",
    "dashboard:ticket",
    "dashboard:profile",
)
ADMIN_PAGES = (
    "orders/order/",
    "orders/order/{order}/change/",
    "payments/payment/",
    "payments/payment/{payment}/change/",
    "support/ticket/",
    "support/ticket/{ticket}/change/",
    "accounts/user/",
)


@pytest.fixture
def hostile(open_page, panel, newcomer):
    """A customer who types it wherever something can be typed, and whose browser says it too."""
    page = open_page(user_agent=f"Mozilla/5.0 {MARKUP}")
    page.on("dialog", lambda dialog: pytest.fail(f"executed: {dialog.message}"))
    people.sign_up(page, **newcomer)
    page.goto("/account/profile/")
    page.locator("main [name=name]").fill(MARKUP)
    page.locator("main form button.btn-primary").click()
    payment = people.ask_to_add_funds(page, amount="50.00")
    page.locator("main [name=reference]").fill(MARKUP)
    page.locator("main [name=note]").fill(MARKUP)
    page.get_by_role("button", name="Correct it").click()
    staff = open_page()
    staff.on("dialog", lambda dialog: pytest.fail(f"executed: {dialog.message}"))
    people.log_in_as_staff(staff, panel)
    people.approve_payment_as_staff(staff, panel, payment=payment, received="50.00")
    service, comments = panel.facts["services"]["default"], panel.facts["services"]["custom_comments"]
    key = people.make_key(page, name=MARKUP, password=newcomer["password"])
    people.call_api(panel, key, action="add", service=service, link=LINK, quantity=100)
    people.call_api(panel, key, action="add", service=comments, link=LINK, comments="\n".join([MARKUP] * 20))
    people.call_api(panel, key, action=MARKUP, **{MARKUP: MARKUP})
    people.call_api(panel, key, action="status", order=MARKUP)
    people.check_mass_order(page, f"{service}|{LINK}|100\n{MARKUP}|{LINK}|{MARKUP}")
    people.place_mass_order(page)
    people.open_ticket(page, title=MARKUP[:120], text=MARKUP)
    return page, staff


def test_nothing_that_was_typed_runs(hostile, panel, newcomer):
    page, staff = hostile
    world = facts_about(panel, username=newcomer["username"])
    shown = set()

    for listed in pages.PAGES:
        if listed.by == "visitor" or 0 in [world[name] for name in listed.args]:
            continue
        page.goto(listed.address(world))
        assert page.locator(HOSTILE).count() == 0, page.url
        if "data-hostile" in page.content():
            shown.add(listed.name)
    page.goto(f"/orders/?q={MARKUP}")
    assert page.locator(HOSTILE).count() == 0
    for path in ADMIN_PAGES:
        staff.goto(f"{panel.staff_url}/admin/{path.format_map(world)}")
        assert staff.locator("[data-hostile], [onerror]").count() == 0, staff.url

    assert set(SHOWN_ON) <= shown
