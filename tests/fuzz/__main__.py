"""python -m tests.fuzz --minutes 10: the commands, the config and the advice, tried at random for as long as
is said.

Every run prints its seed, and `--seed` repeats it. What fails is kept in tests/fuzz/cases, where every test
run tries it again (tests/proof/test_fuzz_cases.py); commit it with the fix. Exit code 1: something failed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase

from tests.fuzz.added import check as added
from tests.fuzz.targets import BY_NAME, TARGETS, Target

CASES = Path(__file__).parent / "cases"
ROUND = 10
"""Inputs of one target before it is the next one's turn."""


class Fuzz:
    """One run over some targets, in turn, until the time is up."""

    def __init__(self, seed: int, until: float) -> None:
        self._seed, self._until = seed, until
        self.tried: Counter[str] = Counter()
        self.failed: dict[Path, str] = {}

    def over(self, targets: list[Target]) -> None:
        round_ = 0
        while time.monotonic() < self._until:
            for target in targets:
                self._round(target, self._seed + round_)
            round_ += 1

    def _round(self, target: Target, seed: int) -> None:
        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=ROUND * target.rounds,
            deadline=None,
            database=None,
            # To make a failure smaller takes longer than to find the next one.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        )
        @hypothesis.given(target.values)
        def tried(value: Any) -> None:
            if time.monotonic() < self._until:
                self._one(target, value, seed)

        tried()

    def _one(self, target: Target, value: Any, seed: int) -> None:
        """A failure is kept, and the round goes on: hypothesis would end it at the first."""
        self.tried[target.name] += 1
        try:
            target.check(value)
        except Exception as error:
            file = kept(target, value)
            if file not in self.failed:
                self.failed[file] = f"{type(error).__name__}: {error}"
                print(
                    f"\n{target.name}, seed {seed}: "
                    f"{file}\n{''.join(traceback.format_exception(error))[-3000:]}",
                    flush=True,
                )


def kept(target: Target, value: Any) -> Path:
    """The file of an input that failed; the same input has the same file."""
    text = (
        json.dumps({"target": target.name, "input": value}, indent=1, ensure_ascii=True, sort_keys=True)
        + "\n"
    )
    CASES.mkdir(exist_ok=True)
    file = CASES / f"{target.name}-{hashlib.sha256(text.encode()).hexdigest()[:10]}.json"
    file.write_text(text, encoding="utf-8")
    return file


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__.partition("\n")[0] if __doc__ else ""
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(10**9), help="of a run to repeat"
    )
    parser.add_argument("--only", choices=BY_NAME, action="append", help="only this target; repeatable")
    options = parser.parse_args()
    targets = [target for target in TARGETS if not options.only or target.name in options.only]
    print(f"seed {options.seed}, {options.minutes:g} minutes", flush=True)
    fuzz = Fuzz(options.seed, time.monotonic() + 60 * options.minutes)
    fuzz.over(targets)
    for target in targets:
        failed = [file for file in fuzz.failed if file.name.startswith(f"{target.name}-")]
        print(f"  {target.name:12} {fuzz.tried[target.name]:6} tried, {len(failed)} failed   {target.what}")
    print(f"  {added.summary()}")
    if strict := added.too_strict():
        print(f"too strict: {strict}")
    for file, said in fuzz.failed.items():
        print(f"kept: {file}: {said.splitlines()[0][:160]}")
    return 1 if fuzz.failed or strict else 0


if __name__ == "__main__":
    sys.exit(main())
