"""What single customers pay: their discount and the prices agreed with them, as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction

from accounts.models import User
from catalog.errors import SameCustomer
from catalog.models import CustomRate, Discount
from panel.money import format_rate


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of a customer's prices: what changed, as it was and as it is, by services' ids and as `discount`."""

    written: int
    removed: int
    before: Mapping[str, str]
    after: Mapping[str, str]


def copy_prices(*, source_id: int, target_id: int, replaces: bool) -> Copied:
    """Give one customer the discount and the prices of another.

    :param replaces: prices that the other customer does not have are removed; else they stay.
    :raises SameCustomer: nobody's prices are copied to themselves.
    """
    if source_id == target_id:
        raise SameCustomer
    with transaction.atomic():
        # Two who copy at once, one there and one back, wait for each other instead of mixing.
        list(User.objects.select_for_update(no_key=True).filter(pk__in=(source_id, target_id)).order_by("pk"))
        before = _list_agreed(target_id)
        rates = dict(CustomRate.objects.filter(customer=source_id).values_list("service_id", "rate"))
        removed = 0
        if replaces:
            removed, _ = CustomRate.objects.filter(customer=target_id).exclude(service__in=rates).delete()
        CustomRate.objects.bulk_create(
            [CustomRate(customer_id=target_id, service_id=service, rate=rate) for service, rate in rates.items()],
            update_conflicts=True,
            unique_fields=["customer", "service"],
            update_fields=["rate"],
        )
        discount = Discount.objects.filter(customer=source_id).first()
        if discount is not None:
            Discount.objects.update_or_create(customer_id=target_id, defaults={"percent": discount.percent})
        elif replaces:
            Discount.objects.filter(customer=target_id).delete()
        after = _list_agreed(target_id)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    was, became = ({name: kept[name] for name in sorted(changed & kept.keys())} for kept in (before, after))
    return Copied(len(rates), removed, was, became)


def _list_agreed(customer_id: int) -> dict[str, str]:
    agreed = CustomRate.objects.filter(customer=customer_id).values_list("service_id", "rate")
    found = {str(service_id): format_rate(rate) for service_id, rate in agreed}
    discount = Discount.objects.filter(customer=customer_id).first()
    return found if discount is None else {"discount": f"{discount.percent:f}", **found}
