"""The page for requests that cannot be read; the others are Django's views with templates of ours."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that a request cannot be read; Django's own view gives its template neither the request nor the site."""
    return render(request, "400.html", status=400)
