"""The pictures in docs/screenshots: the main pages in both themes. `make screenshots` runs it, nothing else does."""

import time

import psycopg
import pytest

from e2e import people
from e2e.axe import SETTLE, THEMES
from e2e.conftest import opened_pages
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
THIS_CUSTOMER = "(SELECT id FROM accounts_user WHERE username = 'demo')"
UNFINISHED = f"""
SELECT count(*) FROM orders_order
WHERE customer_id = {THIS_CUSTOMER} AND run_count = 1 AND finished_at IS NULL AND link NOT LIKE '%takes-its-time%'
"""
# A month of work, moved to the past. A ledger's triggers forbid it, for good reasons; this one is thrown away.
MOVE_TO_THE_PAST = f"""
SET session_replication_role = replica;
CREATE TEMP TABLE moved AS
SELECT id, interval '1 hour' * sum(2 + id * id * 7 % 13) OVER (ORDER BY id DESC) AS by
FROM orders_order WHERE customer_id = {THIS_CUSTOMER};
UPDATE orders_order o SET created_at = created_at - by, finished_at = finished_at - by FROM moved WHERE moved.id = o.id;
UPDATE orders_orderevent e SET at = at - by FROM moved WHERE moved.id = e.order_id;
UPDATE orders_massorder SET created_at = created_at - (SELECT max(by) FROM moved);
UPDATE wallet_ledgerentry e SET created_at = created_at - by FROM moved
WHERE e.key = 'charge:order:' || moved.id OR e.key LIKE 'refund:order:' || moved.id || ':%';
UPDATE wallet_ledgerentry SET created_at = created_at - interval '40 days' WHERE key LIKE 'deposit:%';
DELETE FROM wallet_walletday;
DELETE FROM wallet_dayfold;
INSERT INTO api_v2_callcount (key_id, hour, action, outcome, calls, total_us, max_us)
SELECT key_id, hour - interval '1 hour' * back, action, outcome, greatest(calls * (20 + back * back * 7 % 37) / 60, 1),
    total_us * (20 + back * back * 7 % 37) / 60, max_us
FROM api_v2_callcount, generate_series(1, 23) back WHERE outcome <> 'refused' OR back % 5 = 0;
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


def take(page, address, name):
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.evaluate(SETTLE)
    FOLDER.mkdir(parents=True, exist_ok=True)
    picture = page.screenshot(path=FOLDER / f"{name}.png", animations="disabled", caret="hide")
    assert len(picture) <= BYTES_MAX
