"""The published docs page: complete, with this panel's address, readable without scripts."""

import html
import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from api_v2.examples import CALLS, EXAMPLES, REFUSALS, TYPE_GUIDES
from api_v2.snippets import LANGUAGES, curl, php

pytestmark = pytest.mark.django_db

PATH = "/docs/api"
NOT_PRINTED = {refusal.example.slug for refusal in REFUSALS if refusal.example}  # they prove the table


def page(client=None, **extra):
    response = (client or Client()).get(PATH, **extra)
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def test_is_public_at_its_address():
    assert reverse("docs") == PATH
    assert "<h1>API v2</h1>" in page()


@pytest.mark.parametrize("language", LANGUAGES)
def test_prints_every_call_in_every_language_with_its_answer(language, settings):
    settings.BASE_URL = "https://panel.example.com"
    text = page()
    spell = LANGUAGES[language][1]

    for example in EXAMPLES:
        if example.slug not in NOT_PRINTED:
            assert spell("https://panel.example.com/api/v2", example.request) in text, example.slug
            assert json.dumps(example.answer, ensure_ascii=False, indent=2) in text, example.slug


def test_names_every_parameter_type_and_error():
    text = page()

    for parameters in [call.parameters for call in CALLS] + [guide.parameters for guide in TYPE_GUIDES]:
        assert all(f">{parameter.name}</code>" in text and parameter.text in text for parameter in parameters)
    assert all(f">{guide.name}</span>" in text for guide in TYPE_GUIDES)
    for refusal in REFUSALS:
        assert f">{refusal.text}</code>" in text
        assert refusal.when in text
        assert refusal.remedy in text
    for call in CALLS:
        assert all(note in text for note in call.notes)


def test_uses_the_address_that_it_was_asked_under(settings):
    settings.BASE_URL = ""

    assert "https://my.panel.test/api/v2" in page(headers={"host": "my.panel.test"}, secure=True)


def test_uses_the_published_address_when_there_is_one(settings):
    settings.BASE_URL = "https://panel.example.com"

    text = page(headers={"host": "10.0.0.1"})

    assert "https://panel.example.com/api/v2" in text
    assert "10.0.0.1" not in text


def test_shows_a_customer_the_way_to_their_keys_and_never_a_key(customer):
    client = Client()
    client.force_login(customer)

    text = page(client)

    assert f'href="{reverse("dashboard:api_keys")}"' in text
    assert "YOUR_API_KEY" in text


def test_links_to_support_for_a_lift(settings):
    settings.SUPPORT_URL = "https://t.me/some_support"

    assert '<a href="https://t.me/some_support" rel="noopener">Write to support</a>' in page()


def test_needs_no_inline_script_style_or_handler():
    text = Client().get(PATH).content.decode()

    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)


def test_ids_are_unique_and_links_within_the_page_lead_somewhere():
    text = Client().get(PATH).content.decode()

    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)
    assert set(re.findall(r'\sfor="([^"]+)"', text)) <= set(ids)


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_is_only_read(method):
    assert getattr(Client(), method)(PATH).status_code == 405


def test_curl_escapes_what_a_shell_would_read():
    request = {"link": "https://a/b?c=1&d", "comments": "it's $HOME\n`x`!"}

    assert curl("https://p/api/v2", request) == (
        'curl -X POST "https://p/api/v2" \\\n'
        "  --data-urlencode 'link=https://a/b?c=1&d' \\\n"
        "  --data-urlencode 'comments=it'\"'\"'s $HOME\n`x`!'"
    )


def test_php_escapes_its_variables():
    assert '"comments" => "\\$x\\n\\"y\\""' in php("https://p/api/v2", {"comments": '$x\n"y"'})
