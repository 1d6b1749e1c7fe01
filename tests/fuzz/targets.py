"""What is tried at random, and what must hold of each: a target is a way to make an input and a check of it.

Inputs are values of JSON, so that one that failed is kept as a file (tests/fuzz/cases) and tried by every
test run from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.added import check as added
from tests.fuzz.configs import check_config
from tests.fuzz.objects import check_objects, objects
from tests.fuzz.questions import check_question, questions
from tests.fuzz.stack_files import check_stack_file, stack_files
from tests.hostile_configs import hostile, wide
from tests.random_configs import configs
from tests.support import dev_config

Json = Any


@dataclass(frozen=True)
class Target:
    """`check` raises AssertionError, or whatever a mistake in the program raises."""

    name: str
    what: str
    values: st.SearchStrategy[Json]
    check: Callable[[Json], None]
    rounds: int = 1
    """How many inputs it tries for each one of the other targets: quick ones are tried more often."""


TARGETS = (
    Target("stack-files", "nearly a stack's file, through the commands", stack_files(), check_stack_file),
    Target(
        "configs",
        "configs: refused in words, or proven and taken",
        configs() | wide() | hostile(),
        check_config,
    ),
    Target(
        "questions",
        "questions to explain, and its advice",
        questions(st.just(dev_config()) | configs()),
        check_question,
    ),
    Target("objects", "objects of any shape, through the commands", objects(), check_objects),
    Target(
        "added", "objects more, wider or gone: none that opens is Proven", added.changes(), added.check, 20
    ),
)
BY_NAME = {target.name: target for target in TARGETS}
