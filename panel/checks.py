"""What `manage.py check --deploy` says of a configuration that works and yet hurts."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks

# Where mails end in the log, in a file or nowhere.
BACKENDS_FOR_TRYING = ("console", "dummy", "filebased", "locmem")


@checks.register(checks.Tags.security, deploy=True)
def check_mail(app_configs: Sequence[Any] | None = None, **_options: Any) -> list[checks.CheckMessage]:
    """Warn of a panel whose mails reach nobody."""
    if settings.EMAIL_BACKEND.split(".")[-2] not in BACKENDS_FOR_TRYING:
        return []
    return [
        checks.Warning(
            "Mails are not sent: passwords cannot be reset, and nobody is told when a provider is down.",
            hint="Set EMAIL_URL to a mail server; see .env.example.",
            id="panel.W001",
        )
    ]
