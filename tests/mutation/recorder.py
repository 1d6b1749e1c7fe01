"""Which statements of the judges a test runs: each gets a marker before it, for as long as tests are
recorded.

The interpreter's own tracing would make every test four times as dear.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

SEEN = "_statements_that_ran"
Place = tuple[str, int]
"""A statement: its file, and its first line."""


def marked(tree: ast.Module, file: str) -> ast.Module:
    """The module with a marker before every statement of its functions; markers tell `SEEN`, a global of the
    module."""
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            _mark(node, file)
    return ast.fix_missing_locations(tree)


def _mark(node: Any, file: str) -> None:
    if getattr(node, "marked", False):
        return
    node.marked = True
    for name in ("body", "orelse", "finalbody"):
        statements = getattr(node, name, None)
        if isinstance(statements, list):
            setattr(
                node, name, [one for statement in statements for one in (_marker(statement, file), statement)]
            )
            for statement in statements:
                _mark(statement, file)
    for part in (*getattr(node, "cases", ()), *getattr(node, "handlers", ())):
        _mark(part, file)


def _marker(statement: ast.stmt, file: str) -> ast.stmt:
    add = ast.Attribute(ast.Name(SEEN, ast.Load()), "add", ast.Load())
    place = ast.Tuple([ast.Constant(file), ast.Constant(statement.lineno)], ast.Load())
    return ast.copy_location(ast.Expr(ast.Call(add, [place], [])), statement)


def statements(
    node: ast.AST, function: bool = False, assigned: frozenset[str] = frozenset(), line: int = 0
) -> Iterator[tuple[ast.AST, bool, frozenset[str], int]]:
    """Everything in a tree: whether it stands in a function, else what its statement assigns; the statement's
    first line."""
    if isinstance(node, ast.stmt):
        line = node.lineno
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if not function:
            assigned = frozenset(target.id for target in targets if isinstance(target, ast.Name))
    yield node, function, assigned, line
    inside = function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for child in ast.iter_child_nodes(node):
        yield from statements(child, inside, frozenset() if inside else assigned, line)
