"""What goes wrong is said on pages of ours, in the reader's language."""

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path

from panel.urls import handler400  # noqa: F401 (Django looks for it here)
from panel.urls import urlpatterns as panel_urls


def fail(request: HttpRequest, kind: str) -> HttpResponse:
    """Fail in the way asked for."""
    raise {"400": SuspiciousOperation, "403": PermissionDenied, "500": RuntimeError}[kind]


urlpatterns = [path("fail/<str:kind>/", fail), path("", include(panel_urls))]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("kind", "title"),
    [("400", "This request cannot be read"), ("403", "You may not see this"), ("500", "Something went wrong")],
)
@pytest.mark.parametrize("visitor", [True, False], ids=["visitor", "customer"])
def test_errors_are_pages_of_ours(browser, kind, title, visitor):
    client = Client() if visitor else browser
    client.raise_request_exception = False

    page = client.get(f"/fail/{kind}/")

    assert page.status_code == int(kind)
    assert f"<h1>{title}</h1>" in page.text
    assert "panel.css" in page.text
    if kind != "500":
        assert f"<title>{title} · Panel</title>" in page.text


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("kind", ["400", "403", "500"])
def test_errors_speak_the_readers_language(db, kind):
    client = Client(raise_request_exception=False)

    assert '<html lang="es">' in client.get(f"/fail/{kind}/", headers={"accept-language": "es"}).text


def test_a_form_that_cannot_be_trusted_says_that_nothing_was_changed(db):
    page = Client(enforce_csrf_checks=True).post("/account/login/", {"login": "x", "password": "y"})

    assert page.status_code == 403
    assert "Nothing was changed." in page.text
