"""Who calls: a live key of a customer who is not suspended, in the body or in a header."""

import pytest
from django.db import connection

from accounts import api_keys
from accounts.errors import InvalidApiKey
from accounts.models import ApiKey, User
from api_v2 import authentication
from api_v2.errors import describe
from orders import placement
from tests.fixtures import LINK, balance_of, call_api, funded, key_of, nothing_moves, post_api, refused_api

pytestmark = pytest.mark.django_db

INVALID = b'{"error":"Invalid API key"}'


def balance_with(key, **headers):
    body = {"action": "balance"} if key is None else {"key": key, "action": "balance"}
    return post_api(body, headers=headers).content


def test_refuses_a_missing_key(customer):
    assert balance_with(None) == balance_with("") == balance_with("   ") == INVALID


def test_refuses_a_wrong_key(customer):
    right = key_of(customer)
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")

    assert balance_with(right) != INVALID
    assert balance_with(wrong) == INVALID


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda key: key[:-1],
        lambda key: key + "0",
        lambda key: key.replace(key[0], "g"),
        lambda key: f"{key[:16]} {key[16:]}",
        lambda key: "' OR 1=1 --",
        lambda key: key * 1000,
        lambda key: "１" * 32,
        lambda key: "YOUR_API_KEY",
    ],
    ids=["upper", "short", "long", "letter", "blank", "sql", "huge", "full-width", "placeholder"],
)
def test_refuses_a_malformed_key(customer, change):
    ApiKey.objects.filter(user=customer).delete()
    key = "0123456789abcdef0123456789abcdef"
    ApiKey.objects.create(user=customer, name="Known", digest=api_keys.digest_key(key), hint=key[:6])

    assert balance_with(key) != INVALID
    assert balance_with(change(key)) == INVALID


def test_trims_blanks_around_the_key(customer):
    assert balance_with(f" {key_of(customer)}\n") != INVALID


def test_refuses_a_revoked_key_on_the_next_request(customer):
    key = key_of(customer)
    assert balance_with(key) != INVALID

    api_keys.revoke_api_key(user=customer, key_id=ApiKey.objects.get().pk)

    assert balance_with(key) == INVALID


def test_rotation_kills_the_old_key_and_starts_the_new_one(customer):
    old = key_of(customer)

    new = api_keys.rotate_api_key(user=customer, key_id=ApiKey.objects.get().pk)

    assert balance_with(old) == INVALID
    assert balance_with(new) != INVALID


def test_each_key_of_a_customer_works(customer):
    first, second = key_of(customer), api_keys.issue_api_key(user=customer, name="Second")

    assert balance_with(first) == balance_with(second) != INVALID


@pytest.mark.parametrize("action", ["services", "add", "status", "cancel", "refill", "refill_status", "balance", "x"])
def test_every_action_asks_for_it(customer, followers, action):
    with nothing_moves():
        response = post_api({"key": "0" * 32, "action": action, "service": 1042, "link": LINK, "quantity": 1000})

    assert response.content == INVALID
    assert response.status_code == 200


class TestHeaders:
    """Some clients put the key in a header."""

    def test_takes_x_api_key(self, customer):
        assert balance_with(None, x_api_key=key_of(customer)) != INVALID

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_takes_bearer(self, customer, scheme):
        assert balance_with(None, authorization=f"{scheme} {key_of(customer)}") != INVALID

    @pytest.mark.parametrize("blank", ["", "  "])
    def test_takes_it_when_the_body_s_key_is_blank(self, customer, blank):
        assert balance_with(blank, x_api_key=key_of(customer)) != INVALID

    def test_the_body_wins(self, customer):
        assert balance_with("0" * 32, x_api_key=key_of(customer)) == INVALID

    @pytest.mark.parametrize("header", ["Basic {key}", "{key}", "Bearer", "Bearer  ", "Token {key}"])
    def test_refuses_other_schemes(self, customer, header):
        assert balance_with(None, authorization=header.format(key=key_of(customer))) == INVALID


class TestSuspended:
    """A suspended customer reads one answer to everything."""

    @pytest.mark.parametrize("change", [{"is_suspended": True}, {"is_active": False}])
    @pytest.mark.parametrize("action", ["services", "add", "status", "cancel", "refill", "refill_status", "balance"])
    def test_refuses_every_action_on_the_next_request(self, customer, followers, action, change):
        funded(customer, "10")
        call_api(customer, action="balance")
        User.objects.filter(pk=customer.pk).update(**change)

        answer = refused_api(customer, action=action, service=1042, link=LINK, quantity=1000, orders="1,2")

        assert answer == {"error": "Account suspended"}

    def test_works_again_when_lifted(self, customer):
        User.objects.filter(pk=customer.pk).update(is_suspended=True)
        assert "error" in call_api(customer, action="balance")

        User.objects.filter(pk=customer.pk).update(is_suspended=False)

        assert call_api(customer, action="balance") == {"balance": "0.00000", "currency": "USD"}


def test_no_order_of_a_key_that_dies_on_the_way(customer, followers):
    """The key is read first and the order is written later; in between it may be revoked."""
    funded(customer, "10")
    caller = authentication.identify(key_of(customer))
    api_keys.revoke_api_key(user=customer, key_id=caller.api_key_id)

    with nothing_moves(), pytest.raises(InvalidApiKey) as refusal:
        placement.place_order(buyer=caller, draft=placement.Draft(service_id=1042, link=LINK, quantity=1000))

    assert describe(refusal.value) == {"error": "Invalid API key"}
    assert balance_of(customer) == 10


def test_shows_when_it_was_last_used(customer):
    key = key_of(customer)
    assert ApiKey.objects.get().last_used_at is None

    balance_with(key)

    assert ApiKey.objects.get().last_used_at is not None


def test_is_stored_nowhere(customer):
    key = key_of(customer)
    balance_with(key)

    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(accounts_apikey)::text FROM accounts_apikey")
        (row,) = cursor.fetchone()

    assert key not in row
    assert key[:6] in row
    assert key[:7] not in row


def test_is_in_no_log_line(customer, caplog):
    key = key_of(customer)
    wrong = "f" * 32
    with caplog.at_level("DEBUG"):
        balance_with(key)
        balance_with(wrong)
        post_api(f'{{"key": "{key}", broken', content_type="application/json")

    assert key not in caplog.text
    assert wrong not in caplog.text
