"""`POST /api/v2`: who calls, how fast, what, and the answer; always JSON, always 200 but for a crash."""

import logging

from django.http import HttpRequest, HttpResponse

from accounts.errors import AccountSuspended, InvalidApiKey
from api_v2 import authentication, params, recording, throttling, wire
from api_v2.actions import ACTIONS, READING_ACTIONS, Answer
from api_v2.errors import INTERNAL_ERROR, IncorrectRequest, describe
from api_v2.recording import Call
from panel.errors import DomainError

BEARER = "bearer"  # compared in lower case: the scheme of an Authorization header has no case

logger = logging.getLogger(__name__)


def api(request: HttpRequest) -> HttpResponse:
    """Answer one call."""
    call = Call(request.META)
    answer: Answer
    status = 200
    try:
        answer = _answer(request, call)
    except DomainError as error:
        call.facts = vars(error)
        answer = describe(error)
    except Exception:
        logger.exception("an API call crashed")
        answer, status = {"error": INTERNAL_ERROR}, 500
    response = _response(answer, status=status)
    recording.recorder.record(call, answer=answer, response=response)
    return response


def unknown_path(request: HttpRequest) -> HttpResponse:
    """Answer a call to an address below /api/v2 that does not exist, in JSON like everything there."""
    return _response(describe(IncorrectRequest("There is one address: POST /api/v2.")))


def _answer(request: HttpRequest, call: Call) -> Answer:
    """Check in the protocol's order: key, rate limit, suspension, action, then what the action checks."""
    call.sent = sent = params.read_parameters(request)
    call.key = _find_key(request, sent)
    try:
        call.caller = caller = authentication.identify(call.key)
    except InvalidApiKey:
        throttling.check_guessing(request)
        raise
    assert caller.api_key_id is not None
    throttling.check_rate(key_id=caller.api_key_id, requests_per_second=caller.requests_per_second)
    if caller.is_suspended:
        raise AccountSuspended
    name = params.text(sent, "action")
    action = ACTIONS.get(name)
    if action is None:
        raise IncorrectRequest(f"'action' must be one of {', '.join(ACTIONS)}.")
    call.action = name
    if request.method == "GET" and name not in READING_ACTIONS:
        raise IncorrectRequest(f"Use POST for '{name}'.")
    return action(caller, sent)


def _find_key(request: HttpRequest, sent: params.Sent) -> str:
    """Return the key of the body, or else of a header in which some clients put it."""
    if key := params.text(sent, "key"):
        return key
    if key := request.headers.get("X-Api-Key", ""):
        return key.strip()
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == BEARER else ""


def _response(answer: Answer, *, status: int = 200) -> HttpResponse:
    body = answer if isinstance(answer, bytes) else wire.to_json(answer)
    response = HttpResponse(body, status=status, content_type="application/json")
    # Without it the server would answer in chunks, which clients on bare sockets cannot read.
    response.headers["Content-Length"] = str(len(body))
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
