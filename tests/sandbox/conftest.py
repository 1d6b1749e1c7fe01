"""The stand-in for Google Cloud, served, and an engine that talks to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.google_engine import Engine, sandbox


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine over an empty cloud."""
    with sandbox(tmp_path) as engine:
        yield engine


@pytest.fixture(scope="module")
def previews(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine that a whole file shares: it only checks inputs, so nothing comes to be."""
    with sandbox(tmp_path_factory.mktemp("google")) as engine:
        yield engine
