"""What the program registers for a stack, ways to put a mistake into it, and the rules that it breaks."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import yaml
from egress_policies import RULES, Resource

from tests.program_runner import run_program
from tests.support import PROJECT, ROOT, dev_config

STACKS = {path.name.split(".")[1]: path for path in (ROOT / "examples/modes").glob("Pulumi.*.yaml")}


@cache
def _registered(stack: str) -> tuple[Resource, ...]:
    config = (
        dev_config()
        if stack == "dev"
        else {"gcp:project": PROJECT} | yaml.safe_load(STACKS[stack].read_text(encoding="utf-8"))["config"]
    )
    run = run_program(config)
    assert run.error is None
    return tuple(
        Resource(item["type"], item["name"], item["urn"], item["inputs"], item["protect"] or False)
        for item in run.registered
    )


def stack(name: str = "dev") -> list[Resource]:
    """What the program registers for a stack, to change at will."""
    return copy.deepcopy(list(_registered(name)))


def violations(resources: list[Resource], **settings: Any) -> dict[str, list[str]]:
    """By rule: `resource: what is wrong`."""
    found: dict[str, list[str]] = {}
    for rule in RULES:
        given = rule.configured(settings)
        if rule.of_one:
            said = [f"{item.name}: {text}" for item in resources for text in rule.of_one(item, given)]
        else:
            assert rule.of_all
            said = [
                f"{item.name if item else 'stack'}: {text}" for item, text in rule.of_all(resources, given)
            ]
        if said:
            found[rule.name] = said
    return found


def changed(name: str, path: str, value: Any, of: str = "dev") -> list[Resource]:
    """The stack with one value of one resource set, or removed where the value is None.

    `name` is the end of the resource's URN.
    """
    resources = stack(of)
    (wanted,) = [
        item
        for item in resources
        if item.urn.endswith(f"::{name}") and not item.type.startswith("gke-mesh-egress:")
    ]
    *parents, last = path.split("/")
    node: Any = wanted.props
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
    if value is None:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return resources


def without(name: str) -> list[Resource]:
    resources = stack()
    kept = [item for item in resources if not item.urn.endswith(f"::{name}")]
    assert len(kept) == len(resources) - 1
    return kept


def added(type: str, **props: Any) -> list[Resource]:
    return [*stack(), Resource(type, "added", f"urn:pulumi:dev::gke-mesh-egress::{type}::added", props)]


DENY = "firewall-global-deny-egress-all"
FIREWALL = "gcp:compute/firewall:Firewall"
WEB = {"allows": [{"protocol": "tcp", "ports": ["443"]}], "direction": "EGRESS"}
NODES = ["sa-application-nodes@p.iam.gserviceaccount.com"]
GATEWAYS = ["sa-gateway-nodes@p.iam.gserviceaccount.com"]
CLUSTER = "cluster"
