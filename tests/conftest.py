"""Options and fixtures that every test may use."""

from __future__ import annotations

import importlib.util

import pytest

NEEDED = ("hypothesis", "kubernetes", "jsonschema", "lupa")


def pytest_configure() -> None:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.exit(
            f"These tests need more than the program does, {', '.join(missing)} among it: pip install -r "
            "requirements-dev.txt",
            4,
        )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate-golden", action="store_true", help="Write the golden files anew instead of comparing."
    )


@pytest.fixture
def regenerate(request: pytest.FixtureRequest) -> bool:
    return request.config.getoption("--regenerate-golden")
