"""Start-up: what an operator mistypes is answered with one line that names the variable."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

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


def check(data: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py check`, which needs no server, in production with these variables."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
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


@pytest.mark.parametrize("value", ["off", "FALSE", "no", ""])
def test_switches_can_be_off_in_words(tmp_path: Path, value: str) -> None:
    assert check(tmp_path, API_V2_ALLOW_GET=value).returncode == 0
