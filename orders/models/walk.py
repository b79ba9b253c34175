"""How far those have come who look, in turns, at all runs that wait for something."""

from django.db import models


class Walk(models.Model):
    """How far the walk over one kind of waiting runs has come; written and read by `walks.py`."""

    class Over(models.TextChoices):
        HELD = "held", "runs that are held"
        OUT_OF_REACH = "out_of_reach", "runs that wait at a provider that is not sound"

    over = models.CharField(max_length=16, choices=Over, primary_key=True)
    after_at = models.DateTimeField(null=True, help_text="The last run that was taken; empty at the beginning.")
    after_id = models.BigIntegerField(default=0)
    until = models.DateTimeField(help_text="When this walk began: what came later is for the next one.")

    def __str__(self) -> str:
        return f"{self.over} after {self.after_at}"
