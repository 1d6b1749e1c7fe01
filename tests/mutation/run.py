"""Plants each error in a process of its own and runs the tests that execute its line, the most specific
first.

The tests are collected and imported once; each error gets a fork of that process, in which the function's
code is exchanged in place, so that nothing has to be imported again. What runs on import (constants, defaults
of fields) is imported anew in the fork.
"""

from __future__ import annotations

import ast
import gc
import os
import pickle
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import CallInfo
from _pytest.tmpdir import tmppath_result_key

from tests.mutation.functions import codes, functions_by_place, mentions, place_of
from tests.mutation.imported import constants_changed, imported_anew
from tests.mutation.planted import KILLED, SURVIVED, Planted
from tests.mutation.recorder import SEEN, Place, marked

SECONDS = 20
"""Of processor time, besides ten times what the tests of an error take without it: so endless loops end."""
MEMORY = 4 << 30
MOST = 60_000
"""Statements that the tests of one error may run together, besides the suite of its own judge. What the most
specific tests miss, the fiftieth proof of a whole stack will hardly notice."""


_Record = tuple[bool, float, set[Place]]
"""Of a test: whether it passes, its seconds, the statements that it runs."""


def _by_workers(workers: int, count: int, record: Callable[[int], _Record]) -> dict[int, _Record]:
    """Records of so many tests, each made in one of several forks."""
    found: dict[int, _Record] = {}
    with tempfile.TemporaryDirectory() as folder:
        running: list[tuple[int, Path]] = []
        for worker in range(workers):
            file = Path(folder) / str(worker)
            child = os.fork()
            if child == 0:
                try:
                    file.write_bytes(
                        pickle.dumps({number: record(number) for number in range(worker, count, workers)})
                    )
                finally:
                    os._exit(0)
            running.append((child, file))
        for child, file in running:
            os.waitpid(child, 0)
            found |= pickle.loads(file.read_bytes())
    return dict(sorted(found.items()))


class Runner:
    """A pytest plugin: takes the place of pytest's own loop over the tests."""

    def __init__(
        self, errors: list[Planted], workers: int, outcome: Callable[[Planted, bool, str], None]
    ) -> None:
        self._errors, self._workers, self._outcome = errors, workers, outcome
        self._items: list[pytest.Item] = []
        self._seconds: dict[int, float] = {}
        self._ran: dict[int, int] = {}
        """Statements of judges that a test runs: the fewer, the more specific it is, and the quicker."""
        self._by_place: dict[Place, set[int]] = {}
        self._killers: dict[str, list[int]] = {}
        self.spent = 0.0
        """Seconds of the processor for all errors."""
        self.failed: list[str] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = session.items
        self._caches = _caches()
        self._functions = functions_by_place()
        self._record()
        if self.failed:
            return True
        self._mentions, self._made_of = mentions()
        self._silent = {
            n: item.path.read_text(encoding="utf-8") for n, item in enumerate(self._items) if not self._ran[n]
        }
        """Tests that run nothing of a judge, and may compare what is made on import: their files."""
        gc.collect()
        gc.freeze()
        self._all()
        return True

    def _record(self) -> None:
        """Every test once, alone: does it pass, how long does it take, which statements does it run?"""
        seen: set[Place] = set()
        own = {
            place: [(one, one.__code__) for one in functions] for place, functions in self._functions.items()
        }
        for file in {file for file, _ in self._functions}:
            tree = marked(ast.parse(Path(file).read_text(encoding="utf-8")), file)
            for code in codes(compile(tree, file, "exec")):
                for function in self._functions.get(place_of(code), ()):
                    function.__globals__[SEEN] = seen
                    function.__code__ = code
        for number, (passed, seconds, places) in _by_workers(
            self._workers, len(self._items), self._recorded_by(seen)
        ).items():
            if not passed:
                self.failed.append(self._items[number].nodeid)
            self._seconds[number], self._ran[number] = seconds, len(places)
            for place in places:
                self._by_place.setdefault(place, set()).add(number)
        for function, code in (pair for pairs in own.values() for pair in pairs):
            function.__code__ = code
        print(
            f"{len(self._items)} tests, {sum(self._seconds.values()):.0f} s; {len(self._errors)} errors to "
            "plant",
            flush=True,
        )

    def _recorded_by(self, seen: set[Place]) -> Callable[[int], _Record]:
        def one(number: int) -> _Record:
            self._forget()
            seen.clear()
            begun = time.process_time()
            passed = _passes(self._items[number])
            return passed, time.process_time() - begun, set(seen)

        return one

    def _forget(self) -> None:
        for clear in self._caches:
            clear()

    def tests_of(self, error: Planted) -> list[int]:
        """Numbers of its judge's own tests and the most specific others that run its line; killers of
        neighbours first."""
        places = [(error.file, error.mutant.statement)]
        if error.mutant.outermost is None:
            places = [place for name in error.mutant.names for place in self._mentions.get(name, ())]
            places += [place for place in self._by_place if place[0] == error.file]
        found = set().union(*(self._by_place.get(place, ()) for place in places))
        if error.mutant.outermost is None:
            found |= {
                number
                for number, text in self._silent.items()
                if any(name in text for name in error.mutant.names)
            }
        own = {number for number in found if _belongs(self._items[number].path.stem, error.module)}
        chosen = sorted(found, key=lambda number: (number not in own, self._ran[number], number))
        costs = accumulate(0 if one in own else self._ran[one] for one in chosen)
        chosen = [number for number, sum_ in zip(chosen, costs, strict=True) if sum_ <= MOST]
        recent = self._killers.get(error.key[0], [])
        return sorted(chosen, key=lambda number: -recent.index(number) if number in recent else 1)

    def _all(self) -> None:
        running: dict[int, tuple[Planted, int]] = {}
        for error in self._errors:
            tests = self.tests_of(error)
            if not tests:
                self._outcome(error, False, "no test runs it")
                continue
            while len(running) >= self._workers:
                self._finish(running)
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(reader)
                self._child(error, tests, writer)
            os.close(writer)
            running[child] = (error, reader)
        while running:
            self._finish(running)

    def _finish(self, running: dict[int, tuple[Planted, int]]) -> None:
        child, status, used = os.wait3(0)
        error, reader = running.pop(child)
        said = os.read(reader, 20).decode()
        os.close(reader)
        if said:
            recent = self._killers.setdefault(error.key[0], [])
            recent[:] = [*(number for number in recent if number != int(said)), int(said)][-8:]
        self.spent += used.ru_utime + used.ru_stime
        survived = os.waitstatus_to_exitcode(status) == SURVIVED
        by = (
            self._items[int(said)].nodeid
            if said
            else "its end was not reached in time, or nothing could be imported"
        )
        self._outcome(error, not survived, "" if survived else by)

    def _child(self, error: Planted, tests: list[int], writer: int) -> None:
        """Never returns."""
        end = KILLED
        try:
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nothing, stream)
            seconds = int(SECONDS + 10 * sum(self._seconds[number] for number in tests))
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(20 * seconds)
            end = self._tried(error, tests, writer)
        finally:
            os._exit(end)

    def _tried(self, error: Planted, tests: list[int], writer: int) -> int:
        error.mutant.plant()
        code = compile(error.tree, error.file, "exec")
        if error.mutant.outermost is None:
            if constants_changed(error, code, self._made_of) and self._run(tests, writer) == KILLED:
                return KILLED
            return imported_anew(error, code, [self._items[number].nodeid for number in tests])
        function = next(one for one in codes(code) if place_of(one) == self._place_of(error))
        for old in self._functions[place_of(function)]:
            old.__code__ = function
        return self._run(tests, writer)

    def _run(self, tests: list[int], writer: int) -> int:
        self._forget()
        for number in tests:
            if not _passes(self._items[number]):
                os.write(writer, str(number).encode())
                return KILLED
        return SURVIVED

    def _place_of(self, error: Planted) -> Place:
        assert error.mutant.outermost is not None
        return error.file, error.mutant.outermost


def _belongs(suite: str, module: str) -> bool:
    """Whether a file of tests is about a judge: test_inbound_tls about inbound, test_firewall about
    firewall_rules."""
    about, judge = f"{suite.removeprefix('test_').removeprefix('judge_')}_", f"{module}_"
    return about.startswith(judge) or judge.startswith(about)


def _passes(item: Any) -> bool:
    """Sets one test up, runs it, tears it down; as pytest does, but without reports."""
    if not item._request:
        item._initrequest()
    item.stash[tmppath_result_key] = {}
    steps = [
        ("setup", lambda: item.ihook.pytest_runtest_setup(item=item)),
        ("call", lambda: item.ihook.pytest_runtest_call(item=item)),
    ]
    good = True
    for when, step in steps:
        done = CallInfo.from_call(step, when)
        if done.excinfo is not None:
            good = done.excinfo.errisinstance(pytest.skip.Exception)
            break
    torn = CallInfo.from_call(
        lambda: item.ihook.pytest_runtest_teardown(item=item, nextitem=None), "teardown"
    )
    item._request, item.funcargs = False, None
    return good and torn.excinfo is None


def _caches() -> list[Callable[[], None]]:
    """What empties the caches of judges and tests: what they hold was found without the error."""
    found: list[Callable[[], None]] = []
    for name, module in list(sys.modules.items()):
        if name.startswith(("egress.judge.", "tests.")):
            for holder in (module, *(one for one in vars(module).values() if isinstance(one, type))):
                found += [
                    one.cache_clear for one in list(vars(holder).values()) if hasattr(one, "cache_clear")
                ]
    return found
