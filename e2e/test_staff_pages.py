"""axe-core on the staff's main pages in both themes, and whether they fit a phone."""

from typing import Any

import pytest

from e2e.axe import THEMES, list_grave_faults, prepare
from e2e.conftest import PHONE, WIDE, OpenPage
from e2e.panel import Panel
from e2e.test_accessibility import OVERFLOWS
from e2e.world import staff_facts_about

PAGES = (
    "/",
    "/orders/order/",
    "/orders/order/{any_order}/change/",
    "/orders/order/{any_order}/start_count",
    "/orders/reviewitem/?state=open",
    "/accounts/user/",
    "/accounts/user/{customer}/change/",
    "/catalog/service/",
    "/catalog/service/{any_service}/change/",
    "/catalog/service/reprice",
    "/providers/provider/{provider}/change/",
    "/payments/payment/",
    "/wallet/wallet/{wallet}/change/",
    "/reports/dayfigure/",
    "/staff/auditentry/",
    "/auth/group/1/change/",
    "/accounts/user/{customer}/history/",
)
# What Django's and the theme's own pages do, where replacing one costs more than it mends: rule and markup.
EXCEPTIONS = (
    # The sign beside the field that filters permissions repeats the field's label.
    ("aria-prohibited-attr", 'class="help-tooltip search-label-icon"'),
    # Buttons of a list that imports and exports: a group in a list that holds no item.
    ("list", '<ul class="object-tools">'),
)


@pytest.mark.parametrize("address", PAGES)
def test_no_page_of_the_staff_has_a_grave_fault(
    address: str, open_page: OpenPage, panel: Panel, staff_session: Any
) -> None:
    found = []
    for theme in THEMES:  # the theme reads it once, when the page is loaded
        page = open_page(base_url=panel.staff_url, storage_state=staff_session, color_scheme=theme)
        answer = page.goto("/admin" + address.format_map(staff_facts_about(panel)))
        assert answer is not None
        assert answer.status == 200
        prepare(page)
        found += [
            f"{theme}: {fault}"
            for rule, fault in list_grave_faults(page)
            if not any(rule == excepted and markup in fault for excepted, markup in EXCEPTIONS)
        ]

    assert not found, "\n".join(found)
    for size in (WIDE, PHONE):
        page.set_viewport_size(size)
        assert not page.evaluate(OVERFLOWS), size
