"""The secrets of second factors are not in the database, and work all the same."""

import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.db import connection

from accounts.models import User
from panel.sealing import CannotOpen

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code_now() -> str:
    """Make the code that an app shows."""
    return str(format_hotp_value(hotp_value(SECRET, int(time.time()) // 30)))


def test_a_code_fits_and_the_secret_is_not_in_the_database(customer: User) -> None:
    TOTP.activate(customer, SECRET)

    with connection.cursor() as cursor:
        cursor.execute("SELECT a::text FROM mfa_authenticator a")
        (row,) = cursor.fetchone()
    assert SECRET not in row
    factor = TOTP(Authenticator.objects.get())
    assert not factor.validate_code("000000" if code_now() != "000000" else "000001")
    assert factor.validate_code(code_now())


def test_recovery_codes_stay_the_same(customer: User) -> None:
    codes = RecoveryCodes.activate(customer).generate_codes()

    again = RecoveryCodes(Authenticator.objects.get())
    assert again.generate_codes() == codes
    assert again.validate_code(codes[3])
    assert not again.validate_code(codes[3])


def test_a_factor_of_before_they_were_encrypted_works(customer: User) -> None:
    plain = Authenticator.objects.create(user=customer, type=Authenticator.Type.TOTP, data={"secret": SECRET})

    assert TOTP(plain).validate_code(code_now())


def test_nobody_gets_in_by_a_factor_that_cannot_be_opened(customer: User, settings: Any) -> None:
    factor = TOTP.activate(customer, SECRET)
    settings.PROVIDER_KEYS_SECRET = "another"

    with pytest.raises(CannotOpen, match="PROVIDER_KEYS_SECRET"):
        factor.validate_code(code_now())
