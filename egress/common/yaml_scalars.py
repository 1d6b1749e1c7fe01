"""What one word of YAML without quotes means, as Go's yaml.v3 reads it and Pulumi hands it on."""

from __future__ import annotations

import math
import re
from datetime import date
from decimal import Decimal
from typing import Any

_NUMBER_LENGTH = 30

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((sign + word for sign in ("", "+") for word in (".inf", ".Inf", ".INF")), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGERS = (
    (re.compile(r"([-+]?)0[bB]([01]+)"), 2),
    (re.compile(r"([-+]?)0[xX]([0-9a-fA-F]+)"), 16),
    (re.compile(r"([-+]?)0[oO]?([0-7]+)"), 8),
    (re.compile(r"([-+]?)(0|[1-9][0-9]*)"), 10),
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DATE = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"([Tt][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})| "
    r"[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]+)?)?"
)


def plain(text: str) -> Any:
    """What a word without quotes means.

    Raises:
        ValueError: a date, or a number that is none; the message is a sentence without its full stop.
    """
    if text in _WORDS:
        return _finite(text, _WORDS[text])
    if text[0] == ".":
        return _finite(text, number(text)) if _FLOAT.fullmatch(text) else text
    if text[0] not in "+-0123456789":
        return text
    if _is_date(text):
        raise ValueError(f"{text} is read as a date, and Pulumi passes it on in another form")
    digits = text.replace("_", "")
    for form, base in _INTEGERS:
        written = form.fullmatch(digits)
        if written:
            sign, value = written.groups()
            if len(value) <= (64 if base == 2 else _NUMBER_LENGTH):
                integer = int(sign + value, base)
                if -(2**63) <= integer < 2**63 or (not sign and integer < 2**64):
                    return integer
    return number(digits, otherwise=text) if _FLOAT.fullmatch(digits) else text


def number(digits: str, otherwise: Any = math.inf) -> Any:
    """A number with a fraction or an exponent, or one that is too large for an integer, as Pulumi hands it
    on."""
    value = float(digits)
    if math.isinf(value):
        return otherwise
    # Go writes a whole number below 10^21 without fraction and exponent, with the fewest digits that mean it.
    return int(Decimal(repr(value))) if value.is_integer() and abs(value) < 1e21 else value


def _finite(text: str, value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{text} is read as infinity or as not a number, and Pulumi refuses it")
    return value


def _is_date(text: str) -> bool:
    written = _DATE.fullmatch(text)
    if not written:
        return False
    year, month, day = (int(part) for part in written.groups()[:3])
    clock = re.findall(r"[0-9]+", (written[4] or "")[1:])[:3]
    try:
        date(year or 2000, month, day)
    except ValueError:
        return False
    return all(int(part) < most for part, most in zip(clock, (24, 60, 60), strict=False))
