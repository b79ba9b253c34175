"""The protocol's statuses and types in the reader's language; programs, and we ourselves, compare them untranslated."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from orders.models import Refill
from orders.transitions import Status

STATUS_WORDS: dict[Status, Promise] = {
    Status.PENDING: _("Pending"),
    Status.PROCESSING: _("Processing"),
    Status.IN_PROGRESS: _("In progress"),
    Status.COMPLETED: _("Completed"),
    Status.PARTIAL: _("Partial"),
    Status.CANCELED: _("Canceled"),
}
REFILL_WORDS: dict[Refill.Status, Promise] = {
    Refill.Status.PENDING: _("Pending"),
    Refill.Status.IN_PROGRESS: _("In progress"),
    Refill.Status.COMPLETED: _("Completed"),
    Refill.Status.REJECTED: _("Rejected"),
}
TYPE_WORDS: dict[str, Promise] = {
    "Default": pgettext_lazy("service type", "Default"),
    "Package": pgettext_lazy("service type", "Package"),
    "Custom Comments": pgettext_lazy("service type", "Custom Comments"),
    "Custom Comments Package": pgettext_lazy("service type", "Custom Comments Package"),
    "SEO": pgettext_lazy("service type", "SEO"),
    "Mentions": pgettext_lazy("service type", "Mentions"),
    "Mentions with Hashtags": pgettext_lazy("service type", "Mentions with Hashtags"),
    "Mentions Custom List": pgettext_lazy("service type", "Mentions Custom List"),
    "Mentions Hashtag": pgettext_lazy("service type", "Mentions Hashtag"),
    "Mentions User Followers": pgettext_lazy("service type", "Mentions User Followers"),
    "Mentions Media Likers": pgettext_lazy("service type", "Mentions Media Likers"),
    "Comment Likes": pgettext_lazy("service type", "Comment Likes"),
    "Comment Replies": pgettext_lazy("service type", "Comment Replies"),
    "Poll": pgettext_lazy("service type", "Poll"),
    "Invites from Groups": pgettext_lazy("service type", "Invites from Groups"),
    "Web Traffic": pgettext_lazy("service type", "Web Traffic"),
}


def word_for(status: str) -> str:
    """Say the status of an order."""
    return str(STATUS_WORDS[Status(status)])


def refill_word_for(status: str) -> str:
    """Say the status of a refill."""
    return str(REFILL_WORDS[Refill.Status(status)])


def type_word_for(service_type: str) -> str:
    """Say the type of a service."""
    return str(TYPE_WORDS.get(service_type, service_type))
