"""A NUL in an address is the client's mistake on every page; pages are compressed, but those with a secret are not."""

import gzip

import pytest
from django.test import Client

from accounts.models import User
from tests.admin.browsing import with_second_factor
from tests.dashboard.conftest import logged_in
from tests.fixtures import call_api, key_of, post_api

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


def test_pages_are_compressed(customer: User) -> None:
    page = logged_in(customer).get("/dashboard/", headers={"accept-encoding": "gzip"})

    assert page.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in page.headers["Vary"]
    assert b"</html>" in gzip.decompress(page.content)


def test_the_length_of_a_compressed_page_says_nothing(customer: User) -> None:
    browser = logged_in(customer)
    lengths = {len(browser.get("/dashboard/", headers={"accept-encoding": "gzip"}).content) for _ in range(20)}

    assert len(lengths) > 1


def test_pages_are_not_compressed_for_who_did_not_ask(customer: User) -> None:
    assert "Content-Encoding" not in logged_in(customer).get("/dashboard/").headers


@pytest.mark.parametrize("address", ["/account/api/", "/account/login/", "/account/2fa/"])
def test_pages_with_a_secret_are_not_compressed(customer: User, address: str) -> None:
    browser = Client() if "login" in address else logged_in(customer)
    page = browser.get(address, headers={"accept-encoding": "gzip"})

    assert page.status_code == 200
    assert "Content-Encoding" not in page.headers


def test_answers_of_the_api_are_not_compressed(customer: User) -> None:
    call_api(customer, action="balance")
    answer = post_api({"key": key_of(customer), "action": "services"}, headers={"accept-encoding": "gzip"})

    assert "Content-Encoding" not in answer.headers
