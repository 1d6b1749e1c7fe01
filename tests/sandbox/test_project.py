"""The copy of a project that the engine works on."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from egress.common import stack_file
from sandbox import project
from sandbox.home import Home


def test_a_stack_without_a_google_project_gets_the_sandboxs(tmp_path: Path) -> None:
    source, home = tmp_path / "source", Home(tmp_path / "home")
    source.mkdir()
    (source / "Pulumi.yaml").write_text("name: p\n", encoding="utf-8")
    (source / "Pulumi.dev.yaml").write_text("encryptionsalt: theirs\nconfig:\n  p:a: 1\n", encoding="utf-8")
    copied = project.copy(source, "dev", home)
    content = yaml.safe_load((copied.work / "Pulumi.dev.yaml").read_text(encoding="utf-8"))
    assert content == {"config": {"p:a": "1", "gcp:project": "sandbox-project"}}


def test_the_copy_says_what_the_file_says_to_every_reader(tmp_path: Path) -> None:
    """`no` is a text to Pulumi and false to older readers; a copy that lost its quotes would make another
    namespace."""
    said = {
        "p:teams": {"no": {}, "8": {}, "1e3": "0o17", "ä\U0001f600": "a\x7f\u2028b"},
        "q:b": ["yes", 1.5, None, True],
    }
    (tmp_path / "Pulumi.yaml").write_text("name: p\n", encoding="utf-8")
    (tmp_path / "Pulumi.dev.yaml").write_text(
        'config:\n  teams: {no: {}, 8: {}, "1e3": "0o17", "ä\U0001f600": "a\\x7f\\u2028b"}\n'
        "  q:b: [yes, 1.5, null, True]\n",
        encoding="utf-8",
    )
    copied = project.copy(tmp_path, "dev", Home(tmp_path / "home")).work / "Pulumi.dev.yaml"
    assert stack_file.read(copied).config == said | {"gcp:project": "sandbox-project"}
    assert yaml.safe_load(copied.read_text(encoding="utf-8"))["config"] == said | {
        "gcp:project": "sandbox-project"
    }


def test_encrypted_config_is_refused_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: p\n", encoding="utf-8")
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  p:a: {list: [{secure: v1:x}]}\n", encoding="utf-8")
    with pytest.raises(project.ProjectError, match=r"p:a\.list\[0\]"):
        project.copy(tmp_path, "dev", Home(tmp_path / "home"))
