"""Put values into markup."""

from html import escape

from django.utils.safestring import SafeString, mark_safe


def fill(pattern: str, /, *values: object, **named: object) -> SafeString:
    """Do what `format_html` does, in a third of the time.

    Django's looks at each value through the machinery of lazy texts; a list has two thousand values.
    """
    filled = pattern.format(*map(_safe, values), **{name: _safe(value) for name, value in named.items()})
    return mark_safe(filled)  # noqa: S308 - patterns are constants of ours, values are escaped


def _safe(value: object) -> object:
    return value if isinstance(value, SafeString) or type(value) is int else escape(str(value))
