"""The world of a simulation: one customer, three services, two panels to buy them from, staff, and time."""

import itertools
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction

from accounts import registration
from accounts.models import User
from catalog import snapshot
from catalog.models import Category, Route, Service
from orders import placement, queries, reviews, submission
from orders.models import Attempt, Order, ReviewItem, Run
from providers import keys, network
from providers.models import Provider
from tests.fake_provider import server
from tests.fake_provider.book import Book, Taken
from tests.fake_provider.faults import FAULTS
from tests.fake_provider.server import FakeProvider
from tests.fixtures import PASSWORD, funded

NAMES = itertools.count(1)
FIRST_IDS = (5001, 700_001)  # the books' numbers never meet, so that a mix-up shows
COST = Decimal("0.5")
UNREACHABLE = "unreachable"  # no fault of a panel: nobody listens at its address
SLOW_SECONDS = 0.15
PATIENCE_SECONDS = 30.0  # a healthy call must not fail because the machine is busy
HUGE_BYTES = 3_000_000  # above the client's limit as well as 50 MB are, and sooner made

_POST = network.post

# Everything that is compared with the clock: when something is to happen, and since when something is so. What is only
# shown keeps its time.
_UNTIL = {
    "orders_run": ("due_at", "poll_at", "expected_at", "recheck_at"),
    "orders_attempt": ("lease_until",),
    "orders_cancellation": ("forward_at",),
    "orders_refill": ("poll_at",),
    "providers_provider": ("paused_until", "down_until"),
    "orders_trackingturn": ("until",),
}
_SINCE = {"orders_run": ("submitted_at", "finished_at")}


class Panel:
    """A fake provider, the row under which we know it, and what our services cost there."""

    def __init__(self, fake: FakeProvider, *, name: str, first_id: int) -> None:
        fake.book = Book(first_id=first_id)
        fake.programme.clear()
        fake.received.clear()
        fake.flaps = 0
        self.fake = fake
        self.provider = Provider.objects.create(
            name=name,
            kind=Provider.Kind.PANEL,
            api_url=fake.url,
            sealed_key=keys.seal(fake.key),
            concurrency_max=3,
        )

    @property
    def taken(self) -> list[Taken]:
        """What stands in its book."""
        return list(self.fake.book.orders.values())

    def has_first_order_of_ours(self) -> bool:
        """Say whether the oldest order in its book is known to us under its id."""
        first = next(iter(self.fake.book.orders), None)
        return Run.objects.filter(provider=self.provider, provider_order=first).exists()


class Scene:
    """Builds the world in the test's database and moves its clock."""

    def __init__(self, fakes: list[FakeProvider], monkeypatch: pytest.MonkeyPatch, *, funds: str = "20") -> None:
        self._monkeypatch = monkeypatch
        self._slept = 0.0
        # Attempts, by the clock of the scene: when they began never changes in the database.
        self.began: dict[int, float] = {}
        self._took_back_at = time.monotonic()
        monkeypatch.setattr(
            submission, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + self._slept, sleep=time.sleep)
        )
        monkeypatch.setattr(server, "HUGE_BYTES", HUGE_BYTES)
        monkeypatch.setattr(network, "CONNECT_SECONDS", PATIENCE_SECONDS)
        self._set_patience(PATIENCE_SECONDS)
        self._calls = 0
        monkeypatch.setattr(network, "post", self._post)
        self.panels = [
            Panel(fake, name=name, first_id=first_id)
            for fake, name, first_id in zip(fakes, ("First", "Second"), FIRST_IDS, strict=True)
        ]
        self.followers = self._sell("Followers", routes=[(0, "1"), (1, "1")], dripfeed=True)
        self.comments = self._sell(
            "Comments", routes=[(0, "3"), (1, "3")], type="Custom Comments", rate=Decimal("8.50"), min=1
        )
        self.likes = self._sell("Likes", routes=[(0, "2")], rate=Decimal("0.73"), refill=False)
        self.stubborn = self._sell("Views", routes=[(1, "2")], rate=Decimal("0.61"), cancel=False)
        name = f"buyer-{next(NAMES)}"
        self.customer = registration.register_customer(username=name, email=f"{name}@example.com", password=PASSWORD)
        funded(self.customer, funds)
        self.staff = User.objects.create(username=f"staff-{next(NAMES)}", is_staff=True)

    def _sell(self, name: str, *, routes: list[tuple[int, str]], **changes: Any) -> Service:
        category, _ = Category.objects.get_or_create(name="Simulated")
        facts: dict[str, Any] = {
            "rate": Decimal("0.85"), "min": 10, "max": 100_000, "refill": True, "cancel": True
        }  # fmt: skip
        service = Service.objects.create(category=category, name=name, **(facts | changes))
        for priority, (panel, provider_service) in enumerate(routes, 1):
            Route.objects.create(
                service=service,
                provider=self.panels[panel].provider,
                provider_service=provider_service,
                priority=priority,
                cost=COST,
            )
        return service

    def buy(self, service: Service, *, link: str, quantity: int = 1000) -> Order:
        """Place an order, past the API."""
        draft = placement.Draft(service_id=service.pk, link=link, quantity=quantity)
        placed = placement.place_order(buyer=queries.load_buyer(self.customer.pk), draft=draft)
        return Order.objects.get(pk=placed.order_id)

    def panel_of(self, provider_id: int | None) -> Panel:
        """Return the panel that a row of `Provider` stands for."""
        return next(panel for panel in self.panels if panel.provider.pk == provider_id)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, for us and for the panels: everything planned comes nearer."""
        self.note_attempts()
        self._move("{column} - make_interval(secs => %(seconds)s)", _UNTIL, seconds)
        self._move("{column} - make_interval(secs => %(seconds)s)", _SINCE, seconds)
        self._slept += seconds
        for panel in self.panels:
            panel.fake.book.advance(seconds)

    def take_back_time(self) -> None:
        """Undo the time that really went by since the last time, or slow machines would simulate something else.

        What is due by now stays due.
        """
        self.note_attempts()
        seconds = time.monotonic() - self._took_back_at
        later = "{column} + make_interval(secs => %(seconds)s)"
        self._move(f"CASE WHEN {{column}} > statement_timestamp() THEN {later} ELSE {{column}} END", _UNTIL, seconds)
        self._move(f"least({later}, statement_timestamp())", _SINCE, seconds)
        self._slept -= seconds
        self._took_back_at += seconds

    def note_attempts(self) -> None:
        """Note when the attempts began that are new, before the clock is moved."""
        new = Attempt.objects.exclude(pk__in=self.began).values_list("pk", "started_at")
        self.began |= {pk: started_at.timestamp() + self._slept for pk, started_at in new}

    def _move(self, expression: str, tables: dict[str, tuple[str, ...]], seconds: float) -> None:
        with connection.cursor() as cursor:
            for table, columns in tables.items():
                # A null stays one: `least` would make a time of it.
                moved = ", ".join(
                    f"{column} = CASE WHEN {column} IS NOT NULL THEN {expression.format(column=column)} END"
                    for column in columns
                )
                cursor.execute(f"UPDATE {table} SET {moved}", {"seconds": seconds})

    @contextmanager
    def failing(self, fault: str | None, *, action: str = "any") -> Iterator[None]:
        """Let each panel's next call in this block fail, and wait until what was sent has arrived."""
        received, calls = self._count_received(), self._calls
        addresses = {panel.provider.pk: panel.fake.url for panel in self.panels}
        if fault == UNREACHABLE:
            Provider.objects.filter(pk__in=addresses).update(api_url=f"http://127.0.0.1:{_closed_port()}/api/v2")
        elif fault is not None:
            self.fail_next(fault, action=action)
        try:
            yield
        finally:
            if fault == UNREACHABLE:
                for provider_id, url in addresses.items():
                    Provider.objects.filter(pk=provider_id).update(api_url=url)
            if fault != UNREACHABLE:
                self._let_arrive(received + self._calls - calls)
            self.met = [fault] if fault is not None and self._was_met(fault, received) else []
            for panel in self.panels:
                panel.fake.programme.clear()
            self._set_patience(PATIENCE_SECONDS)

    def _was_met(self, fault: str, received: int) -> bool:
        """Say whether a call failed so."""
        return fault == UNREACHABLE or self._count_received() > received

    def fail_next(self, fault: str, *, action: str = "any") -> None:
        """Let each panel's next call fail; a panel whose oldest order we do not know does not give out its id."""
        for panel in self.panels:
            if fault != "reused_id" or panel.has_first_order_of_ours():
                panel.fake.fail_next(fault, action=action)
        if fault.endswith(("hang", "drip")):
            self._set_patience(SLOW_SECONDS)

    def find_unclaimed(self, *, provider_id: int, run: Run) -> list[Taken]:
        """Look up in a panel's book what may be this run and is no run of ours yet: the evidence for a review."""
        known = set(
            Run.objects.filter(provider=provider_id).exclude(provider_order="").values_list("provider_order", flat=True)
        )
        return [
            taken
            for taken in self.panel_of(provider_id).fake.book.orders_for(run.order.link)
            if taken.id not in known and taken.quantity == run.quantity
        ]

    def decide(self, item: ReviewItem, *, absent: str) -> None:
        """Decide a review as a careful person does: by the panel's book.

        :param absent: "resend" or "refund" what is not there.
        """
        attempt = Attempt.objects.select_related("run__order").get(pk=item.attempt_id)
        facts: dict[str, Any] = {"item_id": item.pk, "reason": "looked it up", "actor_id": self.staff.pk}
        found = self.find_unclaimed(provider_id=attempt.provider_id, run=attempt.run)
        if found:
            reviews.resolve_found(provider_order=found[0].id, **facts)
        elif absent == "resend":
            reviews.resolve_resend(**facts)
        else:
            reviews.resolve_refund(**facts)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Take back at the end of this block all that happened in it: in the database, in the books, to the clock."""
        books = [panel.fake.book.dump() for panel in self.panels]
        slept, savepoint = self._slept, transaction.savepoint()
        try:
            yield
        finally:
            transaction.savepoint_rollback(savepoint)
            snapshot._current = None
            self._slept = slept
            for panel, book in zip(self.panels, books, strict=True):
                panel.fake.book.load(book)

    def open_reviews(self) -> list[ReviewItem]:
        """List what waits for a person."""
        return list(ReviewItem.objects.filter(resolved_at=None).order_by("pk"))

    def orders(self) -> list[Order]:
        """List what was bought."""
        return list(Order.objects.filter(customer=self.customer).order_by("pk"))

    def _count_received(self) -> int:
        return sum(len(panel.fake.received) for panel in self.panels)

    def _let_arrive(self, expected: int) -> None:
        """Wait for a call that we gave up; nobody looks into a book while a call to it is on the wire."""
        ends = time.monotonic() + 5
        while self._count_received() < expected and time.monotonic() < ends:
            time.sleep(0.005)
        if self._patience < PATIENCE_SECONDS:
            time.sleep(0.02)  # from there into the book

    def _post(self, *arguments: Any, **named: Any) -> network.Answer:
        self._calls += 1
        return _POST(*arguments, **named)

    def _set_patience(self, seconds: float) -> None:
        self._patience = seconds
        self._monkeypatch.setattr(network, "READ_SECONDS", seconds)
        self._monkeypatch.setattr(network, "CALL_SECONDS", seconds)


def list_faults() -> list[str]:
    """List every way in which a call may fail."""
    return [*FAULTS, UNREACHABLE]


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server_socket:
        return server_socket.getsockname()[1]
