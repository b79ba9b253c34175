"""The way back for staff who looked at the panel as a customer."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts import impersonations
from accounts.models import Impersonation


@login_required
@require_POST
def leave_customer(request: HttpRequest) -> HttpResponse:
    """Go back to the customer's page in the admin."""
    impersonation_id = request.session.pop(impersonations.SESSION_KEY, None)
    seen = Impersonation.objects.filter(pk=impersonation_id, staff=request.user.pk).first()
    if seen is None:
        return redirect("dashboard:overview")
    impersonations.end(impersonation_id=seen.pk, staff_id=seen.staff_id)
    return redirect("admin:accounts_user_change", seen.customer_id)
