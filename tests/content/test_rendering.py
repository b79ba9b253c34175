"""What staff write becomes HTML that can do no harm."""

from html.parser import HTMLParser

import pytest

from content.rendering import render_markdown


def test_renders_what_texts_need():
    html = render_markdown(
        "## Prices\n\nAll **fine**, see [terms](/pages/terms/).\n\n* one\n* two\n\n1. first\n\n"
        "| a | b |\n|---|--:|\n| 1 | 2 |\n\n> said\n\n`code`\n\n```\nblock\n```\n"
    )

    for part in ("<h2>Prices</h2>", "<strong>fine</strong>", "<li>one</li>", "<ol>", "<td>1</td>", "<blockquote>"):
        assert part in html
    assert '<a href="/pages/terms/" rel="noopener noreferrer nofollow">terms</a>' in html
    assert "style=" not in html  # columns of Markdown tables are aligned by inline styles, which pages refuse


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
        "<svg><script>alert(1)</script></svg>",
        "<svg onload=alert(1)>",
        "<math><mtext></form><form><mglyph><style></math><img src=x onerror=alert(1)>",
        "<b onclick=alert(1)>x</b>",
        "<p style='position:fixed'>x</p>",
        "<iframe src='https://evil.example'></iframe>",
        "<object data='x'></object><embed src=x>",
        "<form action='https://evil.example'><input name=password></form>",
        "<base href='https://evil.example/'>",
        "<meta http-equiv=refresh content='0;url=https://evil.example'>",
        "<link rel=stylesheet href=//evil.example>",
        "<style>body{display:none}</style>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java\tscript:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:alert(1))",
        "<javascript:alert(1)>",
        "<a href=' javascript:alert(1)'>x</a>",
        "<a href='/ok' onmouseover=alert(1) target=_top id=csrf class=btn>x</a>",
        '[x](/ok "title\\" onclick=\\"alert(1)")',
        "[x]: javascript:alert(1)\n\n[x]",
        "![x](https://evil.example/track.gif)",
        "![x](data:image/svg+xml;base64,AAAA)",
        '![x" onerror="alert(1)](x)',
        "<img src='//evil.example/x.gif'>",
        "<video src=https://evil.example/x></video>",
        "<!-- <script>alert(1)</script> -->",
        "`<script>alert(1)</script>`",
        "```\n<script>alert(1)</script>\n```",
        "# <h1 onclick=alert(1)>x",
    ],
)
def test_hostile_text_does_nothing(attack):
    html = render_markdown(f"before\n\n{attack}\n\nafter")
    parts = Parts()
    parts.feed(html)

    assert "before" in html
    assert parts.tags <= {"p", "a", "code", "pre", "h2", "strong"}
    assert set(parts.attributes) <= {"href", "title", "rel"}
    assert (
        not parts.attributes.get("href", "").lstrip().lower().startswith(("javascript", "java\t", "vbscript", "data"))
    )


class Parts(HTMLParser):
    """The tags and attributes that a browser would see."""

    def __init__(self):
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, str] = {}

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(attrs)


def test_headings_begin_below_the_pages_own():
    text = "# One\n\n## Two\n\n### Three\n\n###### Six"

    assert "<h1" not in render_markdown(text)
    assert "<h2>One</h2>\n<h2>Two</h2>\n<h3>Three</h3>\n<h6>Six</h6>" in render_markdown(text)
    assert "<h3>One</h3>\n<h3>Two</h3>\n<h4>Three</h4>\n<h6>Six</h6>" in render_markdown(text, heading=3)


def test_names_the_panel(settings):
    render_markdown.cache_clear()
    settings.SITE_NAME = "Best <b>_Panel_*"

    html = render_markdown("Welcome to {site_name}!\n\n{other}")

    assert "Welcome to Best &lt;b&gt;_Panel_*!" in html
    assert "{other}" in html
