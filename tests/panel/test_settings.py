"""Start-up: what an operator mistypes is answered with one line that names the variable."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import InternalError, connection, transaction

from orders import submission
from panel import startup
from panel.errors import is_outage
from providers.models import Provider

PRODUCTION = {
    "ENV_FILE": os.devnull,
    "DEBUG": "0",
    "SECRET_KEY": "only-for-tests",
    "API_KEY_PEPPER": "only-for-tests",
    "PROVIDER_KEYS_SECRET": "only-for-tests",
    "ALLOWED_HOSTS": "panel.example",
    "DATABASE_URL": "postgresql:///panel?host=/nowhere",
    "REDIS_URL": "unix:///nowhere",
}


def check(data: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py check`, which needs no server, in production with these variables."""
    return run(data, "check", *options, **variables)


def run(data: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=kept | PRODUCTION | {"PANEL_DATA": str(data)} | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOWED_HOSTS", ""),
        ("API_V2_ALLOW_GET", "perhaps"),
        ("ARCHIVE_AFTER_DAYS", "-5"),
        ("ARCHIVE_AFTER_DAYS", "99999999999"),
        ("ARCHIVE_AFTER_DAYS", "soon"),
        ("BASE_CURRENCY", "usd"),
        ("BASE_CURRENCY", ""),
        ("BASE_URL", "panel.example"),
        ("CSRF_TRUSTED_ORIGINS", "panel.example"),
        ("DATABASE_URL", "postgresql://["),
        ("DEBUG", "maybe"),
        ("DRIPFEED_QUANTITY", "both"),
        ("EMAIL_URL", "junk"),
        ("EMAIL_URL", "smtp://"),
        ("EMAIL_URL", "smtp://mail.example:port"),
        ("EMAIL_VERIFICATION", "foo"),
        ("HSTS_PRELOAD", "maybe"),
        ("HTTPS", "maybe"),
        ("LOG_LEVEL", "foo"),
        ("PROVIDERS_ALLOW_PRIVATE", "maybe"),
        ("PROVIDER_KEYS_SECRET", " , "),
        ("REDIS_URL", "redis://["),
        ("SANDBOX_SPEED", "0"),
        ("SANDBOX_SPEED", "nan"),
        ("STAFF_MAILS", "boss@example.com,nobody"),
        ("WEB_THREADS", "-1"),
        ("WEB_WORKERS", "0"),
        ("WEB_WORKERS", "two"),
        ("WORKER_CONCURRENCY", "0"),
    ],
)
def test_says_in_one_line_which_variable_is_wrong(tmp_path: Path, name: str, value: str) -> None:
    result = check(tmp_path, **{name: value})

    assert result.returncode == 1
    assert re.fullmatch(rf"panel: {name} [^\n]+\n", result.stderr), result.stderr


def test_starts_with_all_of_them_right(tmp_path: Path) -> None:
    result = check(
        tmp_path,
        ARCHIVE_AFTER_DAYS="1",
        BASE_CURRENCY="EUR",
        BASE_URL="https://panel.example/",
        CSRF_TRUSTED_ORIGINS="https://panel.example,https://other.example",
        DRIPFEED_QUANTITY="per_run",
        EMAIL_URL="smtp+tls://user:password@mail.example:587",
        EMAIL_VERIFICATION="mandatory",
        HTTPS="yes",
        LOG_LEVEL="WARNING",
        SANDBOX_SPEED="0.5",
        STAFF_MAILS="boss@example.com, night@example.com,",
        WEB_THREADS="1",
        WEB_WORKERS="1",
        WORKER_CONCURRENCY="1",
    )

    assert result.returncode == 0, result.stderr


PRINT_OPTIONS = "from django.conf import settings; print(settings.DATABASES['default']['OPTIONS']['options'])"


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ("", "-c idle_in_transaction_session_timeout=30s"),
        ("&options=-c%20geqo%3Doff", "-c idle_in_transaction_session_timeout=30s -c geqo=off"),
    ],
)
def test_the_owner_s_options_of_the_database_prevail(tmp_path: Path, given: str, options: str) -> None:
    address = PRODUCTION["DATABASE_URL"] + given

    result = run(tmp_path, "shell", "--verbosity=0", "--command", PRINT_OPTIONS, DATABASE_URL=address)

    assert result.stdout == f"{options}\n", result.stderr


@transaction.atomic
def stand_still_in_a_transaction() -> None:
    list(Provider.objects.select_for_update())
    time.sleep(0.5)
    Provider.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_who_stands_still_in_a_transaction_is_thrown_out() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("30s",)
        cursor.execute("SET idle_in_transaction_session_timeout = '100ms'")  # sooner than a test wants to wait

    with pytest.raises(InternalError, match="idle-in-transaction timeout") as caught:
        stand_still_in_a_transaction()

    assert is_outage(caught.value)
    assert not Provider.objects.exists()  # on a new session


def test_a_server_that_is_cut_off_is_noticed() -> None:
    options = settings.DATABASES["default"]["OPTIONS"]

    to_notice = options["keepalives_idle"] + options["keepalives_interval"] * options["keepalives_count"]

    assert to_notice == options["tcp_user_timeout"] / 1000 < submission.LEASE.total_seconds()


@pytest.mark.parametrize("value", ["off", "FALSE", "no", ""])
def test_switches_can_be_off_in_words(tmp_path: Path, value: str) -> None:
    assert check(tmp_path, API_V2_ALLOW_GET=value).returncode == 0


DEPLOYED = {
    "SECRET_KEY": "long-enough-and-of-many-letters-as-Django-wants-a-secret-key-to-be-0123456789",
    "BASE_URL": "https://panel.example",
}
MAIL = "smtp+tls://user:password@mail.example:587"


def test_a_deployment_that_sends_mail_has_nothing_to_be_warned_of(tmp_path: Path) -> None:
    result = check(tmp_path, "--deploy", "--fail-level", "WARNING", **DEPLOYED, EMAIL_URL=MAIL)

    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


@pytest.mark.parametrize("variables", [{}, {"EMAIL_URL": "consolemail://"}, {"EMAIL_URL": "dummymail://"}])
def test_a_deployment_without_mail_is_warned_of(tmp_path: Path, variables: dict[str, str]) -> None:
    warned = check(tmp_path, "--deploy", "--fail-level", "WARNING", **DEPLOYED, **variables)

    assert warned.returncode == 1
    assert re.findall(r"\((\S+\.W\d+)\)", warned.stderr) == ["panel.W001"]
    assert "Set EMAIL_URL to a mail server" in warned.stderr
    assert check(tmp_path, **variables).returncode == 0  # it works all the same


def test_the_web_server_says_at_its_start_that_mail_is_not_sent(monkeypatch, settings, capsys) -> None:
    for name in ("check_port", "check_database", "check_redis", "become"):
        monkeypatch.setattr(startup, name, lambda *_: None)
    settings.DEBUG = False
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    call_command("web")
    assert capsys.readouterr().err == (
        "panel: Mails are not sent: passwords cannot be reset, and nobody is told when a provider is down."
        " Set EMAIL_URL to a mail server; see .env.example.\n"
    )

    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    call_command("web")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "True True False"),
        ({"HSTS_PRELOAD": "1"}, "True True True"),
        ({"HSTS_PRELOAD": "1", "HTTPS": "0"}, "False False False"),
    ],
)
def test_preloading_is_a_decision(tmp_path: Path, variables: dict[str, str], expected: str) -> None:
    code = (
        "from django.conf import settings as s;"
        "print(s.SECURE_HSTS_SECONDS > 0, s.SECURE_HSTS_INCLUDE_SUBDOMAINS, s.SECURE_HSTS_PRELOAD)"
    )
    result = run(tmp_path, "shell", "--verbosity", "0", "--no-imports", "--command", code, **DEPLOYED, **variables)

    assert result.stdout.strip() == expected, result.stderr
