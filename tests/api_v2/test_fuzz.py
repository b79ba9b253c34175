"""Random requests: always JSON, never a crash, and what is refused leaves nothing behind.

The examples are the same in every run, so a failure here is a failure everywhere.
"""

import json
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api_v2.actions import ACTIONS
from api_v2.errors import TEXTS
from tests.fixtures import World, funded, key_of, place, post_api

pytestmark = pytest.mark.django_db

PROFILE = settings(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    # One world for all examples: refusals must leave it as it is, and accepted orders are accounted for below.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

NAMES = st.sampled_from(
    [
        *("service", "link", "quantity", "runs", "interval", "comments", "usernames", "username"),
        *("order", "orders", "orders[]", "refill", "refills", "extras"),
    ]
)
NUMBERS = st.one_of(st.integers(), st.integers(-5, 2000), st.floats()).map(str)
LISTS = st.lists(NUMBERS, max_size=110).map(",".join)
ODD = st.sampled_from(
    ["", "0", "null", "undefined", "1042", "1e3", "1000", "\x00", "\ufeff", "\u202e", "１２", "a\r\nb", "'"]
)
VALUES = st.one_of(NUMBERS, LISTS, ODD, st.text(max_size=30))
PARAMS = st.dictionaries(NAMES, VALUES, max_size=8)
LIKELY_ORDERS = st.fixed_dictionaries(
    {
        "service": st.sampled_from(["1042", "1043", "1", ""]),
        "link": st.sampled_from(["https://example.com/x", "", "\x01"]),
        "quantity": st.one_of(st.sampled_from(["50", "100", "1000000"]), VALUES),
    },
    optional={"runs": VALUES, "interval": VALUES, "comments": st.text(max_size=50)},
)


def answer_to(response):
    """Return the parsed answer, which must be JSON under status 200 with a known error if any."""
    assert response.status_code == 200, response.content
    assert response.headers["Content-Type"] == "application/json"
    answer = json.loads(response.content)
    if isinstance(answer, dict) and "error" in answer:
        assert answer["error"] in TEXTS.values()
        assert ("detail" in answer) == (answer["error"] == "Incorrect request")
    return answer


@pytest.fixture
def key(customer, make_service):
    make_service(id=1042, dripfeed=True)
    make_service(id=1043, type="Custom Comments", min=2)
    place(funded(customer, "100"), make_service())
    return key_of(customer)


@PROFILE
@given(
    body=st.binary(max_size=200),
    content_type=st.sampled_from(["", "application/json", "multipart/form-data; boundary=b"]),
)
def test_any_bytes_are_answered(db, body, content_type):
    assert answer_to(post_api(body, content_type=content_type)) != {}


@PROFILE
@given(action=st.sampled_from([*ACTIONS, "", "x"]), params=PARAMS)
def test_any_parameters_are_answered(key, action, params):
    answer_to(post_api({**params, "key": key, "action": action}))


@PROFILE
@given(
    action=st.sampled_from(list(ACTIONS)),
    params=st.dictionaries(
        NAMES,
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
            lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
            max_leaves=8,
        ),
        max_size=6,
    ),
)
def test_any_json_is_answered(key, action, params):
    body = json.dumps({**params, "key": key, "action": action})

    answer_to(post_api(body, content_type="application/json"))


@PROFILE
@given(params=LIKELY_ORDERS | PARAMS)
def test_refused_orders_leave_nothing(key, params):
    before = World()
    body = urlencode({**params, "key": key, "action": "add"}, quote_via=quote_plus, errors="surrogatepass")

    answer = answer_to(post_api(body, content_type="application/x-www-form-urlencoded"))

    after = World()
    if "error" in answer:
        assert after == before
    else:
        assert len(after.orders) == len(before.orders) + 1
        assert after.entries == before.entries + 1
        assert after.wallets != before.wallets
