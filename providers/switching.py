"""Switch a provider off and on, by the hand of staff."""

from providers.models import Provider


def pause_provider(provider: Provider) -> None:
    """Send it nothing until it is resumed; orders it has go on being tracked."""
    Provider.objects.filter(pk=provider.pk).update(is_active=False)


def resume_provider(provider: Provider) -> None:
    """Send it what waits, also when it was left alone for a while after refusals or failures."""
    Provider.objects.filter(pk=provider.pk).update(is_active=True, paused_until=None, down_until=None, failures=0)
