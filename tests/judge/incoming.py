"""A gateway that lets somebody in from outside, with everything that it needs, and a connection to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from egress.common.objects import Resource
from egress.judge.lookup.inbound_flow import Caller, InboundFlow, InboundTrace, Shown
from egress.judge.model.flow import Layer
from egress.judge.model.ip_ranges import Ranges
from egress.judge.trace import Judges
from tests.judge.objects import namespace, snapshot, written

LABELS = {"istio": "ingressgateway"}
CLIENT, BUYER = "spiffe://partner.example/gateway", "client.buyer.example"
PARTNER, ELSEWHERE = "198.51.100.16/28", "203.0.113.7"
HOST = "db.example.org"
NODES = "ingress@project.iam.gserviceaccount.com"
MESH = {"istio-injection": "enabled"}
"""Labels of a namespace whose pods are given proxies."""
Object = dict[str, Any]


def balancer(name: str = "edge", home: str = "edge", **spec: Any) -> Object:
    ports = [{"port": 443, "targetPort": 8443}, {"port": 5432, "targetPort": 5432}]
    given = {"type": "LoadBalancer", "selector": LABELS, "ports": ports, "externalTrafficPolicy": "Local"}
    return written("Service", home, name, **{**given, **spec})


def deployment(home: str = "edge", labels: Mapping[str, str] = LABELS, **spec: Any) -> Object:
    pods = {"serviceAccountName": "edge", "containers": [{"name": "istio-proxy", "image": "auto"}], **spec}
    injected = {
        "labels": {**labels, "sidecar.istio.io/inject": "true"},
        "annotations": {"inject.istio.io/templates": "gateway"},
    }
    return written("Deployment", home, "edge", template={"metadata": injected, "spec": pods})


def gateway(
    name: str = "db", port: int = 5432, protocol: str = "TLS", hosts: list[str] | None = None, **tls: Any
) -> Object:
    given = {"mode": "MUTUAL", "credentialName": "db-credential", "subjectAltNames": [CLIENT, BUYER], **tls}
    said = {key: value for key, value in given.items() if value is not None}
    server = {
        "port": {"number": port, "name": "a", "protocol": protocol},
        "hosts": hosts or [HOST],
        "tls": said,
    }
    return written("Gateway", "edge", name, selector=LABELS, servers=[server])


def route(
    section: str = "tcp", to: str = "db.shop.svc.cluster.local", number: int | None = 5432, **spec: Any
) -> Object:
    port = {"port": {"number": number}} if number else {}
    routes = [{"route": [{"destination": {"host": to, **port}}]}]
    return written(
        "VirtualService", "edge", "db", **{"hosts": [HOST], "gateways": ["edge/db"], section: routes, **spec}
    )


def firewall(name: str = "partners", **says: Any) -> Resource:
    given = {"name": name, "direction": "INGRESS", "allows": [{"protocol": "tcp"}], **says}
    return Resource("gcp:compute/firewall:Firewall", name, given)


def judges(*objects: Object, google: tuple[Resource, ...] = (), **parts: Object | None) -> Judges:
    """A gateway with everything that it needs; a part by its name is another, None: it is not there."""
    made: dict[str, Object | None] = {
        "balancer": balancer(),
        "deployment": deployment(),
        "gateway": gateway(),
        "route": route(),
        "home": namespace("edge"),
        "team": namespace("shop", **MESH),
        **parts,
    }
    return Judges(snapshot(*(item for item in made.values() if item), *objects, google=google))


def flow(**changes: Any) -> InboundFlow:
    source = changes.pop("source", PARTNER)
    given: dict[str, Any] = {"host": HOST, "port": 5432, "caller": Caller(Shown.NAMED, CLIENT)}
    return InboundFlow(Ranges.of([source]), source, **(given | changes))


def refused(trace: InboundTrace) -> list[Layer]:
    return [step.layer for step in trace.refused_by]


def by(trace: InboundTrace, layer: Layer) -> str:
    """Object and field of a layer's first word."""
    step = next(step for step in trace.steps if step.layer is layer)
    return f"{step.decided_by} {step.field}".strip()
