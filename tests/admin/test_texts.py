"""Staff write pages and news."""

from django.test import Client

from content.models import News, Page
from tests.admin.browsing import page_of


def test_begins_a_page_with_the_text_that_came_with_the_panel(boss: Client) -> None:
    form = boss.get("/admin/content/page/add/?slug=terms&language=en").context["adminform"].form

    assert form["title"].value() == "Terms of service"
    assert "## Your account" in form["body"].value()
    assert (form["slug"].value(), form["language"].value()) == ("terms", "en")


def test_saves_a_page(boss: Client) -> None:
    fields = {"slug": "about", "language": "en", "title": "About us", "body": "We **sell**.", "is_published": "on"}

    response = boss.post("/admin/content/page/add/", fields)

    assert response.status_code == 302, response.context["adminform"].form.errors
    assert "We <strong>sell</strong>." in boss.get("/pages/about/").content.decode()
    saved = Page.objects.get()
    again = boss.post("/admin/content/page/add/", fields)
    assert "already exists" in again.content.decode()
    boss.post(page_of(saved), fields | {"is_published": ""})
    assert boss.get("/pages/about/").status_code == 404


def test_posts_and_deletes_news(boss: Client) -> None:
    fields = {"title": "Hello", "body": "Text", "published_at_0": "2026-01-01", "published_at_1": "10:00"}

    response = boss.post("/admin/content/news/add/", fields)

    assert response.status_code == 302, response.context["adminform"].form.errors
    assert "Hello" in boss.get("/news/").content.decode()
    boss.post(page_of(News.objects.get()).replace("/change/", "/delete/"), {"post": "yes"})
    assert not News.objects.exists()
