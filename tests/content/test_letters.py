"""What a text may name, and what becomes of it."""

import pytest
from django.conf import settings

from content import defaults, letters
from content.mail_kinds import KINDS

BODY = "Hello {name},\n\nsee {stop_url}"
LANGUAGES = [code for code, _ in settings.LANGUAGES]


def faults(kind="low_balance", *, subject="Low", body=BODY):
    return [field for field, _ in letters.list_faults(KINDS[kind], subject=subject, body=body)]


def fill(kind="low_balance", *, subject="Low", body=BODY, language="en", **facts):
    facts = {"name": "Alex", "site_name": "Panel", "stop_url": "https://x/stop", "balance": "1 USD"} | facts
    return letters.fill(KINDS[kind], subject=subject, body=body, language=language, facts=facts)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_comes_with_every_mail_in_every_language(kind, language):
    text = defaults.read_default_mail(kind, language=language)

    assert text is not None
    assert faults(kind, subject=text.title, body=text.body) == []
    assert len(text.body) > 100


@pytest.mark.parametrize("kind", KINDS)
def test_translations_name_the_same_facts(kind):
    texts = [defaults.read_default_mail(kind, language=language) for language in LANGUAGES]

    assert len({frozenset(letters.names_in(text.title + text.body)) for text in texts}) == 1


def test_no_file_belongs_to_no_mail():
    folder = settings.BASE_DIR / "content" / "texts"

    assert {path.stem for path in folder.glob("*/mails/*")} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fact_has_a_sample(kind, language):
    spec = KINDS[kind]
    everything = "\n".join(f"{{{placeholder.name}}}" for placeholder in spec.placeholders)

    letter = letters.fill_with_samples(spec, subject="S", body=everything, language=language)

    assert "{" not in letter.body
    assert "" not in letter.body.rstrip("\n").replace("\n\n", "\n").split("\n")


def test_a_good_text_has_no_faults():
    assert faults() == []


@pytest.mark.parametrize(
    "word",
    [
        "{nobody}",
        "{Name}",
        "{ name }",
        "{}",
        "{0}",
        "{name.__class__}",
        "{name!r}",
        "{name:>99}",
        "{name[0]}",
        "{confirm_url}",
        "{{name}}",
        "{{ name }}",
        "{% include 'x' %}",
        "{name",
        "name}",
    ],
)
@pytest.mark.parametrize("field", ["subject", "body"])
def test_unknown_placeholders_are_faults(field, word):
    text = f"{BODY} {word}" if field == "body" else f"Low {word}"

    assert field in faults(**{field: text})


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS.values() if kind.required])
def test_what_must_be_there_is_missed(kind):
    text = defaults.read_default_mail(kind, language="en")

    for name in KINDS[kind].required:
        assert faults(kind, subject=text.title, body=text.body.replace(f"{{{name}}}", "")) == ["body"]


def test_links_and_lists_are_no_matter_for_subjects():
    assert faults(subject="See {stop_url}") == ["subject"]
    assert faults("ended_orders", subject="{orders}", body="{orders} {stop_url}") == ["subject"]


@pytest.mark.parametrize("subject", ["", "  ", "Low\nBcc: x@example.com", "Low\r\nX", "Low\u2028X"])
def test_a_subject_is_one_line(subject):
    assert "subject" in faults(subject=subject)


def test_puts_facts_in():
    letter = fill(subject="{name}: {balance}", body="Hello {name}, {balance} {stop_url}")

    assert letter == ("[Panel] Alex: 1 USD", "Hello Alex, 1 USD https://x/stop\n")


def test_braces_in_a_fact_stay_what_they_are():
    letter = fill(subject="Hi {name}", name="{stop_url} {{ 7*7 }} %s {name}")

    assert letter.subject == "[Panel] Hi {stop_url} {{ 7*7 }} %s {name}"


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\x0b", "\x85", "\u2028"])
def test_a_fact_adds_no_line(line_end):
    letter = fill(subject="Hi {name}", name=f"Alex{line_end}Bcc: victim@example.com{line_end}{line_end}Pay here")

    assert letter.subject == "[Panel] Hi Alex Bcc: victim@example.com Pay here"
    assert letter.body == "Hello Alex Bcc: victim@example.com Pay here,\n\nsee https://x/stop\n"


def test_an_unknown_address_takes_its_paragraph_with_it():
    body = "Hello {name},\n\nadd funds:\n{wallet_url}\n\nStop: {stop_url}"

    letter = fill(body=body, wallet_url="", stop_url="")

    assert letter.body == ("Hello Alex,\n\nYou can turn these mails off in your account, under Notifications.\n")
    assert "Puedes desactivar" in fill(body=body, wallet_url="", stop_url="", language="es").body


def test_facts_speak_the_language_of_the_text():
    def moment():
        from django.utils.translation import get_language

        return get_language()

    assert fill(body="{name} {stop_url}", name=moment, language="es").body.startswith("es ")
