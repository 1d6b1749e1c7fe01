"""Authorization at the gateway: which team may reach which host, and with which requests. Outside every
team's pods.

Source: Istio reference, AuthorizationPolicy (security.istio.io/v1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egress.common import names
from egress.common.objects import ISTIO_SECURITY, Object, Owner, manifest
from egress.common.ports import HTTP_PORT, HTTPS_PORT, TARGET_PORTS
from egress.plan.model import Plan
from egress.plan.team import TeamPlan
from egress.settings.http_rule import Rule


def render(plan: Plan) -> Iterator[Object]:
    """Per gateway a policy that allows nothing, which makes it refuse whatever no team's policy allows; one
    policy per team."""
    for gateway in plan.gateways:
        nothing = {"selector": {"matchLabels": gateway.labels}, "action": "ALLOW"}
        yield Object(
            Owner.egress_gateway(gateway.name),
            manifest(ISTIO_SECURITY, "AuthorizationPolicy", "allow-nothing", gateway.namespace, spec=nothing),
        )
    for team in plan.teams:
        rules = list(_rules(team, plan.trust_domain))
        if rules:
            yield Object(
                Owner.team(team.name),
                manifest(
                    ISTIO_SECURITY,
                    "AuthorizationPolicy",
                    names.team_authorization(team.name),
                    team.gateway.namespace,
                    spec={
                        "selector": {"matchLabels": team.gateway.labels},
                        "action": "ALLOW",
                        "rules": rules,
                    },
                ),
            )


def _rules(team: TeamPlan, trust_domain: str) -> Iterator[dict[str, Any]]:
    passed: dict[tuple[str, ...], list[str]] = {}
    for way in team.gateway_ways:
        host, use = way.host, way.use
        for rule in use.http.rules.values() if use.http else ():
            accounts = tuple(rule.service_accounts or ())
            yield {
                "from": [{"source": _source(team.name, accounts, trust_domain)}],
                "to": [{"operation": _operation(host.name, rule)}],
                "when": [_port(HTTP_PORT), *_headers(rule)],
            }
        for port in use.tls_ports:
            passed.setdefault(use.passthrough_accounts, []).append(host.tls_name(port))
        for entry in use.tcp:
            name = names.port_name(entry.port, host.name)
            passed.setdefault(tuple(entry.service_accounts), []).append(name)
    for accounts, hosts in sorted(passed.items()):
        yield {
            "from": [{"source": _source(team.name, accounts, trust_domain)}],
            "when": [{"key": "connection.sni", "values": hosts}, _port(HTTPS_PORT)],
        }


def _source(team: str, accounts: tuple[str, ...], trust_domain: str) -> dict[str, Any]:
    """The whole team, or named service accounts of it; both are read from the certificate that the mesh gave
    the pod."""
    if not accounts:
        return {"namespaces": [team]}
    return {"principals": [f"{trust_domain}/ns/{team}/sa/{account}" for account in accounts]}


def _operation(host: str, rule: Rule) -> dict[str, Any]:
    # Clients that write the port into the Host header mean the same host.
    operation: dict[str, Any] = {"hosts": [host, f"{host}:{HTTP_PORT}"]}
    if rule.methods is not None:
        operation["methods"] = rule.methods
    if rule.paths is not None:
        operation["paths"] = rule.paths
    return operation


def _headers(rule: Rule) -> Iterator[dict[str, Any]]:
    for name, values in sorted((rule.headers or {}).items()):
        yield {"key": f"request.headers[{name}]", "values": values}


def _port(port: int) -> dict[str, Any]:
    return {"key": "destination.port", "values": [str(TARGET_PORTS[port])]}
