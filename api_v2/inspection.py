"""What the customer's pages ask about recorded calls; every question is about one customer's own."""

from datetime import datetime, tzinfo
from typing import Literal, NamedTuple

import orjson
from django.db.models import F, Max, QuerySet, Sum
from django.db.models.functions import Left, TruncDay

from api_v2.models import CallCount, Outcome, RecordedCall
from panel.paging import Page, read_newest

CALLS_PER_PAGE = 50
ANSWER_START_CHARACTERS = 200  # holds the error of a call that was refused

Unit = Literal["hour", "day"]


def list_calls(
    *,
    customer_id: int,
    key_id: int | None = None,
    action: str | None = None,
    outcome: Outcome | None = None,
    before: int | None = None,
) -> Page[RecordedCall]:
    """List a customer's recorded calls, newest first; of their answers only `answer_start`.

    :param action: empty for calls with an unknown one.
    :param before: the `next_key` of the page above.
    """
    calls = _own(customer_id).annotate(answer_start=Left("answer", ANSWER_START_CHARACTERS)).defer("answer")
    if key_id is not None:
        calls = calls.filter(key_id=key_id)
    if action is not None:
        calls = calls.filter(action=action)
    if outcome is not None:
        calls = calls.filter(outcome=outcome)
    return read_newest(calls, before=before, limit=CALLS_PER_PAGE)


def get_call(*, customer_id: int, call_id: int) -> RecordedCall:
    """Return one of a customer's recorded calls.

    :raises RecordedCall.DoesNotExist: it is another customer's, or it was forgotten.
    """
    return _own(customer_id).get(pk=call_id)


def printed_answer(call: RecordedCall) -> str:
    """Return a call's answer in lines, or as it was kept when it was cut."""
    try:
        return orjson.dumps(orjson.loads(call.answer), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return call.answer


def _own(customer_id: int) -> QuerySet[RecordedCall]:
    return RecordedCall.objects.filter(customer_id=customer_id).select_related("key")


class Usage(NamedTuple):
    """The calls of one period, action and outcome."""

    period: datetime
    action: str
    outcome: str
    calls: int
    total_us: int
    max_us: int


def list_usage(
    *, customer_id: int, since: datetime, unit: Unit, zone: tzinfo, key_id: int | None = None
) -> list[Usage]:
    """Sum up a customer's calls by period, action and outcome.

    :param zone: whose days are meant. An hour belongs to the day in which it begins.
    """
    counts = CallCount.objects.filter(key__user_id=customer_id, hour__gte=since)
    if key_id is not None:
        counts = counts.filter(key_id=key_id)
    # Hours are counted by the hours of UTC, which begin at half past where the clock is off by half an hour.
    period = TruncDay("hour", tzinfo=zone) if unit == "day" else F("hour")
    summed = (
        counts.annotate(period=period)
        .values("period", "action", "outcome")
        .annotate(n=Sum("calls"), total=Sum("total_us"), slowest=Max("max_us"))
        .order_by("period")
    )
    return [Usage(*row) for row in summed.values_list("period", "action", "outcome", "n", "total", "slowest")]
