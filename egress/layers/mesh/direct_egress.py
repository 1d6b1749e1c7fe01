"""Hosts past the gateway: what the sidecars of a team with a weaker model know of the outside, and how they
treat it.

Everything lies in the team's own namespace and is seen nowhere else. So nothing here changes what a gateway
does for another team that has the same host, and no other team's sidecar learns a way round its gateway.

Source: Istio reference, ServiceEntry, VirtualService, DestinationRule; Istio task, "Accessing External
Services".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egress.common import names
from egress.common.objects import ISTIO_NETWORKING, Manifest, Object, Owner, manifest
from egress.common.ports import HTTP_PORT, HTTPS_PORT
from egress.layers.mesh import host_traffic
from egress.layers.mesh.gateway import INTERNAL_HEADERS, canonical_name
from egress.layers.mesh.host_ports import web_ports
from egress.plan.host import Host, Leaving
from egress.plan.model import Plan
from egress.settings.security_model import SecurityModel

ONLY_HERE = ["."]


def render(plan: Plan) -> Iterator[Object]:
    """Per team and host: a ServiceEntry; where the app speaks plain HTTP, a VirtualService that takes the
    mesh's own headers out; where that leaves as TLS or is treated specially, a DestinationRule. For an open
    team what makes its log say names."""
    for team in plan.teams:
        owner = Owner.team(team.name)
        read = (
            [_READ[port] for port in plan.leaves_on(team) if port in _READ]
            if team.model is SecurityModel.OPEN
            else []
        )
        if read:
            yield Object(owner, _read_names(team.name, read))
        for host in team.direct_hosts:
            yield Object(owner, _service_entry(team.name, host))
            if host.leaving:
                yield Object(owner, _virtual_service(team.name, host.name, host.leaving))
                treatment = host_traffic.traffic_policy(host.name, host.leaving)
                if treatment:
                    yield Object(owner, _destination_rule(team.name, host, treatment))


_READ: dict[int, dict[str, Any]] = {
    HTTP_PORT: {"number": HTTP_PORT, "name": "http", "protocol": "HTTP"},
    HTTPS_PORT: {"number": HTTPS_PORT, "name": "tls", "protocol": "TLS"},
}
"""Ports on which a sidecar can read names, as a ServiceEntry says it."""


def _read_names(team: str, ports: list[dict[str, Any]]) -> Manifest:
    # No host: on a port that sidecars know as HTTP or TLS they read requests or server names, and so the log
    # has them.
    return manifest(
        ISTIO_NETWORKING,
        "ServiceEntry",
        names.OPEN_TLS,
        team,
        spec={
            "hosts": [names.OPEN_TLS_HOST],
            "ports": ports,
            "resolution": "NONE",
            "location": "MESH_EXTERNAL",
            "exportTo": ONLY_HERE,
        },
    )


def _service_entry(team: str, host: Host) -> Manifest:
    # A pattern has no addresses that could be known. The sidecar therefore looks up the server name of the
    # app's TLS and connects there. If it trusted the app's own look-up, an app could send a declared name and
    # connect to any address.
    how = "DYNAMIC_DNS" if host.pattern else "DNS"
    spec: dict[str, Any] = {"hosts": [host.name], "ports": web_ports(host), "resolution": how}
    return manifest(
        ISTIO_NETWORKING,
        "ServiceEntry",
        names.service_entry(host.name),
        team,
        labels={} if host.pattern else canonical_name(host.name),
        spec={**spec, "location": "MESH_EXTERNAL", "exportTo": ONLY_HERE},
    )


def _virtual_service(team: str, host: str, leaving: Leaving) -> Manifest:
    match = {"gateways": ["mesh"], "port": HTTP_PORT}
    route = {**host_traffic.destinations(host, leaving), "headers": {"request": {"remove": INTERNAL_HEADERS}}}
    return manifest(
        ISTIO_NETWORKING,
        "VirtualService",
        names.direct_route(host),
        team,
        spec={
            "hosts": [host],
            "gateways": ["mesh"],
            "exportTo": ONLY_HERE,
            "http": list(host_traffic.routes(match, route, leaving)),
        },
    )


def _destination_rule(team: str, host: Host, policy: dict[str, Any]) -> Manifest:
    return manifest(
        ISTIO_NETWORKING,
        "DestinationRule",
        names.origination_rule(host.name) if host.upgraded else names.treatment_rule(host.name),
        team,
        spec={
            "host": host.name,
            "trafficPolicy": {"portLevelSettings": [{"port": {"number": HTTP_PORT}, **policy}]},
            "exportTo": ONLY_HERE,
        },
    )
