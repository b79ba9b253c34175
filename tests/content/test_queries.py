"""Which page and which news somebody gets to read."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from content import defaults, queries
from content.errors import PageNotFound
from content.models import News, Page

pytestmark = pytest.mark.django_db


def write(**changes):
    return Page.objects.create(**{"slug": "terms", "language": "en", "title": "Ours", "body": "Mine", **changes})


def post(title, *, hours_ago=0, pinned=False):
    at = timezone.now() - timedelta(hours=hours_ago)
    return News.objects.create(title=title, body="Text", published_at=at, is_pinned=pinned)


def titles(page):
    return [item.title for item in page.rows]


@pytest.mark.parametrize("slug", defaults.SLUGS)
@pytest.mark.parametrize("language", [code for code, _ in settings.LANGUAGES])
def test_comes_with_every_text_in_every_language(slug, language):
    text = queries.get_page(slug, language=language)

    assert (text.slug, text.language, text.updated_at) == (slug, language, None)
    assert text.title
    assert len(text.body) > 1000


def test_saved_text_replaces_the_default():
    saved = write()

    text = queries.get_page("terms", language="en")

    assert (text.title, text.body, text.saved_as) == ("Ours", "Mine", saved.pk)
    assert text.updated_at is not None


def test_own_english_terms_count_before_a_translation_of_other_terms():
    write()

    assert queries.get_page("terms", language="es").language == "en"
    write(language="es", title="Nuestros")
    assert queries.get_page("terms", language="es").title == "Nuestros"


def test_unknown_languages_read_english():
    assert queries.get_page("help", language="xx").language == "en"


def test_drafts_are_nobodys_business():
    write(is_published=False)
    write(slug="about", is_published=False)

    assert queries.get_page("terms", language="en").saved_as is None
    with pytest.raises(PageNotFound):
        queries.get_page("about", language="en")


@pytest.mark.parametrize("slug", ["nothing", "", "../en/terms", "en/terms", "terms.md"])
def test_unknown_pages_are_not_there(slug):
    with pytest.raises(PageNotFound):
        queries.get_page(slug, language="en")


def test_languages_of_texts_cannot_leave_their_folder():
    assert defaults.read_default("terms", language="../texts/en") is None


def test_a_page_exists_once_per_language():
    write()

    with pytest.raises(IntegrityError, match="page_once_per_language"), transaction.atomic():
        write()


def test_a_page_takes_one_query(django_assert_num_queries):
    with django_assert_num_queries(1):
        queries.get_page("terms", language="es")


def test_lists_pinned_news_first_then_the_newest():
    post("old", hours_ago=9)
    post("pinned", hours_ago=99, pinned=True)
    post("new", hours_ago=1)

    assert titles(queries.list_news()) == ["pinned", "new", "old"]
    assert titles(queries.list_news(limit=1)) == ["pinned"]


def test_news_of_tomorrow_wait():
    post("tomorrow", hours_ago=-1)

    assert titles(queries.list_news()) == []


def test_news_are_paged_by_key():
    posted = [post(f"p{n}", pinned=True, hours_ago=n) for n in range(3)] + [
        post(f"n{n}", hours_ago=n) for n in range(4)
    ]
    News.objects.filter(title__in=["n1", "n2"]).update(published_at=posted[4].published_at)  # at the same moment
    seen, before, pages = [], None, 0
    while pages == 0 or before is not None:
        page = queries.list_news(before=before, limit=2)
        seen += titles(page)
        before, pages = page.next_key, pages + 1

    assert seen == ["p0", "p1", "p2", "n0", "n2", "n1", "n3"]
    assert pages == 4


def test_a_key_that_is_gone_starts_from_the_top():
    post("only")

    assert titles(queries.list_news(before=10**9)) == ["only"]
