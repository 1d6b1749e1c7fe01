"""What other stacks may rely on: one versioned object, `contract: 1`, of which this module makes the parts
known before anything is deployed. `__main__.py` adds what only Google Cloud knows (endpoint, certificate
authority, addresses)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egress.common import names
from egress.common.ports import HTTP_PORT
from egress.plan.gateway import EgressGateway
from egress.plan.model import Plan
from egress.plan.team import TeamPlan
from egress.settings.ingress import Ingress
from egress.settings.security_model import WeakerModel
from egress.settings.upgrade import Upgrade

VERSION = 1


def planned(plan: Plan) -> dict[str, Any]:
    """The contract's planned part: identities, namespaces and allowed hosts, as JSON-ready values."""
    return {
        "contract": VERSION,
        "project": plan.project,
        "region": plan.settings.region,
        "workloadPool": plan.workload_pool,
        "gateway": _gateway(plan, plan.gateway),
        **(
            {"gateways": {gateway.name: _gateway(plan, gateway) for gateway in others}}
            if (others := plan.gateways[1:])
            else {}
        ),
        **({"registries": registries} if (registries := _registries(plan)) else {}),
        "teams": {team.name: _team(plan, team) for team in plan.teams},
        **(
            {"ingress": _ingress(plan, ingress)}
            if plan.receptions and (ingress := plan.settings.ingress)
            else {}
        ),
    }


def _gateway(plan: Plan, gateway: EgressGateway) -> dict[str, Any]:
    limit = None if gateway.shared else plan.settings.gateways[gateway.name].hosts
    return {
        "namespace": gateway.namespace,
        "serviceAccount": names.GATEWAY,
        "host": gateway.service,
        "identity": names.spiffe_id(plan.trust_domain, gateway.namespace, names.GATEWAY),
        "outsidePorts": list(gateway.ports),
        **({"hosts": sorted(limit)} if limit is not None else {}),
    }


def _registries(plan: Plan) -> dict[str, dict[str, str]]:
    """Those of the config; the one of Istio's images is the mesh's own affair."""
    return {
        registry.name: {"upstream": registry.upstream, "address": registry.address}
        for registry in plan.registries
        if registry.name in plan.settings.registries
    }


def _ingress(plan: Plan, ingress: Ingress) -> dict[str, Any]:
    """What partners need to know: `receives` by team and name, with what their client must ask for and
    show."""
    received: dict[str, dict[str, Any]] = {}
    for reception in plan.receptions:
        wanted = reception.wanted
        received.setdefault(reception.team, {})[reception.name] = {
            "host": wanted.host,
            "port": wanted.port,
            "protocol": wanted.protocol.value,
            "clients": dict(sorted(wanted.clients.items())),
            **({"description": wanted.description} if wanted.description else {}),
        }
    return {
        "namespace": names.INGRESS_NAMESPACE,
        "serviceAccount": names.INGRESS,
        "identity": names.spiffe_id(plan.trust_domain, names.INGRESS_NAMESPACE, names.INGRESS),
        "exposure": ingress.exposure.value,
        "sourceRanges": {name: str(network) for name, network in sorted(ingress.source_ranges.items())},
        "receives": received,
    }


def _team(plan: Plan, team: TeamPlan) -> dict[str, Any]:
    declared: list[dict[str, Any]] = []
    for way in team.ways:
        host, use = way.host, way.use
        for name, rule in use.http.rules.items() if use.http else ():
            declared.append(
                {
                    "host": host.name,
                    "protocol": "http",
                    "port": HTTP_PORT,
                    "leaves": "https" if host.upgraded else "http",
                    **({"rule": name} if name else {}),
                    **rule.model_dump(by_alias=True, exclude_none=True),
                }
            )
        accounts = {"serviceAccounts": list(use.passthrough_accounts)} if use.passthrough_accounts else {}
        declared += [
            {"host": host.name, "protocol": "https", "port": port, "leaves": "https", **accounts}
            for port in use.tls_ports
        ]
        for entry in use.tcp:
            rule = entry.model_dump(
                mode="json",
                by_alias=True,
                exclude_none=True,
                include={"addresses", "service_accounts", "description"},
            )
            leaves = "tcp" if entry.upgrade is Upgrade.NONE else "tls"
            declared.append(
                {"host": host.name, "protocol": "tcp", "port": entry.port, "leaves": leaves, **rule}
            )
    return {
        "namespace": team.name,
        **({} if team.gateway.shared else {"gateway": team.gateway.name}),
        "serviceAccounts": {identity.service_account: identity.email for identity in team.identities},
        "egress": declared,
        **({"grants": grants} if (grants := list(_grants(team))) else {}),
        **({"googleHosts": list(team.google_hosts)} if team.google_hosts else {}),
        "reaches": sorted(team.settings.reaches),
        **({"pastGateway": _direct_egress(plan, team, weaker)} if (weaker := team.settings.model) else {}),
    }


def _grants(team: TeamPlan) -> Iterator[dict[str, str]]:
    """What the team's service accounts may do with resources of Google Cloud."""
    for identity in team.identities:
        who = {"serviceAccount": identity.service_account}
        for bucket in identity.buckets:
            yield {**who, "bucket": bucket.bucket, "role": bucket.role}
        for grant in identity.resources:
            yield {**who, grant.resource.value: grant.name, "project": grant.project, "role": grant.role}
        for role, reason in identity.project_roles:
            yield {**who, "role": role, "reason": reason}


def _direct_egress(plan: Plan, team: TeamPlan, weaker: WeakerModel) -> dict[str, Any]:
    """Only of a team with a weaker security model: which, why, and the ports on which its pods leave
    themselves."""
    return {"model": weaker.model.value, "reason": weaker.reason, "ports": list(plan.leaves_on(team))}
