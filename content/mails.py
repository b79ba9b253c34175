"""Write the mails that customers get, in the operator's words where there are any.

Everything that mails a customer asks here for the words: `write("low_balance", language=..., facts=...)`.
"""

import logging
from collections.abc import Mapping

from django.conf import settings

from content import letters, queries
from content.letters import Fact, Letter
from content.mail_kinds import KINDS

logger = logging.getLogger(__name__)


def write(kind: str, *, language: str | None, facts: Mapping[str, Fact]) -> Letter:
    """Write a mail of a kind of `content.mail_kinds`.

    A saved text that cannot be used, for the database was changed by hand or the panel is newer than the text, is
    passed over: a mail with other words is better than none.
    """
    spec = KINDS[kind]
    facts = {**facts, "site_name": settings.SITE_NAME}
    *saved, last = queries.list_mail_texts(kind, language=language or settings.LANGUAGE_CODE)
    for text in saved:
        faults = [fault for _field, fault in letters.list_faults(spec, subject=text.subject, body=text.body)]
        faults += [f"{{{name}}} is not known." for name in letters.names_in(text.subject + text.body) - set(facts)]
        if not faults:
            return letters.fill(spec, subject=text.subject, body=text.body, language=text.language, facts=facts)
        logger.error("the text of mail %s in %s is passed over: %s", kind, text.language, " ".join(faults))
    return letters.fill(spec, subject=last.subject, body=last.body, language=last.language, facts=facts)
