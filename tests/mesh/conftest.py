"""One mesh for all tests of a run. Without the programs for it the tests skip, and say in one line what is missing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mesh import programs
from tests.mesh.mesh import Mesh
from tests.support import dev_config, plan_of


@pytest.fixture(scope="session")
def found() -> programs.Programs:
    try:
        return programs.find()
    except programs.Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def mesh(found: programs.Programs) -> Iterator[Mesh]:
    """The dev stack, running. Tests leave it as they found it."""
    with Mesh(plan_of(dev_config()), found) as running:
        yield running
