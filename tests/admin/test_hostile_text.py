"""What customers and providers write stays text on every page of the staff."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts import api_keys
from accounts.models import User
from catalog.models import Service
from content.models import News, Page
from orders import submission
from orders.models import ReviewItem
from support.attachments import Upload
from tests.admin.browsing import page_of, page_of_action, run_action
from tests.fixtures import call_api, funded, place, report
from tests.support.tickets import PNG, opened

ATTACK = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}"


@pytest.fixture
def attacked(customer: User, make_service: Callable[..., Service]) -> None:
    """A panel in which everything that others write is an attack."""
    funded(customer, "100")
    comments = make_service(name=f"Comments {ATTACK}", category=ATTACK, type="Custom Comments", min=1)
    order_id = place(customer, comments, link=f"https://example.com/{ATTACK}", comments=f"{ATTACK}\n{ATTACK}")
    report(order_id, "Completed")
    call_api(customer, action="refill", order=order_id)
    place(customer, comments, link="javascript:alert(3)//", comments=ATTACK)
    claim = submission.claim_next()
    assert claim is not None
    submission.record_unknown(claim.attempt.pk, evidence=f"<html>{ATTACK}</html>")
    api_keys.issue_api_key(user=customer, name=ATTACK[:60])
    opened(customer, title=ATTACK, text=ATTACK, order_ids=[order_id], uploads=[Upload(ATTACK, PNG)])
    Page.objects.create(slug="about", title=ATTACK, body=ATTACK)
    News.objects.create(title=ATTACK, body=ATTACK)
    User.objects.filter(pk=customer.pk).update(first_name=ATTACK, email='"><script>@example.com')
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_run SET provider_order = %s WHERE provider_order <> ''", [ATTACK[:100]])


@pytest.mark.usefixtures("attacked")
def test_no_page_runs_it(boss: Client, customer: User) -> None:
    run_action(boss, customer.wallet, "add_funds", amount="1", reference=ATTACK)
    run_action(
        boss,
        customer.wallet,
        "adjust_balance",
        change="1",
        reason=ATTACK,
        request_id="6f1f4ac4-8f5e-4f1b-9b5e-6a3c0d0c8f10",
    )
    run_action(boss, ReviewItem.objects.get(), "found", provider_order=f"2{ATTACK}"[:100], reason=ATTACK)

    seen = 0
    pages: dict[Any, Any] = dict(admin.site._registry)
    for model, page in pages.items():
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        addresses = [reverse(f"{base}_changelist"), reverse(f"{base}_changelist") + "?q=%22%3E%3Cscript%3E"]
        for row in model.objects.all():
            addresses.append(page_of(row))
            addresses.append(reverse(f"{base}_history", args=[row.pk]))
            addresses += [page_of_action(row, action.path) for action in page._get_base_actions_detail()]
        for address in addresses:
            response = boss.get(address, follow=True)
            text = response.content.decode()
            assert "<script>alert" not in text, address
            assert "<img src=x" not in text, address
            assert '"><script>' not in text, address
            assert not re.search(r"""(href|src|action)=["']?\s*javascript:alert""", text), address
            seen += "&lt;script&gt;alert" in text
    assert seen > 10


@pytest.mark.usefixtures("attacked")
def test_form_that_comes_back_is_escaped(boss: Client, customer: User) -> None:
    response = run_action(boss, customer.wallet, "add_funds", amount=ATTACK, reference=ATTACK)

    assert response.status_code == 200
    assert "<script>alert" not in response.content.decode()
