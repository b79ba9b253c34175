"""The published docs page, made of `examples.py`."""

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_safe

from accounts.models import DEFAULT_REQUESTS_PER_SECOND
from api_v2.examples import CALLS, KEY_PLACEHOLDER, REFUSALS, TYPE_GUIDES, Example
from api_v2.middleware import API_PATH
from api_v2.params import BATCH_IDS_MAX
from api_v2.snippets import LANGUAGES

POLL_SECONDS = "30–60"  # contract: "poll every 30–60 seconds"
FAIR_USE_PER_MINUTE = 60  # contract: "fair-use is roughly 60 requests/minute per key"
CACHE_SERVICES_SECONDS = 60  # contract: "cache the services response for at least 60 seconds"


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show how the API is called, with the address of this panel in every example."""
    base_url = settings.BASE_URL or f"{request.scheme}://{request.get_host()}"
    endpoint = base_url + API_PATH
    return render(
        request,
        "docs/api.html",
        {
            "nav": "docs",
            "endpoint": endpoint,
            "key_placeholder": KEY_PLACEHOLDER,
            "keys_url": _keys_url(),
            "languages": {code: label for code, (label, _) in LANGUAGES.items()},
            "groups": list(_groups(endpoint)),
            "smoke_test": _printed(next(call.example for call in CALLS if call.action == "balance"), endpoint, "smoke"),
            "types": [(guide, _printed(guide.example, endpoint)) for guide in TYPE_GUIDES],
            "refusals": REFUSALS,
            "limits": {
                "requests_per_second": DEFAULT_REQUESTS_PER_SECOND,
                "per_minute": FAIR_USE_PER_MINUTE,
                "batch": BATCH_IDS_MAX,
                "poll_seconds": POLL_SECONDS,
                "cache_seconds": CACHE_SERVICES_SECONDS,
            },
        },
    )


def _groups(endpoint: str) -> Iterator[tuple[str, list[Any]]]:
    for title, calls in groupby(CALLS, key=lambda call: call.group):
        yield title, [(call, _printed(call.example, endpoint)) for call in calls]


def _printed(example: Example, endpoint: str, slug: str = "") -> dict[str, Any]:
    """Return an example as the page prints it: the request in every language, and the answer."""
    return {
        "slug": slug or example.slug,
        "requests": [(code, label, spell(endpoint, example.request)) for code, (label, spell) in LANGUAGES.items()],
        "answer": json.dumps(example.answer, ensure_ascii=False, indent=2),
    }


def _keys_url() -> str:
    try:
        return reverse("dashboard:api_keys")
    except NoReverseMatch:
        return "/account/api/"
