"""What staff did to an object, on a page of its own: from the staff log, whichever door they came through."""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiKey, User
from orders import submission
from orders.models import HeldRun, Order
from panel import admin_history
from staff.audit import Origin
from staff.history import Entry
from staff.models import AuditEntry, BulkJob, Channel
from staff.operations import registry
from tests.admin.browsing import page_of, run_action
from tests.admin.test_order_actions import choose
from tests.fixtures import funded, key_of, place


def history_of(obj: Any) -> str:
    """Return the address of an object's history."""
    return reverse(f"admin:{obj._meta.app_label}_{obj._meta.model_name}_history", args=[obj.pk])


def rows_at(client: Client, address: str) -> list[tuple[str, ...]]:
    """Return what a page tells, without when and without links: who, what, before, after, why."""
    response = client.get(address)
    assert response.status_code == 200
    rows = response.context["facts"][0].rows
    return [tuple(re.sub("<.*?>", "", str(cell)) for cell in row[1:]) for row in rows]


def test_tells_what_a_page_of_an_action_did_and_why(boss: Client, customer: User) -> None:
    run_action(boss, customer, "suspend", reason="sells stolen accounts")

    assert rows_at(boss, history_of(customer)) == [
        ("staff", "suspended", "no", "yes", "sells stolen accounts\ncustomer is suspended.")
    ]


@pytest.mark.parametrize("action", ["suspend", "unsuspend", "revoke_keys"])
def test_without_a_reason_nothing_is_done(boss: Client, customer: User, action: str) -> None:
    key_of(customer)
    User.objects.filter(pk=customer.pk).update(is_suspended=action == "unsuspend")

    assert run_action(boss, customer, action, reason=" ").status_code == 200

    customer.refresh_from_db()
    assert customer.is_suspended == (action == "unsuspend")
    assert ApiKey.objects.get().revoked_at is None
    assert not AuditEntry.objects.exists()


def test_tells_what_a_form_changed(boss: Client, customer: User) -> None:
    page = boss.get(page_of(customer))
    form = page.context["adminform"].form
    sent = {name: form.initial.get(name) or "" for name in form.fields if name not in ("groups", "user_permissions")}
    rows = {"api_keys-TOTAL_FORMS": 0, "api_keys-INITIAL_FORMS": 0}

    response = boss.post(page_of(customer), sent | rows | {"requests_per_second": "200"})

    assert response.status_code == 302
    assert rows_at(boss, history_of(customer)) == [("staff", "requests per second", "60", "200", "")]


def test_tells_what_came_through_another_door(boss: Client, staff: User, order_id: int) -> None:
    registry.perform(
        "orders.set_start_count",
        subject_id=order_id,
        arguments={"start_count": 7},
        reason="the customer showed it",
        actor=staff,
        origin=Origin(Channel.ADMIN_API, "203.0.113.7"),
    )

    [told] = rows_at(boss, history_of(Order.objects.get()))

    assert told[0] == "staff, Admin API"
    assert told[1:4] == ("start count", "", "7")
    assert told[4].startswith("the customer showed it")


@pytest.mark.parametrize("model_admin", admin.site._registry.values(), ids=lambda page: page.opts.label)
def test_tells_of_whatever_an_entry_names(model_admin: Any, customer: User, order_id: int) -> None:
    """Keys of entries may be called as fields of any kind, or as rows that point here."""
    names = [field.name for field in model_admin.opts.get_fields(include_hidden=True)]
    facts = dict.fromkeys([*names, "no field"], "1")
    entry = Entry(1, timezone.now(), "staff", "test", "", "", "", facts, facts)

    told = admin_history.tell_entry(entry, partial(admin_history.find_column, model_admin.model))

    assert len(told.changes) == len(facts)


def test_tells_of_jobs(boss: Client, customer: User, order_id: int) -> None:
    choose(boss, order_id, reason="gone", answered="yes", token=str(uuid4()), confirmed="on")
    [job] = BulkJob.objects.all()

    assert "bulk.create" in str(AuditEntry.objects.values_list("operation"))
    assert rows_at(boss, history_of(job))


def test_held_runs_are_runs_to_the_log(boss: Client, staff: User, customer: User, followers: Any) -> None:
    followers.routes.update(cost=2)
    place(funded(customer, "10"), followers)
    assert submission.claim_next() is None
    held = HeldRun.objects.get()

    run_action(boss, held, "send_anyway", reason="a gift")

    assert AuditEntry.objects.get().subject_model == "orders.run"
    model_admin = admin.site._registry[HeldRun]
    assert [entry.reason for entry in model_admin.list_log(held, before=None, limit=5)] == ["a gift"]


def test_goes_on_with_what_is_older(boss: Client, customer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("panel.admin_pages.PAGE_ROWS", 2)
    for number in range(5):
        AuditEntry.objects.create(
            actor_name=str(number),
            operation="accounts.user: Add note",
            subject_model="accounts.user",
            subject_id=customer.pk,
            channel="admin",
        )
    pages, address = [], history_of(customer)
    while address:
        page = boss.get(address)
        pages.append([row[0] for row in rows_at(boss, address)])
        address = f"{history_of(customer)}?before={page.context['older']}" if page.context["older"] else ""

    assert pages == [["4", "3"], ["2", "1"], ["0"]]
    assert rows_at(boss, history_of(customer) + "?before=junk")[0][:2] == ("4", "Add note")


def test_is_for_those_who_may_see_the_object(make_clerk: Callable[..., Client], boss: Client, customer: User) -> None:
    run_action(boss, customer, "note", text="pays late")

    assert make_clerk().get(history_of(customer)).status_code == 403
    page = make_clerk("accounts.view_user").get(history_of(customer))
    assert "The note is kept." in page.text
    assert "/staff/auditentry/" not in page.text  # the log itself is for those who may see it
    assert "/staff/auditentry/" in boss.get(history_of(customer)).text
    assert boss.get(history_of(customer).replace(str(customer.pk), "999999")).status_code == 404


@pytest.mark.parametrize(
    ("value", "is_money", "said"),
    [(None, True, ""), ("0.85000", True, "0.85"), ("free", True, "free"), (True, False, "yes"), ("False", False, "no")],
)
def test_says_values_as_people_do(value: object, is_money: bool, said: str) -> None:
    assert admin_history.say(value, is_money=is_money) == said
    assert admin_history.say(Decimal("1.50000"), is_money=True) == "1.50"
