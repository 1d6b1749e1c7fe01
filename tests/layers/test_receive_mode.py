"""Receiving: a partner's MySQL client reaches a team's database through the ingress gateway, in mutual TLS on
port 13306, as in the two-cluster example of docs/seeds-map.md.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress.common import names
from egress.common.objects import Manifest, Part
from egress.layers.google import firewall
from egress.layers.render import render
from egress.plan.model import Plan
from egress.plan.outputs import planned
from tests.layers.receiving import API, CLIENT, MYSQL, config, partner
from tests.support import plan_of

NODES = "egress-gateway-nodes"


def found(plan: Plan, kind: str, namespace: str, name: str | None = None) -> Manifest:
    (item,) = [
        item.manifest
        for item in render(plan)
        if item.kind == kind and item.namespace == namespace and name in (None, item.name)
    ]
    return item


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


def test_one_port_serves_several_names() -> None:
    plan = plan_of(config({"mysql": MYSQL}, shop={"db": MYSQL | {"host": "db.fqdn.example"}}))
    service = found(plan, "Service", "istio-ingress")["spec"]
    assert [port["port"] for port in service["ports"]] == [13306]
    assert (
        len([item for item in render(plan) if item.kind == "Gateway" and item.namespace == "istio-ingress"])
        == 2
    )


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
