#!/usr/bin/env python
"""Django's command line, on embedded servers when the environment names none."""

import os
import sys


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")
    try:
        from django.core.management import execute_from_command_line

        from panel import startup
    except ModuleNotFoundError as error:
        sys.exit(f"panel: {error}. Install requirements.txt, or let `make run` do it and use .venv/bin/python.")
    with startup.explain_failures():
        startup.complete_environment(sys.argv)
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
