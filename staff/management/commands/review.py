"""`manage.py review`: decide what became of runs that no program can know, from a terminal."""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import User
from orders import monitoring, staff_queries
from orders.admin.reviews import PROVIDER_ORDER_MAX_CHARACTERS
from panel import console
from panel.errors import DomainError
from panel.fields import REASON_MAX_CHARACTERS
from staff.audit import Origin
from staff.models import Channel
from staff.operations import registry

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
        asked = Namespace(**options)
        operation = registry.get_operation(_OPERATIONS[decision])
        arguments = {"provider_order": asked.provider_order} if decision == "found" else {}
        staff = _find_staff(asked.staff)
        try:
            subject_id = _find_run(asked.run) if decision == "release" else asked.item
            done = registry.run_and_record(
                operation,
                subject_id,
                arguments,
                amount=operation.weigh([subject_id], **arguments),
                reason=asked.reason,
                actor=staff,
                origin=Origin(Channel.COMMAND),
            )
        except DomainError as error:
            raise CommandError(registry.explain(error, operation)) from None
        self.stdout.write(done)


_OPERATIONS = {
    "found": "reviews.found",
    "resend": "reviews.resend",
    "refund": "reviews.refund",
    "release": "runs.release",
}


def _find_run(named: tuple[int, int]) -> int:
    order_id, number = named
    return staff_queries.get_run_id(order_id=order_id, number=number)


def _find_staff(username: str) -> User:
    """Return who decides: every decision about money has a name. A shell needs no permission and no second person."""
    user = User.objects.filter(username=username, is_staff=True, is_active=True).first()
    if user is None:
        raise CommandError(f"{username!r} is no active staff user.")
    return user


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
