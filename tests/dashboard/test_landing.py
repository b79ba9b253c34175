"""What a visitor sees first."""

import json

from django.test import Client

from api_v2.examples import CALLS


def test_shows_the_live_catalogue_with_a_search(followers, make_service):
    make_service(name="Views", category="YouTube")

    page = Client().get("/")
    found = Client().get("/", {"q": "real"})

    assert [price.offer.name for price in page.context["prices"]] == [followers.name, "Views"]
    assert [price.offer.id for price in found.context["prices"]] == [followers.pk]
    assert 'hx-get="/services/rows/"' in page.text
    assert "/favourite/" not in page.text


def test_shows_the_api_in_three_requests_to_this_site(followers):
    page = Client().get("/")

    assert page.text.count("curl -X POST &quot;http://testserver/api/v2&quot;") == 3
    for action in ("services", "add", "status"):
        example = next(call.example for call in CALLS if call.action == action)
        answer = example.answer[:1] if isinstance(example.answer, list) else example.answer
        shown = json.dumps(answer, ensure_ascii=False, indent=2).replace("&", "&amp;").replace('"', "&quot;")
        assert shown in page.text


def test_uses_the_address_the_operator_gave(followers, settings):
    settings.BASE_URL = "https://panel.example"

    assert "https://panel.example/api/v2</code>" in Client().get("/").text


def test_says_when_nothing_is_on_sale(db):
    assert "Nothing on sale at the moment" in Client().get("/").text


def test_costs_one_query(followers, django_assert_num_queries):
    Client().get("/")
    with django_assert_num_queries(1):  # the catalogue's version
        Client().get("/")


def test_speaks_the_visitors_language(followers):
    page = Client().get("/", headers={"Accept-Language": "es"})

    assert page.status_code == 200
    assert '<html lang="es">' in page.text
