"""Turn Markdown into HTML that can do no harm, whoever wrote it.

Staff write it, but a stolen staff session must not become a script on every customer's page, so all that is not listed
here is dropped. Pictures are: they would have to come from outside, which pages may not load.
"""

import re
from functools import lru_cache
from html import escape

import markdown
import nh3
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe

TAGS = {
    "a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
SCHEMES = {"http", "https", "mailto"}
EXTENSIONS = ("sane_lists", "tables", "fenced_code")
LOWEST_HEADING = 6
REMEMBERED_TEXTS = 256  # rendering takes milliseconds, and the same few texts are read all day

_HEADING = re.compile(r"<(/?)h([1-6])>")
_SPECIAL = re.compile(r"([\\`*_\[\]|])")


@lru_cache(maxsize=REMEMBERED_TEXTS)
def render_markdown(text: str, *, heading: int = 2) -> SafeString:
    """Render a text; its headings begin below the page's own.

    :param heading: the level of the text's highest headings, `#` and `##`; those under it follow.
    """
    name = _SPECIAL.sub(r"\\\1", escape(settings.SITE_NAME, quote=False))
    html = nh3.clean(
        markdown.markdown(text.replace("{site_name}", name), extensions=EXTENSIONS, output_format="html"),
        tags=TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )

    def move(match: re.Match[str]) -> str:
        level = max(int(match[2]), 2) - 2 + heading  # `#` is the page's own title, so it counts as `##`
        return f"<{match[1]}h{min(level, LOWEST_HEADING)}>"

    # Headings have no attributes left, and what looks like a tag in the text is escaped: only tags match.
    return mark_safe(_HEADING.sub(move, html))  # noqa: S308 - cleaned above
