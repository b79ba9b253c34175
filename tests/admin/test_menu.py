"""The menu of the admin."""

import re
from collections.abc import Callable

from django.contrib import admin
from django.test import Client

from accounts.models import User
from panel.admin_menu import GROUPS
from tests.admin.browsing import page_of

LINK = re.compile(r'href="(/admin/[a-z_]+/[a-z_]+/)"')


def links(client: Client) -> set[str]:
    """Return where the menu leads to."""
    return set(LINK.findall(client.get("/admin/").content.decode()))


def test_names_only_lists_that_are_there() -> None:
    registered = {model._meta.label_lower for model in admin.site._registry}

    assert {entry.model for _title, entries in GROUPS for entry in entries} <= registered


def test_leads_the_owner_to_every_list(boss: Client) -> None:
    everything = {f"/admin/{m._meta.app_label}/{m._meta.model_name}/" for m in admin.site._registry}

    assert everything <= links(boss)


def test_leads_others_only_to_what_they_may_see(make_clerk: Callable[..., Client]) -> None:
    clerk = make_clerk("support.view_ticket")

    assert links(clerk) == {"/admin/support/ticket/"}
    assert "Money" not in clerk.get("/admin/").content.decode()


def test_pages_are_headed_by_the_words_of_the_menu(boss: Client, customer: User) -> None:
    assert ">Review queue</a>" in boss.get("/admin/orders/reviewitem/").content.decode()
    page = boss.get(page_of(customer)).content.decode()
    assert ">Customers and staff</a>" in page
    assert f">{customer.username}</a>" in page  # as it is written
