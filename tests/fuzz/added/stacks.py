"""Stacks to which random objects are added, as generators know them: by their configs and rendered objects,
and by no judge."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, cached_property
from typing import Any

import yaml

from egress.common.errors import ConfigError
from egress.common.objects import Resource
from egress.judge.model.snapshot import Snapshot, identity
from egress.layers.render import render
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from tests.support import PROJECT, ROOT, config_with, dev_config, plan_of

Json = Any
MODES = sorted(path.name.split(".")[1] for path in (ROOT / "examples/modes").glob("Pulumi.*.yaml"))
NAMED = ("dev", "openings", *MODES)
WEB, TLS = 80, 443


class Effect(StrEnum):
    """What a change does, by how it was made."""

    OPENS = "opens"
    """Somebody gets further than the config says, or one layer less stands in the way; or nobody can tell."""
    BREAKS = "breaks"
    """Something that is declared no longer arrives."""
    NOTHING = "nothing"


@dataclass(frozen=True)
class Change:
    """What somebody does, with what comes of it."""

    effect: Effect
    what: str
    edits: tuple[Json, ...] = field(default=())


def opens(what: str, *edits: Json) -> Change:
    return Change(Effect.OPENS, what, edits)


def breaks(what: str, *edits: Json) -> Change:
    return Change(Effect.BREAKS, what, edits)


def nothing(what: str, *edits: Json) -> Change:
    return Change(Effect.NOTHING, what, edits)


# What a change is made of; values of JSON, so that it can be kept.


def put(manifest: Json) -> Json:
    """An object more; one of the same name is replaced."""
    return {"put": manifest}


def google(type_token: str, name: str = "somebodys", **properties: Any) -> Json:
    return {"google": {"type": f"gcp:{type_token}", "name": name, "properties": {"name": name} | properties}}


def take(name: str) -> Json:
    """An object less."""
    return {"take": name}


def at(name: str, path: list[Any], value: Any) -> Json:
    """A value of an object; the value None takes it out."""
    return {"at": name, "path": path, "value": value}


class Stack:
    """One stack, and what its config says in the words of generators."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.plan = plan_of(copy.deepcopy(dict(config)))
        self.snapshot = deployment(self.plan, render(self.plan))
        self.intent = Intent(self.plan)
        self.objects = {identity(item): item for item in self.snapshot.kubernetes}
        self.resources = {item.identity: item for item in self.snapshot.google}

    def _of(self, key: str) -> Mapping[str, Any]:
        return self.config.get(f"gke-mesh-egress:{key}") or {}

    @cached_property
    def teams(self) -> list[str]:
        return sorted(self._of("teams"))

    def team(self, name: str) -> Mapping[str, Any]:
        return self._of("teams")[name] or {}

    @cached_property
    def closed(self) -> list[str]:
        """Teams of the strict model: nothing leaves their pods but through the gateway."""
        return [name for name in self.teams if "model" not in self.team(name)]

    def hosts(self, team: str) -> list[str]:
        """Hosts, not patterns, that a team declares through its gateway."""
        return [host for host in self.team(team).get("egress") or {} if not host.startswith("*")]

    def of_http(self, team: str) -> list[str]:
        return [host for host in self.hosts(team) if "http" in self.team(team)["egress"][host]]

    def passed(self, team: str) -> list[str]:
        return [
            host for host in self.hosts(team) if self.team(team)["egress"][host].get("https") == "passthrough"
        ]

    def uses_google(self, team: str) -> bool:
        return bool(self.team(team).get("googleApis"))

    def reaches(self, team: str) -> list[str]:
        return list(self.team(team).get("reaches") or ())

    @cached_property
    def in_cluster(self) -> bool:
        return self._of("mesh").get("flavor", "istio") == "istio"

    @cached_property
    def gateways(self) -> list[str]:
        """Namespaces of egress gateways that at least one host goes through: what others let in is not asked
        (docs/proof.md)."""
        serving = {name.split("/")[0] for name in self.objects if "/gateway/" in name}
        pods = (
            name.split("/")[0] for name in self.objects if name.endswith("/deployment/istio-egressgateway")
        )
        return sorted(serving.intersection(pods))

    @cached_property
    def nodes(self) -> str:
        return self._of("network")["subnet"]["nodes"]

    @cached_property
    def pods(self) -> str:
        return self._of("network")["subnet"]["pods"]

    @cached_property
    def control_plane(self) -> str:
        return self._of("network")["controlPlane"]

    @cached_property
    def node_ports(self) -> list[int]:
        """Ports on which the config lets application nodes leave."""
        return list((self._of("fences").get("applicationNodes") or {}).get("leaveOn") or ())

    @cached_property
    def google_range(self) -> str:
        """Where Google's APIs are in this network; the other of the two ranges is nobody's."""
        records = [
            item
            for item in self.resources.values()
            if item.name in ("private.googleapis.com.", "restricted.googleapis.com.")
        ]
        return (
            "199.36.153.4/30"
            if any(item.name.startswith("restricted") for item in records)
            else "199.36.153.8/30"
        )

    @cached_property
    def network(self) -> str:
        return self.snapshot.resources("gcp:compute/subnetwork:Subnetwork")[0].properties["network"]

    def account(self, pool: str) -> str:
        """Whom nodes run as."""
        return f"{self.plan.settings.google_names.node_account(pool)}@{PROJECT}.iam.gserviceaccount.com"

    def named(self, kind: str, name: str) -> str:
        """Identity of a resource of Google's, whose name begins with the stack's prefix."""
        return f"{kind}/{self.plan.settings.google_names.own(name)}"

    def kinds(self, kind: str) -> Iterator[str]:
        """Identities of the rendered objects of a kind, or of Google's of a type's last word."""
        yield from (name for name, item in self.objects.items() if item["kind"] == kind)
        yield from (name for name, item in self.resources.items() if item.type.endswith(f":{kind}"))

    def changed(self, edits: list[Json]) -> Snapshot:
        """The stack's objects once somebody has done all this."""
        objects, resources = dict(self.objects), dict(self.resources)
        for edit in edits:
            if "put" in edit:
                objects[identity(edit["put"])] = edit["put"]
            elif "google" in edit:
                more = Resource(edit["google"]["type"], edit["google"]["name"], edit["google"]["properties"])
                resources[more.identity] = more
            elif "take" in edit:
                assert (objects if edit["take"] in objects else resources).pop(
                    edit["take"], None
                ) is not None, edit
            elif edit["at"] in objects:
                objects[edit["at"]] = _with(
                    json.loads(json.dumps(objects[edit["at"]])), edit["path"], edit["value"]
                )
            else:
                old = resources[edit["at"]]
                written = _with(json.loads(json.dumps(old.properties)), edit["path"], edit["value"])
                resources[edit["at"]] = Resource(old.type, old.name, written)
        return Snapshot.of(objects.values(), resources.values())

    @cached_property
    def unchanged(self) -> Snapshot:
        return self.changed([])


def _with(written: Json, path: list[Any], value: Any) -> Json:
    *before, last = path
    node = written
    for key in before:
        node = node.setdefault(key, {}) if isinstance(node, dict) else node[key]
    if value is not None:
        if isinstance(node, list) and last == len(node):
            node.append(value)
        else:
            node[last] = value
    elif isinstance(node, dict):
        node.pop(last, None)
    else:
        del node[last]
    return written


@cache
def named(name: str) -> Stack:
    if name == "dev":
        return Stack(dev_config())
    if name == "openings":
        return Stack(_openings())
    config = yaml.safe_load((ROOT / f"examples/modes/Pulumi.{name}.yaml").read_text(encoding="utf-8"))[
        "config"
    ]
    return Stack(config | {"gcp:project": PROJECT})


def of(case: Json) -> Stack | None:
    """The stack of a case; None where its random config is refused."""
    if "config" not in case:
        return named(case["stack"])
    try:
        return Stack(case["config"])
    except ConfigError:
        return None


def _openings() -> dict[str, Any]:
    """Two teams reach a third, one team declares no host, one leaves past the gateway, and gateways reach a
    private network."""
    teams = {
        "shop": {
            "egress": {
                "api.partner.example": {"http": {"upgrade": "tls", "headers": {"x-tenant": ["shop"]}}},
                "example.com": {
                    "http": {"paths": ["/ok/*"], "serviceAccounts": ["report"]},
                    "https": "passthrough",
                },
            },
            "reaches": ["stock"],
        },
        "stock": {
            "egress": {"example.com": {"https": "passthrough"}},
            "googleApis": {"serviceAccounts": {"app": {}}},
        },
        "idle": {"reaches": ["stock"]},
        "media": {
            "model": {"registryOnly": "uploads"},
            "egress": {"uploads.example": {"https": "passthrough"}},
        },
    }
    config = config_with("teams", teams)
    config["gke-mesh-egress:fences"] = {
        "privateHosts": {"vpn": "10.200.0.0/24"},
        "applicationNodes": {"leaveOn": [443], "reason": "uploads"},
    }
    return config
