"""Options and fixtures that every test may use."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate-golden", action="store_true", help="Write the golden files anew instead of comparing.")


@pytest.fixture
def regenerate(request: pytest.FixtureRequest) -> bool:
    return request.config.getoption("--regenerate-golden")
