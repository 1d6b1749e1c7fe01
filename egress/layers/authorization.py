"""Authorization at the gateway: which team may reach which host, and with which requests. Outside every team's pods.

Source: Istio reference, AuthorizationPolicy (security.istio.io/v1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egress import names
from egress.layers.gateway_workload import LABELS, TARGET_PORTS
from egress.manifest import ISTIO_SECURITY, Object, Owner, manifest
from egress.plan import HTTP_PORT, HTTPS_PORT, Plan, TeamPlan
from egress.settings.teams import Http


def render(plan: Plan) -> Iterator[Object]:
    """A policy that allows nothing, which makes the gateway refuse whatever no team's policy allows; one policy per team."""
    yield Object(
        Owner.gateway(),
        manifest(
            ISTIO_SECURITY,
            "AuthorizationPolicy",
            "allow-nothing",
            names.GATEWAY_NAMESPACE,
            spec={"selector": {"matchLabels": LABELS}, "action": "ALLOW"},
        ),
    )
    for team in plan.teams:
        if team.hosts:
            yield Object(
                Owner.team(team.name),
                manifest(
                    ISTIO_SECURITY,
                    "AuthorizationPolicy",
                    names.team_authorization(team.name),
                    names.GATEWAY_NAMESPACE,
                    spec={"selector": {"matchLabels": LABELS}, "action": "ALLOW", "rules": list(_rules(team))},
                ),
            )


def _rules(team: TeamPlan) -> Iterator[dict[str, Any]]:
    source = [{"source": {"namespaces": [team.name]}}]
    for host, use in team.uses:
        if use.http:
            yield {"from": source, "to": [{"operation": _operation(host.name, use.http)}], "when": [_port(HTTP_PORT)]}
    passed = [host.name for host, use in team.uses if use.passthrough]
    if passed:
        yield {"from": source, "when": [{"key": "connection.sni", "values": passed}, _port(HTTPS_PORT)]}


def _operation(host: str, http: Http) -> dict[str, Any]:
    # Clients that write the port into the Host header mean the same host.
    operation: dict[str, Any] = {"hosts": [host, f"{host}:{HTTP_PORT}"]}
    if http.methods is not None:
        operation["methods"] = http.methods
    if http.paths is not None:
        operation["paths"] = http.paths
    return operation


def _port(port: int) -> dict[str, Any]:
    return {"key": "destination.port", "values": [str(TARGET_PORTS[port])]}
