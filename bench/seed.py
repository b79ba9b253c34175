"""A panel with a past: customers with money and keys, a full catalogue, and as many orders as asked for.

The history is written with triggers and foreign keys off, which would cost an hour, and must keep every rule
all the same: amounts follow from rates, each ledger entry continues its wallet's chain of hashes, and
`wallet.audit` is asked at the end.
"""

import secrets
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection, transaction

from accounts import api_keys
from accounts.models import KEY_HINT_CHARACTERS, ApiKey, User
from catalog.models import Category, Currency, Route, Service
from orders.models import Order
from providers.models import Provider
from wallet import deposits, wallets

CUSTOMERS = 250
SERVICES = 5_000
CATEGORIES = 100
HISTORY_DAYS = 90  # less than ARCHIVE_AFTER_DAYS, so that every order can be asked for
RECENT_SHARE = Decimal("0.1")  # of the orders, which are not finished; half of them are still queued
DEPOSIT = Decimal(10_000_000)  # more than any run of the benchmark can spend
LIFTED_REQUESTS_PER_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Buyer:
    """A customer as the load generator and the ceilings need it."""

    user_id: int
    wallet_id: int
    api_key_id: int
    key: str


@dataclass(frozen=True, slots=True)
class World:
    """What was seeded: `reseller` has one wallet for itself and no history."""

    reseller: Buyer
    customers: list[Buyer]
    service_ids: list[int]
    orders: int


class DatabaseInUse(Exception):
    """The database has users or orders; a benchmark does not mix with them."""


def seed(orders: int, *, customers: int = CUSTOMERS, days: int = HISTORY_DAYS) -> World:
    """Fill an empty, migrated database; `orders` is rounded up to the same number for every customer.

    :raises DatabaseInUse:
    """
    if User.objects.exists() or Order.objects.exists():
        raise DatabaseInUse
    rounds = -(-orders // customers)
    service_ids = _create_services()
    reseller, *buyers = [_create_buyer(number) for number in range(customers + 1)]
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL work_mem = '256MB'")
        # New files, which a server without replicas (`wal_level = minimal`) need not log.
        cursor.execute("TRUNCATE orders_order, orders_run, orders_orderevent CASCADE")
        for statement in _HISTORY:
            cursor.execute(
                statement
                % {
                    "first_service": service_ids[0],
                    "services": SERVICES,
                    "customers": customers,
                    "rounds": rounds,
                    "orders": rounds * customers,
                    "recent": int(rounds * customers * (1 - RECENT_SHARE)),
                    "days": days,
                    "first_user": buyers[0].user_id,
                    "first_key": buyers[0].api_key_id,
                    "provider": Provider.objects.get().pk,
                }
            )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")  # or it would fall into the first measurements
    return World(reseller=reseller, customers=buyers, service_ids=service_ids, orders=rounds * customers)


def _create_services() -> list[int]:
    Currency.objects.get_or_create(code="USD", defaults={"symbol": "$", "rate": 1})
    provider = Provider.objects.create(name="Benchmark", kind=Provider.Kind.SANDBOX)
    categories = Category.objects.bulk_create(
        [Category(name=f"Network {number} › Followers and likes", position=number) for number in range(CATEGORIES)]
    )
    services = Service.objects.bulk_create(
        [
            Service(
                category=categories[number * CATEGORIES // SERVICES],
                name=f"Followers {number} — Real & Active [Refill: 365 days] [Max: 1M]",
                rate=Decimal(number % 400 + 1) / 100,
                min=10,
                max=1_000_000,
                refill=True,
                cancel=True,
                dripfeed=True,
                average_minutes=90,
            )
            for number in range(SERVICES)
        ]
    )
    Route.objects.bulk_create(
        [Route(service=service, provider=provider, provider_service=str(service.pk)) for service in services]
    )
    return _contiguous([service.pk for service in services])


def _create_buyer(number: int) -> Buyer:
    user = User.objects.create(
        username=f"customer{number}",
        email=f"customer{number}@example.com",
        password="!",  # nobody logs in
        requests_per_second=LIFTED_REQUESTS_PER_SECOND,
    )
    wallet = wallets.open_wallet(user_id=user.pk, currency="USD")
    deposits.record_deposit(wallet=wallet, amount=DEPOSIT, gateway="manual", external_id=f"bench-{number}")
    text = secrets.token_hex(api_keys.KEY_BYTES)
    key = ApiKey.objects.create(
        user=user, name="Benchmark", digest=api_keys.digest_key(text), hint=text[:KEY_HINT_CHARACTERS]
    )
    return Buyer(user_id=user.pk, wallet_id=wallet.pk, api_key_id=key.pk, key=text)


def _contiguous(ids: list[int]) -> list[int]:
    """Return the ids, which the statements below compute with."""
    assert ids == list(range(ids[0], ids[0] + len(ids))), "the database was not empty"
    return ids


# Round by round each customer places one order, so ids and times interleave as they do in life. Entries 1 to
# `customers` + 1 are the deposits, the reseller's first: each entry continues the one that many ids before it.
_PLAN = """
CREATE TEMPORARY TABLE plan ON COMMIT DROP AS
SELECT n::int AS id, n + %(customers)s + 1 AS entry_id,
    (%(first_user)s + (n - 1) %% %(customers)s)::bigint AS customer_id,
    (%(first_key)s + (n - 1) %% %(customers)s)::bigint AS api_key_id,
    s.id AS service_id, s.rate, q.quantity::int AS quantity,
    greatest(round(s.rate * q.quantity / 1000, 5), 0.00001)::numeric(20,5) AS charge,
    now() - interval '%(days)s days' * (1 - n / %(orders)s::float8) AS created_at,
    CASE
        WHEN n <= %(recent)s THEN 'Completed'
        WHEN (n + n / %(customers)s) %% 10 < 5 THEN 'Pending'
        WHEN (n + n / %(customers)s) %% 10 < 7 THEN 'Processing'
        ELSE 'In progress'
    END AS status
FROM generate_series(1, %(orders)s::bigint) n
CROSS JOIN LATERAL (SELECT 100 + n * 37 %% 50 * 100 AS quantity) q
JOIN catalog_service s ON s.id = %(first_service)s + n * 7919 %% %(services)s
"""

_PLAN_KEY = "CREATE UNIQUE INDEX ON plan (entry_id)"

_PLAN_STATISTICS = "ANALYZE plan"

_ENTRIES = """
DO $$
DECLARE
    sales bigint := (SELECT id FROM wallet_account WHERE kind = 'sales' AND currency = 'USD');
BEGIN
    FOR round IN 1..%(rounds)s LOOP
        INSERT INTO wallet_ledgerentry (
            id, wallet_id, seq, previous_seq, debit_id, credit_id, amount, balance_before, balance_after,
            key, reason, actor_id, created_at, hash
        )
        SELECT
            plan.entry_id, last.wallet_id, last.seq + 1, last.seq, last.wallet_id, sales, plan.charge,
            last.balance_after, last.balance_after - plan.charge, 'charge:order:' || plan.id, '', NULL,
            plan.created_at,
            wallet_entry_hash(
                last.hash, plan.entry_id, last.wallet_id, last.seq + 1, last.wallet_id, sales, plan.charge,
                last.balance_after - plan.charge, 'charge:order:' || plan.id, '', NULL, plan.created_at
            )
        FROM wallet_ledgerentry last
        JOIN plan ON plan.entry_id = last.id + %(customers)s
        WHERE last.id BETWEEN 2 + (round - 1) * %(customers)s AND 1 + round * %(customers)s;
    END LOOP;
END $$
"""

_WALLETS = """
UPDATE wallet_wallet w SET balance = e.balance_after, seq = e.seq, head = e.hash
FROM wallet_ledgerentry e
WHERE e.wallet_id = w.account_id AND e.seq = 1 + %(rounds)s
"""

_ORDERS = """
INSERT INTO orders_order (
    id, customer_id, api_key_id, service_id, service_type, link, quantity, parameters, rate, charge, refunded,
    refund_count, charge_entry_id, run_count, status, start_count, remains, created_at, finished_at
)
SELECT
    id, customer_id, api_key_id, service_id, 'Default', 'https://instagram.com/customer_' || id, quantity, '{}', rate,
    charge, 0, 0, entry_id, 1, status, CASE WHEN status <> 'Pending' THEN id %% 5000 END,
    CASE status WHEN 'Completed' THEN 0 WHEN 'In progress' THEN quantity / 2 ELSE quantity END,
    created_at, CASE WHEN status = 'Completed' THEN created_at + interval '90 minutes' END
FROM plan ORDER BY id
"""

_RUNS = """
INSERT INTO orders_run (
    order_id, number, quantity, state, due_at, provider_id, provider_order, start_count, remains, submitted_at,
    poll_at, finished_at
)
SELECT
    id, 1, quantity, replace(replace(lower(status), 'pending', 'queued'), ' ', '_'), created_at,
    %(provider)s,
    CASE WHEN status <> 'Pending' THEN 'bench-' || id ELSE '' END,
    start_count, remains,
    CASE WHEN status <> 'Pending' THEN created_at + interval '1 second' END,
    CASE WHEN status IN ('Processing', 'In progress') THEN now() END,
    finished_at
FROM orders_order ORDER BY id
"""

_EVENTS = """
INSERT INTO orders_orderevent (order_id, kind, data, at) SELECT id, 'placed', '{}', created_at FROM plan ORDER BY id
"""

_SEQUENCES = """
SELECT setval('orders_order_id_seq', (SELECT max(id) FROM orders_order)),
    setval('wallet_ledgerentry_id_seq', (SELECT max(id) FROM wallet_ledgerentry))
"""

_HISTORY = (_PLAN, _PLAN_KEY, _PLAN_STATISTICS, _ENTRIES, _WALLETS, _ORDERS, _RUNS, _EVENTS, _SEQUENCES)
