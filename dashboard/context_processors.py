"""What every page shows."""

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from dashboard.customer import buyer_of
from orders.placement import Buyer


def site(request: HttpRequest) -> dict[str, object]:
    """Give templates the site's name and addresses, and the buyer as a callable: the admin pays no query for it."""

    def buyer() -> Buyer | None:
        return buyer_of(request)

    return {
        "site_name": settings.SITE_NAME,
        "support_url": settings.SUPPORT_URL,
        "docs_url": _docs_url(),
        "buyer": buyer,
    }


def _docs_url() -> str:
    try:
        return reverse("docs")
    except NoReverseMatch:
        return ""
