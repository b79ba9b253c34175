"""What customers want to be told by mail, and where such a mail may go."""

from decimal import Decimal
from typing import NamedTuple

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import signing

from accounts.models import NoticeChoices, User

_SALT = "accounts.notices.stop"


class Stop(NamedTuple):
    """What the link at the end of a mail turns off, and for whom. `kind` names a field of `NoticeChoices`."""

    user_id: int
    kind: str


def get_choices(user_id: int) -> NoticeChoices:
    """Return a user's choices; whoever has made none wants nothing."""
    return NoticeChoices.objects.filter(pk=user_id).first() or NoticeChoices(pk=user_id)


def change_choices(
    *, user_id: int, low_balance: bool, low_balance_below: Decimal | None, ended_orders: bool
) -> NoticeChoices:
    """Write a user's choices."""
    choices, _ = NoticeChoices.objects.update_or_create(
        pk=user_id,
        defaults={
            "low_balance": low_balance,
            "low_balance_below": low_balance_below,
            "ended_orders": ended_orders,
        },
    )
    return choices


def stop_notices(stop: Stop) -> None:
    """Turn one kind of mail off."""
    NoticeChoices.objects.filter(pk=stop.user_id).update(**{stop.kind: False})


def address_of(user: User) -> str | None:
    """Return where notices go: the primary address once it is verified, for an unverified one may be a stranger's.

    Where the panel verifies no addresses at all, the one of the account.
    """
    if not user.is_active:
        return None
    if settings.ACCOUNT_EMAIL_VERIFICATION == "none":
        return user.email or None
    return EmailAddress.objects.filter(user=user, primary=True, verified=True).values_list("email", flat=True).first()


def make_stop_token(stop: Stop) -> str:
    """Sign what a mail's link turns off. It works for ever and without logging in, and can do nothing else."""
    return signing.dumps([stop.user_id, stop.kind], salt=_SALT)


def read_stop_token(token: str) -> Stop:
    """Return what a link turns off.

    :raises signing.BadSignature: it is none of ours.
    """
    user_id, kind = signing.loads(token, salt=_SALT)
    return Stop(user_id, kind)
