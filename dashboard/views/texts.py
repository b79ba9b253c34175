"""What the operator writes for everybody: legal and help pages, and news."""

from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from content import queries
from content.errors import PageNotFound
from dashboard.forms import read_before


@require_safe
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a page in the reader's language where it is written in it, else in English."""
    try:
        text = queries.get_page(slug, language=get_language() or "en")
    except PageNotFound:
        raise Http404 from None
    return render(
        request,
        "dashboard/page.html",
        {
            "nav": slug,
            "text": text,
            "is_foreign": text.language != get_language(),
            "edit_url": _edit_url(request, text),
        },
    )


@require_safe
def news(request: HttpRequest) -> HttpResponse:
    """Show the news, pinned ones first, then newest first."""
    before = read_before(request.GET)
    return render(
        request,
        "dashboard/news.html",
        {"nav": "support", "page": queries.list_news(before=before), "before": before},
    )


def _edit_url(request: HttpRequest, text: queries.Text) -> str:
    """Return where staff change what they read; a text that came with the panel is saved as theirs first."""
    user = request.user
    if not (user.is_authenticated and user.is_staff and user.has_perm("content.change_page")):
        return ""
    if text.saved_as is not None:
        return reverse("admin:content_page_change", args=[text.saved_as])
    asked = urlencode({"slug": text.slug, "language": text.language})
    return f"{reverse('admin:content_page_add')}?{asked}"
