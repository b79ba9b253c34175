"""`manage.py reseal`: an old secret may go, or nothing was changed."""

from io import StringIO
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.utils import decrypt
from django.core.management import CommandError, call_command

from accounts.models import User
from providers import keys
from providers.models import Provider
from tests.fake_provider.fixtures import BoughtFrom

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def reseal() -> str:
    """Run the command and return what it says."""
    said = StringIO()
    call_command("reseal", stdout=said)
    return said.getvalue()


@pytest.fixture
def factor(customer: User) -> Authenticator:
    """A customer's second factor."""
    return TOTP.activate(customer, SECRET).instance


def test_all_is_encrypted_anew_so_that_an_old_secret_may_go(
    fake_provider: BoughtFrom, factor: Authenticator, settings: Any
) -> None:
    settings.PROVIDER_KEYS_SECRET = f"new,{settings.PROVIDER_KEYS_SECRET}"

    assert reseal().startswith("1 keys and 1 second factors are now")

    settings.PROVIDER_KEYS_SECRET = "new"
    assert keys.unseal(Provider.objects.get(pk=fake_provider.provider.pk)) == fake_provider.key
    factor.refresh_from_db()
    assert decrypt(factor.data["secret"]) == SECRET


def test_factors_of_before_they_were_encrypted_are_encrypted(customer: User) -> None:
    plain = Authenticator.objects.create(user=customer, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "ab12"})

    reseal()

    plain.refresh_from_db()
    assert plain.data["seed"].startswith("sealed:")
    assert decrypt(plain.data["seed"]) == "ab12"


@pytest.mark.parametrize("lost", ["key", "factor"])
def test_nothing_is_encrypted_anew_when_one_cannot_be_opened(
    fake_provider: BoughtFrom, factor: Authenticator, lost: str
) -> None:
    if lost == "key":
        Provider.objects.create(name="Lost", kind=Provider.Kind.PANEL, sealed_key="garbage")
    else:
        user = User.objects.create_user(username="lost")
        Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "sealed:garbage"})
    before = Provider.objects.get(pk=fake_provider.provider.pk).sealed_key, dict(factor.data)

    with pytest.raises(CommandError, match=r"Nothing was changed\. .*[Ll]ost"):
        reseal()

    factor.refresh_from_db()
    assert (Provider.objects.get(pk=fake_provider.provider.pk).sealed_key, factor.data) == before
