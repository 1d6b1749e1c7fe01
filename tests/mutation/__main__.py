"""python -m tests.mutation [--module routes] [--sample 200 --seed 7]: errors planted in egress/judge, and
what tests kill.

Exit code 1: fewer are killed than `--least`, or tests/mutation/equivalent says of an error what is not so.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from hashlib import sha256

import pytest

from tests.mutation.imported import OPTIONS
from tests.mutation.listed import Listed
from tests.mutation.planted import ROOT, Planted, every_module, planted
from tests.mutation.run import Runner
from tests.mutation.suites import SUITES, TOO_LONG


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation", description="Plants errors in the source of the judges."
    )
    parser.add_argument(
        "--module", action="append", choices=every_module(), help="only this judge; may be repeated"
    )
    parser.add_argument("--tests", action="append", default=[], help="only these tests, for a quick look")
    parser.add_argument("--sample", type=int, default=0, help="so many of the errors, drawn by lot")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--least", type=float, default=95.0, help="per cent that have to be killed")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    begun = time.monotonic()
    modules = asked.module or every_module()
    errors = list(planted(modules))
    listed = Listed.read()
    harmless = {error.key for error in errors if error.key in listed}
    stale = listed.stale(set(modules))
    if asked.sample:
        drawn = sorted(errors, key=lambda error: _lot(asked.seed, error))[: asked.sample]
        errors = [error for error in errors if error in drawn]

    killed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    equivalent: Counter[str] = Counter()
    survivors: list[tuple[Planted, str]] = []
    untrue: list[Planted] = []

    def outcome(error: Planted, is_killed: bool, why: str) -> None:
        if error.key in harmless:
            equivalent[error.module] += 1
            if is_killed:
                untrue.append(error)
            return
        total[error.module] += 1
        killed[error.module] += is_killed
        if not is_killed:
            survivors.append((error, why))
            print(f"survives: {error}{f'  ({why})' if why else ''}", flush=True)

    runner = Runner(errors, asked.workers, outcome)
    suites = [str(path) for suite in asked.tests or SUITES for path in sorted(ROOT.glob(suite))]
    suites += [f"--deselect={test}" for test in TOO_LONG]
    ended = pytest.main([*OPTIONS, "--no-header", "--no-summary", *suites], plugins=[runner])
    if runner.failed or not (total or equivalent):
        print(
            "Without any error planted these fail, so nothing is said: "
            f"{', '.join(runner.failed) or f'pytest, {ended}'}"
        )
        return 2
    for key in stale:
        print(f"tests/mutation/equivalent names an error that is not planted any more: {' | '.join(key)}")
    for error in untrue:
        print(f"tests/mutation/equivalent calls it equivalent, and a test kills it: {error}")
    for module in modules if not asked.sample else ():
        print(f"{module:24} {killed[module]:5} of {total[module]:5}{_share(killed[module], total[module])}")
    share = 100 * killed.total() / max(total.total(), 1)
    print(
        f"{killed.total()} of {total.total()} killed ({share:.1f} %), {equivalent.total()} equivalent; "
        f"{time.monotonic() - begun:.0f} s ({runner.spent:.0f} s of the processor), seed {asked.seed}"
    )
    return 1 if share < asked.least or stale or untrue else 0


def _lot(seed: int, error: Planted) -> bytes:
    """By what an error says, so that a change of one line leaves the others of a sample where they are."""
    return sha256(f"{seed} {' '.join(error.key)}".encode()).digest()


def _share(killed: int, total: int) -> str:
    return f" ({100 * killed / total:.1f} %)" if total else ""


if __name__ == "__main__":
    sys.exit(main())
