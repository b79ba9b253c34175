"""Something to see on every page: what the demo customer has beside orders, and how pages about it are named."""

import subprocess
import sys
import time

import psycopg
from playwright.sync_api import Page

from e2e import people
from e2e.panel import Panel, bare_environment
from panel import startup

THIS_CUSTOMER = "(SELECT id FROM accounts_user WHERE username = %(username)s)"
FACTS = {
    "order": f"SELECT min(id) FROM orders_order WHERE customer_id = {THIS_CUSTOMER} AND run_count = 1",
    "dripfeed_order": f"SELECT min(id) FROM orders_order WHERE customer_id = {THIS_CUSTOMER} AND run_count > 1",
    "mass_order": f"SELECT min(id) FROM orders_massorder WHERE customer_id = {THIS_CUSTOMER}",
    "payment": "SELECT min(p.id) FROM payments_payment p JOIN wallet_wallet w ON w.account_id = p.wallet_id"
    f" WHERE w.user_id = {THIS_CUSTOMER}",
    "key": f"SELECT max(id) FROM accounts_apikey WHERE user_id = {THIS_CUSTOMER} AND revoked_at IS NULL",
    "call": f"SELECT max(id) FROM api_v2_recordedcall WHERE customer_id = {THIS_CUSTOMER}",
    "ticket": f"SELECT min(id) FROM support_ticket WHERE customer_id = {THIS_CUSTOMER}",
}
# Where `month.py` has worked, of what it left.
STAFF_FACTS = {
    "any_order": "SELECT id FROM orders_order ORDER BY status = 'Partial' DESC, customer_id DESC, id DESC LIMIT 1",
    "review": "SELECT min(id) FROM orders_reviewitem WHERE resolved_at IS NULL",
    "held": "SELECT min(id) FROM orders_run WHERE held_at IS NOT NULL",
    "approval": "SELECT max(id) FROM staff_approval WHERE state = 'waiting'",
    "customer": "SELECT id FROM accounts_user WHERE NOT is_staff ORDER BY username = 'demo', id LIMIT 1",
    "provider": "SELECT min(id) FROM providers_provider",
    "awaiting": "SELECT min(id) FROM payments_payment WHERE state = 'awaiting'",
    "staff_ticket": "SELECT max(ticket_id) FROM support_message m JOIN accounts_user u ON u.id = m.author_id"
    " WHERE u.is_staff",
    "any_service": "SELECT min(id) FROM catalog_service",
    "wallet": "SELECT max(account_id) FROM wallet_wallet",
}
CALLS_WRITTEN_SECONDS = 15  # what programs call is written a moment later, many at once
TICKET = "Ordered yesterday, and the counter has not moved since. What can be done?"


def furnish(page: Page, panel: Panel) -> None:
    """Use what the demo's data leave out: mass orders, payments, tickets, calls of a program."""
    service, key = panel.facts["services"]["default"], panel.facts["api_key"]
    people.check_mass_order(page, "\n".join(f"{service}|{people.LINK}{number}|100" for number in range(1, 6)))
    people.place_mass_order(page)
    people.ask_to_add_funds(page, amount="250.00")
    people.open_ticket(page, title="Followers do not arrive", text=TICKET)
    for _ in range(3):
        people.call_api(panel, key, action="balance")
    people.call_api(panel, key, action="status", order=1)
    people.call_api(panel, key, action="add", service=service, link=people.LINK, quantity=1)


def facts_about(panel: Panel, *, username: str) -> dict[str, object]:
    """Look up in the database how a customer's things are numbered; 0 where there is none."""
    found: dict[str, object] = {"service": panel.facts["services"]["default"], "nobody": "1", "wrong": "wrong-key"}
    found["help"] = "help"
    with psycopg.connect(panel.database_url, autocommit=True) as session:
        deadline = time.monotonic() + CALLS_WRITTEN_SECONDS
        while not _ask(session, FACTS["call"], username) and time.monotonic() < deadline:
            time.sleep(0.2)
        return found | {name: _ask(session, question, username) for name, question in FACTS.items()}


def work_a_month(panel: Panel, *, step: str) -> None:
    """Have `month.py` do one of its steps inside the panel."""
    subprocess.run(
        [sys.executable, "manage.py", "shell", "--verbosity=0", f"--command=from e2e import month; month.{step}()"],
        cwd=startup.BASE_DIR,
        env=bare_environment() | {"PANEL_DATA": str(panel.data)},
        check=True,
    )


def staff_facts_about(panel: Panel) -> dict[str, object]:
    """Look up how what the staff's pages are about is numbered."""
    with psycopg.connect(panel.database_url, autocommit=True) as session:
        return {name: _ask(session, question, "") for name, question in STAFF_FACTS.items()}


def _ask(session: psycopg.Connection, question: str, username: str) -> int:
    row = session.execute(question, {"username": username}).fetchone()
    return row[0] if row and row[0] is not None else 0
