"""Patterns for bodies: the part of regular expressions that reads any body in time proportional to its
length.

One pattern is a row of single characters, each a set of bytes that comes a bounded number of times. What is
left out - `*`, `+`, groups, alternatives, anchors - is refused rather than read differently: an unbounded
repetition lets one body of a megabyte occupy the gateway for minutes. What is accepted means what it means in
Python's `re` on bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from string import ascii_letters, digits

MOST_STEPS = 64
"""Comparisons that a pattern may take at one place of a body. On LuaJIT 64 take about a microsecond."""

_ANY = frozenset(range(256))
_DIGITS = frozenset(digits.encode())
_WORD = frozenset((ascii_letters + digits + "_").encode())
_SPACE = frozenset(b" \t\n\r\f\v")
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACE, "D": _ANY - _DIGITS, "W": _ANY - _WORD, "S": _ANY - _SPACE}
_CONTROLS = {"t": 9, "n": 10, "r": 13}
_UNBOUNDED = (
    "It repeats without bound: one long body could occupy the gateway for minutes, and every team with it.",
    "Say how often, e.g. [0-9]{8}; what comes before or after need not be matched.",
)


class PatternError(ValueError):
    """A text that is no pattern of this language."""

    def __init__(self, consequence: str, fix: str) -> None:
        super().__init__(consequence)
        self.consequence, self.fix = consequence, fix


@dataclass(frozen=True)
class Atom:
    """One of a set of bytes, at least `least` and at most `most` times."""

    bytes: frozenset[int]
    least: int = 1
    most: int = 1


def _cases(members: Iterable[int], ignore_case: bool) -> frozenset[int]:
    """The bytes, in whatever case if asked; only the letters a to z have one."""
    found = frozenset(members)
    return found | {byte ^ 0x20 for byte in found if chr(byte) in ascii_letters} if ignore_case else found


def parse(text: str, ignore_case: bool = False) -> list[Atom]:
    """The pattern's atoms.

    Raises:
        PatternError: it is none of this language, is too long, or matches every body.
    """
    if not text.isascii() or not text.isprintable():
        raise PatternError(
            "Patterns are compared byte by byte and support ASCII characters only.",
            "Write other characters as text:.",
        )
    atoms = _Reader(text, ignore_case).atoms()
    # What may be absent at the end changes nothing: the pattern has matched before.
    while atoms and not atoms[-1].least:
        atoms.pop()
    if not atoms:
        raise PatternError(
            "It matches the empty text, and so every body.", "Let at least one character be required."
        )
    atoms[-1] = Atom(atoms[-1].bytes, atoms[-1].least, atoms[-1].least)
    if (steps := _steps(atoms)) > MOST_STEPS:
        raise PatternError(
            f"It takes up to {steps} comparisons at every position of a body; more than {MOST_STEPS} "
            "would let one body occupy the gateway for seconds.",
            "Match fewer characters, and make an optional part differ from what follows it.",
        )
    return atoms


def _steps(atoms: list[Atom]) -> int:
    """Comparisons at one place, at worst. A character that may be absent doubles them if what follows could
    be read as it."""
    row = [(atom.bytes, count >= atom.least) for atom in atoms for count in range(atom.most)]
    steps, follows = 0, frozenset[int]()
    for members, optional in reversed(row):
        steps = steps * 2 + 1 if optional and members & follows else steps + 1
        follows = members | follows if optional else members
    return steps


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, text: str, ignore_case: bool) -> None:
        self._text, self._at, self._ignore_case = text, 0, ignore_case

    def atoms(self) -> list[Atom]:
        found: list[Atom] = []
        while self._at < len(self._text):
            found.append(self._repeated(self._one()))
        return found

    def _next(self) -> str:
        if self._at == len(self._text):
            raise PatternError(
                "It ends in the middle of an expression.", "Close what is open; write \\\\ for a backslash."
            )
        self._at += 1
        return self._text[self._at - 1]

    def _take(self, character: str) -> bool:
        if not self._text.startswith(character, self._at):
            return False
        self._at += len(character)
        return True

    def _one(self) -> frozenset[int]:
        character = self._next()
        if character == "\\":
            return self._escaped()
        if character == "[":
            return self._set()
        if character == ".":
            return _ANY - {ord("\n")}
        if character in "*+":
            raise PatternError(*_UNBOUNDED)
        if character in "(|)":
            raise PatternError(
                "Groups and alternatives are not part of this language.", "Write a rule for each alternative."
            )
        if character in "^$":
            raise PatternError(
                "A body is searched as a whole, so a pattern cannot be tied to a line or to the end.",
                f"Leave it out, or write \\{character} for the character.",
            )
        if character in "?{}]":
            raise PatternError(
                f"{character} stands where a character is expected.",
                f"Write \\{character} for the character.",
            )
        return _cases({ord(character)}, self._ignore_case)

    def _escaped(self) -> frozenset[int]:
        character = self._next()
        if character in _CLASSES:
            return _CLASSES[character]
        if character in _CONTROLS:
            return frozenset({_CONTROLS[character]})
        if character.isalnum():
            raise PatternError(
                f"\\{character} is not part of this language.",
                "Known are \\d \\w \\s \\D \\W \\S \\t \\n \\r.",
            )
        return frozenset({ord(character)})

    def _set(self) -> frozenset[int]:
        negated = self._take("^")
        found: set[int] = set()
        while not self._take("]"):
            low = self._member()
            if self._text[self._at : self._at + 1] == "-" and self._text[self._at + 1 : self._at + 2] not in (
                "]",
                "",
            ):
                self._take("-")
                high = self._member()
                if len(low) > 1 or len(high) > 1 or min(low) > min(high):
                    raise PatternError("A range goes from one character to a later one.", "Write e.g. [a-z].")
                found |= set(range(min(low), min(high) + 1))
            else:
                found |= low
        if not found:
            raise PatternError(
                "The set is empty.", "Name a character between the brackets; write \\] for a bracket."
            )
        # First every case, then the opposite: [^a] in whatever case is neither a nor A.
        members = _cases(found, self._ignore_case)
        members = _ANY - members if negated else members
        if not members:
            raise PatternError(
                "No character is left in this set, so nothing would match.", "Leave something out of it."
            )
        return members

    def _member(self) -> frozenset[int]:
        character = self._next()
        if character == "[":
            raise PatternError(
                "A bracket inside a set means different things elsewhere.", "Write \\[ for the character."
            )
        return self._escaped() if character == "\\" else frozenset({ord(character)})

    def _repeated(self, members: frozenset[int]) -> Atom:
        least, most = 1, 1
        if self._take("?"):
            least = 0
        elif self._take("{"):
            least, most = self._counts()
        if self._text[self._at : self._at + 1] in ("*", "+"):
            raise PatternError(*_UNBOUNDED)
        if self._text[self._at : self._at + 1] in ("?", "{"):
            raise PatternError("One repetition follows another.", "Write one of the two.")
        return Atom(members, least, most)

    def _counts(self) -> tuple[int, int]:
        text = ""
        while not self._take("}"):
            text += self._next()
        low, comma, high = text.partition(",")
        if comma and not high and low.isdigit():
            raise PatternError(*_UNBOUNDED)
        high = high if comma else low
        if (
            not (low.isdigit() and high.isdigit())
            or len(low) > 3
            or len(high) > 3
            or int(low) > int(high)
            or int(high) == 0
        ):
            raise PatternError(f"{{{text}}} is not a number of repetitions.", "Write {4} or {2,4}.")
        return int(low), int(high)
