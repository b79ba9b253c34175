"""Tell staff what cannot wait until somebody looks at the admin."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.mail import mail_admins

logger = logging.getLogger(__name__)

_held = threading.local()


def tell_staff(subject: str, text: str) -> None:
    """Log it as an error and mail it to the addresses in `STAFF_MAILS`; a mail server that is away hides nothing."""
    logger.error("%s: %s", subject, text)
    mails = getattr(_held, "mails", None)
    if mails is None:
        _mail(subject, text)
    else:
        mails.append((subject, text))


@contextmanager
def held_back() -> Iterator[None]:
    """Send the mails of this block at its end: a slow mail server must not come between a call and its record."""
    mails: list[tuple[str, str]] = []
    _held.mails = mails
    try:
        yield
    finally:
        _held.mails = None
        for subject, text in mails:
            _mail(subject, text)


def _mail(subject: str, text: str) -> None:
    try:
        mail_admins(" ".join(subject.split()), text)  # no mail has a subject of two lines
    except Exception:
        # Whoever calls this is in the middle of an order's life, which does not depend on mail.
        logger.exception("the mail to staff could not be sent")
