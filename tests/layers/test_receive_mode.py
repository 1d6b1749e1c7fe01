"""Receiving: a partner's MySQL client reaches a team's database, as the seeds' two-cluster example has it -
mutual TLS 13306."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress.common import names
from egress.common.errors import ConfigError
from egress.common.objects import Manifest, Part
from egress.layers.google import firewall
from egress.layers.render import render
from egress.plan.model import Plan
from egress.plan.outputs import planned
from tests.support import config_with, dev_config, plan_of

NODES = "egress-gateway-nodes"
CLIENT = "spiffe://shop.example/ns/istio-egress/sa/istio-egressgateway"
MYSQL: dict[str, Any] = {
    "host": "mysql.fqdn.example",
    "port": 13306,
    "to": {"service": "mysql", "port": 3306},
    "credential": "mysql-credential",
    "clients": {"shop": CLIENT},
}
API: dict[str, Any] = {
    "host": "api.fqdn.example",
    "port": 443,
    "protocol": "https",
    "to": {"service": "api", "port": 80, "podPort": 8080},
    "credential": "api-credential",
    "clients": {"shop": "client.shop.example", "audit": CLIENT},
}
INGRESS: dict[str, Any] = {"exposure": "external", "sourceRanges": {"shop": "203.0.113.7/32"}}


def config(
    receives: dict[str, Any], ingress: dict[str, Any] | None = INGRESS, **others: dict[str, Any]
) -> dict[str, Any]:
    teams = {
        "orders": {"receives": receives},
        **{team: {"receives": received} for team, received in others.items()},
    }
    made = config_with("teams", teams)
    return made | ({"gke-mesh-egress:ingress": ingress} if ingress is not None else {})


def partner(**changes: Any) -> Plan:
    return plan_of(config({"mysql": MYSQL | changes}))


def found(plan: Plan, kind: str, namespace: str, name: str | None = None) -> Manifest:
    (item,) = [
        item.manifest
        for item in render(plan)
        if item.kind == kind and item.namespace == namespace and name in (None, item.name)
    ]
    return item


def refused(made: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as error:
        plan_of(made)
    return str(error.value)


class TestGateway:
    def test_it_takes_named_clients_of_the_credentials_authority_and_no_others(self) -> None:
        gateway = found(partner(), "Gateway", "istio-ingress")["spec"]
        assert gateway["selector"] == {"istio": "ingressgateway"}
        (server,) = gateway["servers"]
        assert (server["port"]["number"], server["port"]["protocol"], server["hosts"]) == (
            13306,
            "TLS",
            ["mysql.fqdn.example"],
        )
        assert (server["tls"]["mode"], server["tls"]["credentialName"]) == ("MUTUAL", "mysql-credential")
        assert server["tls"]["subjectAltNames"] == [CLIENT]

    def test_it_leads_to_the_teams_service_and_nowhere_else(self) -> None:
        (route,) = found(partner(), "VirtualService", "istio-ingress")["spec"]["tcp"]
        assert route["route"] == [
            {"destination": {"host": "mysql.orders.svc.cluster.local", "port": {"number": 3306}}}
        ]

    def test_the_database_is_connected_to_after_the_handshake(self) -> None:
        patches = found(partner(), "EnvoyFilter", "istio-ingress", "connect-late")["spec"]["configPatches"]
        assert [patch["match"]["listener"]["portNumber"] for patch in patches] == [13306]
        assert (
            patches[0]["patch"]["value"]["typed_config"]["upstream_connect_mode"]
            == "ON_DOWNSTREAM_TLS_HANDSHAKE"
        )

    def test_authorization_allows_the_name_at_its_port_alone(self) -> None:
        assert (
            "rules" not in found(partner(), "AuthorizationPolicy", "istio-ingress", "allow-nothing")["spec"]
        )
        (rule,) = found(partner(), "AuthorizationPolicy", "istio-ingress", "ingress-orders")["spec"]["rules"]
        assert rule["when"] == [
            {"key": "connection.sni", "values": ["mysql.fqdn.example"]},
            {"key": "destination.port", "values": ["13306"]},
        ]

    def test_http_has_routes_whose_answers_do_not_speak_of_the_mesh(self) -> None:
        plan = plan_of(config({"api": API}))
        (server,) = found(plan, "Gateway", "istio-ingress")["spec"]["servers"]
        assert (server["port"]["protocol"], server["tls"]["subjectAltNames"]) == (
            "HTTPS",
            ["client.shop.example", CLIENT],
        )
        (route,) = found(plan, "VirtualService", "istio-ingress")["spec"]["http"]
        assert "x-envoy-upstream-service-time" in route["headers"]["response"]["remove"]
        # HTTP connects when a request is there; there is nothing to hold back.
        assert [item for item in render(plan) if item.name == "connect-late"] == []


class TestExposure:
    def test_internal_unless_said_otherwise(self) -> None:
        plan = plan_of(config({"mysql": MYSQL}, {"sourceRanges": {"shop": "10.200.0.0/24"}}))
        service = found(plan, "Service", "istio-ingress")
        assert service["metadata"]["annotations"] == {
            "networking.gke.io/load-balancer-type": "Internal",
            "networking.gke.io/load-balancer-ip-addresses": "cluster1-ingress",
        }
        assert service["spec"]["loadBalancerSourceRanges"] == ["10.200.0.0/24"]

    def test_external_takes_a_word(self) -> None:
        service = found(partner(), "Service", "istio-ingress")
        assert service["metadata"]["annotations"]["cloud.google.com/l4-rbs"] == "enabled"
        assert "networking.gke.io/load-balancer-type" not in service["metadata"]["annotations"]

    def test_the_pods_bind_no_low_port(self) -> None:
        service = found(plan_of(config({"api": API, "mysql": MYSQL})), "Service", "istio-ingress")["spec"]
        assert [(port["port"], port["targetPort"]) for port in service["ports"]] == [
            (443, 8443),
            (13306, 13306),
        ]

    def test_the_gateway_has_nodes_and_an_identity_of_its_own(self) -> None:
        pod = found(partner(), "Deployment", "istio-ingress")["spec"]["template"]["spec"]
        assert pod["nodeSelector"] == {"cloud.google.com/gke-nodepool": "ingress"}
        assert [toleration["value"] for toleration in pod["tolerations"]] == ["ingress"]
        assert pod["serviceAccountName"] == "istio-ingressgateway"

    def test_the_firewall_opens_its_nodes_to_the_named_ranges_and_to_health_checks(self) -> None:
        rules = {
            rule.name: rule
            for rule in firewall.render(partner())
            if rule.targets == (firewall.Nodes.INGRESS,)
        }
        partners, checks = rules.pop("ingress-allow-partners"), rules.pop("ingress-allow-health-checks")
        assert (partners.egress, partners.ranges, partners.ports) == (False, ("203.0.113.7/32",), (13306,))
        assert checks.ports == (found(partner(), "Service", "istio-ingress")["spec"]["healthCheckNodePort"],)
        assert rules == {}

    def test_its_nodes_reach_the_control_plane_and_pods_but_never_the_internet(self) -> None:
        reached = [
            rule
            for rule in firewall.render(partner())
            if rule.egress and firewall.Nodes.INGRESS in rule.targets
        ]
        assert {rule.name for rule in reached} == {
            "allow-egress-to-api-server",
            "allow-egress-nodes-and-pods",
            "allow-egress-gcp-apis",
        }


class TestFences:
    def test_the_team_is_opened_to_the_ingress_gateway_on_that_port_alone(self) -> None:
        rules = found(plan_of(config({"api": API, "mysql": MYSQL})), "NetworkPolicy", "orders")["spec"][
            "ingress"
        ]
        _, from_gateway = rules
        (peer,) = from_gateway["from"]
        assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "istio-ingress"}
        assert peer["podSelector"]["matchLabels"] == {"istio": "ingressgateway"}
        assert [port["port"] for port in from_gateway["ports"]] == [3306, 8080]

    def test_the_gateway_connects_to_what_it_serves_alone(self) -> None:
        plan = plan_of(config({"mysql": MYSQL}, idle={}))
        policy = found(plan, "NetworkPolicy", "istio-ingress", "ingress-boundary")["spec"]
        *_, to_team = policy["egress"]
        assert to_team["ports"] == [{"protocol": "TCP", "port": 3306}]
        assert "idle" not in str(policy)

    def test_nothing_of_it_is_there_while_no_team_receives(self) -> None:
        without = plan_of(config({}))
        assert [item.identity for item in render(without) if item.namespace == "istio-ingress"] == []
        assert [item for item in render(without) if item.owner.part is Part.INGRESS] == []
        assert firewall.nodes(without) == (firewall.Nodes.APPLICATION, firewall.Nodes.GATEWAY)
        assert "ingress" not in planned(without)
        bare = config({})
        del bare["gke-mesh-egress:ingress"]
        assert render(plan_of(bare)) == render(without)

    def test_a_second_team_that_receives_leaves_the_first_ones_objects_alone(self) -> None:
        def of_orders(plan: Plan) -> list[Manifest]:
            return [item.manifest for item in render(plan) if item.owner.name == "orders"]

        alone, together = partner(), plan_of(config({"mysql": MYSQL}, shop={"api": API}))
        assert of_orders(alone) == of_orders(together)


class TestContract:
    def test_partners_read_there_what_their_client_needs(self) -> None:
        ingress = planned(partner(description="orders of the shop"))["ingress"]
        assert ingress["exposure"] == "external"
        assert ingress["sourceRanges"] == {"shop": "203.0.113.7/32"}
        assert ingress["receives"] == {
            "orders": {
                "mysql": {
                    "host": "mysql.fqdn.example",
                    "port": 13306,
                    "protocol": "tcp",
                    "clients": {"shop": CLIENT},
                    "description": "orders of the shop",
                }
            }
        }


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("no client", {"clients": {}}, "orders.receives.mysql.clients", "Whoever has any certificate"),
    (
        "a pattern",
        {"clients": {"a": "*.shop.example"}},
        "orders.receives.mysql.clients.a",
        "compared exactly",
    ),
    (
        "a SPIFFE id without a path",
        {"clients": {"a": "spiffe://shop"}},
        "orders.receives.mysql.clients.a",
        "SPIFFE id",
    ),
    (
        "an address as client",
        {"clients": {"a": "203.0.113.7"}},
        "orders.receives.mysql.clients.a",
        "neither a SPIFFE id",
    ),
    ("a low port", {"port": 80}, "orders.receives.mysql.port", "low ports"),
    ("a port of the proxy", {"port": 15021}, "orders.receives.mysql.port", "own pods use this port"),
    ("the pod port of 443", {"port": 8443}, "orders.receives.mysql.port", "own pods use this port"),
    (
        "a Service elsewhere",
        {"to": {"service": "mysql.other", "port": 1}},
        "orders.receives.mysql.to.service",
        "for a Service",
    ),
    (
        "a pod port of the proxy",
        {"to": {"service": "a", "port": 15006}},
        "orders.receives.mysql.to.port",
        "proxies use",
    ),
    (
        "a host in the cluster",
        {"host": "mysql.orders.svc.cluster.local"},
        "orders.receives.mysql.host",
        "cluster",
    ),
    ("an unknown protocol", {"protocol": "udp"}, "orders.receives.mysql.protocol", "one of the choices"),
    ("a Secret with a path", {"credential": "a/b"}, "orders.receives.mysql.credential", "for a Secret"),
]


@pytest.mark.parametrize(
    ("changes", "path", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refused(changes: dict[str, Any], path: str, words: str) -> None:
    said = refused(config({"mysql": MYSQL | changes}))
    assert path in said
    assert words in said


def test_refused_without_an_ingress_gateway() -> None:
    said = refused(config({"mysql": MYSQL}, None))
    assert "teams.orders.receives" in said
    assert "sourceRanges" in said


@pytest.mark.parametrize(
    ("ranges", "words"), [({}, "Nobody could connect"), ({"all": "0.0.0.0/0"}, "Anybody could knock")]
)
def test_refused_source_ranges(ranges: dict[str, str], words: str) -> None:
    assert words in refused(config({"mysql": MYSQL}, {"sourceRanges": ranges}))


@pytest.mark.parametrize("name", ["Orders", "a_b", "-a", "a" * 41, ""])
def test_refused_names(name: str) -> None:
    assert "Objects are named after it" in refused(config({name: MYSQL}))


def test_one_name_and_port_for_two_things_names_both() -> None:
    said = refused(config({"mysql": MYSQL}, shop={"db": MYSQL}))
    assert "teams.shop.receives.db.host" in said
    assert "teams.orders.receives.mysql has the same host and port 13306" in said


def test_two_protocols_at_one_port_names_both() -> None:
    said = refused(config({"mysql": MYSQL | {"port": 443}}, shop={"api": API}))
    assert "teams.shop.receives.api.protocol" in said
    assert "teams.orders.receives.mysql receives tcp at port 443" in said


def test_one_port_serves_several_names() -> None:
    plan = plan_of(config({"mysql": MYSQL}, shop={"db": MYSQL | {"host": "db.fqdn.example"}}))
    service = found(plan, "Service", "istio-ingress")["spec"]
    assert [port["port"] for port in service["ports"]] == [13306]
    assert (
        len([item for item in render(plan) if item.kind == "Gateway" and item.namespace == "istio-ingress"])
        == 2
    )


def test_the_managed_flavor_is_refused_in_words() -> None:
    said = refused(config({"mysql": MYSQL}) | {"gke-mesh-egress:mesh": {"flavor": "cloud-service-mesh"}})
    assert "teams.orders.receives.mysql.credential" in said
    assert "cloud-service-mesh" in said


def test_more_nodes_than_the_ranges_hold_counts_the_ingress_pool() -> None:
    made = config({"mysql": MYSQL})
    made["gke-mesh-egress:cluster"] = dev_config()["gke-mesh-egress:cluster"] | {
        "ingressPool": {"maxNodes": 900}
    }
    assert "The pools may grow to" in refused(made)
    made = config({}) | {"gke-mesh-egress:cluster": made["gke-mesh-egress:cluster"]}
    assert plan_of(made)


label = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)


@given(team=label, name=label, other_team=label, other_name=label)
def test_two_things_received_never_share_a_name(
    team: str, name: str, other_team: str, other_name: str
) -> None:
    one, other = names.reception(team, name), names.reception(other_team, other_name)
    assert (one == other) == ((team, name) == (other_team, other_name))
    assert len(one) <= names.DNS_LABEL
    assert re.match(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", one)


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a-b", "c"), ("a", "b-c")), (("a", "b--c"), ("a--b", "c")), (("a", "b"), ("a-b", "b"))],
)
def test_hyphens_do_not_make_two_names_one(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert names.reception(*one) != names.reception(*other)


def test_pods_of_teams_are_kept_off_the_ingress_nodes_as_well() -> None:
    def expression(plan: Plan) -> str:
        (policy,) = [
            item.manifest for item in render(plan) if item.identity == f"validatingadmissionpolicy/{NODES}"
        ]
        return policy["spec"]["validations"][0]["expression"]

    without, with_ingress = expression(plan_of(config({}))), expression(partner())
    assert "'ingress'" not in without
    for asked in (
        "t.?value.orValue('') != 'ingress'",
        "orValue('') != 'ingress'",
        "!('ingress' in e.values)",
        "'ingress' in e.values)))",
    ):
        assert asked in with_ingress
    assert "t.?value.orValue('') != 'gateway'" in with_ingress
