"""The description of the API for programs, and the page on which people read it and try it."""

import json
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator

from admin_api.authentication import HEADER


class StaffKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the description says that a key is needed; it is found by being defined."""

    target_class = "admin_api.authentication.StaffKeyAuthentication"
    name = "StaffKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Name the header."""
        return {"type": "apiKey", "in": "header", "name": HEADER}


@cache
def _schema() -> str:
    from admin_api import urls

    generator: Any = SchemaGenerator(patterns=urls.described)  # type: ignore[no-untyped-call]
    return json.dumps(generator.get_schema(request=None, public=True))


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """Give the OpenAPI description; it holds nothing that is secret."""
    return HttpResponse(_schema(), content_type="application/json")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show the page; whoever has a key can try it there."""
    return render(request, "admin_api/docs.html", {"schema_url": reverse("admin_api:schema")})
