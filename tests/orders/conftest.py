"""Orders in the states that tests start from, reached the way they are reached in life."""

from orders import placement, queries, submission, tracking
from orders.models import Order
from providers.adapter import Report, ReportedStatus
from tests.fixtures import LINK, funded


def order_of(user, service, *, quantity=1000, link=LINK, funds="100", **draft):
    """Place an order of a customer who has the money for it."""
    if funds:
        funded(user, funds)
    placed = placement.place_order(
        buyer=queries.load_buyer(user.pk),
        draft=placement.Draft(service_id=service.pk, link=link, quantity=quantity, **draft),
    )
    return Order.objects.get(pk=placed.order_id)


def submitted(order, *, provider_order="P-1"):
    """Bring an order's next due run to its provider, which answers with an id."""
    claim = submission.claim_next()
    assert claim is not None
    assert claim.run.order_id == order.pk
    submission.record_accepted(claim, provider_order=provider_order)
    return claim.run


def report(run, status, *, remains=None, start_count=None):
    """Have the provider report on a run."""
    tracking.record_report(run.pk, Report(status=ReportedStatus(status), start_count=start_count, remains=remains))


def event_kinds(order):
    """List the steps of an order's story."""
    return list(order.events.order_by("pk").values_list("kind", flat=True))
