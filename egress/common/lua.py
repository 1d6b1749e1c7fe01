"""Bytes, and the bounded patterns of body inspection, as Lua writes them.

Source: Lua 5.1 Reference Manual, "Patterns"; LuaJIT, which Envoy runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from string import ascii_letters, digits, punctuation

from egress.common.body_patterns import Atom

_ALPHANUMERIC = frozenset((ascii_letters + digits).encode())
_PUNCTUATION = frozenset(punctuation.encode())


def quoted(data: bytes) -> str:
    """A Lua string of exactly these bytes; whatever could end the string or the line stands as a number."""
    plain = frozenset(range(0x20, 0x7F)) - frozenset(b'"\\')
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03d}" for byte in data) + '"'


def lua_pattern(atoms: Iterable[Atom]) -> bytes:
    """The Lua pattern that matches the same."""
    found = b""
    for atom in atoms:
        one = _lua_set(atom.bytes)
        found += one * atom.least + (one + b"?") * (atom.most - atom.least)
    return found


def _lua_set(members: frozenset[int]) -> bytes:
    if len(members) == 1:
        return _lua_byte(min(members))
    if len(members) > 128:
        return b"[^" + _lua_members(frozenset(range(256)) - members) + b"]" if len(members) < 256 else b"."
    return b"[" + _lua_members(members) + b"]"


def _lua_members(members: frozenset[int]) -> bytes:
    """Ranges where both ends mean themselves, single bytes elsewhere."""
    found, rest = b"", sorted(members)
    while rest:
        low = rest.pop(0)
        high = low
        while low and low not in _PUNCTUATION and rest and rest[0] == high + 1:
            high = rest.pop(0)
        while high in _PUNCTUATION and high > low:
            rest.insert(0, high)
            high -= 1
        found += _lua_byte(low) if high == low else bytes((low,)) + b"-" + bytes((high,))
    return found


def _lua_byte(byte: int) -> bytes:
    # In Lua 5.1 a zero byte would end the pattern; LuaJIT takes both.
    if byte == 0:
        return b"%z"
    return b"%" + bytes((byte,)) if byte in _PUNCTUATION else bytes((byte,))
