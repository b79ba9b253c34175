"""What strangers send, in our logs."""

import logging

from panel.logs import LineFormatter


def printed(message: str, **more: object) -> str:
    record = logging.LogRecord("panel", logging.ERROR, "", 0, message, None, None)
    vars(record).update(more)
    return LineFormatter("%(levelname)s %(message)s").format(record)


def test_a_message_is_one_line() -> None:
    assert printed("evil\n2026-01-01 INFO panel: all is well\r\x1b[2J\u202e") == (
        "ERROR evil\\n2026-01-01 INFO panel: all is well\\r\\x1b[2J\\u202e"
    )


def test_letters_of_all_languages_stay() -> None:
    assert printed("Größe 東京 🙂") == "ERROR Größe 東京 🙂"


def test_a_traceback_keeps_its_lines() -> None:
    try:
        int("x")
    except ValueError as error:
        lines = printed("failed", exc_info=(type(error), error, error.__traceback__)).splitlines()

    assert lines[0] == "ERROR failed"
    assert lines[-1].startswith("ValueError: invalid literal")
