"""Keys: shown once, kept as a digest, dead at once."""

import hashlib
import hmac
import re
import threading

import pytest
from django.db import connection

from accounts import api_keys
from accounts.errors import InvalidApiKey, TooManyApiKeys
from accounts.models import ApiKey
from api_v2 import authentication

pytestmark = pytest.mark.django_db


def test_a_key_is_32_hexadecimal_characters_and_never_the_same(customer):
    keys = {api_keys.issue_api_key(user=customer, name="Test") for _ in range(5)}

    assert len(keys) == 5
    assert all(re.fullmatch(r"[0-9a-f]{32}", key) for key in keys)


def test_keeps_a_peppered_digest_and_a_hint(customer, settings):
    text = api_keys.issue_api_key(user=customer, name="Shop")

    key = ApiKey.objects.get()
    expected = hmac.new(settings.API_KEY_PEPPER.encode(), text.encode(), hashlib.sha256).digest()
    assert bytes(key.digest) == expected
    assert (key.hint, key.name) == (text[:6], "Shop")


def test_another_pepper_knows_none_of_the_keys(customer, settings):
    text = api_keys.issue_api_key(user=customer, name="Test")
    settings.API_KEY_PEPPER = "another"

    with pytest.raises(InvalidApiKey):
        authentication.identify(text)


def test_the_text_is_nowhere_in_the_database(customer):
    text = api_keys.issue_api_key(user=customer, name="Test")
    authentication.identify(text)

    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', [f"%{text}%"])
            assert cursor.fetchone() == (0,), table


@pytest.mark.parametrize(
    "text",
    ["", "x", "A" * 32, "0" * 31, "0" * 33, "g" * 32, "0" * 31 + "\n", "٠" * 32, " " + "0" * 31, "'; drop table"],
)
def test_what_has_not_the_shape_of_a_key_is_none(text):
    assert api_keys.digest_key(text) is None


def test_rotating_kills_the_old_key_and_keeps_its_name(customer):
    old = api_keys.issue_api_key(user=customer, name="Shop")
    new = api_keys.rotate_api_key(user=customer, key_id=ApiKey.objects.get().pk)

    assert authentication.identify(new).user_id == customer.pk
    with pytest.raises(InvalidApiKey):
        authentication.identify(old)
    assert [(key.name, key.revoked_at is None) for key in ApiKey.objects.order_by("pk")] == [
        ("Shop", False),
        ("Shop", True),
    ]


def test_revoking_kills_one_key(customer):
    one, two = (api_keys.issue_api_key(user=customer, name=name) for name in "ab")
    api_keys.revoke_api_key(user=customer, key_id=ApiKey.objects.get(name="a").pk)

    assert authentication.identify(two)
    with pytest.raises(InvalidApiKey):
        authentication.identify(one)


@pytest.mark.parametrize("operation", [api_keys.revoke_api_key, api_keys.rotate_api_key])
def test_refuses_keys_of_others_missing_and_dead_alike(customer, other_customer, operation):
    api_keys.issue_api_key(user=other_customer, name="theirs")
    api_keys.issue_api_key(user=customer, name="dead")
    dead = ApiKey.objects.get(name="dead").pk
    api_keys.revoke_api_key(user=customer, key_id=dead)

    for key_id in (ApiKey.objects.get(name="theirs").pk, dead, 10**9):
        with pytest.raises(InvalidApiKey):
            operation(user=customer, key_id=key_id)

    assert ApiKey.objects.filter(revoked_at=None).count() == 1
    assert ApiKey.objects.count() == 2


def test_refuses_more_keys_than_anybody_needs(customer):
    for number in range(api_keys.KEYS_MAX):
        api_keys.issue_api_key(user=customer, name=str(number))

    with pytest.raises(TooManyApiKeys):
        api_keys.issue_api_key(user=customer, name="one more")

    assert ApiKey.objects.count() == api_keys.KEYS_MAX


@pytest.mark.django_db(transaction=True)
def test_racing_issues_stay_within_the_limit(customer, monkeypatch):
    monkeypatch.setattr(api_keys, "KEYS_MAX", 3)
    start = threading.Barrier(8)

    def issue():
        start.wait(10)
        try:
            api_keys.issue_api_key(user=customer, name="x")
        except TooManyApiKeys:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=issue) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert ApiKey.objects.count() == 3


def test_last_use_is_kept_to_the_minute(customer, django_assert_num_queries):
    text = api_keys.issue_api_key(user=customer, name="Test")

    with django_assert_num_queries(2):
        authentication.identify(text)
    first = ApiKey.objects.get().last_used_at
    with django_assert_num_queries(1):
        authentication.identify(text)

    assert first is not None
    assert ApiKey.objects.get().last_used_at == first
