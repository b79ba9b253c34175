"""Coupons and bonus rules: made and changed while they are off, switched on by two persons."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import DatabaseError
from django.db.models import QuerySet
from django.test import Client

from accounts.models import User
from payments.admin import gifts
from payments.models import BonusRule, Coupon
from staff.models import Approval, AuditEntry
from tests.admin.browsing import complaints, page_of, page_of_action, run_action, told
from tests.fixtures import nothing_moves
from tests.payments.conftest import request as ask_to_pay

COUPONS = "/admin/payments/coupon/"
BONUSES = "/admin/payments/bonusrule/"
COUPON = {"code": "SPRING-26", "currency": "USD", "percent": "5", "fixed": "0", "from_amount": "0"}
BONUS = {"currency": "USD", "from_amount": "100", "percent": "10"}
WHY = "spring campaign"
MAY_CHANGE = ("payments.view_coupon", "payments.change_coupon", "payments.view_bonusrule", "payments.change_bonusrule")

Gift = Coupon | BonusRule


def read(gift: Any) -> Any:
    """Return it as it is kept."""
    return type(gift).objects.get(pk=gift.pk)


@pytest.fixture
def coupon(db: None) -> Coupon:
    """One that is off."""
    return read(Coupon.objects.create(code="SPRING-26", currency="USD", percent=5, is_active=False))


@pytest.fixture
def bonus(db: None) -> BonusRule:
    """One that is off."""
    return read(BonusRule.objects.create(currency="USD", from_amount=100, percent=10, is_active=False))


@pytest.fixture(params=["coupon", "bonus"])
def gift(request: pytest.FixtureRequest) -> Gift:
    """Each of them."""
    found: Gift = request.getfixturevalue(request.param)
    return found


def switch_on(client: Client, gift: Gift, **changes: Any) -> Any:
    """Send the form as it was shown."""
    return run_action(client, gift, "switch_on", **{"terms": gift.terms, "reason": WHY} | changes)


def is_on(gift: Gift) -> bool:
    """Ask the database."""
    gift.refresh_from_db()
    return gift.is_active


# --- Made and changed while it is off ---------------------------------------------------------------------------------


def test_new_ones_are_off_whatever_is_sent(boss: Client) -> None:
    made = boss.post(f"{COUPONS}add/", COUPON | {"uses_max": "10", "is_active": "on"})
    boss.post(f"{BONUSES}add/", BONUS | {"is_active": "on"})

    coupon, bonus = Coupon.objects.get(), BonusRule.objects.get()
    assert made.url == page_of(coupon)
    assert (coupon.percent, coupon.uses_max, coupon.is_active) == (5, 10, False)
    assert (bonus.percent, bonus.is_active) == (10, False)
    assert 'name="is_active"' not in boss.get(f"{COUPONS}add/").text


def test_one_that_is_off_is_changed_but_not_its_name(boss: Client, coupon: Coupon) -> None:
    boss.post(page_of(coupon), COUPON | {"code": "OTHER", "currency": "EUR", "percent": "6", "is_active": "on"})

    coupon.refresh_from_db()
    assert (coupon.code, coupon.currency, coupon.percent, coupon.is_active) == ("SPRING-26", "USD", 6, False)
    assert AuditEntry.objects.get().after["percent"] == "6"


@pytest.mark.parametrize("typed", ["spring-26", " Spring-26 ", "SPRING-26"])
def test_coupons_are_named_as_customers_type_them(boss: Client, typed: str) -> None:
    assert boss.post(f"{COUPONS}add/", COUPON | {"code": typed}).status_code == 302
    again = boss.post(f"{COUPONS}add/", COUPON | {"code": "spring-26"})

    assert Coupon.objects.get().code == "SPRING-26"
    assert AuditEntry.objects.get().after["code"] == "SPRING-26"
    assert "already exists" in again.content.decode()


@pytest.mark.parametrize(
    "wrong", [{"code": "a b"}, {"percent": "0"}, {"percent": "101"}, {"fixed": "-1"}, {"currency": "usd"}]
)
def test_coupons_that_cannot_be_are_refused(boss: Client, wrong: dict[str, str]) -> None:
    assert boss.post(f"{COUPONS}add/", COUPON | wrong).status_code == 200

    assert not Coupon.objects.exists()


def test_coupons_show_their_uses(boss: Client, customer: User, bank: Any) -> None:
    made = Coupon.objects.create(code="SPRING", currency="USD", percent=5, fixed=1)
    payment = ask_to_pay(customer, bank, "50", coupon_code="SPRING")

    assert "5 % + 1" in boss.get(COUPONS).content.decode()
    assert page_of(payment) in boss.get(page_of(made)).content.decode()


# --- Switched on and off ----------------------------------------------------------------------------------------------


def test_is_switched_on_and_off_for_a_reason(boss: Client, gift: Gift) -> None:
    form = boss.get(page_of_action(gift, "switch_on")).context["form"]
    assert form["terms"].value() == gift.terms

    assert told(switch_on(boss, gift)) == f"{gift} is on: {gift.terms}."
    assert is_on(gift)
    run_action(boss, gift, "switch_off", reason="over")
    assert not is_on(gift)

    on, off = AuditEntry.objects.order_by("seq")
    assert (on.reason, on.before, on.after) == (WHY, {"is_active": False}, {"is_active": True})
    assert (off.reason, off.after) == ("over", {"is_active": False})


@pytest.mark.parametrize("missing", [{"reason": ""}, {"confirmed": ""}, {"terms": ""}, {"terms": "100 %"}])
def test_is_not_switched_on_without_reason_or_with_other_terms(
    boss: Client, gift: Gift, missing: dict[str, str]
) -> None:
    with nothing_moves():
        complaints(switch_on(boss, gift, **missing))

    assert not is_on(gift)


def test_is_not_switched_to_what_it_is(boss: Client, gift: Gift) -> None:
    with nothing_moves():
        assert "so already" in complaints(run_action(boss, gift, "switch_off", reason=WHY))
    switch_on(boss, gift)

    with nothing_moves():
        assert "so already" in complaints(switch_on(boss, gift))


def test_pages_offer_the_other_position(boss: Client, gift: Gift) -> None:
    page = boss.get(page_of(gift)).text
    assert page_of_action(gift, "switch_on") in page
    assert page_of_action(gift, "switch_off") not in page

    switch_on(boss, gift)

    page = boss.get(page_of(gift)).text
    assert page_of_action(gift, "switch_off") in page
    assert page_of_action(gift, "switch_on") not in page


def test_while_it_is_on_nothing_raises_it(boss: Client, coupon: Coupon, bonus: BonusRule) -> None:
    for gift in (coupon, bonus):
        type(gift).objects.update(is_active=True)
        before = type(gift).objects.filter(pk=gift.pk).values()[0]

        boss.post(
            page_of(gift), COUPON | BONUS | {"percent": "90", "fixed": "1000", "uses_max": "", "from_amount": "0"}
        )

        assert type(gift).objects.filter(pk=gift.pk).values()[0] == before
    boss.post(page_of(coupon), COUPON | {"note": "for the newsletter"})
    coupon.refresh_from_db()
    assert (coupon.note, coupon.is_active) == ("for the newsletter", True)


def test_form_of_before_it_was_switched_on_changes_nothing(
    boss: Client, coupon: Coupon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other's switch comes between reading the page's row and locking it."""
    lock = gifts.lock_gift

    def switched(model: Any, gift_id: int) -> Any:
        model.objects.filter(pk=gift_id).update(is_active=True)
        return lock(model, gift_id)

    monkeypatch.setattr(gifts, "lock_gift", switched)

    assert boss.post(page_of(coupon), COUPON | {"percent": "90"}).status_code == 403

    coupon.refresh_from_db()
    assert (coupon.percent, coupon.is_active) == (5, False)  # the whole request is undone


# --- Two persons ------------------------------------------------------------------------------------------------------


def ask_with_two(settings: Any, client: Client, gift: Gift) -> Approval:
    """Have it wait for the second person, however little it gives."""
    settings.FOUR_EYES = True
    with nothing_moves():
        switch_on(client, gift)
    assert not is_on(gift)
    return Approval.objects.get()


def test_a_second_person_switches_it_on(
    boss: Client, make_clerk: Callable[..., Client], gift: Gift, settings: Any
) -> None:
    approval = ask_with_two(settings, make_clerk(*MAY_CHANGE), gift)
    assert gift.terms in boss.get(page_of(approval)).text

    run_action(boss, approval, "approve")

    assert is_on(gift)


def test_what_was_changed_while_it_waited_is_not_switched_on(
    boss: Client, make_clerk: Callable[..., Client], gift: Gift, settings: Any
) -> None:
    clerk = make_clerk(*MAY_CHANGE)
    approval = ask_with_two(settings, clerk, gift)
    facts = COUPON if isinstance(gift, Coupon) else BONUS
    clerk.post(page_of(gift), facts | {"percent": "4"})

    with nothing_moves():
        assert "changed meanwhile" in complaints(run_action(boss, approval, "approve"))

    assert (is_on(gift), gift.percent) == (False, 4)


def test_what_was_deleted_while_it_waited_is_said_to_be_gone(
    boss: Client, make_clerk: Callable[..., Client], bonus: BonusRule, settings: Any
) -> None:
    approval = ask_with_two(settings, make_clerk(*MAY_CHANGE), bonus)
    bonus.delete()

    with nothing_moves():
        assert "not there any more" in complaints(run_action(boss, approval, "approve"))

    assert run_action(boss, approval, "reject", reason="gone").status_code == 302


def test_deleting_in_a_list_is_one_with_writing_it_down(
    boss: Client, bonus: BonusRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    selected = {"action": "delete_selected", ACTION_CHECKBOX_NAME: bonus.pk, "post": "yes"}

    def fail(*_args: Any) -> None:
        raise DatabaseError("no room")

    with monkeypatch.context() as broken:
        broken.setattr(QuerySet, "delete", fail)
        with pytest.raises(DatabaseError):
            boss.post(BONUSES, selected)
    assert not AuditEntry.objects.exists()

    boss.post(BONUSES, selected)

    logged = AuditEntry.objects.get()
    assert (logged.operation, logged.subject_id) == ("payments.bonusrule: delete", str(bonus.pk))
    assert not BonusRule.objects.exists()


def test_deleting_on_a_page_is_written_down_once(boss: Client, bonus: BonusRule) -> None:
    boss.post(f"{page_of(bonus)[:-7]}delete/", {"post": "yes"})

    assert not BonusRule.objects.exists()
    assert AuditEntry.objects.get().before["percent"] == "10.000"


def test_it_weighs_what_the_largest_payment_gets(
    make_clerk: Callable[..., Client], coupon: Coupon, bank: Any, settings: Any
) -> None:
    Coupon.objects.update(fixed=7)
    coupon.refresh_from_db()

    assert ask_with_two(settings, make_clerk(*MAY_CHANGE), coupon).amount == Decimal(57)  # of 1,000


def test_switching_off_needs_one_person(make_clerk: Callable[..., Client], gift: Gift, settings: Any) -> None:
    settings.FOUR_EYES = True
    type(gift).objects.update(is_active=True)

    run_action(make_clerk(*MAY_CHANGE), gift, "switch_off", reason="over")

    assert not is_on(gift)


def test_they_need_their_permission(make_clerk: Callable[..., Client], gift: Gift) -> None:
    clerk = make_clerk("payments.view_payment", "payments.change_payment", "payments.view_coupon")

    assert clerk.post(f"{COUPONS}add/", COUPON).status_code == 403
    assert switch_on(clerk, gift).status_code == 403
    assert run_action(clerk, gift, "switch_off", reason="over").status_code == 403

    assert (type(gift).objects.count(), is_on(gift)) == (1, False)


def test_coupons_are_not_deleted(boss: Client, coupon: Coupon) -> None:
    selected = {"action": "delete_selected", ACTION_CHECKBOX_NAME: coupon.pk, "post": "yes"}

    assert boss.post(f"{page_of(coupon)[:-7]}delete/", {"post": "yes"}).status_code == 403
    boss.post(COUPONS, selected)

    assert Coupon.objects.exists()
