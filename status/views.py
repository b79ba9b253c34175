"""What probes are answered."""

import hmac
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.http.request import split_domain_port
from django.views.decorators.http import require_safe

from status import probes
from status.metrics import CONTENT_TYPE, write_metrics

# A proxy on this machine asks from here for everybody, whatever the socket says. It adds one of these, or hands on the
# public name that it was asked for: only whoever asks this machine as this machine, for nobody else, is from here. One
# that does neither cannot be told from Prometheus: nginx with an address in `proxy_pass` and no header set.
FORWARDED_BY = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_VIA")
HERE = "localhost"
BEARER = "bearer"


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Say that this process answers; it asks nobody else."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether this process should be sent requests: 503 without the database. `?strict`: with anything wrong."""
    readiness = probes.read_readiness()
    is_ready = readiness.status == probes.OK or (readiness.status == probes.DEGRADED and "strict" not in request.GET)
    return JsonResponse(readiness.facts, status=200 if is_ready else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Give the figures for Prometheus to this machine, or to whoever knows the token; to others there is nothing."""
    if not (_is_from_here(request) or _has_token(request)):
        return HttpResponseNotFound("Not found.\n", content_type="text/plain")
    return HttpResponse(write_metrics(), content_type=CONTENT_TYPE)


def _is_from_here(request: HttpRequest) -> bool:
    if any(name in request.META for name in (*FORWARDED_BY, settings.RATELIMIT_IP_META_KEY) if name != "REMOTE_ADDR"):
        return False
    host, _ = split_domain_port(request.headers.get("Host", ""))
    return _is_loopback(request.META.get("REMOTE_ADDR", "")) and (host == HERE or _is_loopback(host.strip("[]")))


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _has_token(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if not settings.METRICS_TOKEN or scheme.lower() != BEARER:
        return False
    return hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
