"""Load the demo step by step; each step finds what an earlier run left, also one that was interrupted."""

from catalog.models import Service
from panel.demo import accounts, catalogue, facts, orders, payments


class CatalogueInTheWay(Exception):
    """There are services, and they are not the demo's."""


def load_demo(*, base_url: str) -> list[str]:
    """Load what is missing, write `demo.json` when it would change, and return in words what was done."""
    done = []
    if catalogue.load_catalogue():
        done.append(f"{Service.objects.count()} services")
    services = _choose_services()
    known = facts.read()
    staff, second, customer = _ensure_staff(known), _ensure_second_person(known), _ensure_customer(known)
    current = {
        "base_url": base_url,
        "api_url": f"{base_url}/api/v2",
        "api_key": accounts.ensure_api_key(known_key=known.get("api_key")),
        "staff": staff,
        "second_person": second,
        "customer": customer,
        "services": services,
    }
    if not known:
        done.append("new passwords and a new API key")
    elif current["api_key"] != known.get("api_key"):
        done.append("a new API key: the one in demo.json is dead")
    if made := payments.ensure_gateways():
        done.append(f"{made} ways to pay")
    if placed := orders.place_demo_orders():
        done.append(f"{placed} orders")
    if current != known:
        facts.write(current)
        done.append(f"written {facts.path()}")
    return done


def _ensure_staff(known: facts.Facts) -> dict[str, str]:
    password = known.get("staff", {}).get("password")
    return {"username": accounts.STAFF_USERNAME, "password": accounts.ensure_staff(known_password=password)}


def _ensure_second_person(known: facts.Facts) -> dict[str, str]:
    password = known.get("second_person", {}).get("password")
    return {"username": accounts.SECOND_USERNAME, "password": accounts.ensure_second_person(known_password=password)}


def _ensure_customer(known: facts.Facts) -> dict[str, str]:
    password = known.get("customer", {}).get("password")
    return {"username": accounts.CUSTOMER_USERNAME, "password": accounts.ensure_customer(known_password=password)}


def _choose_services() -> dict[str, int]:
    """Name the services that scripts and tests of the demo order from, by what they are good for."""
    published = {catalogue.FOLLOWERS_ID, catalogue.VIEWS_ID}
    types = Service.objects.filter(type__in=["Package", "Custom Comments"]).order_by("-id").values_list("type", "id")
    first_of_type = dict(types)  # of equal types the last one stays: the lowest id
    if set(Service.objects.filter(pk__in=published).values_list("pk", flat=True)) != published or not first_of_type:
        raise CatalogueInTheWay
    return {
        "default": catalogue.FOLLOWERS_ID,
        "package": first_of_type["Package"],
        "custom_comments": first_of_type["Custom Comments"],
        "no_refill": catalogue.VIEWS_ID,
        "dripfeed": catalogue.FOLLOWERS_ID,
    }
