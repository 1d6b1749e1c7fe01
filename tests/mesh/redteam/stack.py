"""What is attacked: the dev stack, with more hosts: with rules, a wildcard, and one whose owner has bad
intentions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from egress.plan.model import Plan
from tests.mesh.filters import METADATA_SERVER
from tests.mesh.mesh import Mesh
from tests.mesh.programs import Programs
from tests.mesh.redteam.rights import rights
from tests.support import dev_config, plan_of

RULED = "rules.example.net"
"""Of team-x, plain HTTP: GET below /ok/ and one customer's orders, and reports with a header."""
KEPT = "kept.example.net"
"""Of team-x, plain HTTP: below /ok/ and orders of a customer; encoded slashes arrive as they are sent."""
REBOUND = "rebound.example.net"
"""Of team-x; whoever owns the name answers with the address of the metadata server."""
PATTERN, BELOW = "*.wild.example.net", "a.wild.example.net"
"""Of team-x, and a site below it."""
PACKAGES, NOT_OURS = "europe-python.pkg.dev", "europe-npm.pkg.dev"
"""A registry of Google's that team-x may reach, and one at the same addresses that nobody may."""
PRICING, STRANGER = "pricing-abc123-ew.a.run.app", "stranger-abc123-ew.a.run.app"
"""The same of services of Cloud Run."""
METER, METER_IS = "meter.example.net", "203.0.113.90"
"""Raw TCP to an address: 443 for the account that team-x's pods have, 80 for another one."""
VIP = "199.36.153.9"
"""One of the addresses at which all of them answer."""
ALIAS = "alias.other.example"
"""Of nobody; its name leads to a pod of team-x."""


def config() -> dict[str, Any]:
    config = dev_config()
    hosts = config["gke-mesh-egress:teams"]["team-x"]["egress"]
    hosts[RULED] = {
        "http": {
            "upgrade": "none",
            "allow": {
                "ok": {"methods": ["GET"], "paths": ["/ok/*", "/customers/{*}/orders"]},
                "reports": {"methods": ["GET"], "paths": ["/reports"], "headers": {"x-tenant": ["x"]}},
            },
        }
    }
    hosts[KEPT] = {
        "http": {"upgrade": "none", "encodedSlashes": "keep", "paths": ["/ok/*", "/customers/{*}/orders"]}
    }
    hosts[REBOUND] = {"http": {"upgrade": "none"}}
    hosts[PATTERN] = {"https": "passthrough"}
    hosts[METER] = {
        "tcp": [
            {"port": port, "addresses": [METER_IS], "serviceAccounts": [account]}
            for port, account in ((443, "test"), (80, "somebody-else"))
        ]
    }
    config["gke-mesh-egress:teams"]["team-x"]["googleApis"]["hosts"] = [PACKAGES, PRICING]
    return config


def plan() -> Plan:
    return plan_of(config())


@contextmanager
def attacked_mesh(programs: Programs) -> Iterator[Attacked]:
    """It runs, and somebody in each team has the rights to write whatever admission is there to refuse."""
    with Attacked(plan(), programs) as mesh:
        mesh.control_plane.apply(rights())
        yield mesh


class Attacked(Mesh):
    """The mesh of that stack, with a DNS outside that lies where its owners want it to."""

    def _world(self) -> dict[str, tuple[str, ...]]:
        return {**super()._world(), REBOUND: (METADATA_SERVER,), ALIAS: (self.pods["test-team-x"].address,)}
