"""The sidecar: what a team's own proxies know. Inside the pod, so it is never the only layer that refuses.

Source: Istio reference, Sidecar and DestinationRule (networking.istio.io/v1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egress.common import names
from egress.common.objects import ISTIO_NETWORKING, ISTIO_PROXY_CONFIG, Manifest, Object, Owner, manifest
from egress.common.ports import HTTP_PORT, HTTPS_PORT
from egress.layers.mesh import google_apis
from egress.plan.model import Plan
from egress.plan.team import TeamPlan
from egress.settings.limits import Share
from egress.settings.security_model import SecurityModel

DNS_CAPTURE = "ISTIO_META_DNS_CAPTURE"
"""Istio, "DNS Proxying": read at injection, by the pod's packet filters and its agent."""


def render(plan: Plan) -> Iterator[Object]:
    """Per team: a Sidecar that sees its own namespace and what the gateway's namespace exports to it, and -
    where the team has hosts - one DestinationRule with a subset for each way to the gateway.

    The rule lies in the team's namespace and holds the team's own hosts alone: a shared one would grow every
    sidecar's configuration with other teams' hosts.
    """
    for team in plan.teams:
        yield Object(Owner.team(team.name), _sidecar(team))
        if team.looks_up_names:
            yield Object(Owner.team(team.name), _answers_names(team))
        subsets = list(_subsets(team))
        if subsets:
            yield Object(
                Owner.team(team.name),
                manifest(
                    ISTIO_NETWORKING,
                    "DestinationRule",
                    "target-egress-gateway",
                    team.name,
                    spec={
                        "host": team.gateway.service,
                        **_idle(team),
                        "subsets": subsets,
                        "exportTo": ["."],
                    },
                ),
            )


def _idle(team: TeamPlan) -> dict[str, Any]:
    """When connections to the gateway end on which nothing is sent. Istio reads it here and in no subset."""
    after = team.gateway.settings.idle_timeout
    return {"trafficPolicy": {"connectionPool": {"tcp": {"idleTimeout": after}}}} if after else {}


def _sidecar(team: TeamPlan) -> dict[str, Any]:
    seen = [
        f"{namespace}/*" for namespace in (team.gateway.namespace, team.name, *sorted(team.settings.reaches))
    ]
    if team.gateway.namespace != names.GATEWAY_NAMESPACE:
        # What the shared gateway's namespace exports to this team beside hosts, which leave by its own
        # gateway.
        seen += [f"{names.GATEWAY_NAMESPACE}/{host}" for host in google_apis.hosts(team)]
    return manifest(
        ISTIO_NETWORKING,
        "Sidecar",
        "default",
        team.name,
        annotations=team.opened,
        spec={
            "outboundTrafficPolicy": {
                "mode": "ALLOW_ANY" if team.model is SecurityModel.OPEN else "REGISTRY_ONLY"
            },
            "egress": [{"hosts": seen}],
        },
    )


def _answers_names(team: TeamPlan) -> Manifest:
    """Pods ask their own proxy for names: raw TCP to a host by its name needs an address that means this host
    and no other."""
    return manifest(
        ISTIO_PROXY_CONFIG,
        "ProxyConfig",
        "dns-proxy",
        team.name,
        spec={"environmentVariables": {DNS_CAPTURE: "true"}},
    )


def _subsets(team: TeamPlan) -> Iterator[dict[str, Any]]:
    # Also for a team that declared no http: a shared host's http route is exported to it, and its requests
    # are to reach the gateway with the team's identity and be refused and logged there, instead of
    # disappearing in the sidecar.
    connections = {"tcp": {"maxConnections": team.settings.limits.connections}}
    # What the app speaks goes on as it is: as HTTP/2 a WebSocket's upgrade would be refused on the way.
    http = {**_of_requests(team.settings.limits), "useClientProtocol": True}
    if team.gateway_ways:
        yield _subset(names.HTTP_SUBSET, HTTP_PORT, {"mode": "ISTIO_MUTUAL"}, {**connections, "http": http})
    for way in team.gateway_ways:
        host, use = way.host, way.use
        if host.keeps_slashes:
            tls = {"mode": "ISTIO_MUTUAL", "sni": host.name}
            pool = {**connections, "http": http}
            yield _subset(names.kept_subset(host.name), HTTP_PORT, tls, pool)
        # The outer SNI names the host, with raw TCP its port as well, so the gateway can choose the route and
        # check the team's right to it while what the application sends stays closed.
        outer = [(host.name, host.outer_name)] if use.passthrough else []
        ports = [port for port in use.tls_ports if port != HTTPS_PORT] + [entry.port for entry in use.tcp]
        outer += [(name, name) for name in (names.port_name(port, host.name) for port in ports)]
        for name, sni in outer:
            tls = {"mode": "ISTIO_MUTUAL", "sni": sni}
            yield _subset(names.passthrough_subset(name), HTTPS_PORT, tls, connections)


def _of_requests(limits: Share) -> dict[str, int]:
    """Istio's words: what says http2 holds for HTTP/1.1 as well."""
    said = {
        "http1MaxPendingRequests": limits.pending_requests,
        "http2MaxRequests": limits.requests,
        "maxRequestsPerConnection": limits.requests_per_connection,
    }
    return {word: number for word, number in said.items() if number is not None}


def _subset(name: str, port: int, tls: dict[str, str], pool: dict[str, Any]) -> dict[str, Any]:
    setting = {"port": {"number": port}, "tls": tls, "connectionPool": pool}
    return {"name": name, "trafficPolicy": {"portLevelSettings": [setting]}}
