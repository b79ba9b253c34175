"""A customer's money: every line that explains the balance, as a page, on paper, as a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard import ledger_lines
from dashboard.customer import CustomerRequest, wallet_of
from dashboard.statement_forms import PeriodForm
from panel.csv_export import stream_csv
from wallet import statements
from wallet.models import Wallet
from wallet.statements import Kind, Stretch

PAGE_LINES = 50
PRINTED_LINES_MAX = 1000  # some twenty sheets of paper


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the statement is wanted; days are the reader's, both included."""

    since: date | None
    until: date | None
    kind: Kind | None
    before: int | None

    def find(self, wallet: Wallet) -> Stretch:
        """Return the entries of these days."""
        return statements.find_stretch(
            wallet,
            since=_midnight(self.since) if self.since else None,
            until=_midnight(self.until + timedelta(days=1)) if self.until else None,
        )


@login_required
@require_safe
def statement(request: CustomerRequest) -> HttpResponse:
    """Show the statement, newest line first: opening balance and lines make the closing balance."""
    wallet = wallet_of(request)
    if wallet is None:
        return render(request, "dashboard/wallet.html", {"nav": "wallet", "wallet": None})
    form = PeriodForm(request.GET)
    asked = _read(form)
    is_printed = "print" in request.GET
    page = statements.read_page(
        wallet,
        asked.find(wallet),
        kind=asked.kind,
        before=None if is_printed else asked.before,
        limit=PRINTED_LINES_MAX if is_printed else PAGE_LINES,
    )
    return render(
        request,
        "dashboard/statement_print.html" if is_printed else "dashboard/wallet.html",
        {
            "nav": "wallet",
            "wallet": wallet,
            "form": form,
            "asked": asked,
            "is_filtered": bool(asked.since or asked.until or asked.kind),
            "before": asked.before,
            "opening_balance": page.opening_balance,
            "closing_balance": page.closing_balance,
            "shown": page.shown,
            "others": page.others,
            "lines": [ledger_lines.describe_entry(entry) for entry in page.lines],
            "next_before": page.next_before,
            "lines_max": PRINTED_LINES_MAX,
            "now": timezone.now(),
        },
    )


@login_required
@require_safe
def statement_csv(request: CustomerRequest) -> HttpResponseBase:
    """Send the lines as a file, of any length."""
    wallet = wallet_of(request)
    if wallet is None:
        raise Http404
    asked = _read(PeriodForm(request.GET))
    zone = timezone.get_current_timezone()  # rows are written when this request's zone is no longer the current one
    stretch = asked.find(wallet)

    def rows() -> Iterator[list[object]]:
        for entry in statements.read_all(wallet, stretch, kind=asked.kind):
            line = ledger_lines.describe_entry(entry)
            yield [
                entry.seq,
                entry.created_at.astimezone(zone).isoformat(timespec="seconds"),
                entry.key.partition(":")[0],
                "" if line.order_id is None else line.order_id,
                ledger_lines.describe_note(entry),
                line.change,
                line.balance,
                wallet.currency,
            ]

    header = [_("Number"), _("Time"), _("Kind"), _("Order"), _("Note"), _("Amount"), _("Balance"), _("Currency")]
    return stream_csv(filename=f"statement-{timezone.localdate():%Y-%m-%d}.csv", header=header, rows=rows())


def _read(form: PeriodForm) -> Asked:
    """Return what is asked for; what makes no sense counts as not given, and the form says so."""
    form.is_valid()
    data = form.cleaned_data
    kind = data.get("kind")
    return Asked(data.get("since"), data.get("until"), Kind(kind) if kind else None, data.get("before"))


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
