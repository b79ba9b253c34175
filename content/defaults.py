"""The texts that come with the panel, shown until staff save their own.

They are files, `texts/LANGUAGE/SLUG.md`, whose first line is the title. A page that was never saved changes with the
program; one that was saved is the operator's and stays.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

SLUGS = ("terms", "privacy", "refund-policy", "help")
LANGUAGES = ("en", "es")
_TEXTS = Path(__file__).parent / "texts"


@dataclass(frozen=True, slots=True)
class Default:
    """A text as it came, in Markdown."""

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


def read_default(slug: str, *, language: str) -> Default | None:
    """Return a text that came with the panel; None where there is none."""
    return _read_all().get((language, slug))
