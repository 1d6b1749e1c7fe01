"""The mesh under attack: one for all ways."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mesh.programs import Programs
from tests.mesh.redteam.stack import Attacked, attacked_mesh


@pytest.fixture(scope="session")
def attacked(found: Programs) -> Iterator[Attacked]:
    with attacked_mesh(found) as running:
        yield running
