"""Black out keys in what is kept of a call. Pure: text in, text out."""

import re
from urllib.parse import unquote

MASK = "•"
SHOWN_MASK = MASK * 8
# Programs send theirs under these names; the value is not looked at.
SECRET_NAMES = frozenset({"key", "api_key", "apikey", "api-key", "x-api-key", "token", "secret", "password", "auth"})
# A text is cut this far behind what will be shown, so that no key is cut in two: 32 characters, each at most `%61`.
MARGIN = 128

# Any 22 characters of a key hold one of these pieces of it whole. Less of it is no help to a guesser.
_PIECES = (slice(0, 12), slice(10, 22), slice(20, 32))
_KEY_SHAPED = re.compile(r"[0-9a-fA-F]{32,}")
_NEITHER_LETTER_NOR_DIGIT = bytes(code for code in range(128) if not chr(code).isalnum())
_MASKED = re.compile(f"{MASK}{{8,}}")


def redact(text: str, *, key: str, limit: int) -> str:
    """Return the first `limit` characters without the key, and without anything that has a key's shape.

    :param text: cut at `limit + MARGIN` or later.
    """
    # Of the same length first: otherwise what stands behind the limit would move into it, cut anywhere.
    masked = _KEY_SHAPED.sub(lambda found: MASK * len(found[0]), text)
    # As `%61b..`, `AB-CD..` or half of it, it could be read as well; then nothing of the text is worth the risk.
    # As bytes, because this is done to megabytes a second.
    letters = unquote(unquote(masked)).encode("ascii", "ignore").translate(None, _NEITHER_LETTER_NOR_DIGIT).lower()
    if key and any(key[piece].encode() in letters for piece in _PIECES):
        return SHOWN_MASK
    shown = masked[:limit]
    return _MASKED.sub(SHOWN_MASK, shown) if MASK in shown else shown


def redact_parameter(name: str, text: str, *, key: str, limit: int) -> str:
    """Return what may be shown of a parameter's value."""
    return SHOWN_MASK if name.strip().lower() in SECRET_NAMES else redact(text, key=key, limit=limit)
