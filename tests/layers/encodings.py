"""Ways in which a client may write a text, any of which a receiver may undo: for tests that nothing gets past
inspection."""

from __future__ import annotations

import html
from collections.abc import Callable
from random import Random
from urllib.parse import quote

NAMED = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "_": "&lowbar;",
    "+": "&plus;",
    "%": "&percnt;",
    "\\": "&bsol;",
}


def percent(text: str, random: Random) -> str:
    """Some characters percent-encoded, and every one that would not survive."""
    found = ""
    for character in text:
        forced = character in "%+" or ord(character) > 127
        if character == " " and random.random() < 0.5:
            found += "+"
        elif forced or character == " " or random.random() < 0.4:
            found += (
                quote(character, safe="") if forced or not character.isascii() else f"%{ord(character):02X}"
            )
        else:
            found += character
    return found


def _units(character: str) -> list[int]:
    data = character.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]


def escapes(text: str, random: Random) -> str:
    """In a JSON text: some characters as \\uXXXX, backslash and quote always escaped."""
    found = ""
    for character in text:
        if character in '\\"/' and random.random() < 0.5:
            found += "\\" + character
        elif character in '\\"' or random.random() < 0.4:
            found += "".join(f"\\u{unit:04{random.choice('xX')}}" for unit in _units(character))
        else:
            found += character
    return found


def references(text: str, random: Random) -> str:
    """In XML or HTML: some characters as references, & and < always."""
    found = ""
    for character in text:
        if character in NAMED and random.random() < 0.5:
            found += NAMED[character]
        elif character in "&<>" or random.random() < 0.4:
            found += random.choice(["&#{};", "&#0{};", "&#x{:x};", "&#x{:X};"]).format(ord(character))
        else:
            found += character
    assert html.unescape(found) == text
    return found


def parted(text: str, random: Random) -> str:
    """In XML: comments, instructions and CDATA between the characters; what holds & or < is no text for
    it."""
    if set(text) & set("<>&]?-"):
        return text
    marks = ["<!-- x -->", "<?x y?>", "<![CDATA[]]>"]
    return "".join(character + (random.choice(marks) if random.random() < 0.3 else "") for character in text)


INNER: list[Callable[[str, Random], str]] = [percent, escapes, references, parted]
OUTER: list[Callable[[str], bytes]] = [
    str.encode,
    lambda text: text.encode("utf-16-le"),
    lambda text: text.encode("utf-16-be"),
    lambda text: text.encode("utf-32-le"),
    lambda text: text.encode("utf-32-be"),
    lambda text: text.encode("utf-16"),
    lambda text: text.encode("utf-32"),
]


def encoded(text: str, random: Random, most: int = 3) -> bytes:
    """The text by a random composition of these."""
    for _ in range(random.randint(0, most)):
        text = random.choice(INNER)(text, random)
    return random.choice(OUTER)(text)
