"""On whom staff may act."""

from django.http import HttpRequest

from accounts.models import User


def may_act_on(request: HttpRequest, user: User) -> bool:
    """Say whether a member of the staff may act on a user: only superusers may on staff and superusers."""
    return request.user.is_superuser or not (user.is_staff or user.is_superuser)
