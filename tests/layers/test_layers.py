"""What each layer renders for the tutorial's two teams, said as the tutorial says it."""

from __future__ import annotations

from functools import cache
from typing import Any

from egress.common.objects import Manifest
from egress.layers.google import dns, firewall
from egress.layers.render import render
from egress.plan.model import Plan
from tests.support import config_with, dev_config, plan_of, teams


@cache
def dev() -> Plan:
    return plan_of(dev_config())


def found(kind: str, name: str, namespace: str | None = None, plan: Plan | None = None) -> Manifest:
    (item,) = [
        item
        for item in render(plan or dev())
        if item.kind == kind and item.name == name and namespace in (None, item.namespace)
    ]
    return item.manifest


def kinds(plan: Plan, kind: str) -> list[Manifest]:
    return [item.manifest for item in render(plan) if item.kind == kind]


def rules_of(team: str) -> list[dict[str, Any]]:
    return found("AuthorizationPolicy", f"egress-{team}")["spec"]["rules"]


class TestAuthorization:
    def test_nothing_is_allowed_unless_a_team_policy_says_so(self) -> None:
        assert "rules" not in found("AuthorizationPolicy", "allow-nothing")["spec"]

    def test_team_x_may_send_http_to_example_com_and_nowhere_else(self) -> None:
        hosts = [
            host
            for rule in rules_of("team-x")
            for to in rule.get("to", [])
            for host in to["operation"]["hosts"]
        ]
        assert hosts == ["example.com", "example.com:80"]

    def test_team_y_may_ask_httpbin_for_the_teapot_only(self) -> None:
        operations = [to["operation"] for rule in rules_of("team-y") for to in rule.get("to", [])]
        assert operations == [{"hosts": ["httpbin.org", "httpbin.org:80"], "paths": ["/status/418"]}]

    def test_passthrough_is_authorised_by_team_and_sni(self) -> None:
        (rule,) = [rule for rule in rules_of("team-x") if "to" not in rule]
        assert rule["from"] == [{"source": {"namespaces": ["team-x"]}}]
        assert rule["when"] == [
            {"key": "connection.sni", "values": ["example.com", "httpbin.org"]},
            {"key": "destination.port", "values": ["15043"]},
        ]

    def test_every_rule_names_a_team_and_a_port(self) -> None:
        for team in ("team-x", "team-y"):
            for rule in rules_of(team):
                assert rule["from"] == [{"source": {"namespaces": [team]}}]
                assert [when for when in rule["when"] if when["key"] == "destination.port"]


class TestGateway:
    def test_an_upgraded_host_that_is_not_passed_through_has_no_port_443_for_a_sidecar(self) -> None:
        plan = plan_of(teams(team_a={"example.com": {"http": {"upgrade": "tls"}}}))
        (port,) = found("ServiceEntry", "example-com-ext", plan=plan)["spec"]["ports"]
        assert (port["number"], port["targetPort"]) == (80, 443)

    def test_the_gateway_verifies_name_and_certificate_of_an_upgraded_host(self) -> None:
        rule = found("DestinationRule", "example-com-originate-tls")["spec"]
        (setting,) = rule["trafficPolicy"]["portLevelSettings"]
        assert setting["tls"]["mode"] == "SIMPLE"
        assert setting["tls"]["sni"] == "example.com"
        assert setting["tls"]["subjectAltNames"] == ["example.com"]
        assert rule["exportTo"] == ["."], "a sidecar that sees this rule would open TLS past the gateway"

    def test_every_route_out_of_a_sidecar_leads_to_the_gateway(self) -> None:
        for service in kinds(dev(), "VirtualService"):
            for route in [*service["spec"].get("http", []), *service["spec"].get("tls", [])]:
                if route["match"][0]["gateways"] == ["mesh"]:
                    assert [to["destination"]["host"] for to in route["route"]] == [
                        "istio-egressgateway.istio-egress.svc.cluster.local"
                    ]

    def test_every_port_of_an_outside_host_has_a_route_to_the_gateway(self) -> None:
        services = {
            service["spec"]["hosts"][0]: service["spec"] for service in kinds(dev(), "VirtualService")
        }
        for entry in kinds(dev(), "ServiceEntry"):
            host = entry["spec"]["hosts"][0]
            if host not in services:
                continue  # Google APIs go by Private Google Access.
            routes = [*services[host].get("http", []), *services[host].get("tls", [])]
            from_mesh = {
                route["match"][0]["port"] for route in routes if route["match"][0]["gateways"] == ["mesh"]
            }
            assert from_mesh == {port["number"] for port in entry["spec"]["ports"]}

    def test_passthrough_arrives_with_the_teams_identity_one_server_per_host(self) -> None:
        servers = [
            server
            for server in found("Gateway", "egress-gateway")["spec"]["servers"]
            if server["port"]["number"] == 443
        ]
        assert [server["hosts"] for server in servers] == [["example.com"], ["httpbin.org"]]
        assert {server["tls"]["mode"] for server in servers} == {"ISTIO_MUTUAL"}

    def test_nothing_internal_leaves_on_http(self) -> None:
        for service in kinds(dev(), "VirtualService"):
            for route in service["spec"].get("http", []):
                if route["match"][0]["gateways"] != ["mesh"]:
                    assert {
                        "x-forwarded-client-cert",
                        "x-forwarded-for",
                        "x-request-id",
                        "x-envoy-attempt-count",
                    } <= set(route["headers"]["request"]["remove"])

    def test_a_long_host_gets_no_label_that_kubernetes_would_refuse(self) -> None:
        host = f"{'a' * 60}.example.com"
        plan = plan_of(teams(team_a={host: {"https": "passthrough"}}))
        (entry,) = kinds(plan, "ServiceEntry")
        assert all(len(value) <= 63 for value in entry["metadata"]["labels"].values())


class TestSidecar:
    def test_a_team_sees_the_gateway_itself_and_whom_it_reaches(self) -> None:
        (egress,) = found("Sidecar", "default", "team-x")["spec"]["egress"]
        assert egress["hosts"] == ["istio-egress/*", "team-x/*", "team-y/*"]

    def test_what_is_not_registered_is_refused(self) -> None:
        for team in ("team-x", "team-y"):
            assert found("Sidecar", "default", team)["spec"]["outboundTrafficPolicy"] == {
                "mode": "REGISTRY_ONLY"
            }

    def test_a_team_has_subsets_for_its_own_hosts_only(self) -> None:
        plan = plan_of(
            teams(
                team_a={"a.example": {"https": "passthrough"}},
                team_b={f"b{i}.example": {"https": "passthrough"} for i in range(50)},
            )
        )
        rule = found("DestinationRule", "target-egress-gateway", "team-a", plan)["spec"]
        assert [subset["name"] for subset in rule["subsets"]] == [
            "target-egress-gateway-mtls",
            "tls-a-example",
        ]
        assert rule["exportTo"] == ["."]


class TestNetworkPolicy:
    def test_the_gateway_is_reached_on_its_two_ports_only(self) -> None:
        egress = found("NetworkPolicy", "team-boundary", "team-y")["spec"]["egress"]
        (rule,) = [rule for rule in egress if "istio-egress" in str(rule)]
        assert [port["port"] for port in rule["ports"]] == [15040, 15043]

    def test_no_policy_of_a_team_opens_the_internet(self) -> None:
        blocks = [
            peer["ipBlock"]["cidr"]
            for team in ("team-x", "team-y")
            for rule in found("NetworkPolicy", "team-boundary", team)["spec"]["egress"]
            for peer in rule["to"]
            if "ipBlock" in peer
        ]
        assert blocks == ["199.36.153.8/30", "169.254.169.254/32"]

    def test_metadata_and_google_apis_are_closed_for_a_team_that_does_not_use_them(self) -> None:
        assert "ipBlock" not in str(found("NetworkPolicy", "team-boundary", "team-y"))

    def test_team_y_lets_team_x_in_because_team_x_says_it_reaches_team_y(self) -> None:
        own, others = found("NetworkPolicy", "team-boundary", "team-y")["spec"]["ingress"]
        assert own == {"from": [{"podSelector": {}}]}
        assert others["from"] == [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "team-x"}}}
        ]

    def test_another_team_reaches_applications_and_never_the_ports_of_their_proxies(self) -> None:
        (rule,) = [
            rule
            for rule in found("NetworkPolicy", "team-boundary", "team-y")["spec"]["ingress"]
            if "ports" in rule
        ]
        tcp = [
            range(port["port"], port["endPort"] + 1) for port in rule["ports"] if port["protocol"] == "TCP"
        ]
        assert not [
            port for port in (15000, 15006, 15020, 15021, 15090) if any(port in ports for ports in tcp)
        ]
        assert all(any(port in ports for ports in tcp) for port in (80, 8080, 14999, 15091, 65535))


class TestGoogleCloud:
    def test_the_firewall_has_the_tutorials_seven_rules_and_one_for_ipv6(self) -> None:
        assert [rule.name for rule in firewall.render(dev())] == [
            "global-deny-egress-all",
            "global-deny-egress-all-ipv6",
            "gateway-allow-egress-web",
            "allow-egress-to-api-server",
            "allow-ingress-api-server-to-webhook",
            "allow-egress-nodes-and-pods",
            "allow-egress-gcp-apis",
            "allow-ingress-gcp-health-checker",
        ]

    def test_only_gateway_nodes_may_reach_the_internet(self) -> None:
        to_anywhere = [
            rule
            for rule in firewall.render(dev())
            if rule.egress and rule.allow and "0.0.0.0/0" in rule.ranges
        ]
        assert [(rule.targets, rule.ports) for rule in to_anywhere] == [
            ((firewall.Nodes.GATEWAY,), (80, 443))
        ]

    def test_the_deny_rule_is_the_weakest_and_the_one_that_is_logged(self) -> None:
        rules = list(firewall.render(dev()))
        assert [rule.name for rule in rules if rule.log] == [
            "global-deny-egress-all",
            "global-deny-egress-all-ipv6",
        ]
        assert max(rules, key=lambda rule: rule.priority).name == "global-deny-egress-all"

    def test_without_a_host_on_port_80_the_firewall_keeps_it_shut(self) -> None:
        plan = plan_of(teams(team_a={"example.com": {"https": "passthrough"}}))
        (rule,) = [rule for rule in firewall.render(plan) if rule.name == "gateway-allow-egress-web"]
        assert rule.ports == (443,)

    def test_a_managed_mesh_needs_no_webhook_port_and_no_way_to_istiod(self) -> None:
        plan = plan_of(config_with("mesh", {"flavor": "cloud-service-mesh"}))
        assert "allow-ingress-api-server-to-webhook" not in [rule.name for rule in firewall.render(plan)]
        assert "istiod" not in str(kinds(plan, "NetworkPolicy"))

    def test_googles_names_are_aliases_of_the_private_vip(self) -> None:
        zones = {zone.dns_name: zone for zone in dns.render(dev()) if zone.records}
        assert set(zones) == {"googleapis.com.", "gcr.io.", "pkg.dev.", "gke.goog.", "."}
        alias, answer = zones["googleapis.com."].records
        assert (alias.name, alias.type, alias.data) == (
            "*.googleapis.com.",
            "CNAME",
            ("private.googleapis.com.",),
        )
        assert (answer.name, answer.data[0]) == ("private.googleapis.com.", "199.36.153.8")

    def test_the_restricted_vip_is_one_word_for_dns_firewall_and_network_policy(self) -> None:
        config = dev_config()
        config["gke-mesh-egress:network"]["googleApis"] = "restricted"
        plan = plan_of(config)
        assert "199.36.153.4/30" in str(list(firewall.render(plan)))
        assert "199.36.153.4/30" in str(found("NetworkPolicy", "team-boundary", "team-x", plan))
        # The gateway's policy names both sets, as what it does not open.
        others = [item for item in render(plan) if item.name != "gateway-boundary"]
        assert "199.36.153.8" not in str([*firewall.render(plan), *dns.render(plan), *others])


class TestGatewayWorkload:
    def test_it_runs_on_gateway_nodes_only(self) -> None:
        pod = found("Deployment", "istio-egressgateway")["spec"]["template"]["spec"]
        assert pod["nodeSelector"] == {"cloud.google.com/gke-nodepool": "gateway"}
        assert pod["tolerations"] == [
            {"key": "dedicated", "operator": "Equal", "value": "gateway", "effect": "NoSchedule"}
        ]

    def test_the_test_app_does_not_tolerate_gateway_nodes(self) -> None:
        assert "tolerations" not in found("Deployment", "test", "team-x")["spec"]["template"]["spec"]

    def test_there_are_always_two_replicas_and_the_autoscaler_alone_sets_their_number(self) -> None:
        assert found("HorizontalPodAutoscaler", "istio-egressgateway")["spec"]["minReplicas"] == 2
        assert "replicas" not in found("Deployment", "istio-egressgateway")["spec"]


class TestGoogleApis:
    def test_an_api_is_seen_by_the_teams_that_name_it_only(self) -> None:
        config = dev_config()
        config["gke-mesh-egress:teams"]["team-y"]["googleApis"] = {
            "apis": ["pubsub"],
            "serviceAccounts": {"publisher": {}},
        }
        plan = plan_of(config)
        exported = {
            entry["spec"]["hosts"][0]: entry["spec"]["exportTo"]
            for entry in kinds(plan, "ServiceEntry")
            if "google" in entry["spec"]["hosts"][0]
        }
        assert exported == {
            "metadata.google.internal": ["istio-egress", "team-x", "team-y"],
            "pubsub.googleapis.com": ["istio-egress", "team-y"],
            "storage.googleapis.com": ["istio-egress", "team-x"],
        }

    def test_no_api_has_a_plain_port(self) -> None:
        (entry,) = [
            entry
            for entry in kinds(dev(), "ServiceEntry")
            if entry["spec"]["hosts"] == ["storage.googleapis.com"]
        ]
        assert [port["number"] for port in entry["spec"]["ports"]] == [443]
