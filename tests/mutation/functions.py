"""The judges' functions in this process, by where their code stands, and the names that they mention."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from types import CodeType, FunctionType

from tests.mutation.planted import JUDGES
from tests.mutation.recorder import Place, statements


def place_of(code: CodeType) -> Place:
    return code.co_filename, code.co_firstlineno


def codes(code: CodeType) -> Iterator[CodeType]:
    """Code of a module's functions and methods, without the functions inside of these."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & 0x02:  # CO_NEWLOCALS: a function; the body of a class does not have it.
                yield constant
            else:
                yield from codes(constant)


def functions_by_place() -> dict[Place, list[FunctionType]]:
    found: dict[Place, list[FunctionType]] = {}
    for one in gc.get_objects():
        if type(one) is FunctionType and one.__code__.co_filename.startswith(str(JUDGES)):
            found.setdefault(place_of(one.__code__), []).append(one)
    return found


def mentions() -> tuple[dict[str, set[Place]], dict[str, set[str]]]:
    """For each name, the statements of functions that mention it, as a name, an attribute or a keyword; and
    what other names are made of it on import.

    A statement that mentions what was made of a name on import counts as mentioning that name.
    """
    found: dict[str, set[Place]] = {}
    made_of: dict[str, set[str]] = {}
    for file in JUDGES.rglob("*.py"):
        for node, function, assigned, line in statements(ast.parse(file.read_text(encoding="utf-8"))):
            keyword = node.arg if isinstance(node, ast.keyword) else None
            name = getattr(node, "id", None) or getattr(node, "attr", None) or keyword
            if not isinstance(name, str):
                continue
            if function:
                found.setdefault(name, set()).add((str(file), line))
            for other in assigned - {name}:
                made_of.setdefault(name, set()).add(other)
    made = {name: _reached(name, made_of) for name in made_of}
    return found | {name: set().union(*(found.get(one, ()) for one in of)) for name, of in made.items()}, made


def _reached(name: str, made_of: dict[str, set[str]]) -> set[str]:
    reached, new = {name}, {name}
    while new := {other for one in new for other in made_of.get(one, ())} - reached:
        reached |= new
    return reached
