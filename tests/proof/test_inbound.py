"""What comes in, proven: what the config declares arrives, and one changed or added object is a violation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from egress.answers.diff.changes import difference
from egress.common.objects import Resource
from egress.judge.inbound_targets import InboundKind, inbound_targets
from egress.judge.lookup.inbound_flow import InboundFlow
from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.inbound import Receiving, violations
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.support import config_with, plan_of

Manifest = dict[str, Any]
CLIENT, BUYER = "spiffe://partner.example/gateway", "client.buyer.example"
ORDERS: dict[str, Any] = {
    "mysql": {
        "host": "mysql.fqdn.example",
        "port": 13306,
        "to": {"service": "mysql", "port": 3306},
        "credential": "mysql-credential",
        "clients": {"shop": CLIENT},
    },
    "prices": {
        "host": "prices.fqdn.example",
        "port": 443,
        "protocol": "https",
        "to": {"service": "prices", "port": 80, "podPort": 8080},
        "credential": "prices-credential",
        "clients": {"buyer": BUYER, "audit": CLIENT},
    },
}
RANGES = {"partner": "198.51.100.16/28", "audit": "203.0.113.7/32"}


@cache
def plan(exposure: str = "external") -> Plan:
    teams: dict[str, Any] = {
        "orders": {"receives": ORDERS},
        "shop": {"egress": {"a.example.net": {"https": "passthrough"}}},
    }
    config = config_with("teams", teams)
    config["gke-mesh-egress:ingress"] = {"exposure": exposure, "sourceRanges": RANGES}
    return plan_of(config)


@cache
def objects() -> Snapshot:
    return deployment(plan(), render(plan()))


def said(
    edits: Mapping[str, Callable[[Manifest], None]] = {}, *, without: str = "", added: Any = None
) -> str:
    """What verify says of the rendered objects with one edited, by its identity, added or taken away."""
    edited: set[str] = set()

    def of(item: Any) -> Any:
        key = item.identity if isinstance(item, Resource) else identity(item)
        if key not in edits:
            return item
        edited.add(key)
        if isinstance(item, Resource):
            properties = deepcopy(dict(item.properties))
            edits[key](properties)
            return Resource(item.type, item.name, properties)
        changed = deepcopy(dict(item))
        edits[key](changed)
        return changed

    kubernetes = [
        of(item) for item in objects().kubernetes if not without or not identity(item).startswith(without)
    ]
    google = [of(item) for item in objects().google if not without or not item.identity.startswith(without)]
    assert edited == {*edits}
    more = [added] if added and not isinstance(added, Resource) else []
    google += [added] if isinstance(added, Resource) else []
    found = verify(Intent(plan()), Judges(Snapshot.of([*kubernetes, *more], google)))
    return "\n".join(map(str, found))


def put(path: str, value: Any) -> Callable[[Manifest], None]:
    """Sets what lies at a path; None: takes it away."""
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]

    def edit(manifest: Manifest) -> None:
        node: Any = manifest
        for step in steps:
            node = node[step]
        if value is None:
            del node[last]
        else:
            node[last] = value

    return edit


def all_of(*edits: Callable[[Manifest], None]) -> Callable[[Manifest], None]:
    def edit(manifest: Manifest) -> None:
        for one in edits:
            one(manifest)

    return edit


@pytest.mark.parametrize("exposure", ["external", "internal"])
def test_what_is_rendered_is_proven(exposure: str) -> None:
    made = plan(exposure)
    assert list(violations(Receiving(made), Judges(deployment(made, render(made))))) == []


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


GATEWAY, PRICES = "istio-ingress/gateway/orders-mysql", "istio-ingress/gateway/orders-prices"
ROUTE, WEB_ROUTE = "istio-ingress/virtualservice/orders-mysql", "istio-ingress/virtualservice/orders-prices"
SERVICE, BOUNDARY = (
    "istio-ingress/service/istio-ingressgateway",
    "istio-ingress/networkpolicy/ingress-boundary",
)
POLICY, DEPLOYMENT = (
    "istio-ingress/authorizationpolicy/ingress-orders",
    "istio-ingress/deployment/istio-ingressgateway",
)
PARTNERS, CHECKER = "firewall/ingress-allow-partners", "firewall/allow-ingress-gcp-health-checker"
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


def _written(kind: str, namespace: str, api: str = "networking.istio.io/v1", **spec: Any) -> Manifest:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": "somebodys", "namespace": namespace},
        "spec": spec,
    }


LEADS = [{"route": [{"destination": {"host": "admin.orders.svc.cluster.local", "port": {"number": 3306}}}]}]
_EXPOSED = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
ADDED: dict[str, tuple[Any, str]] = {
    "a team's own load balancer": (
        _written("Service", "orders", "v1", **_EXPOSED, selector={"app": "mysql"}, ports=[{"port": 3306}]),
        "orders/service/somebodys\n    It opens the cluster to the internet, and no config declares it.",
    ),
    "a load balancer before the egress gateway": (
        _written(
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
        _written(
            "VirtualService",
            "istio-ingress",
            hosts=["mysql.fqdn.example"],
            gateways=["istio-ingress/orders-mysql"],
            tcp=LEADS,
        ),
        "is about the same host",
    ),
    "a second server for the same name": (
        _written(
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
        _written("AuthorizationPolicy", "istio-ingress", "security.istio.io/v1", rules=[{}]),
        "does not stop at: authorization",
    ),
    "a denial": (
        _written("AuthorizationPolicy", "istio-ingress", "security.istio.io/v1", action="DENY", rules=[{}]),
        "It is declared, and a layer refuses it.",
    ),
    "a denial in the team's namespace": (
        _written("AuthorizationPolicy", "orders", "security.istio.io/v1", action="DENY", rules=[{}]),
        "It is declared, and a layer refuses it.",
    ),
    "mutual TLS that is switched off behind the gateway": (
        _written(
            "DestinationRule",
            "istio-ingress",
            host="mysql.orders.svc.cluster.local",
            trafficPolicy={"tls": {"mode": "DISABLE"}},
        ),
        "It is declared, and a layer refuses it.",
    ),
    "a Service that leads to another port of the pods": (
        {
            **_written(
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
    assert list(violations(Receiving(made), Judges(deployed))) == []
    ssh = ADDED["a firewall rule for everybody, on SSH"][0]
    opened = Snapshot.of(deployed.kubernetes, [*deployed.google, ssh])
    assert any("TCP 22" in found.flow for found in violations(Receiving(made), Judges(opened)))


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
        assert any(words in found.flow for found in violations(Receiving(plan()), Judges(deployed)))


def test_every_kind_is_asked_once_for_each_class() -> None:
    targets = list(inbound_targets(Judges(objects())))
    assert {target.kind for target in targets} == {*InboundKind} - {InboundKind.PAST_GATEWAY}
    assert len({repr(target.flow) for target in targets}) >= len(targets) - len(RANGES) * len(ORDERS)


def test_of_two_states_the_classes_of_both_are_asked() -> None:
    """A range, a client, a name and a port that only one of them has are asked of either."""
    other = Snapshot.of(
        [
            *(
                item
                for item in objects().kubernetes
                if identity(item) != "istio-ingress/gateway/orders-mysql"
            ),
            _written(
                "Gateway",
                "istio-ingress",
                selector={"istio": "ingressgateway"},
                servers=[
                    {
                        "port": {"number": 13306, "name": "a", "protocol": "TLS"},
                        "hosts": ["new.fqdn.example"],
                        "tls": {
                            "mode": "MUTUAL",
                            "credentialName": "c",
                            "subjectAltNames": ["spiffe://new/x"],
                        },
                    }
                ],
            ),
        ],
        objects().google,
    )
    for sides in ((objects(), other), (other, objects())):
        flows = [target.flow for target in inbound_targets(*map(Judges, sides))]
        named = {(flow.host, flow.caller.name) for flow in flows if isinstance(flow, InboundFlow)}
        assert {("mysql.fqdn.example", CLIENT), ("new.fqdn.example", "spiffe://new/x")} <= named


def test_questions_are_linear_in_what_is_received() -> None:
    """Ten times the receptions, each with a client of its own: at most about ten times the questions."""

    def count(many: int) -> int:
        receives = {
            f"r{index}": {
                **ORDERS["mysql"],
                "host": f"h{index}.fqdn.example",
                "clients": {"a": f"spiffe://p{index}/x"},
            }
            for index in range(many)
        }
        config = config_with("teams", {"orders": {"receives": receives}})
        config["gke-mesh-egress:ingress"] = {"sourceRanges": RANGES}
        made = plan_of(config)
        return sum(1 for _ in inbound_targets(Judges(deployment(made, render(made)))))

    few, many = count(3), count(30)
    assert many - few <= 27 * 8


def _changed(edits: Mapping[str, Callable[[Manifest], None]]) -> Snapshot:
    made = [deepcopy(dict(item)) for item in objects().kubernetes]
    for item in made:
        if edit := edits.get(identity(item)):
            edit(item)
    return Snapshot.of(made, objects().google)


@pytest.mark.parametrize(
    ("what", "gain", "loss"),
    [
        (
            "the gateway asks nobody for a certificate",
            "new caller: From outside anybody, without a certificate, may now connect to orders: mysql:3306",
            "lost caller: From outside anybody, without a certificate, can no longer connect to orders: "
            "mysql:3306",
        ),
        (
            "one more client",
            "new caller: From outside spiffe://evil/x may now",
            "lost caller: From outside spiffe://evil/x can no",
        ),
        (
            "the route leads to another Service",
            "new caller: From outside spiffe://partner.example/gateway may now connect to orders: admin:3306",
            "new caller: From outside spiffe://partner.example/gateway may now connect to orders: mysql:3306",
        ),
        (
            "its policy is open",
            "removed fence: NetworkPolicy no longer refuses from outside",
            "new fence: NetworkPolicy now refuses from outside",
        ),
        (
            "rules ask for no host",
            "removed fence: The ingress gateway's authorization no longer refuses from outside: requests for "
            "another host",
            "new fence: The ingress gateway's authorization now refuses from outside: requests for another "
            "host",
        ),
        (
            "the load balancer takes everybody",
            "removed fence: The load balancer no longer refuses from outside",
            "new fence: The load balancer now refuses from outside",
        ),
    ],
)
def test_a_difference_says_who_gains_and_the_way_back_who_loses(what: str, gain: str, loss: str) -> None:
    """A layer that falls behind another that holds is said as well: nobody gets in yet, and one change more
    lets him."""
    changed = _changed(OPEN[what][0])
    for old, new, words in ((objects(), changed, gain), (changed, objects(), loss)):
        told = [f"{change.risk}: {change.text}" for change in difference(old, new).changes]
        assert any(words in text for text in told), told
    assert difference(objects(), changed).widens
