"""Tables of refused configs: what a row holds, and how each is checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from egress.common.errors import ConfigError, Problem
from tests.support import config_with, plan_of

HOSTS = "teams/team-x/egress"

Row = tuple[str, str, Any, str, str]
"""Its name, the path below gke-mesh-egress:, the value there, words of the consequence and of the fix."""


def each(rows: Sequence[Row]) -> pytest.MarkDecorator:
    """One test for each row."""
    names = ("path", "value", "consequence", "fix")
    return pytest.mark.parametrize(names, [row[1:] for row in rows], ids=[row[0] for row in rows])


def problems_of(config: dict[str, Any]) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as refused:
        plan_of(config)
    return refused.value.problems


def check_refused(path: str, value: Any, consequence: str, fix: str) -> None:
    """The value there is the only problem, and its message has these words."""
    problems = problems_of(config_with(path, value))
    assert len(problems) == 1, problems
    problem = problems[0]
    assert problem.path.startswith("gke-mesh-egress:" + path.split("/", 1)[0])
    assert consequence in problem.consequence
    assert fix in problem.fix
