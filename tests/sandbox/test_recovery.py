"""Locks that a killed run has left behind."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sandbox import recovery


def test_the_lock_of_a_process_that_is_no_engine_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / ".pulumi" / "locks" / "organization" / "p" / "dev"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(
        json.dumps({"pid": os.getpid(), "hostname": os.uname().nodename}), encoding="utf-8"
    )
    (folder / "b.json").write_text("", encoding="utf-8")
    said: list[str] = []
    recovery.break_stale_locks(tmp_path, "p", "dev", said.append)
    assert not list(folder.iterdir())
    assert len(said) == 2


def test_a_lock_from_another_machine_is_not_touched(tmp_path: Path) -> None:
    folder = tmp_path / ".pulumi" / "locks" / "organization" / "p" / "dev"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps({"pid": 1, "hostname": "elsewhere.example"}), encoding="utf-8")
    with pytest.raises(recovery.LockedError, match=r"elsewhere\.example"):
        recovery.break_stale_locks(tmp_path, "p", "dev", print)
    assert list(folder.iterdir())
