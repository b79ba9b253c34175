"""A month of a panel's work, for the pictures of the staff's pages: customers, their money and orders, decisions.

Runs inside the panel (`manage.py shell`, see `world.work_a_month`), through the operations that pages call. The caller
moves it to the past; what `leave_for_today` leaves waits for somebody.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

from accounts.models import CustomerNote, User
from accounts.registration import register_customer
from catalog.models import CatalogVersion, CustomRate, Discount, Route, Service
from orders import cancellations, placement, refills
from orders.models import Order
from orders.placement import Buyer, Draft
from panel.demo.accounts import SECOND_USERNAME, STAFF_USERNAME
from payments import requesting
from payments.models import GatewaySettings
from providers.models import Provider
from staff import approvals
from staff.audit import Origin
from staff.models import Channel
from staff.operations import registry
from support import tickets
from support.models import SavedReply, Ticket
from wallet.models import Wallet

CUSTOMERS = (
    "northside", "growth_lab", "marta.sells", "pixelreach", "kai-media", "loop.agency", "brightline", "social_hub",
    "tanvi", "upstart", "oneline", "reachly",
)  # fmt: skip
PROVIDERS = ("Blue Harbour", "Fastlane")  # beside the demo's own; each network is bought at one of the three
ROUNDS = 20  # a customer places one order in each; all end before the next round
PAYS_IN = {0: "150.00", 7: "60.00", 13: "80.00"}  # in which round a customer pays in how much
SHOPS = ("corner.bakery", "lily.florist", "old.barber", "little.books", "coffee.at.nine", "juice.bar", "impartial.news")
END_TIMEOUT_SECONDS = 90
HELD_BECAUSE_OF = "1.90"  # a cost above what the service brings
REPLIES = (
    ("On its way", "Thank you, {username}. It is on its way; should anything be missing at its end, that is refunded."),
    ("Needs a public profile", "The profile has to be public while we deliver. Please open it, and we go on at once."),
)
ORIGIN = Origin(Channel.ADMIN, "203.0.113.7")
UNFINISHED = {"run_count": 1, "finished_at": None}


def work() -> None:
    """Do what becomes the past."""
    _open_providers()
    customers = [_join(name) for name in CUSTOMERS]
    services = _choose_services()
    for turn in range(ROUNDS):
        for number, customer in enumerate(customers):
            if turn in PAYS_IN:
                _pay_in(customer, Decimal(PAYS_IN[turn]) * (number % 4 + 1) / 2, f"{customer.username} {turn + 1}")
            if (turn + number) % 7:  # nobody orders every day
                _order(customer, services[(turn * 5 + number * 3) % len(services)], turn * len(customers) + number)
        _wait_for_ends()


def leave_for_today() -> None:
    """Leave something in every queue, and a customer of whom there is much to say."""
    customers = list(User.objects.filter(username__in=CUSTOMERS).order_by("pk"))
    first, second, third, fourth = customers[:4]
    _agree_on_prices(first)
    for number, customer in enumerate(customers[:5]):
        _order(
            customer, Service.objects.get(pk=1042), number, link=f"https://www.instagram.com/lost.luggage/p/{number}"
        )
    held = _make_dear(1102)
    for number, customer in enumerate(customers[3:6]):
        _order(customer, held, number)
    for number, customer in enumerate(customers):
        for link in ("slow.bakery/reel", "slow.bakery/story"):
            _order(
                customer, Service.objects.get(pk=1042), 3 * number, link=f"https://www.instagram.com/{link}/{number}"
            )
    for order in Order.objects.filter(customer__in=customers[2:6], status="Completed", service__refill=True)[:4]:
        refills.request_refill(user_id=order.customer_id, order_id=order.pk)
    for customer, amount in ((second, "75.00"), (third, "240.00"), (fourth, "500.00")):
        _ask_to_pay(customer, Decimal(amount), f"INV-{customer.pk:04} {customer.username}")
    _correct_balance(third)
    _write_tickets(customers)
    _cancel_one(first)


def _open_providers() -> None:
    for number, name in enumerate(PROVIDERS, start=1):
        provider = Provider.objects.create(name=name, kind=Provider.Kind.SANDBOX)
        for route in Route.objects.filter(service__pk__range=(2000 * number, 2000 * number + 1999)):
            route.provider, route.cost = provider, route.cost * (9 + number) / 10
            route.save(update_fields=["provider", "cost"])
    Provider.objects.update(price_rule=Provider.PriceRule.KEEP)
    Provider.objects.filter(name=PROVIDERS[-1]).update(balance_alert=Decimal(12_000))  # has less


def _choose_services() -> list[Service]:
    found = Service.objects.filter(type="Default", is_active=True, pk__range=(1000, 5999)).order_by("pk")
    return [service for service in found if "demo" not in service.name.lower()][::7]


def _join(name: str) -> User:
    return register_customer(username=name, email=f"{name.replace('_', '-')}@example.com", password=None)


def _staff() -> User:
    return User.objects.get(username=STAFF_USERNAME)


def _ask_to_pay(customer: User, amount: Decimal, reference: str) -> int:
    payment = requesting.request_payment(
        wallet=customer.wallet,
        gateway_id=GatewaySettings.objects.get(code="bank").pk,
        amount=amount,
        request_id=uuid4(),
    )
    requesting.submit_reference(user_id=customer.pk, payment_id=payment.pk, reference=reference)
    return payment.pk


def _pay_in(customer: User, amount: Decimal, reference: str) -> None:
    outcome = registry.perform(
        "payments.approve",
        subject_id=_ask_to_pay(customer, amount, reference),
        arguments={"received": str(amount), "reference": reference},
        reason="",
        actor=_staff(),
        origin=ORIGIN,
    )
    if outcome.approval is not None:
        second = User.objects.get(username=SECOND_USERNAME)
        approvals.approve(approval_id=outcome.approval.pk, actor=second, origin=ORIGIN)


def _order(customer: User, service: Service, number: int, *, link: str = "") -> int:
    wallet = Wallet.objects.get(user=customer)
    buyer = Buyer(
        user_id=customer.pk,
        wallet_id=wallet.pk,
        currency=wallet.currency,
        balance=wallet.balance,
        is_suspended=False,
        catalog_version=CatalogVersion.objects.get().version,
    )
    most = min(service.max, max(int(Decimal(4000) / (service.rate or 1)), service.min))
    draft = Draft(
        service_id=service.pk,
        link=link or f"https://www.instagram.com/{SHOPS[number % len(SHOPS)]}/p/{number + 11}",
        quantity=service.min + (number * 7919 + 500) % (most - service.min + 1),
    )
    if draft.quantity and draft.quantity > 100:
        draft = replace(draft, quantity=draft.quantity // 50 * 50)
    return placement.place_order(buyer=buyer, draft=draft)


def _wait_for_ends() -> None:
    unfinished = Order.objects.filter(**UNFINISHED, customer__username__in=CUSTOMERS)
    deadline = time.monotonic() + END_TIMEOUT_SECONDS
    while unfinished.exists() and time.monotonic() < deadline:
        time.sleep(0.3)


def _agree_on_prices(customer: User) -> None:
    Discount.objects.create(customer=customer, percent=Decimal(5))
    for service in Service.objects.filter(pk__in=(1042, 2207)):
        CustomRate.objects.create(customer=customer, service=service, rate=service.rate * Decimal("0.9"))
    CustomerNote.objects.create(
        customer=customer, author=_staff(), text="Agency of four people; pays by bank transfer on the first."
    )


def _make_dear(service_id: int) -> Service:
    service = Service.objects.get(pk=service_id)
    service.routes.update(cost=service.rate * Decimal(HELD_BECAUSE_OF))
    return service


def _correct_balance(customer: User) -> None:
    registry.perform(
        "wallet.adjust_balance",
        subject_id=customer.wallet.pk,
        arguments={"change": "35.00", "request_id": str(uuid4())},
        reason="The followers of June that dropped after the refill window",
        actor=_staff(),
        origin=ORIGIN,
    )


def _write_tickets(customers: list[User]) -> None:
    for position, (title, text) in enumerate(REPLIES):
        SavedReply.objects.create(title=title, text=text, position=position)
    for customer, (title, text) in zip(customers, _letters(), strict=False):
        order = Order.objects.filter(customer=customer).order_by("-pk").values_list("pk", flat=True)[:1]
        tickets.open_ticket(
            customer_id=customer.pk, subject=Ticket.Subject.ORDER, title=title, text=text, order_ids=list(order)
        )
    answered = Ticket.objects.filter(customer=customers[1]).get()
    tickets.reply_as_staff(
        staff_id=_staff().pk, ticket_id=answered.pk, text=REPLIES[0][1].format(username=customers[1].username)
    )
    tickets.reply(
        customer_id=customers[1].pk,
        ticket_id=answered.pk,
        text="Great, it moves now. And can this one be refilled later?",
    )


def _letters() -> Iterator[tuple[str, str]]:
    yield "Half of the likes are missing", "Ordered this morning, and only half came. What happens with the rest?"
    yield "Where is my order?", "It says In progress since an hour, but the counter did not move."
    yield "Wrong link", "I pasted the link of another post. Can you change it before it starts?"
    yield "Invoice for June", "Our accountant asks for a statement of June on paper."


def _cancel_one(customer: User) -> None:
    order = Order.objects.filter(customer=customer, status__in=("Pending", "In progress")).order_by("-pk").first()
    if order is not None:
        cancellations.request_cancellation(user_id=customer.pk, order_id=order.pk)
