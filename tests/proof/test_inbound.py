"""What comes in, proven: what is declared arrives, and one changed or missing object is a violation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.inbound import Receiving
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.proof.inbound_stack import (
    BOUNDARY,
    BUYER,
    CHECKER,
    CLIENT,
    DEPLOYMENT,
    GATEWAY,
    PARTNERS,
    POLICY,
    PRICES,
    RANGES,
    ROUTE,
    SERVICE,
    WEB_ROUTE,
    Manifest,
    all_of,
    plan,
    put,
    said,
)


@pytest.mark.parametrize("exposure", ["external", "internal"])
def test_what_is_rendered_is_proven(exposure: str) -> None:
    made = plan(exposure)
    assert verify(Intent(made), Judges(deployment(made, render(made)))).holds


def test_every_client_and_range_and_form_of_a_host_is_asked_to_arrive() -> None:
    asked = [declared.flow for declared in Receiving(plan()).declared()]
    assert {(flow.host, str(flow.caller)) for flow in asked} == {
        ("mysql.fqdn.example", CLIENT),
        ("prices.fqdn.example", CLIENT),
        ("prices.fqdn.example", BUYER),
    }
    assert {flow.origin for flow in asked} == {*RANGES.values()}
    assert {flow.request.host for flow in asked if flow.request} == {
        "prices.fqdn.example",
        "prices.fqdn.example:443",
    }


OPEN: dict[str, tuple[dict[str, Callable[[Manifest], None]], str]] = {
    "the gateway asks nobody for a certificate": (
        {
            GATEWAY: all_of(
                put("spec.servers.0.tls.mode", "SIMPLE"), put("spec.servers.0.tls.subjectAltNames", None)
            )
        },
        "no certificate",
    ),
    "a certificate may be left out": (
        {
            GATEWAY: all_of(
                put("spec.servers.0.tls.mode", "OPTIONAL_MUTUAL"),
                put("spec.servers.0.tls.subjectAltNames", None),
            )
        },
        "somebody with no certificate",
    ),
    "a mode in which only names demand a certificate": (
        {GATEWAY: put("spec.servers.0.tls.mode", "OPTIONAL_MUTUAL")},
        "has the mode OPTIONAL_MUTUAL",
    ),
    "a port that is for plain HTTP": ({PRICES: put("spec.servers.0.port.protocol", "HTTP")}, "no TLS"),
    "any certificate of the authority": (
        {GATEWAY: put("spec.servers.0.tls.subjectAltNames", None)},
        "spiffe://another.example/client: tcp://mysql",
    ),
    "one more client": (
        {GATEWAY: put("spec.servers.0.tls.subjectAltNames", [CLIENT, "spiffe://evil/x"])},
        "spiffe://evil/x",
    ),
    "another authority": (
        {GATEWAY: put("spec.servers.0.tls.credentialName", "mine")},
        "judged by the authority in mine",
    ),
    "old TLS": ({GATEWAY: put("spec.servers.0.tls.minProtocolVersion", "TLSV1_1")}, "TLS as old as TLSV1_1"),
    "any name": (
        {PRICES: put("spec.servers.0.hosts", ["*"])},
        "https://undeclared.example:443, Host: prices.fqdn.example",
    ),
    "its policy is open": ({BOUNDARY: put("spec.ingress", [{}])}, "does not stop at: NetworkPolicy"),
    "its policy is open to pods of a namespace that nobody knows": (
        {
            BOUNDARY: put(
                "spec.ingress.0.from.0",
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "foo"}}},
            )
        },
        "Pods of foo reaching the gateway in istio-ingress, TCP 8443, must not be possible.",
    ),
    "it may connect anywhere": (
        {BOUNDARY: put("spec.egress", [{}])},
        "The gateway in istio-ingress reaching the metadata server",
    ),
    "the firewall lets everybody in": (
        {PARTNERS: put("sourceRanges", ["0.0.0.0/0"])},
        "does not stop at: firewall",
    ),
    "the firewall lets partners to every port": (
        {PARTNERS: put("allows.0.ports", None)},
        "gserviceaccount.com, TCP 1-79",
    ),
    "the firewall lets partners to every node": (
        {PARTNERS: put("targetServiceAccounts", None)},
        "nodes of sa-application-nodes",
    ),
    "the firewall takes anybody for a health check": (
        {CHECKER: put("sourceRanges", ["0.0.0.0/0"])},
        "From any other address",
    ),
    "the load balancer takes everybody": (
        {SERVICE: put("spec.loadBalancerSourceRanges", ["0.0.0.0/0"])},
        "does not stop at: firewall, load balancer",
    ),
    "pods do not see who connects": (
        {SERVICE: put("spec.externalTrafficPolicy", "Cluster")},
        "NetworkPolicy",
    ),
    "one more port of the load balancer": (
        {SERVICE: put("spec.ports", [{"port": 443, "targetPort": 8443}, {"port": 9000}, {"port": 13306}])},
        ":9000",
    ),
    "it is open to the internet": (
        {SERVICE: put("metadata.annotations", {"networking.gke.io/load-balancer-type": "Internal"})},
        "reached from the VPC and networks connected to it; declared is the internet",
    ),
    "another address": ({SERVICE: put("metadata.annotations", {})}, "partners know"),
    "the route leads to another Service": (
        {ROUTE: put("spec.tcp.0.route.0.destination.host", "admin.orders.svc.cluster.local")},
        "It is led to admin.orders:3306",
    ),
    "the route leads to another team": (
        {ROUTE: put("spec.tcp.0.route.0.destination.host", "mysql.shop.svc.cluster.local")},
        "mysql.fqdn.example:13306",
    ),
    "a part goes elsewhere": (
        {
            ROUTE: put(
                "spec.tcp.0.route",
                [
                    {
                        "destination": {"host": f"{name}.orders.svc.cluster.local", "port": {"number": 3306}},
                        "weight": 50,
                    }
                    for name in ("mysql", "copy")
                ],
            )
        },
        "copy.orders:3306",
    ),
    "answers speak of the mesh": (
        {WEB_ROUTE: put("spec.http.0.headers", None)},
        "Answers speak of the mesh: server",
    ),
    "rules ask for no name": ({POLICY: put("spec.rules.0.when", None)}, "does not stop at: authorization"),
    "rules ask for no host": ({POLICY: put("spec.rules.1.to", None)}, "does not stop at: authorization"),
    "no pods are wanted": ({DEPLOYMENT: put("spec.replicas", 0)}, "It has to stand."),
    "no proxy is made of them": (
        {DEPLOYMENT: put("spec.template.metadata.annotations", {})},
        "It has to stand.",
    ),
    "pods of an account that is not there": (
        {DEPLOYMENT: put("spec.template.spec.serviceAccountName", "other")},
        "There is no ServiceAccount other",
    ),
    "a database is connected to before the client is known": (
        {"istio-ingress/envoyfilter/connect-late": put("spec.configPatches", [])},
        "It has to know who calls",
    ),
    "the team's policy refuses the gateway": (
        {"orders/networkpolicy/team-boundary": put("spec.ingress.1", None)},
        "declared",
    ),
    "Pod Security is gone": (
        {"namespace/istio-ingress": put("metadata.labels", {"istio-injection": "enabled"})},
        "Pod Security has to hold in istio-ingress",
    ),
    "anybody's pods on its nodes": (
        {"nodepool/ingress": put("nodeConfig.taints", [])},
        "Its nodes have to be its own",
    ),
}


@pytest.mark.parametrize("what", OPEN)
def test_one_changed_object_is_a_violation(what: str) -> None:
    edits, words = OPEN[what]
    assert words in said(edits)


GONE: Mapping[str, str] = {
    "istio-ingress/": "It is declared, and a layer refuses it.",
    "istio-ingress/authorizationpolicy/": "does not stop at: authorization",
    "istio-ingress/networkpolicy/": "does not stop at: NetworkPolicy",
    "istio-ingress/service/": "No Service of type LoadBalancer leads into the cluster.",
    "istio-ingress/gateway/orders-mysql": "No server listens on port 13306.",
    "istio-ingress/virtualservice/orders-mysql": "No route leads from here to mysql.fqdn.example.",
    "istio-ingress/envoyfilter/": "It has to know who calls before it connects to a Service.",
    "istio-ingress/deployment/": "It has to stand.",
    "istio-ingress/serviceaccount/": "There is no ServiceAccount istio-ingressgateway",
    "istio-ingress/role/": "It has to be given mysql-credential",
    "istio-ingress/rolebinding/": "It has to be given prices-credential",
    "nodepool/ingress": "Its nodes have to be its own.",
}


@pytest.mark.parametrize("prefix", GONE)
def test_what_is_taken_away_is_a_violation(prefix: str) -> None:
    assert GONE[prefix] in said(without=prefix)
