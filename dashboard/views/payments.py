"""A customer adds funds: chooses a way to pay, goes and pays, follows what became of it."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from accounts.errors import AccountSuspended
from dashboard import coupon_tries
from dashboard.customer import CustomerRequest, wallet_of
from dashboard.payment_forms import AddFundsForm, IncomingForm, QuoteForm, ReferenceForm
from dashboard.refusals import sentence_for
from panel.errors import DomainError
from payments import queries, requesting
from payments.errors import (
    AmountTooHigh,
    AmountTooLow,
    CouponNeedsMore,
    CouponUnknown,
    CouponUsed,
    CouponUsedUp,
    FeeTakesAll,
    GatewayNotOffered,
    PaymentNotFound,
    TooFineAmount,
    TooManyCouponTries,
)
from payments.gateways import gateway_for
from payments.gateways.base import Addresses, Instructions
from payments.models import Payment
from wallet.models import Wallet

BACK_FROM_GATEWAY = "from"  # said in the address to which the gateway sends customers back
FIELD_OF = {
    AmountTooLow: "amount",
    AmountTooHigh: "amount",
    TooFineAmount: "amount",
    FeeTakesAll: "amount",
    GatewayNotOffered: "gateway",
    CouponUnknown: "coupon",
    TooManyCouponTries: "coupon",
    CouponUsed: "coupon",
    CouponUsedUp: "coupon",
    CouponNeedsMore: "coupon",
}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add_funds(request: CustomerRequest) -> HttpResponse:
    """Offer the ways to pay; a POST writes the payment down and sends the customer to where it is paid."""
    wallet = wallet_of(request)
    if wallet is None:
        return render(request, "dashboard/add_funds.html", {"nav": "wallet", "wallet": None})
    gateways = queries.list_gateways(wallet.currency)
    if request.method == "POST":
        form = AddFundsForm(request.POST, gateways=gateways)
        if form.is_valid() and (answer := _request_payment(request, form, wallet)) is not None:
            return answer
    else:
        chosen = request.GET.get("gateway") or (gateways[0].settings.pk if gateways else None)
        asked = {name: request.GET.get(name) for name in ("amount", "coupon")}
        form = AddFundsForm(initial={"gateway": chosen, **asked}, gateways=gateways)
    context = {"nav": "wallet", "wallet": wallet, "gateways": gateways, "form": form}
    return render(request, "dashboard/add_funds.html", context | _quote(request, form, wallet))


@login_required
@require_safe
def payment_quote(request: CustomerRequest) -> HttpResponse:
    """Work out fee, bonus and credit of what is typed so far."""
    wallet = wallet_of(request)
    if wallet is None:
        raise Http404
    form = QuoteForm(request.GET, gateways=queries.list_gateways(wallet.currency))
    form.is_valid()
    return render(request, "dashboard/payment_quote.html", {"wallet": wallet, **_quote(request, form, wallet)})


@login_required
@require_safe
def deposits(request: CustomerRequest) -> HttpResponse:
    """List what came in and what is expected, newest first."""
    wallet = wallet_of(request)
    if wallet is None:
        return render(request, "dashboard/deposits.html", {"nav": "wallet", "wallet": None})
    form = IncomingForm(request.GET)
    before = form.cleaned_data.get("before") if form.is_valid() else None
    page = queries.list_incoming(wallet, before=before)
    return render(
        request,
        "dashboard/deposits.html",
        {
            "nav": "wallet",
            "wallet": wallet,
            "page": page,
            "before": before,
            "next_before": page.next_before.isoformat() if page.next_before else "",
        },
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def payment(request: CustomerRequest, payment_id: int) -> HttpResponse:
    """Show what to do for one payment and what became of it; a POST says that the money was sent."""
    found = _get_payment(request, payment_id)
    form = ReferenceForm(
        request.POST if request.method == "POST" else None,
        initial={"reference": found.customer_reference, "note": found.customer_note},
    )
    if request.method == "POST" and form.is_valid():
        try:
            requesting.submit_reference(
                user_id=request.user.pk,
                payment_id=payment_id,
                reference=form.cleaned_data["reference"],
                note=form.cleaned_data["note"],
            )
        except DomainError as refusal:
            messages.error(request, sentence_for(refusal))
        else:
            messages.success(request, gettext("Thank you. We credit it as soon as the money is here."))
        return redirect("dashboard:payment", payment_id)
    return render(request, "dashboard/payment.html", {"nav": "wallet", "form": form, **_tell(request, found)})


@require_safe
def payment_live(request: HttpRequest, payment_id: int) -> HttpResponse:
    """Say whether a payment is still in the state its page shows; when not, the page loads itself again."""
    if not request.user.is_authenticated:
        return HttpResponseClientRefresh()
    if _get_payment(request, payment_id).state == request.GET.get("state"):
        return HttpResponse(status=204)
    return HttpResponseClientRefresh()


@login_required
@require_POST
def start_payment(request: CustomerRequest, payment_id: int) -> HttpResponse:
    """Go to the page of the gateway, once more or after it could not be reached."""
    found = _get_payment(request, payment_id)
    return _go_and_pay(request, found)


def _request_payment(request: CustomerRequest, form: AddFundsForm, wallet: Wallet) -> HttpResponse | None:
    """Write the payment down and go on, or put the refusal into the form."""
    data = form.cleaned_data
    try:
        if request.user.is_suspended:
            raise AccountSuspended
        with coupon_tries.counted(request, data["coupon"]):
            made = requesting.request_payment(
                wallet=wallet,
                gateway_id=data["gateway"],
                amount=data["amount"],
                request_id=data["request_id"],
                coupon_code=data["coupon"],
            )
    except PaymentNotFound:
        raise Http404 from None  # the form's number is somebody else's
    except DomainError as refusal:
        form.add_error(FIELD_OF.get(type(refusal)), sentence_for(refusal))
        return None
    return _go_and_pay(request, made)


def _go_and_pay(request: CustomerRequest, found: Payment) -> HttpResponse:
    page = reverse("dashboard:payment", args=[found.pk])
    address = f"{settings.BASE_URL}{page}" if settings.BASE_URL else request.build_absolute_uri(page)
    addresses = Addresses(
        paid=f"{address}?{urlencode({BACK_FROM_GATEWAY: 'paid'})}",
        not_paid=f"{address}?{urlencode({BACK_FROM_GATEWAY: 'not-paid'})}",
    )
    try:
        url = requesting.start_payment(user_id=request.user.pk, payment_id=found.pk, addresses=addresses)
    except DomainError as refusal:
        messages.error(request, sentence_for(refusal))
        url = ""
    return redirect(url or page)


def _get_payment(request: HttpRequest, payment_id: int) -> Payment:
    assert request.user.pk is not None
    try:
        return queries.get_payment(request.user.pk, payment_id)
    except PaymentNotFound:
        raise Http404 from None


def _tell(request: CustomerRequest, found: Payment) -> dict[str, Any]:
    gateway = gateway_for(found.gateway)
    instructions = ""
    if gateway.asks_for_reference and found.is_open:
        step = gateway.start(found, addresses=Addresses(paid="", not_paid=""))
        instructions = step.text if isinstance(step, Instructions) else ""
    return {
        "payment": found,
        "currency": found.wallet.currency,
        "is_manual": gateway.asks_for_reference,
        "instructions": instructions,
        "came_back": request.GET.get(BACK_FROM_GATEWAY, ""),
        "again_url": f"{reverse('dashboard:add_funds')}?"
        + urlencode({"gateway": found.gateway_id, "amount": f"{found.amount.normalize():f}"}),
    }


def _quote(request: CustomerRequest, form: QuoteForm, wallet: Wallet) -> dict[str, Any]:
    """Return what the amount comes to, or why it cannot be paid; neither while it is not complete."""
    data = form.cleaned_data if form.is_bound else form.initial
    gateway_id, amount, code = data.get("gateway"), data.get("amount"), data.get("coupon", "")
    if not form.is_bound or gateway_id is None or amount is None:
        return {"quote": None}
    try:
        with coupon_tries.counted(request, code):
            offer = requesting.quote_payment(wallet=wallet, gateway_id=gateway_id, amount=amount, coupon_code=code)
    except DomainError as refusal:
        return {"quote": None, "refusal": sentence_for(refusal)}
    return {"quote": offer.quote, "offer": offer}
