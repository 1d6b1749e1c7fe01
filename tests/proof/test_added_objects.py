"""An object that somebody adds, widens or takes away: none that opens or breaks something is called Proven,
or silent in `diff`.

The kept cases of `make fuzz`, target `added`, in words. Each goes through the same check as there
(tests/fuzz/added/check.py): what opens or breaks is a violation, `diff` says so in the right direction, and
what does nothing stays Proven.
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.objects import Resource
from egress.common.ports import GATEWAY_TLS
from tests.fuzz.added import check
from tests.fuzz.added.firewall import firewall
from tests.fuzz.added.mesh import istio
from tests.fuzz.added.names import record, zone
from tests.fuzz.added.packets import labelled
from tests.fuzz.added.stacks import Effect, Json, at, named, put, take
from tests.judge.deployments import MODES, rendered, violations
from tests.proof.test_every_google_resource import with_resource

GATEWAY = "istio-egress/deployment/istio-egressgateway"
INGRESS = "istio-ingress/deployment/istio-ingressgateway"
PODS = ["spec", "template", "spec"]
DEV = named("dev")
ELSEWHERE = {"targetNetwork": {"networkUrl": DEV.network.replace("vpc-network", "another")}}
_OF_ISTIOD = DEV.objects["istio-system/networkpolicy/control-plane-boundary"]["spec"]["ingress"]
WEBHOOKS = next(number for number, rule in enumerate(_OF_ISTIOD) if "ipBlock" in str(rule))
VIP = "198.51.100.66"


def policy(namespace: str, peer: Json, ports: Json = None, direction: str = "Egress") -> Json:
    rule = {"to" if direction == "Egress" else "from": [peer], **({"ports": ports} if ports else {})}
    spec = {"podSelector": {}, "policyTypes": [direction], direction.lower(): [rule]}
    metadata = {"name": "somebodys", "namespace": namespace}
    return put(
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}
    )


def denied(cidr: str, priority: int) -> Json:
    return firewall(DEV, priority=priority, destinationRanges=[cidr], denies=[{"protocol": "all"}])


OPENS: dict[str, tuple[str, list[Json]]] = {
    "a gateway of a team's own may reach the carrier's network by UDP": (
        "own-gateway",
        [
            policy(
                "istio-egress-partner",
                {"ipBlock": {"cidr": "100.64.0.0/10"}},
                [{"protocol": "UDP", "port": 65535}],
            )
        ],
    ),
    "istiod may reach pods of a namespace that is nobody's": (
        "traffic",
        [
            policy(
                "istio-system",
                {"namespaceSelector": labelled("monitoring"), "podSelector": {"matchLabels": {"app": "b"}}},
            )
        ],
    ),
    **{
        f"{cidr} may reach pods of {namespace} by {transport} {port}": (
            stack,
            [
                policy(
                    namespace, {"ipBlock": {"cidr": cidr}}, [{"protocol": transport, "port": port}], "Ingress"
                )
            ],
        )
        for stack, namespace, cidr, transport, port in (
            ("dev", "team-y", "203.0.113.0/24", "TCP", 9999),
            ("dev", "team-y", "10.0.0.0/24", "TCP", 8080),
            ("dev", "istio-egress", "10.99.0.0/16", "TCP", GATEWAY_TLS),
            ("dev", "istio-system", "192.168.0.0/16", "UDP", 15012),
            ("receive", "istio-ingress", "128.0.0.0/1", "SCTP", 22),
            ("receive", "istio-ingress", "10.0.0.0/24", "TCP", 9999),
        )
    },
    "a gateway's pods are in their node's network": ("dev", [at(GATEWAY, [*PODS, "hostNetwork"], True)]),
}
BREAKS: dict[str, tuple[str, list[Json]]] = {
    "a team that another one reaches takes no caller": ("openings", [istio("AuthorizationPolicy", "stock")]),
    **{
        f"nodes may not send to pods, by a denial of priority {priority}": (
            "http-mtls",
            [denied("10.1.0.0/16", priority)],
        )
        for priority in (0, 1, 999)
    },
    "nodes may not send to half of the pods": ("dev", [denied("10.1.128.0/17", 1)]),
    "nodes may not send to pods by UDP, which names need": (
        "dev",
        [firewall(DEV, priority=1, destinationRanges=["10.1.0.0/16"], denies=[{"protocol": "udp"}])],
    ),
    "nodes and pods no longer reach each other": (
        "managed-mesh",
        [take("firewall/vpc-network-allow-egress-nodes-and-pods")],
    ),
    "nodes take nothing from pods": (
        "own-gateway",
        [
            firewall(
                DEV,
                direction="INGRESS",
                priority=1,
                sourceRanges=["10.1.0.0/16"],
                denies=[{"protocol": "tcp"}],
            )
        ],
    ),
    "nodes do not reach the control plane": ("dev", [take("firewall/allow-egress-to-api-server")]),
    "nodes fetch no image": ("tcp-by-name", [take("firewall/vpc-network-allow-egress-gcp-apis")]),
    "the control plane does not reach istiod's webhooks": (
        "dev",
        [take("firewall/allow-ingress-api-server-to-webhook")],
    ),
    "a declared host of raw TCP, by name, that no object mentions any more": (
        "tcp-by-name",
        [take("istio-egress/serviceentry/archive-partner-example-ext")],
    ),
    "a declared host of raw TCP on another port": (
        "tcp",
        [
            at(
                "istio-egress/serviceentry/5432-postgres-partner-example-port-internal-ext",
                ["spec", "ports", 0, "number"],
                5433,
            )
        ],
    ),
    "an API of Google's that apps no longer know": (
        "own-gateway",
        [take("istio-egress/serviceentry/pubsub-googleapis-com")],
    ),
    "istiod takes no questions of the control plane": (
        "dev",
        [
            at(
                "istio-system/networkpolicy/control-plane-boundary",
                ["spec", "ingress", WEBHOOKS, "from", 0],
                None,
            )
        ],
    ),
    "no pod of the gateway is wanted": ("websocket", [at(GATEWAY, ["spec", "replicas"], 0)]),
    "no pod of the gateway that takes what comes in is wanted": (
        "receive",
        [at(INGRESS, ["spec", "replicas"], 0)],
    ),
    "Istio makes no proxy of the gateway's pods": (
        "dev",
        [at(GATEWAY, ["spec", "template", "metadata", "labels", "sidecar.istio.io/inject"], "false")],
    ),
    "the gateway's account is not there": (
        "managed-mesh",
        [take("istio-egress/serviceaccount/istio-egressgateway")],
    ),
    "the gateway's pods run as an account that is not there": (
        "dev",
        [at(GATEWAY, [*PODS, "serviceAccountName"], "another")],
    ),
    "the gateway's pods have a priority that is not there": (
        "dev",
        [at(GATEWAY, [*PODS, "priorityClassName"], "another")],
    ),
    "a gateway that is not given the certificate that it shows to hosts": (
        "own-gateway",
        [take("istio-egress-partner/rolebinding/istio-egressgateway-secrets")],
    ),
    "a gateway that is not given the authority that it trusts": (
        "private-ca",
        [at("istio-egress/role/istio-egressgateway-secrets", ["rules"], [])],
    ),
    "a declared name is answered by somebody's record": (
        "dev",
        [
            at("managedzone/egress-example-com", ["peeringConfig"], None),
            record("egress-example-com", "example.com.", VIP),
        ],
    ),
    "a declared name is asked of another network": (
        "dev",
        [at("managedzone/egress-example-com", ["peeringConfig"], ELSEWHERE)],
    ),
    "a name below a declared pattern is answered by somebody's record": (
        "wildcard",
        [zone(DEV, "lie.eu.example.org.", name="lies"), record("lies", "lie.eu.example.org.", VIP)],
    ),
    "the network in whose place declared names are asked for has a zone of its own": (
        "dev",
        [
            zone(
                DEV,
                "example.com.",
                privateVisibilityConfig={"networks": [{"networkUrl": f"{DEV.network}-names"}]},
            ),
            record("somebodys", "example.com.", VIP),
        ],
    ),
    "two zones of one name": ("dev", [zone(DEV, "example.com.")]),
    "an API of Google's is answered with an address more": (
        "google-apis",
        [at("recordset/private.googleapis.com.", ["rrdatas", 4], VIP)],
    ),
    "an API of Google's is answered by somebody's record": (
        "dev",
        [zone(DEV, "storage.googleapis.com.", name="lies"), record("lies", "storage.googleapis.com.", VIP)],
    ),
    "the names of images are not answered": ("wildcard", [take("managedzone/vpc-network-private-gcr-io")]),
    "the metadata server's name is answered by somebody's record": (
        "dev",
        [
            zone(DEV, "metadata.google.internal.", name="lies"),
            record("lies", "metadata.google.internal.", VIP),
        ],
    ),
    "a second rule of the gateway's own for a host": (
        "dev",
        [
            istio(
                "DestinationRule",
                "istio-egress",
                host="example.com",
                workloadSelector={"matchLabels": {"istio": "egressgateway"}},
                trafficPolicy={"tls": {"mode": "DISABLE"}},
            )
        ],
    ),
}
NOTHING: dict[str, tuple[str, list[Json]]] = {
    # Without a Sidecar of its own a proxy knows what is exported to it, and lets out what it knows.
    "a team that reaches the only other one has no Sidecar of its own": (
        "dev",
        [take("team-x/sidecar/default")],
    ),
    # Of two rules that a gateway sees, Istio takes the one that selects its pods.
    "a rule for a host beside the gateway's own": (
        "dev",
        [
            istio(
                "DestinationRule",
                "istio-egress",
                host="example.com",
                trafficPolicy={"tls": {"mode": "DISABLE"}},
            )
        ],
    ),
    # A policy of the network is asked before its rules.
    "a denial that is asked too late": ("perimeter", [denied("10.1.0.0/16", 0)]),
    "a zone of another name in the network that asks for declared names": (
        "dev",
        [
            zone(
                DEV,
                "other.example.",
                privateVisibilityConfig={"networks": [{"networkUrl": f"{DEV.network}-names"}]},
            )
        ],
    ),
}


@pytest.mark.parametrize("what", OPENS)
def test_what_opens_is_found(what: str) -> None:
    _checked(Effect.OPENS, what, *OPENS[what])


@pytest.mark.parametrize("what", BREAKS)
def test_what_breaks_is_found(what: str) -> None:
    _checked(Effect.BREAKS, what, *BREAKS[what])


@pytest.mark.parametrize("what", NOTHING)
def test_what_does_nothing_stays_proven(what: str) -> None:
    stack, edits = NOTHING[what]
    assert violations(stack, named(stack).changed(edits)) == []


def _checked(effect: Effect, what: str, stack: str, edits: list[Json]) -> None:
    check.judge(named(stack), {"effect": effect, "what": what, "edits": edits})


def test_what_is_missing_with_all_of_its_kind_is_found_too() -> None:
    """Whether somebody left the kind out is not known then, so that nothing is proven."""
    found = violations("dev", named("dev").changed([take("priorityclass/egress-gateways")]))
    assert any("no PriorityClass" in step.reason for violation in found for step in violation.steps)


NETWORK = rendered("dev").networks
ZONES: dict[str, dict[str, Any]] = {
    "names of one domain are asked of another network": {
        "peeringConfig": {"targetNetwork": {"networkUrl": "another"}}
    },
    "names of one domain are asked of servers outside": {
        "forwardingConfig": {"targetNameServers": [{"ipv4Address": "8.8.8.8"}]}
    },
}


def private_zone(dns_name: str, network: str, **fields: Any) -> Resource:
    visible = {"networks": [{"networkUrl": network}]}
    said = {
        "name": "somebodys",
        "dnsName": dns_name,
        "visibility": "private",
        "privateVisibilityConfig": visible,
    }
    return Resource("gcp:dns/managedZone:ManagedZone", "somebodys", {**said, **fields})


@pytest.mark.parametrize("name", ["exfil.test.", "a.b.exfil.test.", "com.", "example."])
@pytest.mark.parametrize("what", ZONES)
def test_a_zone_that_answers_elsewhere_is_found_whatever_its_name(what: str, name: str) -> None:
    (network,) = NETWORK
    found = violations("dev", with_resource(private_zone(name, network, **ZONES[what])))
    assert any("must not resolve" in violation.says for violation in found)


@pytest.mark.parametrize("mode", ["dev", *MODES])
def test_zones_of_declared_hosts_are_no_surprise(mode: str) -> None:
    assert violations(mode, rendered(mode)) == []


def test_a_zone_of_another_network_is_none_of_ours() -> None:
    another = "projects/sandbox-project/global/networks/another"
    found = violations(
        "dev", with_resource(private_zone("exfil.test.", another, **next(iter(ZONES.values()))))
    )
    assert found == []
