"""Changes of one key of a stack's config alone, and what `egress diff` has to say of each: config_keys.yaml,
read."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support import ROOT, dev_config

OWN = "gke-mesh-egress:"
Config = dict[str, Any]
GONE = None
"""As a value: the key is not there."""


@dataclass(frozen=True)
class Row:
    """A change of one key, said of both ways."""

    key: str
    """As the schema has it; `*` stands for names."""
    change: str
    """wider, other, silent or unseen."""
    base: str
    path: str
    values: tuple[Any, Any]
    says: str

    @property
    def name(self) -> str:
        return f"{self.key}: {self.values[0]} -> {self.values[1]}"

    def configs(self) -> tuple[Config, Config]:
        one, other = (put(base(self.base), self.path, value) for value in self.values)
        return one, other


ADDED: dict[str, Config] = {
    "fleet": {"mesh|flavor": "cloud-service-mesh"},
    "groups": {"cluster|securityGroup": "gke-security-groups@example.com"},
    "ports": {"network|nat|minPortsPerVm": 8192},
    "gateways": {"gateways|own": {}, "teams|team-y|gateway": "own"},
    "spare": {"gateways|own": {}, "gateways|spare": {}, "teams|team-y|gateway": "own"},
    "nat": {"network|nat|addresses": {"egress-a": "for partners"}},
    "private": {
        "teams|team-y|egress|host.partner.example": {"http": {}},
        "fences|privateHosts": {"vpn": "10.200.0.0/24"},
    },
    "writers": {"fences|writers|accounts": ["a@b.example"]},
    "account": {"cluster|secretSync": True, "projectNumber": "123456789012"},
}
"""Parts that a change needs beside the example."""


def base(name: str) -> Config:
    example, *added = name.split("+")
    if example == "dev":
        config = dev_config()
    else:
        config = yaml.safe_load((ROOT / f"examples/modes/Pulumi.{example}.yaml").read_text(encoding="utf-8"))[
            "config"
        ]
    for part in added:
        for path, value in ADDED[part].items():
            config = put(config, path, value)
    return config


def put(config: Config, path: str, value: Any) -> Config:
    """The config with one value set or taken away."""
    changed = copy.deepcopy(config)
    first, *rest = path.split("|")
    node, key = changed, first if ":" in first else f"{OWN}{first}"
    for part in rest:
        node, key = node.setdefault(key, {}), part
    if value is GONE:
        node.pop(key, None)
    else:
        node[key] = value
    return changed


def _rows() -> Iterator[Row]:
    changes: dict[str, list[Config]] = yaml.safe_load(
        Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    )
    for key, rows in changes.items():
        for row in rows:
            (change,) = row.keys() & {"wider", "other", "silent", "unseen"}
            path = row.get("at", key.replace(".", "|"))
            yield Row(key, change, row.get("in", "dev"), path, tuple(row[change]), row.get("says", ""))


ROWS = list(_rows())
