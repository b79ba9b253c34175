"""Read single values of a stranger's JSON: strictly, and in bounded time.

None stands for what nobody can read. Panels are written in languages that do not care whether a number is a
number or a text, so both are taken.
"""

import json
import re
from decimal import Decimal
from typing import Any

NUMBER_CHARACTERS_MAX = 40  # longer than any amount; arithmetic on more could take for ever
WHOLE_DIGITS_MAX = 18  # fits a bigint
AMOUNT_DIGITS_MAX = 15  # before the point: fits numeric(20,5)
ID_CHARACTERS_MAX = 100


def parse_json(body: bytes) -> Any:
    """Read JSON that says everything once and holds only numbers of sensible length.

    :raises ValueError: it is not that
    """
    try:
        return json.loads(
            body.decode("utf-8-sig", errors="replace"),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_number,
            parse_int=_number,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_id(value: Any) -> str | None:
    """Read an id: a positive whole number however written, or a word of letters, digits and dashes.

    A word without a digit is no id but a message: null, error, success.
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and re.fullmatch(rf"[A-Za-z0-9_-]{{1,{ID_CHARACTERS_MAX}}}", text := text.strip()):
        if re.fullmatch(r"[0-9]+", text):
            return text.lstrip("0") or None
        is_negative = re.fullmatch(r"-[0-9]+", text)
        return text if re.search("[0-9]", text) and not is_negative else None
    number = read_whole(value)
    return str(number) if number is not None and number > 0 else None


def read_whole(value: Any) -> int | None:
    """Read a whole number, signed, as a number or as text with or without thousands separators."""
    number = _decimal(value)
    if number is None or number != number.to_integral_value() or abs(number) >= 10**WHOLE_DIGITS_MAX:
        return None
    return int(number)


def read_amount(value: Any) -> Decimal | None:
    """Read an amount of money that the database can hold."""
    number = _decimal(value)
    return number if number is not None and abs(number) < 10**AMOUNT_DIGITS_MAX else None


def read_flag(value: Any) -> bool:
    """Read yes or no; anything else is no."""
    return value in (1, "1") or (isinstance(value, str) and value.strip().lower() in ("true", "yes", "on"))


def read_text(value: Any, characters_max: int) -> str | None:
    """Read text that says something."""
    return clean(value).strip()[:characters_max] or None if isinstance(value, str) else None


def letters(value: Any) -> str:
    """Leave a word as panels mean it: without case, blanks, underscores and dashes."""
    return re.sub(r"[\s_-]+", "", value).casefold() if isinstance(value, str) else ""


def clean(text: str) -> str:
    """Replace what a database does not take as text."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _number(text: str) -> int | Decimal:
    if len(text) > NUMBER_CHARACTERS_MAX:
        raise ValueError("a number of too many digits")
    if re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    number = _as_decimal(text)
    if abs(number.adjusted()) > NUMBER_CHARACTERS_MAX:
        raise ValueError("a number that is too large or too small")
    return number


def _as_decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:  # an exponent beyond all bounds
        raise ValueError("a number that is too large or too small") from None


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, str):
        text = value.strip()
        if len(text) > NUMBER_CHARACTERS_MAX:
            return None
        if not re.fullmatch(r"[+-]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)(\.[0-9]*)?", text):
            return None
        return Decimal(text.replace(",", ""))
    return Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
