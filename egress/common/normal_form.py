"""The normal form into which proxies bring a request's path before any rule is asked.

Rules are compared with it, and it is what is sent on. A request that passes two proxies is brought into it
twice, which is not the same as once: `/a/%2e%2e;/b` leaves the sidecar as `/a/..;/b` and the gateway as `/b`.
The one thing that config, intent and judges read by the same code: it is held against Envoy itself
(tests/mesh/test_normal_form.py).
Source: Istio, MeshConfig.ProxyPathNormalization; Envoy, HttpConnectionManager (`normalize_path`,
`merge_slashes`, `path_with_escaped_slashes_action`); what those leave open was read off Envoy 1.40.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from string import ascii_letters, digits

_UNRESERVED = ascii_letters + digits + "-._~"
_ESCAPED_RAW = frozenset('"<>^`{|}')
_HEX = frozenset("0123456789ABCDEFabcdef")
_PARAMETERS = re.compile(r"(?<![^/])(\.\.?);[^/]*")
_DOT = re.compile("%2e", re.IGNORECASE)


AMBIGUOUS = (
    r"(?i).*(?:%5c|%(?:25)+(?:2e|2f|5c)|(?:/|%2f)(?:\.|%2e){1,2}(?:(?:;|%(?:25)*3b)[^/]*?)?(?:/|%2f|$)).*"
)
"""Paths, in their normal form, that a host may read as another path than the rules did: with a segment `.` or
`..` behind encoded slashes or with parameters (their `;` encoded or not), an encoded backslash, or one of
these encoded twice. RE2."""


def ambiguous(path: str) -> bool:
    """Whether a path, in its normal form, is one of those."""
    return re.fullmatch(AMBIGUOUS, path.partition("?")[0], re.ASCII) is not None


class Normalization(StrEnum):
    """How paths are brought into normal form. Istio's names."""

    NONE = "NONE"
    BASE = "BASE"
    MERGE_SLASHES = "MERGE_SLASHES"
    DECODE_AND_MERGE_SLASHES = "DECODE_AND_MERGE_SLASHES"


@lru_cache(maxsize=1 << 14)
def normal(path: str, how: Normalization) -> str | None:
    """The normal form of a path with its query; None: the proxy answers 400."""
    if not path.startswith("/") or any(not "!" <= character <= "~" or character == "#" for character in path):
        return None
    plain, mark, query = path.partition("?")
    if how is Normalization.NONE:
        return path
    if how is Normalization.DECODE_AND_MERGE_SLASHES:
        plain = re.sub("%2f", "/", plain, flags=re.IGNORECASE)
        plain = re.sub("%5c", r"\\", plain, flags=re.IGNORECASE)
    # A dot segment loses its parameters; written as %2e it keeps them, for the next proxy to take away.
    plain = _PARAMETERS.sub(r"\1", plain).replace("\\", "/")
    if "%00" in plain:
        return None
    plain = "/" + "/".join(_segments(plain.split("/")[1:]))
    if how is not Normalization.BASE:
        # Of nothing but slashes two remain.
        plain = re.sub("/+", "/", plain) if plain.strip("/") else plain[:2]
    return plain + mark + query


def _segments(given: list[str]) -> list[str]:
    """The segments without `.` and `..`, each in its normal form."""
    found: list[str] = []
    for at, segment in enumerate(given):
        dots = _DOT.sub(".", segment)
        if dots not in (".", ".."):
            found.append(_characters(segment))
            continue
        if dots == ".." and found:
            found.pop()
        if at == len(given) - 1:
            found.append("")
    return found


def _characters(segment: str) -> str:
    """Escapes of letters, digits and `-._~` undone, what has to be escaped escaped, the rest as it is."""
    if "%" not in segment and not _ESCAPED_RAW & set(segment):
        return segment
    found: list[str] = []
    stray, at = -3, 0
    """Where in `found` the last `%` stands that begins no escape."""
    while at < len(segment):
        escape = segment[at + 1 : at + 3]
        if segment[at] != "%":
            found.append(f"%{ord(segment[at]):02X}" if segment[at] in _ESCAPED_RAW else segment[at])
            at += 1
        elif len(escape) < 2 or not _HEX.issuperset(escape):
            stray = len(found)
            found.append("%")
            at += 1
        elif (character := chr(int(escape, 16))) not in _UNRESERVED:
            found.extend(("%", *escape))
            at += 3
        else:
            found.append(character)
            at += 3
            # What was no escape must not become one: `%%32%66` is not `%2f`.
            if stray >= len(found) - 3:
                behind = [*found[stray + 1 :], *segment[at : at + 1]][:2]
                if len(behind) == 2 and _HEX.issuperset(behind):
                    found[stray] = "%25"
    return "".join(found)
