"""Where Stripe tells us what happened. Nobody is logged in here: the signature says who speaks."""

import logging

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from payments import stripe_events
from payments.gateways import stripe

logger = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """Take an event. 200 says that it is kept, whatever came of it; anything else has Stripe send it again."""
    if not stripe.is_configured():
        raise Http404
    try:
        event = stripe.read_event(request.body, signature=request.headers.get("Stripe-Signature", ""))
    except (stripe.EventNotAuthentic, RequestDataTooBig) as error:
        logger.warning("an event in Stripe's name was refused: %s", error.__cause__ or error)
        return HttpResponseBadRequest("not an event signed by Stripe", content_type="text/plain")
    stripe_events.handle_event(event)
    return HttpResponse(content_type="text/plain")
