"""`manage.py load_demo`: fill an empty panel with something to look at."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from panel.demo import loading
from panel.demo.loading import CatalogueInTheWay


class Command(BaseCommand):
    """Load the demo, or find it loaded."""

    help = "Load a demo catalogue, a staff user, a customer with money and a key; writes demo.json."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ask where the panel is served."""
        parser.add_argument("--base-url", default="http://127.0.0.1:8000", help="where the panel is served")
        parser.add_argument("--force", action="store_true", help="load it even when DEBUG is off")

    def handle(self, *, base_url: str, force: bool, **options: object) -> None:
        """Load what is missing and say what was done."""
        if not settings.DEBUG and not force:
            raise CommandError("DEBUG is off: this may be a real panel. Use --force to load demo data all the same.")
        try:
            done = loading.load_demo(base_url=base_url.rstrip("/"))
        except CatalogueInTheWay:
            raise CommandError("This panel has a catalogue of its own; load the demo into an empty database.") from None
        for line in done or ["everything is there already"]:
            self.stdout.write(f"demo: {line}")
