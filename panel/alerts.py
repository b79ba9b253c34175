"""Tell staff what cannot wait until somebody looks at the admin."""

import logging

from django.core.mail import mail_admins

logger = logging.getLogger(__name__)


def tell_staff(subject: str, text: str) -> None:
    """Log it as an error and mail it to the addresses in `STAFF_MAILS`; a mail server that is away hides nothing."""
    logger.error("%s: %s", subject, text)
    try:
        mail_admins(" ".join(subject.split()), text)  # no mail has a subject of two lines
    except Exception:
        # Whoever calls this is in the middle of an order's life, which does not depend on mail.
        logger.exception("the mail to staff could not be sent")
