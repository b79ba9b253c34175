"""GET /payments: the money that came in."""

from accounts.models import User
from tests.admin_api.calling import Tool
from tests.fixtures import funded
from wallet.models import Deposit


def test_lists_what_came_in(tool: Tool, customer: User, other_customer: User) -> None:
    funded(customer, "12.5"), funded(other_customer, "3")
    deposit = Deposit.objects.get(wallet__user=customer)

    rows = tool.rows("payments")

    assert [row["user"]["username"] for row in rows] == ["other", "customer"]
    assert rows[1] == {
        "payment_id": deposit.pk,
        "user": {
            "id": customer.pk,
            "username": "customer",
            "balance": {"value": "12.50000", "currency_code": "USD", "formatted": "12.50 USD"},
        },
        "amount": {"value": "12.50000", "currency_code": "USD", "formatted": "12.50 USD"},
        "method": "manual",
        "memo": deposit.external_id,
        "status": "completed",
        "created": deposit.created_at.strftime("%Y-%m-%d %H:%M:%S"),
        "created_timestamp": int(deposit.created_at.timestamp()),
    }


def test_filters(tool: Tool, customer: User, other_customer: User) -> None:
    funded(customer, "12.5"), funded(other_customer, "3")
    one, other = Deposit.objects.order_by("pk")

    def found(**query: str) -> list[int]:
        return [row["payment_id"] for row in tool.rows("payments", **query)]

    assert found() == [other.pk, one.pk]
    assert found(user="customer") == [one.pk]
    assert found(user="nobody") == []
    assert found(method="manual") == [other.pk, one.pk]
    assert found(method="stripe") == []
    assert found(memo=other.external_id) == [other.pk]
    assert found(ids=f"{one.pk}") == [one.pk]
