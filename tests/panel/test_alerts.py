"""Mail to staff: it arrives, and a mail server that is away neither hides the news nor stops anything."""

import socket
from contextlib import closing
from typing import Any

import pytest
from django.core import mail

from panel.alerts import tell_staff


@pytest.fixture(autouse=True)
def two_on_duty(settings: Any) -> None:
    settings.ADMINS = [("boss@example.com", "boss@example.com"), ("night@example.com", "night@example.com")]
    settings.SERVER_EMAIL = "panel@example.com"
    settings.EMAIL_SUBJECT_PREFIX = "[Shop] "


def test_everybody_on_duty_gets_one_mail() -> None:
    tell_staff("Provider A does not answer", "3 calls failed in a row")

    (sent,) = mail.outbox
    assert sent.to == ["boss@example.com", "night@example.com"]
    assert (sent.from_email, sent.subject) == ("panel@example.com", "[Shop] Provider A does not answer")
    assert sent.body == "3 calls failed in a row"


def test_without_addresses_the_log_says_it(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.ADMINS = []

    tell_staff("Provider A does not answer", "3 calls failed in a row")

    assert mail.outbox == []
    assert "Provider A does not answer: 3 calls failed in a row" in caplog.text


def test_a_name_of_two_lines_is_still_told() -> None:
    tell_staff("Provider A\nBcc: all@example.com does not answer", "text")

    assert mail.outbox[0].subject == "[Shop] Provider A Bcc: all@example.com does not answer"


def test_a_mail_server_that_is_away_hides_nothing_and_stops_nothing(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens: connections are refused
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = taken.getsockname()

        tell_staff("Provider A does not answer", "3 calls failed in a row")

    assert "Provider A does not answer: 3 calls failed in a row" in caplog.text
    assert "the mail to staff could not be sent" in caplog.text


def test_a_mail_server_that_hangs_is_given_up(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert settings.EMAIL_TIMEOUT == 10
    settings.EMAIL_TIMEOUT = 0.2
    with closing(socket.socket()) as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = mute.getsockname()

        tell_staff("Provider A does not answer", "3 calls failed in a row")

    assert "Provider A does not answer: 3 calls failed in a row" in caplog.text
    assert "the mail to staff could not be sent" in caplog.text
