"""Where somebody is logged in, and since when nothing was heard from there."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta

from allauth.account.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse

# How exact "last seen" is. allauth's own tracking writes the row on every request.
NOTED_EVERY = timedelta(minutes=5)
LISTED_MAX = 100  # a script that logs in for every call leaves thousands
REMEMBERED_MAX = 20_000  # sessions a process remembers to have noted; a forgotten one costs one statement

_noted: OrderedDict[tuple[str, str], float] = OrderedDict()  # (session, address) → when, by this process's clock
_lock = threading.Lock()


class NoteActivity:
    """Note when and from which address a session is used: one statement per session, address and five minutes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Note that whoever is logged in is here."""
        # Without a session there is nobody to look up: public pages and files cost no query.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            key = request.session.session_key
            address = get_adapter().get_client_ip(request)
            if key and _is_due(key, address):
                _note(key, address)
        return self.get_response(request)


def remember(key: str, address: str) -> None:
    """Take a session for noted; logging in has just written its row."""
    _is_due(key, address)


def _is_due(key: str, address: str) -> bool:
    now = time.monotonic()
    with _lock:
        noted = _noted.get((key, address))
        if noted is not None and now - noted < NOTED_EVERY.total_seconds():
            return False
        _noted[key, address] = now
        _noted.move_to_end((key, address))
        if len(_noted) > REMEMBERED_MAX:
            _noted.popitem(last=False)
        return True


def _note(key: str, address: str) -> None:
    # Other processes note the same session; what one of them wrote a moment ago need not be written again.
    UserSession.objects.filter(Q(last_seen_at__lt=Now() - NOTED_EVERY) | ~Q(ip=address), session_key=key).update(
        last_seen_at=Now(), ip=address
    )


def list_sessions(user_id: int) -> list[UserSession]:
    """List where a user is logged in, what was used last first."""
    alive = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=Now())
    return list(UserSession.objects.filter(Exists(alive), user_id=user_id).order_by("-last_seen_at")[:LISTED_MAX])


def end_session(*, user_id: int, session_id: int) -> UserSession:
    """Log a browser out and return what was known of it.

    :raises UserSession.DoesNotExist: not there or not theirs.
    """
    with transaction.atomic():
        session: UserSession = UserSession.objects.get(pk=session_id, user_id=user_id)
        _end(UserSession.objects.filter(pk=session.pk), [session.session_key])
    return session


def end_other_sessions(*, user_id: int, kept_key: str | None) -> None:
    """Log a user out everywhere but in the session with this key."""
    with transaction.atomic():
        others = UserSession.objects.filter(user_id=user_id).exclude(session_key=kept_key or "")
        _end(others, list(others.values_list("session_key", flat=True)))


def _end(sessions: QuerySet[UserSession], keys: list[str]) -> None:
    Session.objects.filter(session_key__in=keys).delete()
    sessions.filter(session_key__in=keys).delete()
