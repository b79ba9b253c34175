"""A customer's money: every line that explains the balance."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard import ledger_lines
from dashboard.customer import CustomerRequest
from dashboard.forms import StatementForm
from wallet import queries
from wallet.models import Wallet

PAGE_LINES = 50


@login_required
@require_safe
def statement(request: CustomerRequest) -> HttpResponse:
    """Show the statement, newest line first: opening balance and lines make the closing balance."""
    try:
        wallet = queries.get_wallet(request.user.pk)
    except Wallet.DoesNotExist:
        return render(request, "dashboard/wallet.html", {"nav": "wallet", "wallet": None})
    form = StatementForm(request.GET)
    before = form.cleaned_data["before"] if form.is_valid() else None
    page = queries.get_statement(wallet, before_seq=before, limit=PAGE_LINES)
    oldest = page.lines[0].seq if page.lines else 1
    return render(
        request,
        "dashboard/wallet.html",
        {
            "nav": "wallet",
            "wallet": wallet,
            "before": before,
            "opening_balance": page.opening_balance,
            "closing_balance": page.closing_balance,
            "lines": [ledger_lines.describe_entry(entry) for entry in reversed(page.lines)],
            "next_before": oldest if oldest > 1 else None,
        },
    )
