"""The way in for partners: an ingress gateway that ends their mutual TLS and leads to teams' Services by the
mesh's own.

Who may connect is decided three times before a byte reaches a Service: by address (firewall and load
balancer), by certificate (the authority and the names in the Gateway's server), and by port and name
(AuthorizationPolicy). Around the gateway stand NetworkPolicies
(egress/layers/cluster/platform_network_policy.py); behind it one opens the team's namespace to it alone, on
the Service's port alone.

Source: Istio, "Secure Gateways"; GKE, "LoadBalancer Service parameters".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egress.common import names
from egress.common.google_cloud import LOAD_BALANCER_HEALTH_PORT
from egress.common.objects import ISTIO_NETWORKING, ISTIO_SECURITY, Manifest, Object, Owner, manifest
from egress.layers.cluster.gateway_workload import INGRESS_LABELS, INGRESS_NODES, Workload
from egress.layers.cluster.namespaces import INJECTED, RESTRICTED_PODS, relaxations
from egress.layers.cluster.platform_network_policy import around_ingress
from egress.layers.mesh.host_traffic import NEVER_ARRIVED
from egress.layers.mesh.late_connect import connect_after_handshake
from egress.plan.model import Plan
from egress.plan.team import Reception, TeamPlan
from egress.settings.fences import Fence
from egress.settings.ingress import Exposure, Ingress, Received

MESH_HEADERS = ["server", "x-envoy-upstream-service-time", "x-envoy-decorator-operation"]
"""Headers of responses by which proxies speak of themselves; none of them is a partner's business."""


def render(plan: Plan) -> Iterator[Object]:
    """Nothing where no team receives. Else the gateway in its namespace, and per thing received a Gateway and
    a VirtualService that go with the team, per team an AuthorizationPolicy."""
    ingress = plan.settings.ingress
    if not plan.receptions or ingress is None:
        return
    yield from _gateway(plan, ingress)
    for team in plan.teams:
        for reception in team.receptions:
            yield Object(Owner.team(team.name), _server(reception))
            yield Object(Owner.team(team.name), _route(reception))
        if team.receptions:
            yield Object(Owner.team(team.name), _authorization(team))


def _gateway(plan: Plan, ingress: Ingress) -> Iterator[Object]:
    owner = Owner.ingress()
    labels = {**INJECTED, **RESTRICTED_PODS, names.PLATFORM_LABEL: names.INGRESS_GATEWAY}
    relaxed = relaxations(plan, Fence.GATEWAY_NETWORK)
    yield Object(
        owner, manifest("v1", "Namespace", names.INGRESS_NAMESPACE, labels=labels, annotations=relaxed)
    )
    yield from around_ingress(plan, ingress)
    # One port may serve several names; they all have the same protocol (checked at config time).
    opened = {reception.wanted.port: reception.wanted for reception in plan.receptions}
    yield from Workload(
        owner=owner,
        name=names.INGRESS,
        namespace=names.INGRESS_NAMESPACE,
        labels=INGRESS_LABELS,
        nodes=INGRESS_NODES,
        node_pool=names.node_pool(INGRESS_NODES),
        ports={number: (f"tls-{number}", wanted.pod_port) for number, wanted in sorted(opened.items())},
        settings=ingress,
        reads_secrets=True,
        service=_exposed(ingress),
        service_annotations=_exposure(plan, ingress),
        mesh_version=plan.mesh_version,
    ).render()
    early = [wanted.pod_port for _, wanted in sorted(opened.items()) if wanted.protocol is Received.TCP]
    if early:
        yield Object(owner, connect_after_handshake(names.INGRESS_NAMESPACE, INGRESS_LABELS, early))
    nothing = {"selector": {"matchLabels": INGRESS_LABELS}, "action": "ALLOW"}
    yield Object(
        owner,
        manifest(
            ISTIO_SECURITY, "AuthorizationPolicy", "allow-nothing", names.INGRESS_NAMESPACE, spec=nothing
        ),
    )


def _exposed(ingress: Ingress) -> dict[str, Any]:
    return {
        "type": "LoadBalancer",
        # Only nodes that run the gateway get connections, and it sees from where they come.
        "externalTrafficPolicy": "Local",
        "healthCheckNodePort": LOAD_BALANCER_HEALTH_PORT,
        "loadBalancerSourceRanges": sorted(str(network) for network in ingress.source_ranges.values()),
    }


def _exposure(plan: Plan, ingress: Ingress) -> dict[str, str]:
    kind = (
        {"networking.gke.io/load-balancer-type": "Internal"}
        if ingress.exposure is Exposure.INTERNAL
        else {"cloud.google.com/l4-rbs": "enabled"}
    )
    return {
        **kind,
        "networking.gke.io/load-balancer-ip-addresses": plan.settings.google_names.ingress_address,
    }


def _server(reception: Reception) -> Manifest:
    wanted = reception.wanted
    number = wanted.port
    server = {
        "port": {
            "number": number,
            "name": f"tls-{number}",
            "protocol": "TLS" if _is_tcp(reception) else "HTTPS",
        },
        "hosts": [wanted.host],
        "tls": {
            "mode": "MUTUAL",
            "credentialName": wanted.credential,
            "subjectAltNames": sorted(set(wanted.clients.values())),
            "minProtocolVersion": "TLSV1_2",
        },
    }
    return manifest(
        ISTIO_NETWORKING,
        "Gateway",
        names.reception(reception.team, reception.name),
        names.INGRESS_NAMESPACE,
        spec={"selector": INGRESS_LABELS, "servers": [server]},
    )


def _route(reception: Reception) -> Manifest:
    wanted = reception.wanted
    name = names.reception(reception.team, reception.name)
    service = f"{wanted.to.service}.{reception.team}.svc.cluster.local"
    route: dict[str, Any] = {
        "match": [{"port": wanted.port}],
        "route": [{"destination": {"host": service, "port": {"number": wanted.to.port}}}],
    }
    if not _is_tcp(reception):
        route["headers"] = {"response": {"remove": MESH_HEADERS}}
        # What a Service has seen is not repeated: the partner knows whether that is safe.
        route["retries"] = {"attempts": 2, "retryOn": NEVER_ARRIVED}
    return manifest(
        ISTIO_NETWORKING,
        "VirtualService",
        name,
        names.INGRESS_NAMESPACE,
        spec={
            "hosts": [wanted.host],
            "gateways": [f"{names.INGRESS_NAMESPACE}/{name}"],
            "exportTo": ["."],
            "tcp" if _is_tcp(reception) else "http": [route],
        },
    )


def _authorization(team: TeamPlan) -> Manifest:
    rules: list[dict[str, Any]] = []
    for reception in team.receptions:
        wanted = reception.wanted
        rule: dict[str, Any] = {
            "when": [
                {"key": "connection.sni", "values": [wanted.host]},
                {"key": "destination.port", "values": [str(wanted.pod_port)]},
            ]
        }
        if not _is_tcp(reception):
            rule["to"] = [{"operation": {"hosts": [wanted.host, f"{wanted.host}:{wanted.port}"]}}]
        rules.append(rule)
    return manifest(
        ISTIO_SECURITY,
        "AuthorizationPolicy",
        names.ingress_authorization(team.name),
        names.INGRESS_NAMESPACE,
        spec={"selector": {"matchLabels": INGRESS_LABELS}, "action": "ALLOW", "rules": rules},
    )


def _is_tcp(reception: Reception) -> bool:
    return reception.wanted.protocol is Received.TCP
