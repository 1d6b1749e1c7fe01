"""Writes objects to files, reads them again, and says what became of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from egress.judge.model.load import Unreadable, read
from egress.judge.model.snapshot import Snapshot

Object = dict[str, Any]


def namespace(name: str = "shop", **more: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, **more}


def of(tmp_path: Path, *documents: Any, name: str = "a.yaml") -> Snapshot:
    file = tmp_path / name
    text = json.dumps(documents[0]) if name.endswith(".json") else yaml.safe_dump_all(documents)
    file.write_text(text, encoding="utf-8")
    return read(file)


def names(found: Snapshot) -> list[str]:
    return [item["metadata"]["name"] for item in found.kubernetes]


def refused(tmp_path: Path, *documents: Any, name: str = "a.yaml") -> str:
    with pytest.raises(Unreadable) as found:
        of(tmp_path, *documents, name=name)
    return str(found.value)
