"""One mesh for all tests of a run. Without the programs for it these tests skip, with one line that says what
is missing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mesh import programs
from tests.mesh.mesh import Mesh
from tests.support import dev_config, plan_of


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where there can be no mesh, one test stands for all that need one: a hundred lines would say nothing
    more."""
    needy = [item for item in items if {"mesh", "found"} & set(getattr(item, "fixturenames", ()))]
    if not needy:
        return
    try:
        programs.find()
    except programs.Missing as missing:
        first, *others = needy
        first.add_marker(pytest.mark.skip(reason=f"{len(needy)} tests: {missing}"))
        items[:] = [item for item in items if item not in others]
        config.hook.pytest_deselected(items=others)


@pytest.fixture(scope="session")
def found() -> programs.Programs:
    return programs.find()


@pytest.fixture(scope="session")
def mesh(found: programs.Programs) -> Iterator[Mesh]:
    """The dev stack, running. Tests leave it as they found it."""
    with Mesh(plan_of(dev_config()), found) as running:
        yield running
