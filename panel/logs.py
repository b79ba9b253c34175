"""One event, one beginning of a line: what strangers send cannot look like an event of its own.

As lines for people, or as JSON for programs that collect logs. Both name the request or task that was at work, and
neither prints what looks like a secret: a message may quote what somebody sent.
"""

import json
import logging
import re
from datetime import UTC, datetime

from panel import request_ids

HIDDEN = "[hidden]"
# `key=…`, `"password": "…"`, `Authorization: Bearer …` and the like, in messages and in tracebacks.
_SECRET = re.compile(
    r"""(?ix)
    \b( (?:[a-z0-9]+[_-])*
        (?:key|password|passwd|secret|token|pepper|authorization|cookie|sessionid|csrfmiddlewaretoken) )
    (["']?\s*[=:]\s*["']?) ( (?:bearer|basic)\s+ )?
    ([^\s"'&,;})\]]+)
    """
)
_CREDENTIALS = re.compile(r"(://[^/\s:@]*:)[^/\s@]+(@)")  # of an address


def hide_secrets(text: str) -> str:
    """Black out values that are named like secrets, and passwords in addresses."""
    return _CREDENTIALS.sub(rf"\1{HIDDEN}\2", _SECRET.sub(rf"\1\2\3{HIDDEN}", text))


class LineFormatter(logging.Formatter):
    """Print a message on one line, with everything in it that is no plain character spelled out."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """Spell out line breaks, escapes and marks that turn text around; a traceback below keeps its lines."""
        text = super().formatMessage(record)
        if name := request_ids.current():
            text = f"{text} [{name}]"
        return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)

    def format(self, record: logging.LogRecord) -> str:
        """Print the whole event."""
        return hide_secrets(super().format(record))


class JsonFormatter(logging.Formatter):
    """Print an event as one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Print `at`, `level`, `logger`, `message`, and `request` and `exception` where there are such."""
        event = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": hide_secrets(record.getMessage()),
        }
        if name := request_ids.current():
            event["request"] = name
        if record.exc_info:
            event["exception"] = hide_secrets(self.formatException(record.exc_info))
        return json.dumps(event)
