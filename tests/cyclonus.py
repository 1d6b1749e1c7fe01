"""cyclonus, which judges NetworkPolicies and was written by others: where it is looked for, and how it is
asked."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.tools import cache

VARIABLE = "EGRESS_CYCLONUS"
ANSWER = re.compile(r"IS ALLOWED\?\s*\|\s*(TRUE|FALSE)")


def find() -> Path | None:
    """The program: the file that `EGRESS_CYCLONUS` names, `cyclonus/cyclonus` of the tool cache, or on
    PATH."""
    named = os.environ.get(VARIABLE)
    candidates = [Path(named).expanduser()] if named else [cache.root() / "cyclonus" / "cyclonus"]
    found = next((path for path in candidates if os.access(path, os.X_OK)), None)
    return found or (Path(on_path) if (on_path := shutil.which("cyclonus")) else None)


def allowed(program: Path, policies: Sequence[Any], traffic: Sequence[Any], folder: Path) -> list[bool]:
    """Its verdict on each connection (in its own form, see `Traffic` in its pkg/matcher), in order."""
    listed = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicyList", "items": list(policies)}
    (folder / "policies.json").write_text(json.dumps(listed), encoding="utf-8")
    (folder / "traffic.json").write_text(json.dumps(list(traffic)), encoding="utf-8")
    files = ["--policy-path", folder / "policies.json", "--traffic-path", folder / "traffic.json"]
    command = [program, "analyze", "--mode", "query-traffic", *files]
    answered = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True, encoding="utf-8"
    )
    answers = [found == "TRUE" for found in ANSWER.findall(answered.stdout)]
    assert len(answers) == len(traffic), answered.stdout[-2000:] + answered.stderr[-2000:]
    return answers
