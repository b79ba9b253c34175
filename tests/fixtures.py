"""The people and things tests are about: `customer` buys, `other_customer` must never see it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.db.models import Model
from django.test import Client

from accounts import api_keys, registration, sessions
from accounts.models import User
from api_v2 import recording, throttling
from catalog import snapshot
from catalog.models import Category, Currency, Route, Service
from orders import submission, tracking
from orders.models import Attempt, Cancellation, Order, OrderEvent, Refill, Run
from orders.transitions import TRACKED_RUN_STATES, RunState
from providers.adapter import Report, ReportedStatus
from providers.models import Provider, SandboxOrder, SandboxRefill
from status import page as status_page
from wallet import deposits
from wallet.models import LedgerEntry, Wallet

LINK = "https://instagram.com/your_handle"
RUN_STATES_AT_PROVIDER = TRACKED_RUN_STATES | {RunState.COMPLETED, RunState.PARTIAL}
PASSWORD = "correct horse battery staple"
WRITING_A_USER = 'UPDATE "accounts_user"'


@pytest.fixture(autouse=True)
def fresh_process_state(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what a process remembers: a test's database starts again at version one."""
    # Half a second of hashing per password would be most of the suite's time.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    snapshot._current = None
    throttling._tripped_until = 0.0
    # On a busy test machine a healthy Redis may take longer than a customer would be made to wait.
    monkeypatch.setattr(throttling, "TIMEOUT_SECONDS", 5.0)
    throttling._bucket = throttling._Bucket()
    # A thread would write whenever it likes; tests say `recording.recorder.write()`.
    recording.recorder = recording.Recorder(starts_writer=False)
    _keys.clear()
    sessions._noted.clear()
    caches["limits"].clear()
    status_page.forget()


@pytest.fixture
def usd(db: None) -> Currency:
    """The base currency, as the migration makes it: a test that flushes the tables takes that one away."""
    return Currency.objects.get_or_create(code="USD", defaults={"rate": 1})[0]


@pytest.fixture
def customer(usd: Currency) -> User:
    """Who buys."""
    return registration.register_customer(username="customer", email="customer@example.com", password=PASSWORD)


@pytest.fixture
def other_customer(usd: Currency) -> User:
    """Who must never see it."""
    return registration.register_customer(username="other", email="other@example.com", password=PASSWORD)


@pytest.fixture
def staff(usd: Currency) -> User:
    """Who may do everything in the admin."""
    return User.objects.create_superuser(username="staff", email="staff@example.com", password=PASSWORD)


@pytest.fixture
def provider(db: None) -> Provider:
    """The built-in sandbox."""
    return Provider.objects.create(name="Sandbox", kind=Provider.Kind.SANDBOX)


@pytest.fixture
def make_service(provider: Provider) -> Callable[..., Service]:
    """Make services like the contract's first example, with one route, changed where the test says so."""

    def make(**changes: Any) -> Service:
        category, _ = Category.objects.get_or_create(name=changes.pop("category", "Instagram › Followers"))
        facts: dict[str, Any] = {
            "name": "Instagram Followers — Real & Active",
            "type": "Default",
            "rate": Decimal("0.85"),
            "min": 50,
            "max": 100_000,
            "refill": True,
            "cancel": True,
        }
        route = {"provider": provider, "provider_service": "ig-followers"}
        route |= {name: changes.pop(name) for name in ("provider", "provider_service", "cost") if name in changes}
        service = Service.objects.create(category=category, **{**facts, **changes})
        Route.objects.create(service=service, **route)
        return service

    return make


@pytest.fixture
def followers(make_service: Callable[..., Service]) -> Service:
    """The contract's first example: 0.85 per 1000, 50 to 100,000, refill and cancel, with drip-feed."""
    return make_service(id=1042, dripfeed=True)


@pytest.fixture
def manual(db: None) -> Provider:
    """Who delivers by hand."""
    return Provider.objects.create(name="By hand", kind=Provider.Kind.MANUAL)


@pytest.fixture
def handmade(make_service: Callable[..., Service], manual: Provider) -> Service:
    """A service that is delivered by hand: 0.85 per 1000, which costs us 0.40, with drip-feed, refill and cancel."""
    return make_service(
        id=3001, name="Handmade Followers", provider=manual, provider_service="by hand", cost="0.40", dripfeed=True
    )


def funded(user: User, amount: str) -> User:
    """Put money into a customer's wallet."""
    wallet = Wallet.objects.get(user=user)
    deposits.record_deposit(
        wallet=wallet, amount=Decimal(amount), gateway="manual", external_id=f"test-{user.pk}-{wallet.seq}"
    )
    return user


def balance_of(user: User) -> Decimal:
    """Return a customer's balance."""
    return Wallet.objects.get(user=user).balance


_keys: dict[int, str] = {}


def key_of(user: User) -> str:
    """Return a customer's API key, issued at its first use in the test."""
    if user.pk not in _keys:
        _keys[user.pk] = api_keys.issue_api_key(user=user, name="Test")
    return _keys[user.pk]


def post_api(data: Any = None, **extra: Any) -> Any:
    """Send one call as it is and return the response."""
    return Client().post("/api/v2", {} if data is None else data, **extra)


def call_api(user: User, **params: Any) -> Any:
    """Call the API as a customer's program and return the parsed answer."""
    response = post_api({"key": key_of(user), **{name: str(value) for name, value in params.items()}})
    assert response.status_code == 200, response.content
    assert response.headers["Content-Type"] == "application/json"
    return response.json()


def refused_api(user: User, **params: Any) -> Any:
    """Call the API as `call_api` does, assert that nothing moved, and return the refusal."""
    with nothing_moves():
        return call_api(user, **params)


def place(user: User, service: Service, **params: Any) -> int:
    """Place an order through the API, of 1,000 units where the test does not say, and return its id."""
    answer = call_api(user, **{"action": "add", "service": service.pk, "link": LINK, "quantity": 1000, **params})
    assert list(answer) == ["order"], answer
    return answer["order"]


def accept_due() -> None:
    """Have the provider accept every run that is due, whosever it is."""
    while (claim := submission.claim_next()) is not None:
        submission.record_accepted(claim, provider_order=f"p{claim.run.pk}")


def report(order_id: int, status: str, *, remains: int | None = None, start_count: int | None = None) -> None:
    """Have the provider report on every run it has of an order; runs that are due are accepted first."""
    accept_due()
    for run in Run.objects.filter(order_id=order_id, state__in=RUN_STATES_AT_PROVIDER):
        tracking.record_report(run.pk, Report(ReportedStatus(status), start_count=start_count, remains=remains))


def number_from(model: type[Model], first: int) -> None:
    """Let the next row of a model have this id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence(%s::text, 'id'), %s::bigint, false)", [model._meta.db_table, first]
        )


@contextmanager
def meanwhile(beginning: str, *, happens: Callable[[], object]) -> Iterator[None]:
    """Let something happen elsewhere, once, just before the statement that begins so."""
    met: list[str] = []

    def elsewhere() -> None:
        happens()
        connection.close()

    def wrapper(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith(beginning) and not met:
            met.append(sql)
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join(10)
        return execute(sql, *rest)

    with connection.execute_wrapper(wrapper):
        yield
    assert met


class World:
    """What must not have moved when something was refused."""

    def __init__(self) -> None:
        self.entries = LedgerEntry.objects.count()
        self.wallets = sorted(Wallet.objects.values_list("pk", "balance", "seq"))
        self.orders = sorted(Order.objects.values_list("pk", "status", "remains", "refunded", "link"))
        self.runs = sorted(Run.objects.values_list("pk", "state", "remains", "provider_order"))
        self.rows = {model.__name__: model.objects.count() for model in (Attempt, Cancellation, OrderEvent, Refill)}
        self.provider_calls = SandboxOrder.objects.count(), SandboxRefill.objects.count()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, World) and vars(self) == vars(other)

    def __repr__(self) -> str:
        return repr(vars(self))

    __hash__ = None  # type: ignore[assignment]


@contextmanager
def nothing_moves() -> Iterator[None]:
    """Assert that balances, entries, orders, runs and provider calls are the same after as before."""
    before = World()
    yield
    assert World() == before


@pytest.fixture
def nothing_moved(db: None) -> Callable[[], None]:
    """Give a check that balances, entries, orders and provider calls are as they were when remembered.

    Call `nothing_moved.remember()` after setting up, `nothing_moved()` at the end.
    """

    class Check:
        before: World | None = None

        def remember(self) -> None:
            self.before = World()

        def __call__(self) -> None:
            assert self.before is not None, "remember() first"
            assert World() == self.before

    return Check()
