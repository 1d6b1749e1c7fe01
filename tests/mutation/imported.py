"""Errors in what runs on import: constants are exchanged, or modules imported again."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from tests.mutation.planted import KILLED, ROOT, SURVIVED, Planted

OURS = ("egress", "tests")
PLUGINS = ("no:cacheprovider", "no:xdist", "tests.mutation.steady")
OPTIONS = ["-q", "-s", "--assert=plain", f"--rootdir={ROOT}", *(f"-p{plugin}" for plugin in PLUGINS)]


def _imported(file: str) -> str:
    return ".".join(Path(file).relative_to(ROOT).with_suffix("").parts)


def constants_changed(error: Planted, code: CodeType, made_of: dict[str, set[str]]) -> bool:
    """Sets the constants that the error changes in every module that imported them.

    False where that is not enough.
    """
    fresh: dict[str, Any] = {"__name__": _imported(error.file), "__file__": error.file}
    exec(code, fresh)
    before = vars(sys.modules[_imported(error.file)])
    names = (
        {other for name in error.mutant.names for other in made_of.get(name, {name})}
        & fresh.keys()
        & before.keys()
    )
    if not names or not all(_is_plain(fresh[name]) for name in names):
        return False
    for name in names:
        old = before[name]
        for module in [module for key, module in sys.modules.items() if key.partition(".")[0] in OURS]:
            if vars(module).get(name) is old:
                setattr(module, name, fresh[name])
    return True


def _is_plain(value: object) -> bool:
    """Whether it holds no object of the module's own classes: these are others once it runs again."""
    if isinstance(value, dict):
        return all(_is_plain(key) and _is_plain(of) for key, of in value.items())
    if type(value) in (list, tuple, set, frozenset):
        return all(map(_is_plain, value))  # pyright: ignore[reportArgumentType]
    if isinstance(value, type | FunctionType):
        return value.__module__ == "builtins"
    return type(value).__module__ in ("builtins", "re", "types", "typing")


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module the code with the error in it."""

    def __init__(self, name: str, file: str, code: CodeType) -> None:
        self._name, self._file, self._code = name, file, code

    def find_spec(
        self, fullname: str, path: Any, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=self._file)
        spec.has_location = True
        return spec

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)


def imported_anew(error: Planted, code: CodeType, tests: list[str]) -> int:
    for name in [
        name
        for name in sys.modules
        if name.partition(".")[0] in OURS and not name.startswith("tests.mutation")
    ]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Changed(_imported(error.file), error.file, code))
    ended = pytest.main([*OPTIONS, "-x", *tests])
    if ended == pytest.ExitCode.USAGE_ERROR:
        # Tests that are parametrized by what was changed have other names now.
        ended = pytest.main([*OPTIONS, "-x", *dict.fromkeys(test.partition("::")[0] for test in tests)])
    return SURVIVED if ended == 0 else KILLED
