"""What axe-core has to say about a page as it stands, in both themes."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

GRAVE = ("serious", "critical")
THEMES = ("light", "dark")
# What is loaded is all there is: no style sheet of somebody else's, no frame.
RUN = "axe.run({ resultTypes: ['violations'], preload: false, iframes: false })"
# A colour that is still on its way to the other theme has another contrast.
SETTLE = """async () => {
    await new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)));
    document.getAnimations().forEach((animation) => {
        try { animation.finish(); } catch { animation.cancel(); }
    });
}"""
# The rows of a table are alike, and looking at hundreds of them takes minutes.
ROWS_KEPT = 12
DROP_ROWS = """(kept) => document.querySelectorAll("table").forEach((table) => {
    [...table.rows].slice(kept, -1).forEach((row) => row.remove());
})"""


def assert_no_grave_faults(page: Page) -> None:
    """Run every rule on the page and fail on what is serious or critical.

    The script comes through the debugger, which the page's Content-Security-Policy does not govern: it stays in force.
    """
    prepare(page)
    found = []
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        found += [f"{theme}: {fault}" for _rule, fault in list_grave_faults(page)]
    assert not found, "\n".join([page.url, *found])


def prepare(page: Page) -> None:
    """Load the script into a page, and leave of its tables what is worth looking at."""
    page.evaluate(DROP_ROWS, ROWS_KEPT)
    page.evaluate(Axe().axe_script)


def list_grave_faults(page: Page) -> list[tuple[str, str]]:
    """Return what is serious or critical on the page as it stands: the rule, and what breaks it."""
    page.evaluate(SETTLE)
    violations: list[dict[str, Any]] = page.evaluate(RUN)["violations"]
    return [
        (violation["id"], f"{violation['impact']} {violation['id']}: {node['html'][:200]} {node['failureSummary']}")
        for violation in violations
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]
