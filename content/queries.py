"""Which texts are shown to whom."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from content import defaults
from content.errors import PageNotFound
from content.models import MailText, News, Page
from panel import paging

PAGE_NEWS = 10


@dataclass(frozen=True, slots=True)
class Text:
    """A page as it is shown; `updated_at` is None for a text that came with the panel."""

    slug: str
    language: str
    title: str
    body: str
    updated_at: datetime | None
    saved_as: int | None


def get_page(slug: str, *, language: str) -> Text:
    """Return a page in a language, else in English; what staff saved counts before what came with the panel.

    The operator's terms in English are true for a Spanish reader too; a translation of other terms would not be.

    :raises PageNotFound: nobody has written it, or it is not published.
    """
    languages = dict.fromkeys([language, settings.LANGUAGE_CODE])
    saved = {page.language: page for page in Page.objects.filter(slug=slug, language__in=languages, is_published=True)}
    for code in languages:
        if page := saved.get(code):
            return Text(slug, code, page.title, page.body, page.updated_at, page.pk)
    for code in languages:
        if (text := defaults.read_default(slug, language=code)) is not None:
            return Text(slug, code, text.title, text.body, None, None)
    raise PageNotFound


@dataclass(frozen=True, slots=True)
class MailWords:
    """The text of a mail; `saved_as` is None for one that came with the panel."""

    language: str
    subject: str
    body: str
    saved_as: int | None


def list_mail_texts(kind: str, *, language: str) -> list[MailWords]:
    """List the texts that a mail may have, the best first: as with pages, and the last came with the panel."""
    languages = dict.fromkeys([language, settings.LANGUAGE_CODE])
    saved = {text.language: text for text in MailText.objects.filter(kind=kind, language__in=languages, is_used=True)}
    texts = [
        MailWords(code, text.subject, text.body, text.pk) for code in languages if (text := saved.get(code)) is not None
    ]
    for code in languages:
        if (default := defaults.read_default_mail(kind, language=code)) is not None:
            return [*texts, MailWords(code, default.title, default.body, None)]
    raise LookupError(kind)


def list_news(*, before: int | None = None, limit: int = PAGE_NEWS) -> paging.Page[News]:
    """List what is published by now, pinned ones first, then newest first.

    :param before: the `next_key` of the page above; one that is gone starts from the top.
    """
    news = News.objects.filter(published_at__lte=timezone.now()).order_by("-is_pinned", "-published_at", "-pk")
    last = News.objects.filter(pk=before).first() if before is not None else None
    if last is not None:
        same_day = Q(published_at__lt=last.published_at) | Q(published_at=last.published_at, pk__lt=last.pk)
        below = Q(is_pinned=last.is_pinned) & same_day
        news = news.filter(below | Q(is_pinned=False) if last.is_pinned else below)
    return paging.read_page(news, limit=limit)
