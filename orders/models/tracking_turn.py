"""Whose turn it is to ask a provider how its runs are doing."""

from django.db import models

from providers.models import Provider


class TrackingTurn(models.Model):
    """Some worker is asking this provider, until then at the latest.

    In a row of its own: the provider's is locked by every claim of a run. Trackers that passed over locked rows never
    came to a provider with many waiting runs, and its orders stood still for minutes.
    """

    provider = models.OneToOneField(Provider, on_delete=models.CASCADE, primary_key=True, related_name="+")
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.provider} until {self.until}"
