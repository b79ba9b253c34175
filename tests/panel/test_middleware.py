"""A NUL in an address is the client's mistake on every page, and never reaches the database."""

import pytest
from django.test import Client

from accounts.models import User
from tests.admin.browsing import with_second_factor

AUTOCOMPLETE = "/admin/autocomplete/?app_label=orders&model_name=order&field_name=service&term=%00"


@pytest.mark.parametrize(
    "address",
    [
        "/?a=%00",
        "/services?q=%00",
        "/no\0where",
        "/no%00where",
        "/account/login/?next=%00",
        "/admin/orders/order/?status__exact=%00",
        "/admin/orders/order/?q=a%00b",
        "/admin/orders/order/?%00=1",
        "/admin/orders/order/%00/change/",
        AUTOCOMPLETE,
    ],
)
def test_refuses_a_nul(staff: User, address: str) -> None:
    response = with_second_factor(staff).get(address)

    assert response.status_code == 400
    assert response.headers["Content-Type"] == "text/plain"


def test_refuses_a_raw_nul(db: None) -> None:
    assert Client().get("/", QUERY_STRING="a=\0").status_code == 400


def test_lets_what_only_looks_like_one_pass(staff: User) -> None:
    assert with_second_factor(staff).get("/admin/orders/order/?q=%2500").status_code == 200
