"""Ordering many things at once: check, agree, watch them being placed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode
from uuid import uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language, gettext, override
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from catalog.snapshot import Offer
from dashboard import mass_lines, price_list
from dashboard.customer import CustomerRequest, buyer_of
from dashboard.forms import read_before
from dashboard.mass_forms import AgreementForm, LinesPageForm, MassOrderForm
from dashboard.refusals import sentence_for
from orders import mass_orders
from orders.errors import MassOrderNotFound
from orders.mass_orders import CheckedLine
from orders.models import MassOrder, MassOrderLine
from orders.placement import Buyer
from panel.csv_export import stream_csv
from panel.errors import DomainError
from panel.money import ZERO, format_amount
from wallet.errors import InsufficientBalance

# A page shows so many lines of a check; ten thousand would be megabytes, and nobody reads them.
SHOWN_PROBLEMS = 200
SHOWN_GOOD = 100
PAGE_LINES = 100
PAGE_MASS_ORDERS = 10
CSV_LINES = 1000  # read together


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that cannot be ordered as it is."""

    number: int
    text: str
    sentence: str


@dataclass(frozen=True, slots=True)
class GoodLine:
    """A line that can be ordered; `twin` is the number of an earlier one with the same service and link."""

    line: CheckedLine
    offer: Offer
    twin: int | None


@dataclass(frozen=True, slots=True)
class Review:
    """Everything a customer sees before agreeing."""

    good: Sequence[CheckedLine]
    problems: Sequence[Problem]
    total: Decimal
    left: Decimal

    @property
    def missing(self) -> Decimal:
        """Return what the balance lacks."""
        return max(-self.left, ZERO)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def mass_order(request: CustomerRequest) -> HttpResponse:
    """Take lines, show what they would do, and have them placed once the customer agrees."""
    buyer = buyer_of(request)
    if buyer is None:
        return render(request, "dashboard/mass_order.html", {"nav": "new_order"})
    form = MassOrderForm(request.POST, request.FILES) if request.method == "POST" else MassOrderForm()
    if not form.is_valid():  # nor is one that nobody has sent yet
        return _show_form(request, form)
    step = request.POST.get("step")
    try:
        made = _place(request, form, buyer=buyer) if step == "place" else None
        if made is not None:
            return redirect("dashboard:mass_order_detail", made.pk)
        review = _review(form, buyer=buyer)
    except DomainError as refusal:
        form.add_error(None, sentence_for(refusal))
        return _show_form(request, form)
    if step == "change" or not review.good:
        # The text goes into the field also where it came in a file: there it can be mended.
        return _show_form(request, MassOrderForm(initial={"text": form.cleaned_data["text"]}), review=review)
    return _show_review(request, form, review, buyer=buyer)


@login_required
@require_safe
def mass_order_detail(request: CustomerRequest, mass_order_id: int) -> HttpResponse:
    """Show how far a mass order is, and what came of each line."""
    return render(request, "dashboard/mass_order_detail.html", _tell(request, request.user.pk, mass_order_id))


@require_safe
def mass_order_live(request: HttpRequest, mass_order_id: int) -> HttpResponse:
    """Give the part of a mass order's page that changes while it is placed."""
    if not request.user.is_authenticated:
        # A redirect would put the login page into the middle of this one.
        return HttpResponseClientRefresh()
    return render(request, "dashboard/mass_order_live.html", _tell(request, request.user.pk, mass_order_id))


@login_required
@require_POST
def stop_mass_order(request: CustomerRequest, mass_order_id: int) -> HttpResponse:
    """Leave the lines that still wait unplaced."""
    try:
        mass_orders.stop_mass_order(user_id=request.user.pk, mass_order_id=mass_order_id)
    except MassOrderNotFound:
        raise Http404 from None
    except DomainError as refusal:
        messages.info(request, sentence_for(refusal))
    else:
        messages.success(request, gettext("Stopped. Orders that were placed go on."))
    return redirect("dashboard:mass_order_detail", mass_order_id)


@login_required
@require_safe
def mass_order_csv(request: CustomerRequest, mass_order_id: int) -> HttpResponseBase:
    """Download what came of each line."""
    return _stream(_find(request.user.pk, mass_order_id))


def _place(request: CustomerRequest, form: MassOrderForm, *, buyer: Buyer) -> MassOrder | None:
    """Have the lines placed if they are what the customer agreed to; None when they must be looked at again."""
    agreement = AgreementForm(request.POST)
    if not agreement.is_valid():
        return None
    agreed = agreement.cleaned_data
    # A second click, or a page sent again, finds what the first one made, whatever changed since.
    made = mass_orders.find_mass_order(user_id=buyer.user_id, token=agreed["token"])
    if made is not None:
        return made
    review = _review(form, buyer=buyer)
    if (len(review.good), review.total) != (agreed["count"], agreed["total"]):
        messages.warning(request, gettext("Prices or services changed meanwhile. Look at the lines again."))
        return None
    try:
        return mass_orders.create_mass_order(buyer=buyer, lines=review.good, token=agreed["token"])
    except InsufficientBalance:
        return None  # the review says what is missing


def _review(form: MassOrderForm, *, buyer: Buyer) -> Review:
    checked = mass_orders.check_lines(buyer=buyer, drafts=mass_lines.drafts_of(form.lines))
    refused = {line.number: line.refusal for line in checked if line.refusal is not None}
    good = [line for line in checked if line.refusal is None]
    problems = [
        Problem(line.number, line.text, line.problem or sentence_for(refused[line.number]))
        for line in form.lines
        if line.problem or line.number in refused
    ]
    total = sum((line.charge for line in good), ZERO)
    return Review(good=good, problems=problems, total=total, left=buyer.balance - total)


def _show_form(request: CustomerRequest, form: MassOrderForm, *, review: Review | None = None) -> HttpResponse:
    before = read_before(request.GET)
    return render(
        request,
        "dashboard/mass_order.html",
        {
            "nav": "new_order",
            "form": form,
            "problems": review.problems[:SHOWN_PROBLEMS] if review else [],
            "before": before,
            "page": mass_orders.list_mass_orders(request.user.pk, before=before, limit=PAGE_MASS_ORDERS),
            "lines_max": mass_orders.LINES_MAX,
        },
    )


def _show_review(request: CustomerRequest, form: MassOrderForm, review: Review, *, buyer: Buyer) -> HttpResponse:
    return render(
        request,
        "dashboard/mass_order_review.html",
        {
            "nav": "new_order",
            "text": form.cleaned_data["text"],
            "token": uuid4(),
            "review": review,
            "plain_total": format_amount(review.total),
            "problems": review.problems[:SHOWN_PROBLEMS],
            "good": list(_describe_good(review.good[:SHOWN_GOOD], review.good, buyer=buyer)),
            "more_problems": max(len(review.problems) - SHOWN_PROBLEMS, 0),
            "more_good": max(len(review.good) - SHOWN_GOOD, 0),
        },
    )


def _describe_good(shown: Sequence[CheckedLine], lines: Sequence[CheckedLine], *, buyer: Buyer) -> Iterator[GoodLine]:
    offers = price_list.read_catalogue(buyer).offers
    first: dict[tuple[int, str], int] = {}
    for line in lines:
        first.setdefault((line.draft.service_id, line.draft.link), line.number)
    for line in shown:
        twin = first[line.draft.service_id, line.draft.link]
        yield GoodLine(line, offers[line.draft.service_id], twin if twin != line.number else None)


def _find(user_id: int, mass_order_id: int) -> MassOrder:
    try:
        return mass_orders.get_mass_order(user_id, mass_order_id)
    except MassOrderNotFound:
        raise Http404 from None


def _tell(request: HttpRequest, user_id: int, mass_order_id: int) -> dict[str, object]:
    found = _find(user_id, mass_order_id)
    form = LinesPageForm(request.GET)
    form.is_valid()
    after, state = form.cleaned_data.get("after"), form.cleaned_data.get("state", "")
    buyer = buyer_of(request)
    page = mass_orders.list_lines(
        found, limit=PAGE_LINES, after=after or 0, state=MassOrderLine.State(state) if state else None
    )
    # Not of the page asked for: that may be the part that htmx fetches.
    address = reverse("dashboard:mass_order_detail", args=[found.pk])
    return {
        "nav": "new_order",
        "mass_order": found,
        "progress": mass_orders.measure_progress(found),
        "is_live": found.state == MassOrder.State.PLACING,
        "lines": [(line, say_outcome(line)) for line in page.rows],
        "state": state,
        "address": address,
        "newest_url": _with_query(address, state=state) if after else "",
        "older_url": _with_query(address, state=state, after=page.next_key) if page.next_key else "",
        "currency": buyer.currency if buyer else "",
    }


def _with_query(address: str, **parameters: object) -> str:
    kept = {name: value for name, value in parameters.items() if value}
    return f"{address}?{urlencode(kept)}" if kept else address


def say_outcome(line: MassOrderLine) -> str:
    """Say why a line has no order; empty when it has one, or still waits."""
    if line.state == MassOrderLine.State.SKIPPED:
        return gettext("Not tried: the mass order was stopped before its turn.")
    refusal = mass_orders.refusal_of(line)
    return sentence_for(refusal) if refusal else ""


def _stream(found: MassOrder) -> StreamingHttpResponse:
    # For programs: column names and outcomes as they are in every language, the reasons in the customer's.
    header = ["line", "service", "link", "quantity", "outcome", "order", "charge", "reason"]
    rows = _list_rows(found, language=get_language())
    return stream_csv(filename=f"mass-order-{found.pk}.csv", header=header, rows=rows)


def _list_rows(found: MassOrder, *, language: str | None) -> Iterator[Sequence[object]]:
    after: int | None = 0
    while after is not None:
        page = mass_orders.list_lines(found, after=after, limit=CSV_LINES)
        for line in page.rows:
            charge = format_amount(line.order.charge) if line.order else ""
            # Rows are read when the middleware that chose the language is over.
            with override(language):
                reason = say_outcome(line)
            yield (
                line.number,
                line.service_id,
                line.link,
                line.quantity,
                line.state,
                line.order_id,
                charge,
                reason,
            )
        after = page.next_key
