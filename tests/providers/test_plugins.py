"""Where the real plugins are looked for, and what is said where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.providers.plugins import GOOGLE, KUBERNETES, PYTHON, Missing, find


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any."""
    for variable in ("EGRESS_TOOLS_CACHE", "PULUMI_HOME", "HOME", "PATH"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
    monkeypatch.delenv("EGRESS_PULUMI_PLUGINS", raising=False)
    return tmp_path


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_what_is_missing_is_said_in_one_line_with_where_to_get_it(machine: Path) -> None:
    program(machine / "path" / KUBERNETES)
    with pytest.raises(Missing) as missing:
        find(KUBERNETES, GOOGLE)
    said = str(missing.value)
    assert f"missing: {GOOGLE}." in said
    assert "docs/testing.md" in said
    assert "\n" not in said


def test_a_users_own_plugins_are_taken_and_the_newest_of_them(machine: Path) -> None:
    folder = machine / "pulumi_home" / "plugins"
    program(folder / "resource-gcp-v9.35.0" / GOOGLE)
    newest = program(folder / "resource-gcp-v10.2.0" / GOOGLE)
    program(folder / "resource-gcp-v10.2.0.lock")
    assert find(GOOGLE).found == {GOOGLE: newest}


def test_a_named_folder_comes_before_the_tools_cache_and_that_before_path(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = program(machine / "path" / GOOGLE)
    assert find(GOOGLE).found[GOOGLE] == on_path
    cached = program(machine / "egress_tools_cache" / "pulumi-plugins" / GOOGLE)
    assert find(GOOGLE).found[GOOGLE] == cached
    named = program(machine / "named" / GOOGLE)
    monkeypatch.setenv("EGRESS_PULUMI_PLUGINS", str(named.parent))
    assert find(GOOGLE).found[GOOGLE] == named


def test_the_language_host_comes_with_what_starts_the_program(machine: Path) -> None:
    program(machine / "path" / PYTHON)
    with pytest.raises(Missing, match=f"missing: {PYTHON}-exec"):
        find(PYTHON)


def test_they_are_put_together_into_one_folder_for_path(machine: Path) -> None:
    made = program(machine / "path" / GOOGLE)
    find(GOOGLE).link(machine / "bin")
    assert (machine / "bin" / GOOGLE).resolve() == made.resolve()
