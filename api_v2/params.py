"""Read what clients send, in all the ways they are known to send it: presence, types and sizes only."""

import codecs
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from io import BytesIO
from typing import IO, Any, NamedTuple
from urllib.parse import parse_qsl

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from api_v2.errors import IncorrectRequest
from catalog.snapshot import Offer
from catalog.types import LINE_PARAMETERS, TYPE_PARAMETERS, TYPES
from orders.models import LINK_MAX_CHARACTERS
from orders.placement import INTERVAL_MINUTES_MAX, RUNS_MAX, Draft

BATCH_IDS_MAX = 100  # contract: "Up to 100 order IDs separated by commas"
FIELDS_MAX = 1000  # 100 ids sent one field each, with room
DRAIN_BYTES_MAX = 16 * 1024 * 1024  # of a body that is refused for its size; who sends more is cut off
DRAIN_BYTES_AT_ONCE = 64 * 1024

# What clients send for "nothing" in an optional field.
ABSENT = frozenset({"", "0", "undefined", "null", "None"})
NOTHING = ABSENT - {"0"}

# Whole numbers as languages print them; a form turns the plus of an exponent into a space when it is not escaped.
_NUMBER = re.compile(r"([0-9]{1,18})(?:\.([0-9]{0,18}))?(?:[eE]([+ -]?[0-9]{1,2}))?", re.ASCII)
_DIGITS_MAX = 18
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LINES = re.compile(r"\r\n|\r|\n")

Sent = Mapping[str, str | list[str]]


class Ids(NamedTuple):
    """Ids as asked for: how to print each, and its number (None when it is none)."""

    items: list[tuple[str, int | None]]
    is_batch: bool


def read_parameters(request: HttpRequest) -> Sent:
    """Return the parameters of a call by name; a repeated name counts as its last, `name[]` as a list.

    :raises IncorrectRequest: wrong method, or a body nobody can read.
    """
    is_get = request.method == "GET" and settings.API_V2_ALLOW_GET
    if request.method != "POST" and not is_get:
        raise IncorrectRequest("Use POST: a key in an address ends up in logs.")
    try:
        request = _with_known_length(request)
        # Never the charset that a client names: some of Python's codecs decode to lone surrogates, or to no text.
        request.encoding = "utf-8"
        if is_get:
            return _collect(_pairs(request.GET))
        _refuse_cut_off(request)
        if request.content_type == "multipart/form-data":
            return _collect(_pairs(request.POST))
        return _read_body(request)
    except RequestDataTooBig:
        raise IncorrectRequest("The request is too large.") from None
    except (MultiPartParserError, SuspiciousOperation, UnreadablePostError):
        raise IncorrectRequest("The request cannot be read.") from None


def _pairs(sent: QueryDict) -> list[tuple[str, str]]:
    return [(name, value) for name, values in sent.lists() for value in values]


def _with_known_length(request: HttpRequest) -> HttpRequest:
    """Give a chunked request a length: Django reads nothing from one that declares none.

    :raises RequestDataTooBig: also for files, which Django's own limit does not count.
    """
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if not isinstance(request, WSGIRequest):
        return request
    stream = request.environ["wsgi.input"]
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length > limit:
        _drain(stream, length)
        raise RequestDataTooBig
    if "chunked" not in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        return request
    body = stream.read(limit + 1)
    if len(body) > limit:
        _drain(stream, DRAIN_BYTES_MAX)
        raise RequestDataTooBig
    return WSGIRequest({**request.environ, "CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body)})


def _refuse_cut_off(request: HttpRequest) -> None:
    """Refuse a body whose sender hung up: what arrived of it may read like a smaller order.

    A chunked body cannot be checked, the server does not say whether its last chunk came; a buffering proxy in front
    hands on whole requests only.
    """
    if len(request.body) < int(request.META.get("CONTENT_LENGTH") or 0):
        raise IncorrectRequest("The request was cut off.")


def _drain(stream: IO[bytes], length: int) -> None:
    """Read what a client is still sending: until it has sent everything it does not read our refusal."""
    remaining = min(length, DRAIN_BYTES_MAX)
    while remaining > 0 and (piece := stream.read(min(remaining, DRAIN_BYTES_AT_ONCE))):
        remaining -= len(piece)


def _read_body(request: HttpRequest) -> Sent:
    body = request.body.removeprefix(codecs.BOM_UTF8)
    if request.content_type == "application/json" or body.lstrip()[:1] == b"{":
        return _collect(list(_read_json(body)))
    try:
        return _collect(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX))
    except ValueError:  # bytes that are no UTF-8, or too many fields
        raise IncorrectRequest("The body is not a form.") from None


def _read_json(body: bytes) -> Iterator[tuple[str, str]]:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise IncorrectRequest("The body is not valid JSON.") from None
    if not isinstance(data, dict):
        raise IncorrectRequest("The JSON body must be an object.")
    for name, value in data.items():
        if isinstance(value, list):
            yield from ((f"{name}[]", _json_text(item)) for item in value)
        else:
            yield name, _json_text(value)


def _json_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, dict | list):
        raise IncorrectRequest("Values in a JSON body must be text, numbers or lists of these.")
    return str(value)


def _collect(pairs: list[tuple[str, str]]) -> Sent:
    sent: dict[str, str | list[str]] = {}
    for name, value in pairs:
        if "\x00" in value or "\x00" in name:
            raise IncorrectRequest("NUL bytes are not allowed.")
        base, bracket, _ = name.partition("[")
        if bracket:
            values = sent.setdefault(base, [])
            if isinstance(values, list):
                values.append(value)
        else:
            sent[name] = value
    return sent


def text(sent: Sent, name: str) -> str:
    """Return a parameter as trimmed text, empty when it was not sent."""
    value = sent.get(name, "")
    return (value if isinstance(value, str) else ",".join(value)).strip()


def whole_number(value: str) -> int | None:
    """Read a whole number as clients write it (`1000`, `1000.0`, `1.832047e+06`), or return None."""
    value = value.strip()
    if value.isdigit() and value.isascii() and len(value) <= _DIGITS_MAX:
        return int(value)
    match = _NUMBER.fullmatch(value)
    if match is None:
        return None
    whole, fraction, exponent = match.groups()
    number = Decimal(f"{whole}.{fraction or '0'}e{(exponent or '0').replace(' ', '+')}")
    if number != number.to_integral_value() or number >= 10**_DIGITS_MAX:
        return None
    return int(number)


def _optional_number(sent: Sent, name: str, *, absent: frozenset[str], maximum: int | None = None) -> int | None:
    value = text(sent, name)
    if value in absent:
        return None
    number = whole_number(value)
    if number is None:
        raise IncorrectRequest(f"'{name}' must be a whole number.")
    if maximum is not None and number > maximum:
        raise IncorrectRequest(f"'{name}' may be {maximum} at most.")
    return number


def read_ids(sent: Sent, *, one: str, many: str) -> Ids:
    """Return the ids of a call; several in `one` count as `many`, each id counts once.

    :raises IncorrectRequest: none, or more than a batch may have.
    """
    batch, single = text(sent, many), text(sent, one)
    is_batch = batch not in NOTHING
    value = batch if is_batch else single
    pieces = [piece.strip() for piece in value.split(",")]
    items: dict[str, int | None] = {}
    for piece in pieces:
        if piece and piece not in NOTHING:
            number = whole_number(piece)
            items[piece if number is None else str(number)] = number
    if not items:
        raise IncorrectRequest(f"'{one}' or '{many}' is missing.")
    if len(items) > BATCH_IDS_MAX:
        raise IncorrectRequest(f"At most {BATCH_IDS_MAX} ids in one call.")
    return Ids(list(items.items()), is_batch=is_batch or len(items) > 1)


def read_draft(sent: Sent, *, offers: Mapping[int, Offer]) -> Draft:
    """Return the order a client asks for.

    :param offers: what is on sale; what the type of a service ignores may be anything.
    :raises IncorrectRequest: the service or link is missing, or something is not what it should be.
    """
    if text(sent, "service") in NOTHING:
        raise IncorrectRequest("'service' is missing.")
    service_id = whole_number(text(sent, "service"))
    if service_id is None:
        raise IncorrectRequest("'service' must be a whole number.")
    offer = offers.get(service_id)
    takes_quantity = offer is None or TYPES[offer.type].quantity == "quantity"
    return Draft(
        service_id=service_id,
        link=_read_link(sent),
        quantity=_optional_number(sent, "quantity", absent=NOTHING) if takes_quantity else None,
        runs=_optional_number(sent, "runs", absent=ABSENT, maximum=RUNS_MAX),
        interval_minutes=_optional_number(sent, "interval", absent=ABSENT, maximum=INTERVAL_MINUTES_MAX),
        parameters=dict(_read_type_parameters(sent)),
    )


def _read_link(sent: Sent) -> str:
    link = _read_line(sent, "link")
    if link in NOTHING:
        raise IncorrectRequest("'link' is missing.")
    return link


def _read_line(sent: Sent, name: str) -> str:
    """Return a parameter that is one line of text."""
    line = text(sent, name)
    if len(line) > LINK_MAX_CHARACTERS:
        raise IncorrectRequest(f"'{name}' may have {LINK_MAX_CHARACTERS} characters at most.")
    if _CONTROL.search(line):
        raise IncorrectRequest(f"'{name}' must be one line of text.")
    return line


def _read_type_parameters(sent: Sent) -> Iterator[tuple[str, str | list[str]]]:
    for name in TYPE_PARAMETERS:
        if name not in sent:
            continue
        value = sent[name]
        if name in LINE_PARAMETERS:
            pieces = [value] if isinstance(value, str) else value
            lines = [line.strip() for piece in pieces for line in _LINES.split(piece)]
            yield name, [line for line in lines if line]
        elif (word := _read_line(sent, name)) not in NOTHING:
            yield name, word
