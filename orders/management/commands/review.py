"""`manage.py review`: decide what became of runs that no program can know, from a terminal."""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import User
from orders import holds, monitoring, reviews, staff_queries
from orders.admin.reviews import PROVIDER_ORDER_MAX_CHARACTERS
from orders.refusals import REFUSALS
from panel import console
from panel.admin_actions import describe_refusal
from panel.errors import DomainError
from panel.fields import REASON_MAX_CHARACTERS

LISTED_MAX = 200  # of each kind; the oldest come first
CELL_CHARACTERS_MAX = 120  # who looks for a link at the provider needs all of it
ID_MAX = 2**31 - 1


class Command(BaseCommand):
    """List what waits for a decision, and take decisions in a staff member's name, as the admin does."""

    help = "List runs in review and held runs, and decide them. Every decision needs a reason and a staff user."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the decisions."""
        kinds = parser.add_subparsers(dest="decision", required=True, metavar="list|found|resend|refund|release")
        kinds.add_parser("list", help="what waits: runs in review, then held runs")
        found = kinds.add_parser("found", help="the provider has it: go on tracking it under the provider's id")
        _take_item(found)
        found.add_argument("provider_order", metavar="PROVIDER_ORDER", type=_text_up_to(PROVIDER_ORDER_MAX_CHARACTERS))
        resend = kinds.add_parser("resend", help="the provider does not have it, I have looked: send it again")
        _take_item(resend)
        refund = kinds.add_parser("refund", help="the provider does not have it, I have looked: cancel and refund it")
        _take_item(refund)
        release = kinds.add_parser("release", help="send a held run at any cost")
        release.add_argument("run", metavar="ORDER/NUMBER", type=_run, help="the run, as the list shows it")
        for decision in (found, resend, refund, release):
            decision.add_argument("--reason", required=True, type=_text_up_to(REASON_MAX_CHARACTERS))
            decision.add_argument("--staff", required=True, metavar="USERNAME", help="who decides; kept with it")

    def handle(self, *, decision: str, **options: Any) -> None:
        """Do what was asked, or say in one line why not."""
        if decision == "list":
            self.stdout.write(_list())
            return
        actor_id = _find_staff(options["staff"])
        try:
            done = _DECISIONS[decision](Namespace(**options), actor_id)
        except DomainError as error:
            raise CommandError(describe_refusal(error, REFUSALS)) from None
        self.stdout.write(done)


def _found(asked: Namespace, actor_id: int) -> str:
    reviews.resolve_found(
        item_id=asked.item, provider_order=asked.provider_order, reason=asked.reason, actor_id=actor_id
    )
    return f"The run of item {asked.item} goes on as {asked.provider_order}."


def _resend(asked: Namespace, actor_id: int) -> str:
    reviews.resolve_resend(item_id=asked.item, reason=asked.reason, actor_id=actor_id)
    return f"The run of item {asked.item} is queued again, or canceled if its customer asked for that meanwhile."


def _refund(asked: Namespace, actor_id: int) -> str:
    reviews.resolve_refund(item_id=asked.item, reason=asked.reason, actor_id=actor_id)
    return f"The run of item {asked.item} is canceled and refunded."


def _release(asked: Namespace, actor_id: int) -> str:
    order_id, number = asked.run
    run_id = staff_queries.get_run_id(order_id=order_id, number=number)
    holds.release_run(run_id=run_id, reason=asked.reason, actor_id=actor_id)
    return f"Run {order_id}/{number} is sent at any cost."


_DECISIONS: dict[str, Callable[[Namespace, int], str]] = {
    "found": _found,
    "resend": _resend,
    "refund": _refund,
    "release": _release,
}


def _find_staff(username: str) -> int:
    """Return who decides: every decision about money has a name."""
    user_id = User.objects.filter(username=username, is_staff=True, is_active=True).values_list("pk", flat=True).first()
    if user_id is None:
        raise CommandError(f"{username!r} is no active staff user.")
    return user_id


def _list() -> str:
    now = timezone.now()
    items = [
        (
            item.pk,
            monitoring.describe_age(now - item.opened_at),
            item.attempt.run,
            item.attempt.run.order.customer,
            item.attempt.provider,
            item.attempt.run.quantity,
            item.attempt.run.order.link,
            (item.attempt.evidence.splitlines() or [""])[0],
        )
        for item in staff_queries.list_open_reviews()[: LISTED_MAX + 1]
    ]
    held = [
        (
            run,
            monitoring.describe_age(now - run.held_at if run.held_at else None),
            run.order.customer,
            run.provider,
            run.quantity,
            run.order.link,
            run.held_because,
        )
        for run in staff_queries.list_held_runs()[: LISTED_MAX + 1]
    ]
    return "\n\n".join(
        [
            _show("In review", ("item", "age", "run", "customer", "provider", "quantity", "link", "evidence"), items),
            _show("Held", ("run", "age", "customer", "provider", "quantity", "link", "why"), held),
        ]
    )


def _show(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return f"{title}: none"
    table = console.format_table(headings, rows[:LISTED_MAX], cell_max=CELL_CHARACTERS_MAX)
    more = f"\nThese are the oldest {LISTED_MAX}." if len(rows) > LISTED_MAX else ""
    return f"{title}:\n{table}{more}"


def _take_item(parser: ArgumentParser) -> None:
    parser.add_argument("item", metavar="ITEM", type=_item, help="the review item, as the list shows it")


def _item(text: str) -> int:
    if not re.fullmatch("[0-9]{1,10}", text) or int(text) > ID_MAX:
        raise ArgumentTypeError(f"{text!r} is no review item; `manage.py review list` shows them")
    return int(text)


def _run(text: str) -> tuple[int, int]:
    parts = re.fullmatch("([0-9]{1,10})/([0-9]{1,5})", text)
    if not parts or int(parts[1]) > ID_MAX:
        raise ArgumentTypeError(f"{text!r} is no run; `manage.py review list` shows them, like 5001/1")
    return int(parts[1]), int(parts[2])


def _text_up_to(characters_max: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        text = console.one_line(text)
        if len(text) > characters_max:
            raise ArgumentTypeError(f"more than {characters_max} characters")
        return text

    return read
