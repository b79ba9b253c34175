"""A short notice over the page, for answers that replace only a part of it."""

from typing import Literal

from django.http import HttpResponse
from django_htmx.http import trigger_client_event

Tone = Literal["info", "success", "warning", "danger"]


def show_toast(response: HttpResponse, text: str, *, tone: Tone = "success") -> HttpResponse:
    """Have the page that asked for this answer show a toast."""
    return trigger_client_event(response, "toast", {"text": text, "tone": tone})
