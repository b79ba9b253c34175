"""One event, one beginning of a line: what strangers send cannot look like an event of its own."""

import logging


class LineFormatter(logging.Formatter):
    """Print a message on one line, with everything in it that is no plain character spelled out."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """Spell out line breaks, escapes and marks that turn text around; a traceback below keeps its lines."""
        text = super().formatMessage(record)
        return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
