"""Errors that can be planted in Python source: one small change each, of the kinds that people make.

Left alone, because no test should hold them: the words of messages (texts with a space in them), docstrings
and types.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
OPPOSITE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
NAMES = {"any": "all", "all": "any", "min": "max", "max": "min"}
METHODS = {
    "startswith": "endswith",
    "endswith": "startswith",
    "removeprefix": "removesuffix",
    "removesuffix": "removeprefix",
    "partition": "rpartition",
    "rpartition": "partition",
    "issubset": "issuperset",
    "issuperset": "issubset",
    "union": "intersection",
    "intersection": "union",
    "fullmatch": "match",
    "match": "search",
}
LONGEST = 90
"""Characters of source that are shown of a change."""
UNDONE = {"lower", "upper", "casefold", "strip", "rstrip", "lstrip"}
"""Methods without which a text stays as it is."""


@dataclass(frozen=True)
class Mutant:
    """One change: `new` takes the place of what stands in `field` of `parent`."""

    parent: ast.AST
    field: str
    index: int | None
    new: ast.AST | None
    """None: the entry is taken out of its list."""
    function: str
    """Dotted name of the class and function around it; empty at the top of the module."""
    outermost: int | None
    """Line at which the code of the outermost function around it begins; None where it runs on import."""
    statement: int
    """First line of the statement, which runs if the change can matter at all."""
    line: int
    before: str
    after: str
    names: frozenset[str]
    """What it changes that others may read: the names assigned, where it runs on import."""

    @property
    def change(self) -> str:
        return f"{self.before} -> {self.after}"

    def plant(self) -> None:
        """Changes the tree for good: for a process that ends with it."""
        if self.index is None:
            setattr(self.parent, self.field, self.new)
        elif self.new is None:
            del getattr(self.parent, self.field)[self.index]
        else:
            getattr(self.parent, self.field)[self.index] = self.new


@dataclass(frozen=True)
class Without:
    """What a node becomes when one part of it is left out."""

    new: ast.AST
    part: ast.AST


@dataclass(frozen=True)
class _Around:
    """What a node stands in."""

    names: tuple[str, ...] = ()
    outermost: int | None = None
    inside: bool = False
    statement: ast.stmt | None = None
    returns: str = ""
    assigned: frozenset[str] = frozenset()

    def in_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> _Around:
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        returns = ast.unparse(node.returns) if node.returns else ""
        return _Around(
            (*self.names, node.name), self.outermost if self.inside else first, True, node, returns
        )

    def in_statement(self, node: ast.stmt) -> _Around:
        assigned = self.assigned
        if not self.inside:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            assigned = frozenset(target.id for target in targets if isinstance(target, ast.Name)) | frozenset(
                self.names[-1:]
            )
        return _Around(self.names, self.outermost, self.inside, node, self.returns, assigned)


def mutants(tree: ast.Module) -> list[Mutant]:
    """Every error that is planted in a module, in the order of its lines."""
    found: dict[tuple[int, int, str, str], Mutant] = {}
    for mutant, column in _walk(tree, _Around()):
        found.setdefault((mutant.line, column, mutant.before, mutant.after), mutant)
    return [found[key] for key in sorted(found)]


def _walk(parent: ast.AST, around: _Around) -> Iterator[tuple[Mutant, int]]:
    for field, value in ast.iter_fields(parent):
        if field in ("annotation", "returns", "ctx", "type_comment", "decorator_list", "type_params"):
            continue
        here = around
        if isinstance(parent, FUNCTIONS) and field == "body":
            here = around.in_function(parent)
        elif isinstance(parent, ast.ClassDef) and field == "body":
            here = _Around(
                (*around.names, parent.name), around.outermost, around.inside, parent, "", around.assigned
            )
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _is_words(node, parent):
                continue
            within = (
                here.in_statement(node)
                if isinstance(node, ast.stmt) and not isinstance(node, FUNCTIONS)
                else here
            )
            if isinstance(node, FUNCTIONS) and not here.inside:
                # Default arguments are made where the function is.
                within = _Around(here.names, None, False, node, "", frozenset({node.name}))
            for new in _changed(node, parent, field, within):
                yield _mutant(parent, field, index, node, new, within)
            yield from _walk(node, within)


def _mutant(
    parent: ast.AST,
    field: str,
    index: int | None,
    node: ast.AST,
    new: ast.AST | Without | None,
    around: _Around,
) -> tuple[Mutant, int]:
    stands: Any = node if hasattr(node, "lineno") else getattr(node, "pattern", around.statement)
    statement: Any = around.statement
    left_out = new.part if isinstance(new, Without) else None
    new = new.new if isinstance(new, Without) else new
    if new is not None:
        ast.copy_location(new, stands)
        ast.fix_missing_locations(new)
    before, after = (_text(node), _text(new)) if left_out is None else (_text(left_out), _text(None))
    mutant = Mutant(
        parent,
        field,
        index,
        new,
        ".".join(around.names),
        around.outermost,
        statement.lineno,
        stands.lineno,
        before,
        after,
        around.assigned | frozenset(around.names[-1:] if not around.inside else ()),
    )
    return mutant, stands.col_offset


def _text(node: ast.AST | None) -> str:
    if node is None:
        return "(left out)"
    if isinstance(node, ast.match_case):
        return f"case {ast.unparse(node.pattern)}"
    text = ast.unparse(node).splitlines()[0].strip()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _is_words(node: ast.AST, parent: ast.AST) -> bool:
    """A docstring, or the words of a message; of a text made of parts, which may be lost as a whole, the
    parts that are text."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Constant):
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id == "cast":
            return True  # A type, in quotes.
        return isinstance(node.value, str) and (" " in node.value or isinstance(parent, ast.JoinedStr))
    if isinstance(node, ast.IfExp | ast.BoolOp):
        # Whichever words it is.
        parts = [node.body, node.orelse] if isinstance(node, ast.IfExp) else node.values
        return any(_is_words(part, node) for part in parts if isinstance(part, ast.Constant | ast.JoinedStr))
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return any(isinstance(part, ast.Constant) and " " in str(part.value) for part in parts)


def _changed(
    node: ast.AST, parent: ast.AST, field: str, around: _Around
) -> Iterator[ast.AST | Without | None]:
    if isinstance(node, ast.stmt):
        yield from _statement(node, around)
    elif isinstance(node, ast.match_case):
        if isinstance(parent, ast.Match) and len(parent.cases) > 1:
            yield None
    elif isinstance(node, ast.expr):
        yield from _expression(node, parent, field)
    elif isinstance(node, ast.comprehension):
        for index in range(len(node.ifs)):
            rest = node.ifs[:index] + node.ifs[index + 1 :]
            yield Without(ast.comprehension(node.target, node.iter, rest, node.is_async), node.ifs[index])
    elif (
        isinstance(node, ast.keyword) and node.arg not in (None, "encoding") and isinstance(parent, ast.Call)
    ):
        yield None


def _statement(node: ast.stmt, around: _Around) -> Iterator[ast.AST]:
    if isinstance(node, ast.Return):
        yield from _returned(node, around)
    elif isinstance(node, ast.Break):
        yield ast.Continue()
    elif isinstance(node, ast.Continue):
        yield ast.Break()
        yield ast.Pass()
    elif isinstance(node, ast.AugAssign):
        yield ast.Pass()
        yield ast.Assign([node.target], node.value)
    elif isinstance(node, ast.Expr | ast.Raise | ast.Delete):
        yield ast.Pass()


def _returned(node: ast.Return, around: _Around) -> Iterator[ast.Return]:
    if around.returns == "bool":
        for value in (True, False):
            if not (isinstance(node.value, ast.Constant) and node.value.value is value):
                yield ast.Return(ast.Constant(value))
    elif node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield ast.Return(ast.Constant(None))


def _expression(node: ast.expr, parent: ast.AST, field: str) -> Iterator[ast.AST | Without | None]:
    if field == "test" and not isinstance(parent, ast.Assert):
        for value in (True, False) if not isinstance(parent, ast.While) else (False,):
            yield ast.Constant(value)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in OPPOSITE[type(node.ops[0])]:
            yield ast.Compare(node.left, [other()], node.comparators)
    elif isinstance(node, ast.Compare):
        for index, op in enumerate(node.ops):
            for other in OPPOSITE[type(op)]:
                yield ast.Compare(
                    node.left, [*node.ops[:index], other(), *node.ops[index + 1 :]], node.comparators
                )
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        for index, left_out in enumerate(node.values):
            rest = node.values[:index] + node.values[index + 1 :]
            yield Without(rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest), left_out)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        yield ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)
    elif isinstance(node, ast.Constant):
        # In `rsplit(".", 1)[-1]` any number gives the same.
        if not (
            isinstance(parent, ast.Call)
            and isinstance(parent.func, ast.Attribute)
            and parent.func.attr == "rsplit"
        ):
            yield from _constant(node.value)
    elif isinstance(node, ast.Name) and node.id in NAMES:
        yield ast.Name(NAMES[node.id], ast.Load())
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in UNDONE:
            yield node.func.value
        elif node.func.attr in METHODS:
            yield ast.Call(
                ast.Attribute(node.func.value, METHODS[node.func.attr], ast.Load()), node.args, node.keywords
            )
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.JoinedStr):
        yield ast.Constant("")
    elif (
        isinstance(node, ast.Starred)
        and isinstance(parent, ast.List | ast.Tuple | ast.Set)
        and len(parent.elts) > 1
    ):
        yield None
    elif isinstance(node, ast.Slice):
        for bound in ("lower", "upper"):
            if getattr(node, bound) is not None:
                yield ast.Slice(
                    **{**{name: getattr(node, name) for name in ("lower", "upper", "step")}, bound: None}
                )


def _constant(value: object) -> Iterator[ast.Constant]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
    elif isinstance(value, str):
        yield ast.Constant(f"{value}-other" if value else "other")
