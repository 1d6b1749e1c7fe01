"""What tests share: the dev stack's config to start from, and small ways to change it."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from egress.plan.make import make_plan
from egress.plan.model import Plan
from egress.settings import load

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "sandbox-project"


@cache
def _dev() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8"))["config"]


def dev_config() -> dict[str, Any]:
    """The dev stack's config with a project, to change at will."""
    return copy.deepcopy(_dev()) | {"gcp:project": PROJECT}


def config_with(path: str, value: Any) -> dict[str, Any]:
    """The dev stack's config with one value set; `path` is `/`-separated below `gke-mesh-egress:`."""
    config = dev_config()
    first, *rest = path.split("/")
    node, key = config, f"gke-mesh-egress:{first}"
    for part in rest:
        node = node.setdefault(key, {})
        key = part
    node[key] = value
    return config


def plan_of(config: dict[str, Any]) -> Plan:
    return make_plan(load(config))


def teams(**egress: Any) -> dict[str, Any]:
    """The dev stack's config with other teams: `teams(team_a={"example.com": {...}})`."""
    return config_with("teams", {name.replace("_", "-"): {"egress": hosts} for name, hosts in egress.items()})
