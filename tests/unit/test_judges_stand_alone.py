"""Judges share no code with what they judge."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import egress.judge
from tests.support import ROOT

RENDERERS = ("egress.layers", "egress.plan", "egress.planning", "egress.settings", "egress.render", "egress.conflicts")


def test_judges_import_nothing_that_renders_or_plans() -> None:
    judges = [module.name for module in pkgutil.iter_modules(egress.judge.__path__, "egress.judge.")]
    assert "egress.judge.network_policy" in judges
    code = (
        "import importlib, json, sys; [importlib.import_module(name) for name in sys.argv[1:]]; print(json.dumps([*sys.modules]))"
    )
    command = [sys.executable, "-c", code, *judges]
    loaded = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60).stdout)
    assert [name for name in loaded if name.startswith(RENDERERS)] == []
