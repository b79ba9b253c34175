"""Every service type of the protocol: what it needs, where its quantity comes from, and what it charges.

The table here is written from the protocol, not from the program's own table.
"""

from decimal import Decimal
from typing import NamedTuple

import pytest

from catalog.types import TYPES
from orders.models import Order
from tests.fixtures import LINK, call_api, funded, refused_api

pytestmark = pytest.mark.django_db


class Case(NamedTuple):
    """A complete order of a type, without service and link, at rate 2."""

    params: dict[str, str]
    quantity: int
    charge: str


LINES = "one\ntwo\nthree"
CASES = {
    "Default": Case({"quantity": "1000"}, 1000, "2"),
    "Package": Case({}, 1, "2"),
    "Custom Comments": Case({"comments": LINES}, 3, "0.006"),
    "Custom Comments Package": Case({"comments": LINES}, 1, "2"),
    "SEO": Case({"quantity": "1000", "keywords": LINES}, 1000, "2"),
    "Mentions": Case({"quantity": "1000", "usernames": LINES}, 1000, "2"),
    "Mentions with Hashtags": Case({"quantity": "1000", "usernames": LINES, "hashtags": LINES}, 1000, "2"),
    "Mentions Custom List": Case({"usernames": LINES}, 3, "0.006"),
    "Mentions Hashtag": Case({"quantity": "1000", "hashtag": "#a"}, 1000, "2"),
    "Mentions User Followers": Case({"quantity": "1000", "username": "ada"}, 1000, "2"),
    "Mentions Media Likers": Case({"quantity": "1000", "media": "https://example.com/p/1"}, 1000, "2"),
    "Comment Likes": Case({"quantity": "1000", "username": "ada"}, 1000, "2"),
    "Comment Replies": Case({"username": "ada", "comments": LINES}, 3, "0.006"),
    "Poll": Case({"quantity": "1000", "answer_number": "2"}, 1000, "2"),
    "Invites from Groups": Case({"quantity": "1000", "groups": LINES}, 1000, "2"),
    "Web Traffic": Case(
        {"quantity": "1000", "country": "US", "device": "1", "type_of_traffic": "1"},
        1000,
        "2",
    ),
}
LINE_PARAMETERS = {"comments", "usernames", "hashtags", "keywords", "groups"}


@pytest.fixture
def on_sale(customer, make_service):
    """Put a service of a type on sale, to a customer who can pay for it."""
    funded(customer, "10")
    return lambda name, **facts: make_service(id=1, type=name, rate=Decimal(2), min=1, dripfeed=True, **facts)


def order_params(case):
    return {"action": "add", "service": 1, "link": LINK, **case.params}


def test_all_types_are_covered():
    assert list(CASES) == list(TYPES)


@pytest.mark.parametrize("name", CASES)
def test_orders_with_what_it_needs(customer, on_sale, name):
    on_sale(name)
    case = CASES[name]

    answer = call_api(customer, **order_params(case))

    order = Order.objects.get()
    assert answer == {"order": order.pk}
    assert (order.service_type, order.quantity, order.charge) == (name, case.quantity, Decimal(case.charge))
    assert order.remains == case.quantity
    assert order.parameters == {
        parameter: value.split("\n") if parameter in LINE_PARAMETERS else value
        for parameter, value in case.params.items()
        if parameter != "quantity"
    }


@pytest.mark.parametrize("name", CASES)
def test_refuses_without_what_it_needs(customer, on_sale, name):
    on_sale(name)
    case = CASES[name]
    for parameter in case.params:
        # A comment may be any word, so `null` is one.
        words = [] if parameter in LINE_PARAMETERS else ["undefined", "null", "None"]
        for blank in ["", "  ", *words]:
            assert refused_api(customer, **{**order_params(case), parameter: blank}) == {
                "error": "Incorrect request",
                "detail": f"This service needs the parameter '{parameter}'.",
            }


@pytest.mark.parametrize("name", CASES)
def test_refuses_without_link(customer, on_sale, name):
    on_sale(name)

    assert refused_api(customer, **{**order_params(CASES[name]), "link": ""}) == {
        "error": "Incorrect request",
        "detail": "'link' is missing.",
    }


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "quantity" not in case.params])
@pytest.mark.parametrize("quantity", ["500", "0", "-1", "1.5", "many", "9" * 40, "1,000", "\u0661"])
def test_ignores_a_sent_quantity_whatever_it_is(customer, on_sale, name, quantity):
    on_sale(name)

    assert list(call_api(customer, **order_params(CASES[name]), quantity=quantity)) == ["order"]

    assert Order.objects.get().quantity == CASES[name].quantity


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "quantity" in case.params])
def test_refuses_a_quantity_that_is_none(customer, on_sale, name):
    on_sale(name)

    assert refused_api(customer, **{**order_params(CASES[name]), "quantity": "many"}) == {
        "error": "Incorrect request",
        "detail": "'quantity' must be a whole number.",
    }


@pytest.mark.parametrize("name", ["Custom Comments", "Comment Replies", "Mentions Custom List"])
def test_limits_count_lines(customer, make_service, name):
    funded(customer, "10")
    make_service(id=1, type=name, rate=Decimal(2), min=2, max=4)
    (parameter,) = [parameter for parameter in CASES[name].params if parameter in LINE_PARAMETERS]

    for lines, refusal in [(1, "Quantity is too low"), (5, "Quantity is too high")]:
        params = {**order_params(CASES[name]), parameter: "\n".join(map(str, range(lines)))}
        assert refused_api(customer, **params) == {"error": refusal}
    for lines in (2, 4):
        params = {**order_params(CASES[name]), parameter: "\n".join(map(str, range(lines)))}
        assert list(call_api(customer, **params)) == ["order"]


@pytest.mark.parametrize("name", ["Package", "Custom Comments Package"])
def test_packages_have_no_limits(customer, make_service, name):
    """A package is one of itself; panels show min 1 and max 1, or anything."""
    funded(customer, "10")
    make_service(id=1, type=name, rate=Decimal(2), min=50, max=100)

    assert list(call_api(customer, **order_params(CASES[name]))) == ["order"]


@pytest.mark.parametrize("parameter", ["google_keyword", "referring_url"])
def test_web_traffic_keeps_what_may_come_with_it(customer, on_sale, parameter):
    on_sale("Web Traffic")

    call_api(customer, **order_params(CASES["Web Traffic"]), **{parameter: "coffee"})

    assert Order.objects.get().parameters[parameter] == "coffee"


def test_keeps_nothing_a_type_does_not_know(customer, on_sale):
    on_sale("Default")

    call_api(customer, **order_params(CASES["Default"]), comments="one", username="ada", colour="blue")

    assert Order.objects.get().parameters == {}


@pytest.mark.parametrize(
    "sent",
    [
        "one\r\ntwo\r\nthree",
        "one\rtwo\rthree",
        "one\ntwo\nthree",
        "one\r\ntwo\rthree\n",
        "\n\n  one  \n\n\ttwo\n \r\n three \r\n\r\n",
    ],
)
def test_comments_split_on_every_line_end(customer, on_sale, sent):
    on_sale("Custom Comments")

    call_api(customer, action="add", service=1, link=LINK, comments=sent)

    order = Order.objects.get()
    assert order.parameters == {"comments": ["one", "two", "three"]}
    assert order.quantity == 3


def test_comments_keep_what_is_inside_a_line(customer, on_sale):
    on_sale("Custom Comments")
    comments = ["null", "0", "🔥 so, good; really?", "a\u2028b", "x=1&y=2", "'; --"]

    call_api(customer, action="add", service=1, link=LINK, comments="\n".join(comments))

    assert Order.objects.get().parameters == {"comments": comments}
