"""The texts that come with the panel, shown until staff save their own.

They are files whose first line is the title or the subject: `texts/LANGUAGE/SLUG.md` of pages, in Markdown, and
`texts/LANGUAGE/mails/KIND.txt` of mails. What was never saved changes with the program; what was saved is the
operator's and stays.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from content.mail_kinds import KINDS

SLUGS = ("terms", "privacy", "refund-policy", "help")
LANGUAGES = ("en", "es")
_TEXTS = Path(__file__).parent / "texts"


@dataclass(frozen=True, slots=True)
class Default:
    """A text as it came; a mail's title is its subject."""

    title: str
    body: str


@cache
def _read_all() -> dict[tuple[str, str], Default]:
    texts = {}
    for language in LANGUAGES:
        for slug in SLUGS:
            title, _, body = (_TEXTS / language / f"{slug}.md").read_text(encoding="utf-8").partition("\n")
            texts[language, slug] = Default(title.removeprefix("# "), body.strip())
    return texts


@cache
def _read_all_mails() -> dict[tuple[str, str], Default]:
    texts = {}
    for language in LANGUAGES:
        for kind in KINDS:
            subject, _, body = (_TEXTS / language / "mails" / f"{kind}.txt").read_text(encoding="utf-8").partition("\n")
            texts[language, kind] = Default(subject, body.strip())
    return texts


def read_default(slug: str, *, language: str) -> Default | None:
    """Return a text that came with the panel; None where there is none."""
    return _read_all().get((language, slug))


def read_default_mail(kind: str, *, language: str) -> Default | None:
    """Return the text of a mail that came with the panel; None where there is none."""
    return _read_all_mails().get((language, kind))
