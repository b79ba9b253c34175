"""Pages and news that the operator writes."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation

from content.models import News, Page
from content.queries import PAGE_NEWS
from tests.dashboard.test_layout import INLINE

SLUGS = ["terms", "privacy", "refund-policy", "help"]
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>[x](javascript:alert(3))"


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("who", ["visitor", "browser", "staff_browser"])
def test_everybody_reads_the_pages(who, slug, request, db):
    client = Client() if who == "visitor" else request.getfixturevalue(who)

    page = client.get(reverse("dashboard:page", args=[slug]))

    assert page.status_code == 200
    assert page.text.count("<h1") == 1
    assert not INLINE.search(page.text), INLINE.search(page.text)
    assert "{site_name}" not in page.text


@pytest.mark.parametrize("slug", SLUGS)
def test_visitors_find_the_pages_in_the_footer(slug, db):
    assert f'href="{reverse("dashboard:page", args=[slug])}"' in Client().get("/").text


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("language", [code for code, _ in settings.LANGUAGES])
def test_links_of_texts_lead_somewhere(slug, language, browser, followers):
    page = browser.get(reverse("dashboard:page", args=[slug]), headers={"Accept-Language": language})
    inside = page.text[page.text.index("<article") : page.text.index("</article>")]
    links = {part.split('"')[0] for part in inside.split('href="')[1:]}

    for link in links:
        assert browser.get(link, follow=True).status_code == 200, link


def test_reads_in_the_readers_language(db):
    page = Client(headers={"Accept-Language": "es"}).get(reverse("dashboard:page", args=["help"]))

    assert "Ayuda" in page.text
    assert '<article class="mx-auto max-w-prose">' in page.text


def test_says_in_which_language_a_text_is_when_it_is_not_the_readers(db):
    Page.objects.create(slug="about", language="en", title="About us", body="Hello")
    client = Client(headers={"Accept-Language": "es"})

    assert '<article class="mx-auto max-w-prose" lang="en">' in client.get("/pages/about/").text


@pytest.mark.parametrize("path", ["/pages/nothing/", "/pages/TERMS/", "/pages/a.b/"])
def test_missing_pages_are_missing(path, db):
    assert Client().get(path).status_code == 404


def test_visitors_pay_one_query(db, django_assert_num_queries):
    with django_assert_num_queries(1):
        Client().get("/pages/terms/")


def test_staff_edit_what_they_read(staff_browser, browser):
    add = f"{reverse('admin:content_page_add')}?slug=terms&amp;language=en"
    assert add in staff_browser.get("/pages/terms/").text
    saved = Page.objects.create(slug="terms", language="en", title="Ours", body="Mine")

    assert reverse("admin:content_page_change", args=[saved.pk]) in staff_browser.get("/pages/terms/").text
    assert "/admin/" not in browser.get("/pages/terms/").text


def test_hostile_texts_stay_harmless(db):
    title = "<script>alert(1)</script>"
    Page.objects.create(slug="about", language="en", title=title, body=ATTACK)
    News.objects.create(title=title, body=ATTACK)

    for path in ("/pages/about/", "/news/"):
        text = Client().get(path).text
        assert not INLINE.search(text), INLINE.search(text)
        assert "<img" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


@pytest.mark.parametrize("who", ["visitor", "browser", "staff_browser"])
def test_everybody_reads_the_news(who, request, db):
    News.objects.create(title="New gateway", body="# Cards\n\nPay by **card** now.", is_pinned=True)

    text = (Client() if who == "visitor" else request.getfixturevalue(who)).get("/news/").text

    assert "New gateway" in text
    assert "<h3>Cards</h3>" in text
    assert "Pay by <strong>card</strong> now." in text
    assert "Pinned" in text
    assert not INLINE.search(text), INLINE.search(text)


def test_news_are_paged_in_fixed_queries(db, django_assert_num_queries):
    News.objects.bulk_create(News(title=f"News number {n}.", body="Text") for n in range(PAGE_NEWS + 2))
    with django_assert_num_queries(1):
        first = Client().get("/news/")
    with django_assert_num_queries(2):  # where the page begins
        second = Client().get("/news/", {"before": first.context["page"].next_key})

    assert [len(page.context["page"].rows) for page in (first, second)] == [PAGE_NEWS, 2]
    assert "Newest" in second.text


@pytest.mark.parametrize("before", ["x", "-1", "0", "9" * 40, "'", ""])
def test_takes_any_page_address(before, db):
    assert Client().get("/news/", {"before": before}).status_code == 200


def test_says_when_there_are_none(db):
    assert "No news yet" in Client().get("/news/").text


def test_takes_no_posts(db):
    assert Client().post("/news/").status_code == 405
    assert Client().post("/pages/terms/").status_code == 405


def test_visitors_read_in_spanish_once_they_choose_it(db):
    client = Client()
    client.post(reverse("set_language"), {"language": "es", "next": "/pages/terms/"})

    assert "Términos del servicio" in client.get("/pages/terms/").text
    translation.activate("en")
