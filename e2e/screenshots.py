"""The pictures in docs/screenshots: the main pages in both themes. `make screenshots` runs it, nothing else does."""

import time

import psycopg
import pytest

from e2e import people
from e2e.axe import SETTLE, THEMES
from panel.startup import BASE_DIR

FOLDER = BASE_DIR / "docs" / "screenshots"
BYTES_MAX = 200 * 1024
PAST_ORDERS = 90
HOURS_BETWEEN = 8
END_TIMEOUT_SECONDS = 300
SHOTS = {
    "overview": "/dashboard/",
    "new-order": "/new-order/?service={service}&link=https://www.instagram.com/demo.bakery/&quantity=2500",
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
SELECT id, interval '1 hour' * ({HOURS_BETWEEN} * (row_number() OVER (ORDER BY id DESC) - 1) + id * 37 % 5) AS by
FROM orders_order WHERE customer_id = {THIS_CUSTOMER};
UPDATE orders_order o SET created_at = created_at - by, finished_at = finished_at - by FROM moved WHERE moved.id = o.id;
UPDATE orders_orderevent e SET at = at - by FROM moved WHERE moved.id = e.order_id;
UPDATE orders_massorder SET created_at = created_at - interval '31 days';
UPDATE wallet_ledgerentry e SET created_at = created_at - by FROM moved
WHERE e.key = 'charge:order:' || moved.id OR e.key LIKE 'refund:order:' || moved.id || ':%';
UPDATE wallet_ledgerentry SET created_at = created_at - interval '40 days' WHERE key LIKE 'deposit:%';
UPDATE catalog_serviceupdate SET at = at - interval '1 day' * (id % 20);
"""
PARTIAL = f"SELECT max(id) FROM orders_order WHERE customer_id = {THIS_CUSTOMER} AND status = 'Partial'"


@pytest.fixture(scope="session")
def past(panel, world, demo_session):
    """What a customer has who works with the panel every day."""
    key, services = panel.facts["api_key"], panel.facts["services"]
    words = ("bakery", "florist", "barber", "partial", "books", "coffee")
    for number in range(PAST_ORDERS):
        service = services["no_refill"] if number % 3 == 0 else services["default"]
        link = f"https://www.instagram.com/demo.{words[number % len(words)]}/p/{number + 11}"
        people.call_api(panel, key, action="add", service=service, link=link, quantity=500 + number * 733 % 2300)
    with psycopg.connect(panel.database_url, autocommit=True) as session:
        deadline = time.monotonic() + END_TIMEOUT_SECONDS
        while session.execute(UNFINISHED).fetchone()[0] and time.monotonic() < deadline:
            time.sleep(1)
        session.execute(MOVE_TO_THE_PAST)
        world["partial_order"] = session.execute(PARTIAL).fetchone()[0]
    for word in ("slow.reel", "slow.story", "slow.live"):
        link = f"https://www.instagram.com/demo.bakery/{word}"
        people.call_api(panel, key, action="add", service=services["default"], link=link, quantity=1500)
    return world


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
