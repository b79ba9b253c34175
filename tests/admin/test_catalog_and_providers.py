"""The catalogue is edited here; what others point at is switched off, never deleted."""

from collections.abc import Callable
from decimal import Decimal

from django.test import Client

from accounts.models import User
from catalog.models import Category, Currency, CustomRate, Service
from providers.models import Provider
from tests.admin.browsing import page_of, page_of_action, run_action, told
from tests.fixtures import call_api, key_of

SERVICES = "/admin/catalog/service/"


def service_form(service: Service, **changes: object) -> dict[str, object]:
    """Return the form of a service's page as it would be sent."""
    names = ("name", "position", "type", "description", "rate", "min", "max", "refill_days")
    fields = {name: getattr(service, name) for name in names}
    switches = {name: "on" for name in ("is_active", "refill", "cancel", "dripfeed") if getattr(service, name)}
    related = {"category": service.category_id, "average_minutes": ""}
    return {**fields, **switches, **related, **routes_form(service), **changes}


def routes_form(service: Service) -> dict[str, object]:
    """Return the part of it that says where the service comes from."""
    form: dict[str, object] = {"routes-INITIAL_FORMS": service.routes.count()}
    form["routes-TOTAL_FORMS"] = form["routes-INITIAL_FORMS"]
    for number, route in enumerate(service.routes.all()):
        row = {"id": route.pk, "service": service.pk, "provider": route.provider_id, "is_active": "on"}
        row |= {name: getattr(route, name) for name in ("priority", "provider_service", "cost")}
        form |= {f"routes-{number}-{name}": value for name, value in row.items()}
    return form


def test_new_price_counts_at_once(boss: Client, customer: User, followers: Service) -> None:
    assert call_api(customer, action="services")[0]["rate"] == "0.85"

    response = boss.post(page_of(followers), service_form(followers, rate="0.91"))

    assert response.status_code == 302, response.context["adminform"].form.errors
    assert call_api(customer, action="services")[0]["rate"] == "0.91"


def test_refuses_limits_and_prices_that_cannot_be(boss: Client, followers: Service) -> None:
    for wrong in ({"rate": "-1"}, {"rate": "0.000001"}, {"min": "0"}, {"max": "49"}, {"type": "Miracle"}):
        response = boss.post(page_of(followers), service_form(followers, **wrong))
        assert response.status_code == 200, wrong
        assert response.context["adminform"].form.errors, wrong

    followers.refresh_from_db()
    assert (followers.rate, followers.min, followers.max) == (Decimal("0.85"), 50, 100_000)


def test_refuses_a_time_for_refills_that_leads_to_no_date(boss: Client, followers: Service) -> None:
    response = boss.post(page_of(followers), service_form(followers, refill_days="36501"))

    assert response.context["adminform"].form.errors == {
        "refill_days": ["Ensure this value is less than or equal to 36500."]
    }
    followers.refresh_from_db()
    assert followers.refill_days == 365
    assert boss.post(page_of(followers), service_form(followers, refill_days="36500")).status_code == 302


def test_takes_services_off_sale_and_back(boss: Client, customer: User, followers: Service) -> None:
    key_of(customer)

    response = boss.post(SERVICES, {"action": "take_off_sale", "_selected_action": followers.pk})

    assert told(response) == "1 services are now off sale."
    assert call_api(customer, action="services") == []
    boss.post(SERVICES, {"action": "put_on_sale", "_selected_action": followers.pk})
    assert len(call_api(customer, action="services")) == 1


def test_selling_needs_the_permission(make_clerk: Callable[..., Client], followers: Service) -> None:
    clerk = make_clerk("catalog.view_service")

    clerk.post(SERVICES, {"action": "take_off_sale", "_selected_action": followers.pk})

    followers.refresh_from_db()
    assert followers.is_active


def test_finds_services_by_id_and_name(boss: Client, followers: Service) -> None:
    for term in ("1042", "real & act", "ig-followers"):
        assert page_of(followers) in boss.get(SERVICES, {"q": term}).content.decode(), term
    assert page_of(followers) not in boss.get(SERVICES, {"q": "1041"}).content.decode()


def test_only_empty_categories_go(boss: Client, followers: Service) -> None:
    empty = Category.objects.create(name="Empty")

    assert boss.post(f"/admin/catalog/category/{followers.category_id}/delete/", {"post": "yes"}).status_code == 403
    assert boss.post(f"/admin/catalog/category/{empty.pk}/delete/", {"post": "yes"}).status_code == 302

    assert list(Category.objects.all()) == [followers.category]


def test_code_and_base_rate_of_a_currency_stay(boss: Client, usd: Currency) -> None:
    euro = Currency.objects.create(code="EUR", symbol="€", rate="0.92")

    boss.post(page_of(euro), {"code": "XXX", "symbol": "€", "rate": "0.95"})
    boss.post(page_of(usd), {"code": "USD", "symbol": "$", "rate": "2"})

    assert dict(Currency.objects.values_list("code", "rate")) == {"EUR": Decimal("0.95"), "USD": Decimal(1)}


def test_agrees_on_a_price_with_one_customer(boss: Client, customer: User, followers: Service) -> None:
    agreed = {"customer": customer.pk, "service": followers.pk, "rate": "0.5"}

    assert boss.post("/admin/catalog/customrate/add/", agreed).status_code == 302

    assert CustomRate.objects.get().rate == Decimal("0.5")
    assert call_api(customer, action="services")[0]["rate"] == "0.50"
    again = boss.post("/admin/catalog/customrate/add/", agreed)
    assert again.context["adminform"].form.errors


def test_pauses_and_resumes_a_provider(boss: Client, provider: Provider) -> None:
    response = run_action(boss, provider, "pause", reason="spam")

    assert told(response) == "Sandbox is paused."
    provider.refresh_from_db()
    assert not provider.is_active
    page = boss.get(page_of(provider)).content.decode()
    assert page_of_action(provider, "resume") in page
    assert page_of_action(provider, "pause") not in page
    run_action(boss, provider, "resume")
    provider.refresh_from_db()
    assert (provider.is_active, provider.paused_until) == (True, None)


def test_pausing_needs_the_permission_and_a_post(
    boss: Client, make_clerk: Callable[..., Client], provider: Provider
) -> None:
    assert run_action(make_clerk("providers.view_provider"), provider, "pause", reason="spam").status_code == 403
    boss.get(page_of_action(provider, "pause"), {"confirmed": "on"})

    provider.refresh_from_db()
    assert provider.is_active
