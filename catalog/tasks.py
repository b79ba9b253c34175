"""What workers do for the catalogue. It carries no argument: done twice it changes nothing more."""

import logging

from celery import shared_task
from django.db.models import F

from catalog import syncing
from providers import health
from providers.models import Provider

logger = logging.getLogger(__name__)


@shared_task(name="catalog.sync_providers")
def sync_providers() -> None:
    """Sync with every provider in use that answers, the one that waits longest first."""
    in_use = Provider.objects.filter(health.is_reachable(), is_active=True)
    for provider in in_use.order_by(F("synced_at").asc(nulls_first=True), "pk"):
        try:
            syncing.sync_provider(provider)
        except Exception:
            # One provider's surprise must not keep the others' prices from us.
            logger.exception("the sync with provider %s failed", provider)
