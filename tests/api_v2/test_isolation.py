"""Two customers: for each of them the other's orders and refills do not exist, byte for byte."""

import pytest

from orders.models import Order, Refill
from tests.fixtures import call_api, funded, key_of, nothing_moves, number_from, place, post_api, report
from wallet import wallets

pytestmark = pytest.mark.django_db

FOREIGN, MISSING = 5_000_001, 6_000_002  # the same number of digits


@pytest.fixture
def foreign(other_customer, customer, followers):
    """An order and a refill of the other customer, both numbered FOREIGN; another order waits."""
    funded(other_customer, "10")
    number_from(Order, FOREIGN)
    number_from(Refill, FOREIGN)
    place(other_customer, followers)
    report(FOREIGN, "Completed", start_count=7)
    call_api(other_customer, action="refill", order=FOREIGN)
    place(other_customer, followers)


@pytest.mark.parametrize(
    "template",
    [
        {"action": "status", "order": "ID"},
        {"action": "status", "orders": "ID"},
        {"action": "cancel", "order": "ID"},
        {"action": "cancel", "orders": "ID"},
        {"action": "refill", "order": "ID"},
        {"action": "refill", "orders": "ID"},
        {"action": "refill_status", "refill": "ID"},
        {"action": "refill_status", "refills": "ID"},
    ],
    ids=lambda template: "-".join(template.values()).replace("ID", list(template)[1]),
)
@pytest.mark.parametrize("offset", [0, 1], ids=["delivered", "waiting"])
def test_foreign_is_missing(customer, foreign, template, offset):
    def ask(number):
        params = {name: value.replace("ID", str(number)) for name, value in template.items()}
        return post_api({"key": key_of(customer), **params}).content

    with nothing_moves():
        missing, strange = ask(MISSING), ask(FOREIGN + offset)

    assert strange == missing.replace(str(MISSING).encode(), str(FOREIGN + offset).encode())
    assert b"error" in strange


def test_own_and_foreign_mix_in_a_batch(customer, foreign, followers):
    own = place(funded(customer, "10"), followers)

    answer = call_api(customer, action="status", orders=f"{FOREIGN},{own}")

    assert answer[str(FOREIGN)] == {"error": "Incorrect order ID"}
    assert answer[str(own)]["status"] == "Pending"


def test_cancel_in_a_batch_leaves_foreign_orders_alone(customer, foreign, followers):
    own = place(funded(customer, "10"), followers)
    waiting = FOREIGN + 1

    answer = call_api(customer, action="cancel", orders=f"{waiting},{own}")

    assert answer == [
        {"order": waiting, "cancel": {"error": "Incorrect order ID"}},
        {"order": own, "cancel": 1},
    ]
    assert Order.objects.get(pk=waiting).status == "Pending"


def test_balance_is_one_s_own(customer, other_customer, usd):
    funded(customer, "1")
    funded(other_customer, "2")

    assert call_api(customer, action="balance")["balance"] == "1.00000"
    assert call_api(other_customer, action="balance")["balance"] == "2.00000"


def test_orders_are_paid_by_the_key_s_owner(customer, other_customer, followers):
    funded(other_customer, "10")

    assert call_api(customer, action="add", service=1042, link="x", quantity=50) == {"error": "Insufficient balance"}
    assert call_api(other_customer, action="balance")["balance"] == "10.00000"


def test_a_staff_member_s_key_sees_no_customer_s_order(staff, foreign):
    wallets.open_wallet(user_id=staff.pk, currency="USD")

    assert call_api(staff, action="status", order=FOREIGN) == {"error": "Incorrect order ID"}
