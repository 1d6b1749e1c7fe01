"""One small cluster for traces: a team's namespace, a gateway that demands the mesh's certificate, and a host
that it leads to.

A trace in a line is the layers in the order in which they were asked - `!` refuses, `?` is not understood -
and where it leaves.
"""

from __future__ import annotations

from typing import Any

from egress.common.objects import Resource
from egress.judge.lookup.subnets import SUBNETWORK
from egress.judge.model.flow import Flow, Outside, Protocol, Vantage
from egress.judge.trace import Judges, Trace
from tests.judge.asking import (
    CLOSED,
    GATEWAY,
    LABELS,
    SHOP,
    TLS,
    Written,
    bound,
    entry,
    gateway,
    rule,
    server,
    service,
    to,
    virtual,
)
from tests.judge.objects import node_pool, snapshot, team, written

DOOR = f"edge.{GATEWAY}.svc.cluster.local"
HTTP = Flow(SHOP, "a.example", 80, Protocol.HTTP)
SEALED = Flow(SHOP, "a.example", 443, Protocol.TLS)
WITH, WITHOUT = Vantage.GATEWAY_WITH_CERTIFICATE, Vantage.GATEWAY_WITHOUT_CERTIFICATE


def edge(**spec: Any) -> Written:
    """The gateway's Deployment."""
    metadata = {
        "labels": {**LABELS, "sidecar.istio.io/inject": "true"},
        "annotations": {"inject.istio.io/templates": "gateway"},
    }
    pods = {"containers": [{"name": "istio-proxy", "image": "auto"}]}
    return written(
        "Deployment", GATEWAY, "edge", **{"template": {"metadata": metadata, "spec": pods}, **spec}
    )


SHOPS = team(SHOP, **{"istio-injection": "enabled"})
LED = virtual(
    SHOP,
    "a.example",
    http=[{"route": [to(DOOR, 443)]}],
    tls=[{"match": [{"sniHosts": ["a.example"]}], "route": [to(DOOR, 443)]}],
)
SHOWS = rule(SHOP, DOOR, tls={"mode": "ISTIO_MUTUAL", "sni": "a.example"})
IN_FRONT = service("edge", GATEWAY, {"port": 443, "targetPort": 443, "name": "tls"}, selector=LABELS)
ONWARD = bound("a.example", "a.example")
WEB = gateway(server("*"))
BASE = (
    SHOPS,
    IN_FRONT,
    entry("a.example", GATEWAY, {"number": 80, "name": "http", "protocol": "HTTP"}, TLS),
    LED,
    SHOWS,
    CLOSED,
)
CLUSTER_OF = (*BASE, edge(), WEB, ONWARD)


def judges(
    *objects: Written, of: tuple[Written, ...] = CLUSTER_OF, google: tuple[Resource, ...] = ()
) -> Judges:
    return Judges(snapshot(*of, *objects, google=google))


def trace(flow: Flow, *objects: Written, must_pass: bool = False, **of: Any) -> Trace:
    return judges(*objects, **of).trace(flow, must_pass=must_pass)


def line(found: Trace) -> str:
    """Layers in the order in which they were asked; `!` refuses, `?` is not understood; then where it
    leaves."""
    said = [
        f"{step.layer.value}{'?' if not step.understood else '' if step.allowed else '!'}"
        for step in found.steps
    ]
    ends = [one.to.address or one.to.name or "" for one in found.left if isinstance(one.to, Outside)]
    return " ".join([*said, *(f"-> {end}" for end in ends)])


def says(flow: Flow, *objects: Written, **how: Any) -> str:
    return line(trace(flow, *objects, **how))


SUBNET = Resource(SUBNETWORK, "subnet", {"ipCidrRange": "10.0.0.0/20", "privateIpGoogleAccess": True})


def pool(name: str, *taints: Written) -> Resource:
    """A node pool that runs as `NAME@p` and shows pods nothing of its nodes' account."""
    return node_pool(name, f"{name}@p", *taints, workloadMetadataConfig={"mode": "GKE_METADATA"})


def closed(namespace: str, *directions: str) -> Written:
    return written("NetworkPolicy", namespace, "closed", podSelector={}, policyTypes=list(directions))


def denial(address: str = "0.0.0.0/0", **more: Any) -> Resource:
    what = {
        "direction": "EGRESS",
        "priority": 1000,
        "denies": [{"protocol": "all"}],
        "destinationRanges": [address],
        **more,
    }
    return Resource("gcp:compute/firewall:Firewall", "deny", what)


def zone(domain: str) -> Resource:
    what = {"name": "zone", "dnsName": domain, "visibility": "private"}
    return Resource("gcp:dns/managedZone:ManagedZone", "zone", what)


def record(name: str, kind: str, *data: str) -> Resource:
    what = {"managedZone": "zone", "name": name, "type": kind, "rrdatas": list(data)}
    return Resource("gcp:dns/recordSet:RecordSet", f"{name}{kind}", what)
