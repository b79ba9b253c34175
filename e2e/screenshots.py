"""The pictures in docs/screenshots: the main pages in both themes. `make screenshots` runs it, nothing else does."""

import time

import psycopg
import pytest

from e2e import people
from e2e.axe import SETTLE, THEMES
from e2e.conftest import opened_pages
from e2e.month import CUSTOMERS
from e2e.test_staff import REASON
from e2e.world import staff_facts_about, work_a_month
from panel.startup import BASE_DIR

FOLDER = BASE_DIR / "docs" / "screenshots"
BYTES_MAX = 200 * 1024
BATCHES, BATCH = 13, 7  # of orders in the past; those of a batch end before the next one is placed
END_TIMEOUT_SECONDS = 60
# Of "impartial" the sandbox delivers a part; see OUTCOMES there.
SHOPS = ("corner.bakery", "lily.florist", "old.barber", "little.books", "coffee.at.nine", "juice.bar", "impartial.news")
ANSWER = """Thank you for writing. The provider had a queue this morning; your followers are on their way now.

Should anything be missing when the order ends, it is refunded by itself."""
SHOTS = {
    "overview": "/dashboard/",
    "new-order": "/new-order/?service={service}&link=https://www.instagram.com/corner.bakery/&quantity=2500",
    "mass-order": "/new-order/mass/{mass_order}/",
    "orders": "/orders/",
    "order": "/orders/{partial_order}/",
    "services": "/services/",
    "wallet": "/wallet/",
    "add-funds": "/wallet/add/",
    "api-keys": "/account/api/",
    "api-usage": "/account/api/usage/",
    "api-request": "/account/api/requests/{call}/",
    "tickets": "/support/",
    "ticket": "/support/{ticket}/",
}
STAFF_SHOTS = {
    "home": "/",
    "orders": "/orders/order/",
    "order": "/orders/order/{any_order}/change/",
    "review-queue": "/orders/reviewitem/?state=open",
    "bulk-job": "/staff/bulkjob/{job}/change/",
    "approvals": "/staff/approval/",
    "customer": "/accounts/user/{customer}/change/",
    "services": "/catalog/service/",
    "provider": "/providers/provider/{provider}/change/",
    "payments": "/payments/payment/",
    "ticket": "/support/ticket/{staff_ticket}/change/",
    "reports": "/reports/dayfigure/",
    "staff-log": "/staff/auditentry/",
}
JOB_ITEMS = 40
JOB_STOPS_AT = 23  # of them are done; the next one is kept from the worker while its picture is taken
THIS_CUSTOMER = "(SELECT id FROM accounts_user WHERE username = 'demo')"
UNFINISHED = f"""
SELECT count(*) FROM orders_order
WHERE customer_id = {THIS_CUSTOMER} AND run_count = 1 AND finished_at IS NULL AND link NOT LIKE '%takes-its-time%'
"""
# A month of work, moved to the past. A ledger's triggers forbid it, for good reasons; this one is thrown away. Of those
# who came with `month.py` each began some days after the other, and every round of theirs is a part of the time since.
MOVE_TO_THE_PAST = f"""
SET session_replication_role = replica;
CREATE TEMP TABLE came AS
SELECT id, interval '1 day' * (29.6 - 2.3 * rank() OVER (ORDER BY id)) AS ago FROM accounts_user
WHERE username IN ({", ".join(f"'{name}'" for name in CUSTOMERS)});
CREATE TEMP TABLE moved AS
SELECT id, interval '1 hour' * sum(2 + id * id * 7 % 13) OVER (ORDER BY id DESC) AS by
FROM orders_order WHERE customer_id = {THIS_CUSTOMER}
UNION ALL
SELECT o.id, o.created_at - now() + ago * (1.04 - (rank() OVER mine - o.id * 7 % 10 / 20.0) / count(*) OVER whole)
FROM orders_order o JOIN came ON came.id = o.customer_id
WINDOW whole AS (PARTITION BY customer_id), mine AS (whole ORDER BY o.id);
UPDATE orders_order o SET created_at = created_at - by, finished_at = finished_at - by FROM moved WHERE moved.id = o.id;
UPDATE orders_orderevent e SET at = at - by FROM moved WHERE moved.id = e.order_id;
UPDATE orders_run r SET due_at = due_at - by, submitted_at = submitted_at - by, finished_at = r.finished_at - by
FROM moved WHERE moved.id = r.order_id AND r.finished_at IS NOT NULL;
UPDATE orders_attempt a SET started_at = started_at - by, finished_at = a.finished_at - by
FROM moved JOIN orders_run r ON r.order_id = moved.id WHERE r.id = a.run_id AND r.finished_at IS NOT NULL;
UPDATE reports_costentry c SET at = at - by FROM moved JOIN orders_run r ON r.order_id = moved.id WHERE r.id = c.run_id;
UPDATE orders_massorder SET created_at = created_at - (SELECT max(by) FROM moved);
UPDATE wallet_ledgerentry e SET created_at = created_at - by FROM moved
WHERE e.key = 'charge:order:' || moved.id OR e.key LIKE 'refund:order:' || moved.id || ':%';
UPDATE wallet_ledgerentry SET created_at = created_at - interval '40 days'
WHERE key LIKE 'deposit:%' AND wallet_id NOT IN (SELECT account_id FROM wallet_wallet JOIN came ON came.id = user_id);
UPDATE wallet_ledgerentry e SET created_at = (
    SELECT min(c.created_at) - interval '20 minutes' FROM wallet_ledgerentry c
    WHERE c.wallet_id = e.wallet_id AND c.seq > e.seq AND c.key LIKE 'charge:%'
)
FROM wallet_wallet w JOIN came ON came.id = w.user_id WHERE e.wallet_id = w.account_id AND e.key LIKE 'deposit:%';
UPDATE wallet_deposit d SET created_at = e.created_at FROM wallet_ledgerentry e WHERE e.id = d.entry_id;
UPDATE payments_payment p SET created_at = d.created_at - interval '3 hours', ended_at = d.created_at
FROM wallet_deposit d WHERE d.id = p.deposit_id;
UPDATE accounts_user u SET date_joined = now() - ago - interval '1 day' FROM came WHERE came.id = u.id;
DELETE FROM wallet_walletday;
DELETE FROM wallet_dayfold;
DELETE FROM reports_dayfigure;
DELETE FROM reports_daypace;
DELETE FROM reports_accountday;
DELETE FROM reports_foldcursor;
INSERT INTO api_v2_callcount (key_id, hour, action, outcome, calls, total_us, max_us)
SELECT key_id, hour - interval '1 hour' * back, action, outcome, greatest(calls * (20 + back * back * 7 % 37) / 60, 1),
    total_us * (20 + back * back * 7 % 37) / 60, max_us
FROM api_v2_callcount, generate_series(1, 23) back WHERE outcome <> 'refused' OR back % 5 = 0;
"""
FINISHED = """
SELECT id FROM orders_order WHERE status = 'Completed' AND refunded = 0 AND charge > 0 AND charge < 2.4
ORDER BY id LIMIT %(limit)s
"""
PARTIAL = f"SELECT max(id) FROM orders_order WHERE customer_id = {THIS_CUSTOMER} AND status = 'Partial'"


@pytest.fixture(scope="session")
def past(panel, world, chromium):
    """What a customer has who works with the panel every day."""
    with opened_pages(chromium, panel) as open_one:
        staff = open_one()
        people.log_in_as_staff(staff, panel)
        people.answer_ticket_as_staff(staff, panel, ticket=world["ticket"], text=ANSWER)
    with psycopg.connect(panel.database_url, autocommit=True) as session:
        for batch in range(BATCHES):
            order_some(panel, batch * BATCH)
            wait_for_their_end(session)
        work_a_month(panel, step="work")
        session.execute(MOVE_TO_THE_PAST)
        world["partial_order"] = session.execute(PARTIAL).fetchone()[0]
    for word in ("reel", "story", "live"):
        order(panel, panel.facts["services"]["default"], f"https://www.instagram.com/slow.bakery/{word}", 1500)
    return world


def order_some(panel, first):
    for number in range(first, first + BATCH):
        shop = SHOPS[number % len(SHOPS)]
        if number % 3 == 0:
            service, link = (
                panel.facts["services"]["no_refill"],
                f"https://www.tiktok.com/@{shop}/video/73123{number:03}",
            )
        else:
            service, link = panel.facts["services"]["default"], f"https://www.instagram.com/{shop}/p/{number + 11}"
        order(panel, service, link, 500 + number * 733 % 2300)


def order(panel, service, link, quantity):
    people.call_api(panel, panel.facts["api_key"], action="add", service=service, link=link, quantity=quantity)


def wait_for_their_end(session):
    deadline = time.monotonic() + END_TIMEOUT_SECONDS
    while session.execute(UNFINISHED).fetchone()[0] and time.monotonic() < deadline:
        time.sleep(0.5)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", SHOTS)
def test_take(name, theme, open_page, demo_session, past):
    page = open_page(storage_state=demo_session, color_scheme=theme)
    take(page, SHOTS[name].format_map(past), f"{name}-{theme}")


@pytest.mark.parametrize("theme", THEMES)
def test_take_landing(theme, open_page):
    take(open_page(color_scheme=theme), "/", f"landing-{theme}")


@pytest.fixture(scope="session")
def today(panel, past, chromium, staff_session):
    """What waits for staff, and a job on many orders that is under way."""
    work_a_month(panel, step="leave_for_today")
    facts = staff_facts_about(panel)
    with psycopg.connect(panel.database_url) as session, opened_pages(chromium, panel) as open_one:
        wait_for_queues(panel)
        page = open_one(base_url=panel.staff_url, storage_state=staff_session)
        ids = [row[0] for row in session.execute(FINISHED, {"limit": JOB_ITEMS})]
        session.execute("SELECT FROM orders_order WHERE id = %s FOR UPDATE", [sorted(ids)[JOB_STOPS_AT]])
        facts["job"] = begin_job(page, ids)
        yield facts | staff_facts_about(panel)
        session.rollback()


@pytest.fixture
def open_as_owner(panel, open_page, staff_session):
    """Open the owner's browser in a theme."""

    def open_in(theme):
        return open_page(base_url=panel.staff_url, storage_state=staff_session, color_scheme=theme)

    return open_in


def begin_job(page, ids):
    page.goto(f"/admin/orders/order/?ids={','.join(map(str, ids))}")
    page.get_by_label("Select all orders on this page").check()
    page.locator("select[name=action]").select_option("cancel_selected")
    page.get_by_role("button", name="Run").first.click()
    page.locator("[name=reason]").fill(REASON)
    page.get_by_label("I have read this and want it done").check()
    page.get_by_role("button", name="Cancel and refund").click()
    page.wait_for_url("**/staff/bulkjob/*/change/")
    page.get_by_text(f"{JOB_STOPS_AT} done").wait_for()
    return people.number_in(page.url)


def wait_for_queues(panel):
    deadline = time.monotonic() + END_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        facts = staff_facts_about(panel)
        if facts["review"] and facts["held"]:
            return
        time.sleep(0.5)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", STAFF_SHOTS)
def test_take_for_staff(name, theme, open_as_owner, today):
    take(open_as_owner(theme), "/admin" + STAFF_SHOTS[name].format_map(today), f"admin-{name}-{theme}")


@pytest.mark.parametrize("theme", THEMES)
def test_take_price_preview(theme, open_as_owner, today):
    page = open_as_owner(theme)
    page.goto("/admin/catalog/service/reprice")
    page.locator("select[name=category]").select_option(index=1)
    page.locator("[name=percent]").fill("7.5")
    page.get_by_role("button", name="Preview").click()
    page.get_by_text("prices change").wait_for()
    take(page, "", f"admin-prices-{theme}")


def take(page, address, name):
    if address:
        page.goto(address)
    page.wait_for_load_state("networkidle")
    page.evaluate(SETTLE)
    FOLDER.mkdir(parents=True, exist_ok=True)
    picture = page.screenshot(path=FOLDER / f"{name}.png", animations="disabled", caret="hide")
    assert len(picture) <= BYTES_MAX
