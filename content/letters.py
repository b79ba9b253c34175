"""Put facts into the text of a mail, and say why a text cannot be one.

A placeholder is a known word in braces and nothing else: no attribute of a fact can be reached, nothing is evaluated,
and braces in a fact stay what they are.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from django.conf import settings
from django.utils import translation

from content.mail_kinds import Kind

NAME_SHOWN_CHARACTERS = 40  # of what staff wrote between braces

# A fact, or how to say it in the language that is spoken when the text is filled.
Fact = str | int | Callable[[], str]

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Letter(NamedTuple):
    """A mail as it is sent."""

    subject: str
    body: str


def names_in(text: str) -> set[str]:
    """Return the words that stand in braces."""
    return set(_PLACEHOLDER.findall(text))


def list_faults(kind: Kind, *, subject: str, body: str) -> Iterator[tuple[str, str]]:
    """Say why a text cannot be this mail's: the field, and a sentence for staff. A good one has no faults."""
    for field, text in (("subject", subject), ("body", body)):
        if not text.strip():
            yield field, "It must not be empty."
        if "{" in (rest := _PLACEHOLDER.sub("", text)) or "}" in rest:
            yield field, "A brace stands alone. Braces belong around the name of a placeholder, one on each side."
        for name in sorted(names_in(text)):
            placeholder = kind.get(name)
            if placeholder is None:
                known = ", ".join(f"{{{one.name}}}" for one in kind.placeholders)
                yield field, f"{{{name[:NAME_SHOWN_CHARACTERS]}}} is no placeholder of this mail; these are: {known}."
            elif field == "subject" and (placeholder.is_address or placeholder.is_list):
                yield field, f"{{{name}}} has no place in a subject: log files and locked screens show it."
    if len(subject.splitlines()) > 1:
        yield "subject", "It must be one line."
    for name in sorted(kind.required - names_in(body)):
        yield "body", f"{{{name}}} is missing. Without it the mail is of no use to whoever gets it."


def fill(kind: Kind, *, subject: str, body: str, language: str, facts: Mapping[str, Fact]) -> Letter:
    """Write a mail in a language.

    :param facts: of each placeholder in the text. An address that is empty takes its paragraph with it.
    """
    with translation.override(language):
        said = {name: _say(kind, name, facts[name]) for name in names_in(subject) | names_in(body)}
        paragraphs = [_or_instead(kind, paragraph, said) for paragraph in body.replace("\r\n", "\n").split("\n\n")]
    text = "\n\n".join(_put(paragraph, said) for paragraph in paragraphs if paragraph is not None)
    title = " ".join(_put(subject, said).split())  # no mail has a subject of two lines
    return Letter(f"{settings.EMAIL_SUBJECT_PREFIX}{title}", f"{text.strip()}\n")


def fill_with_samples(kind: Kind, *, subject: str, body: str, language: str) -> Letter:
    """Write a mail as nobody gets it, to look at."""
    facts: dict[str, Fact] = {placeholder.name: placeholder.make_sample for placeholder in kind.placeholders}
    return fill(kind, subject=subject, body=body, language=language, facts=facts)


def _say(kind: Kind, name: str, fact: Fact) -> str:
    text = fact() if callable(fact) else str(fact)
    placeholder = kind.get(name)
    # Customers choose their names and titles: none of them may look like lines of the panel's own.
    return text if placeholder is not None and placeholder.is_list else " ".join(text.split())


def _or_instead(kind: Kind, paragraph: str, said: Mapping[str, str]) -> str | None:
    for placeholder in kind.placeholders:
        if placeholder.is_address and not said.get(placeholder.name, "-") and placeholder.name in names_in(paragraph):
            return str(placeholder.instead) or None
    return paragraph


def _put(text: str, said: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: said[match[1]], text)
