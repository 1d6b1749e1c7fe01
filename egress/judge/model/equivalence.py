"""Equivalence classes of requests: one representative of every kind of path, method and header that rules can
tell apart.

A set of path patterns divides all paths into the sets that match exactly the same patterns; network
verification calls these packet equivalence classes. The representatives here are one path of each such set,
and none is a sample. The proof: each pattern is a finite automaton, and all of them read the same path at the
same time, so together they are one automaton, their product. What patterns say of a path is the state in
which it ends. A search from the first state, character by character, finds every state that any path leads
to, and the shortest path to it; a state that the search does not find, no path has. One character stands for
all that no pattern names, because each automaton takes the same step on all of these. The search ends because
the states are finitely many (docs/model.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, count, product
from string import ascii_letters, digits

OTHER = "x"
"""A character that stands for every one that no pattern names, unless a pattern names it."""
_PLAIN = f"{ascii_letters}{digits}-_~!$&'()+,=:@"
"""Characters that no proxy changes."""
_NO_TEMPLATE = "[]"
"""Characters that paths have in their normal form, and that no template's `{*}` or `{**}` stands for."""
OTHER_METHOD = "PROPFIND"
"""Stands for every method that no rule names: proxies know it, and answer those that they do not know
themselves."""
OTHER_VALUE = "no-rule-names-this"
"""Stands for every value of a header that no rule names."""


@dataclass(frozen=True)
class Requests:
    """What rules say about requests to one host: enough to know which requests they can tell apart."""

    methods: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()
    headers: frozenset[tuple[str, str]] = frozenset()
    """Header name and value pattern."""

    def __or__(self, other: Requests) -> Requests:
        return Requests(self.methods | other.methods, self.paths | other.paths, self.headers | other.headers)


@dataclass(frozen=True)
class Representative:
    """One request for all that the rules cannot tell from it."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]


def representatives(requests: Requests) -> Iterator[Representative]:
    """One request for each class of requests, the most ordinary first."""
    methods = sorted(method for method in requests.methods if "*" not in method) or ["GET"]
    if requests.methods:
        methods.append(OTHER_METHOD)
    by_header: dict[str, list[str]] = {}
    for name, pattern in sorted(requests.headers):
        by_header.setdefault(name, []).append(pattern)
    choices = [
        [(name, value) for value in (*_values(patterns), None)] for name, patterns in by_header.items()
    ]
    for path, method, headers in product(paths(requests.paths), methods, product(*choices)):
        yield Representative(
            method, path, tuple((name, value) for name, value in headers if value is not None)
        )


def _values(patterns: Sequence[str]) -> list[str]:
    """Values that match each pattern, and one that matches none but presence."""
    return [*dict.fromkeys((*map(_value, patterns), OTHER_VALUE))]


def _value(pattern: str) -> str:
    return pattern.replace("*", OTHER)


def header_words(requests: Requests, name: str, value: str) -> str:
    """What a representative's header stands for, in the words of the rules."""
    if value == OTHER_VALUE:
        return f"{name}: any other value"
    pattern = next(
        (
            pattern
            for header, pattern in sorted(requests.headers)
            if header == name and _value(pattern) == value
        ),
        value,
    )
    return f"{name}: {pattern}"


def paths(patterns: Iterable[str]) -> tuple[str, ...]:
    """One path for every set of paths that match the same patterns, the shortest of each, ordered by length.

    Patterns are those of AuthorizationPolicy: exact, prefix (`/a*`), suffix (`*/a`), `*`, and templates with
    `{*}` and `{**}`.
    """
    return _paths(tuple(sorted(set(patterns))))


@lru_cache(maxsize=4096)
def _paths(patterns: tuple[str, ...]) -> tuple[str, ...]:
    machines = [_machine(pattern) for pattern in patterns]
    named = {character for machine in machines for token in machine for character in token.literal}
    other = next(letter for letter in chain((OTHER, *_PLAIN), map(chr, count(0x100))) if letter not in named)
    start = tuple(_closure(machine, frozenset({0})) for machine in machines)
    begun = tuple(_step(machine, state, "/") for machine, state in zip(machines, start, strict=True))
    found: dict[tuple[bool, ...], str] = {}
    seen, row = {(begun, True)}, [(begun, "/")]
    while row:
        following: list[tuple[tuple[frozenset[int], ...], str]] = []
        for states, text in row:
            accepted = tuple(len(machine) in state for machine, state in zip(machines, states, strict=True))
            found.setdefault(accepted, text)
            ahead = [
                token
                for machine, state in zip(machines, states, strict=True)
                for token in _ahead(machine, state)
            ]
            odd = {token.but[0] for token in ahead if token.but}
            for character in sorted({token.literal for token in ahead} - {""} | odd | {"/", other}):
                onward = tuple(
                    _step(machine, state, character) for machine, state in zip(machines, states, strict=True)
                )
                slash = character == "/"
                # Two slashes on end never arrive: the proxy merges them before it compares.
                if (onward, slash) not in seen and not (slash and text.endswith("/")):
                    seen.add((onward, slash))
                    following.append((onward, text + character))
        row = following
    return tuple(found.values())


@dataclass(frozen=True)
class _Token:
    """One step of a pattern: a literal character, or any number of characters (`many`), or of those that are
    no slash."""

    literal: str = ""
    many: bool = False
    slashes: bool = True
    but: str = ""
    """Characters that it does not take although no pattern has to name them."""

    def takes(self, character: str) -> bool:
        if self.literal:
            return character == self.literal
        return character not in self.but and (self.slashes or character != "/")


@lru_cache(maxsize=4096)
def _machine(pattern: str) -> tuple[_Token, ...]:
    tokens: list[_Token] = []
    rest = pattern
    while rest:
        if rest.startswith("{**}"):
            tokens.append(_Token(many=True, but=_NO_TEMPLATE))
            rest = rest[4:]
        elif rest.startswith("{*}"):
            # It is a whole segment, and no slash follows the one before it.
            tokens += [_Token(but=_NO_TEMPLATE), _Token(many=True, slashes=False, but=_NO_TEMPLATE)]
            rest = rest[3:]
        elif (
            rest[0] == "*" and "{" not in pattern and len(rest) == (len(pattern) if pattern[0] == "*" else 1)
        ):
            # One at the beginning is read before one at the end, which is then a letter.
            tokens.append(_Token(many=True))
            rest = rest[1:]
        else:
            tokens.append(_Token(literal=rest[0]))
            rest = rest[1:]
    return tuple(tokens)


def _closure(machine: Sequence[_Token], state: frozenset[int]) -> frozenset[int]:
    found = set(state)
    for position in sorted(state):
        at = position
        while at < len(machine) and machine[at].many:
            at += 1
            found.add(at)
    return frozenset(found)


def _ahead(machine: Sequence[_Token], state: frozenset[int]) -> Iterator[_Token]:
    return (machine[position] for position in state if position < len(machine))


def _step(machine: Sequence[_Token], state: frozenset[int], character: str) -> frozenset[int]:
    moved = {
        position if machine[position].many else position + 1
        for position in state
        if position < len(machine) and machine[position].takes(character)
    }
    return _closure(machine, frozenset(moved))
