"""Configs: what is accepted is proven, and taken by the API server and by istioctl."""

from __future__ import annotations

import subprocess
from typing import Any

from hypothesis import event

from egress.common.errors import ConfigError
from egress.layers.render import render, to_yaml
from egress.plan.model import Plan
from tests.apiserver.test_rendered_objects import istioctl
from tests.fuzz import world
from tests.fuzz.commands import FOREIGN, folder
from tests.proof.test_verify import violations
from tests.support import plan_of


def _accepted(config: Any) -> Plan | None:
    """The plan; None where the config is refused in the way that a refusal has to be."""
    try:
        return plan_of(config)
    except ConfigError as error:
        refused = error
    assert all(problem.path and problem.consequence and problem.fix for problem in refused.problems)
    assert not FOREIGN.search(str(refused)), str(refused)
    return None


def check_config(config: Any) -> None:
    plan = _accepted(config)
    event("accepted" if plan else "refused")
    if plan is None:
        return
    rendered = render(plan)
    assert len({item.identity for item in rendered}) == len(rendered), "two objects have one name"
    assert [str(violation) for violation in violations(plan)] == []
    if server := world.cluster():
        for refused_by_server in server.refusals(rendered):
            raise AssertionError(f"the API server refuses it: {refused_by_server}")
    if program := istioctl():
        with folder(**{"rendered.yaml": to_yaml(item.manifest for item in rendered)}):
            line = [program, "validate", "-f", "rendered.yaml"]
            done = subprocess.run(
                line, capture_output=True, text=True, timeout=120, check=False, encoding="utf-8"
            )
            assert done.returncode == 0, done.stdout + done.stderr
