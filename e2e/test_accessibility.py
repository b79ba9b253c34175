"""axe-core on every page that has a name, in both themes, on a wide screen and on a phone."""

from collections.abc import Iterator

import pytest
from django.urls import URLResolver, get_resolver

from e2e import pages, people
from e2e.axe import assert_no_grave_faults
from e2e.conftest import PHONE, WIDE

OVERFLOWS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
NOT_OURS = ("admin", "admin_api")  # Django's admin in Unfold's dress and Swagger's page, for staff


def test_every_page_with_a_name_is_listed():
    listed = {page.name for page in pages.PAGES} | pages.NO_PAGES

    assert set(names_in(get_resolver())) == listed


@pytest.mark.parametrize("listed", pages.PAGES, ids=lambda listed: listed.title)
def test_no_page_has_a_grave_fault(listed, open_page, demo_session, world):
    page = open_page(storage_state=demo_session if listed.by == "customer" else None)

    answer = page.goto(listed.address(world))

    assert answer.status == 200
    assert page.locator("h1").count() == 1
    for size in (WIDE, PHONE):
        page.set_viewport_size(size)
        assert not page.evaluate(OVERFLOWS), f"wider than {size['width']}"
        assert_no_grave_faults(page)


def test_what_opens_has_no_grave_fault(demo_page):
    demo_page.goto("/dashboard/")
    demo_page.locator("header details.menu summary:visible").last.click()
    assert_no_grave_faults(demo_page)

    demo_page.set_viewport_size(PHONE)
    demo_page.goto("/dashboard/")
    demo_page.locator("header details.menu summary").first.click()
    assert_no_grave_faults(demo_page)

    demo_page.goto("/account/email/")
    demo_page.get_by_role("button", name="Remove").click()
    demo_page.locator("dialog[open]").wait_for()
    assert_no_grave_faults(demo_page)


def test_errors_in_a_form_have_no_grave_fault(open_page):
    page = open_page()
    page.goto("/account/signup/")
    page.locator("[name=email]").fill("nobody@example.com")
    page.locator("[name=username]").fill("demo")
    page.locator("[name=password1]").fill("correct horse battery staple")
    page.locator("[name=password2]").fill("another battery staple")
    page.locator("main button.btn-primary").click()
    page.locator("main [aria-invalid=true]").first.wait_for()

    assert_no_grave_faults(page)


def test_a_checked_mass_order_has_no_grave_fault(demo_page, panel):
    service = panel.facts["services"]["default"]
    people.check_mass_order(demo_page, f"{service}|{people.LINK}|100\n{service}|{people.LINK}|1\nnonsense")

    assert_no_grave_faults(demo_page)


def names_in(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if not isinstance(pattern, URLResolver):
            if pattern.name:  # without one it only stands before a package's page of the same address
                yield f"{prefix}{pattern.name}"
        elif pattern.namespace not in NOT_OURS:
            yield from names_in(pattern, f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix)
