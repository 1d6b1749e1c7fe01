"""An object that somebody adds to what comes in is a violation: at Google as in the cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.model.snapshot import Snapshot
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.proof.inbound_stack import CHECKER, objects, plan, put, said, written
from tests.support import config_with, plan_of

LEADS = [{"route": [{"destination": {"host": "admin.orders.svc.cluster.local", "port": {"number": 3306}}}]}]
_EXPOSED = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
ADDED: dict[str, tuple[Any, str]] = {
    "a team's own load balancer": (
        written("Service", "orders", "v1", **_EXPOSED, selector={"app": "mysql"}, ports=[{"port": 3306}]),
        "orders/service/somebodys\n    It opens the cluster to the internet, and no config declares it.",
    ),
    "a load balancer before the egress gateway": (
        written(
            "Service",
            "istio-egress",
            "v1",
            type="LoadBalancer",
            selector={"istio": "egressgateway"},
            ports=[{"port": 443}],
        ),
        "",
    ),
    "a second route for the same name": (
        written(
            "VirtualService",
            "istio-ingress",
            hosts=["mysql.fqdn.example"],
            gateways=["istio-ingress/orders-mysql"],
            tcp=LEADS,
        ),
        "is about the same host",
    ),
    "a second server for the same name": (
        written(
            "Gateway",
            "istio-ingress",
            selector={"istio": "ingressgateway"},
            servers=[
                {
                    "port": {"number": 13306, "name": "a", "protocol": "TLS"},
                    "hosts": ["mysql.fqdn.example"],
                    "tls": {"mode": "SIMPLE", "credentialName": "x"},
                }
            ],
        ),
        "is a matter of their age",
    ),
    "a rule for whoever calls": (
        written("AuthorizationPolicy", "istio-ingress", "security.istio.io/v1", rules=[{}]),
        "does not stop at: authorization",
    ),
    "a denial": (
        written("AuthorizationPolicy", "istio-ingress", "security.istio.io/v1", action="DENY", rules=[{}]),
        "It is declared, and a layer refuses it.",
    ),
    "a denial in the team's namespace": (
        written("AuthorizationPolicy", "orders", "security.istio.io/v1", action="DENY", rules=[{}]),
        "It is declared, and a layer refuses it.",
    ),
    "mutual TLS that is switched off behind the gateway": (
        written(
            "DestinationRule",
            "istio-ingress",
            host="mysql.orders.svc.cluster.local",
            trafficPolicy={"tls": {"mode": "DISABLE"}},
        ),
        "It is declared, and a layer refuses it.",
    ),
    "a Service that leads to another port of the pods": (
        {
            **written(
                "Service", "orders", "v1", selector={"app": "a"}, ports=[{"port": 3306, "targetPort": 22}]
            ),
            "metadata": {"name": "mysql", "namespace": "orders"},
        },
        "and a layer refuses it",
    ),
    "a firewall rule for everybody, on SSH": (
        Resource(
            "gcp:compute/firewall:Firewall",
            "ssh",
            {
                "name": "ssh",
                "direction": "INGRESS",
                "sourceRanges": ["0.0.0.0/0"],
                "allows": [{"protocol": "tcp", "ports": ["22"]}],
            },
        ),
        "TCP 22",
    ),
}


@pytest.mark.parametrize("what", ADDED)
def test_one_added_object_is_a_violation(what: str) -> None:
    added, words = ADDED[what]
    told = said(added=added)
    assert told
    assert words in told


def test_an_open_service_of_a_team_stops_at_two_layers_and_one_fewer_is_said() -> None:
    """NetworkPolicy and mutual TLS; what the firewall says GKE opens itself."""
    added, _ = ADDED["a team's own load balancer"]
    opened = said({"orders/networkpolicy/team-boundary": put("spec.ingress", [{}])}, added=added)
    assert "does not stop at: NetworkPolicy" in opened


def test_where_nobody_receives_nodes_are_asked_all_the_same() -> None:
    made = plan_of(config_with("teams", {"shop": {"egress": {"a.example.net": {"https": "passthrough"}}}}))
    deployed = deployment(made, render(made))
    assert verify(Intent(made), Judges(deployed)).holds
    ssh = ADDED["a firewall rule for everybody, on SSH"][0]
    opened = Snapshot.of(deployed.kubernetes, [*deployed.google, ssh])
    assert any("TCP 22" in found.flow for found in verify(Intent(made), Judges(opened)).violations)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"protocol": "udp", "ports": ["2049"]}, "UDP 2049"),
        ({"protocol": "icmp"}, "ICMP"),
        ({"protocol": "47"}, ", 47"),
        ({"protocol": "all"}, "any other protocol"),
        ({"protocol": "tcp", "ports": ["80-443"]}, "TCP 80-442"),
    ],
)
def test_a_firewall_rule_for_any_protocol_that_opens_nodes_is_a_violation(
    entry: dict[str, Any], words: str
) -> None:
    """From health checkers too: they may connect to single ports, and by TCP alone."""
    ssh, _ = ADDED["a firewall rule for everybody, on SSH"]
    (checkers,) = (item for item in objects().google if item.identity == CHECKER)
    for ranges in (["0.0.0.0/0"], checkers.properties["sourceRanges"]):
        opened = replace(ssh, properties={**ssh.properties, "sourceRanges": ranges, "allows": [entry]})
        google = [*(item for item in objects().google if item.identity != CHECKER), opened]
        deployed = Snapshot.of(objects().kubernetes, google)
        assert any(words in found.flow for found in verify(Intent(plan()), Judges(deployed)).violations)
