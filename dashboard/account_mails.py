"""The mails about accounts: allauth says when, `content` in which words."""

from typing import Any

from django.core.mail import EmailMessage
from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import get_language

from accounts.registration import AccountAdapter
from content import mails
from content.letters import Fact
from content.mail_kinds import KINDS

# What allauth knows, by the names that staff write.
FACTS = {
    "email": "email",
    "confirm_url": "activate_url",
    "reset_url": "password_reset_url",
    "signup_url": "signup_url",
    "ip": "ip",
    "browser": "user_agent",
    "old_email": "from_email",
    "new_email": "to_email",
    "deleted_email": "deleted_email",
}


class MailingAdapter(AccountAdapter):
    """Send allauth's mails in words that staff may have changed."""

    def send_notification_mail(
        self, template_prefix: str, user: Any, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """Tell a user of a change; the mail may name who it is."""
        super().send_notification_mail(template_prefix, user, {"user": user, **(context or {})}, email)

    def render_mail(
        self,
        template_prefix: str,
        email: str | list[str],
        context: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> EmailMessage:
        """Write a mail in the language of the page that sends it. Those the panel has no words for stay allauth's."""
        kind = template_prefix.rpartition("/")[2]
        if kind not in KINDS:
            return super().render_mail(template_prefix, email, context, headers)
        letter = mails.write(kind, language=get_language(), facts=_read_facts(context))
        to = [email] if isinstance(email, str) else email
        return EmailMessage(letter.subject, letter.body, self.get_from_email(), to, headers=headers)


def _read_facts(context: dict[str, Any]) -> dict[str, Fact]:
    facts: dict[str, Fact] = {ours: context[theirs] for ours, theirs in FACTS.items() if theirs in context}
    facts["site_domain"] = context["current_site"].domain
    if (user := context.get("user")) is not None:
        facts |= {"username": user.username, "name": user.first_name or user.username}
    if (moment := context.get("timestamp")) is not None:
        facts["time"] = lambda: localize(timezone.localtime(moment))
    return facts
