"""Plain HTTP from an app: rules, upgrades and treatment, as rendered objects."""

from __future__ import annotations

import pytest

from egress.layers.render import render
from egress.proof.verify import prove
from egress.proof.violation import NotProven
from tests.layers.plain_http import host, of_kind, outside, rules, treatment
from tests.support import config_with, plan_of, teams


class TestRules:
    def test_several_rules_become_one_policy_rule_each_in_order_of_name(self) -> None:
        allow = {
            "read": {"methods": ["GET"], "paths": ["/v1/*"]},
            "order": {"methods": ["POST"], "paths": ["/v1/orders/{*}"]},
        }
        operations = [rule["to"][0]["operation"] for rule in rules(host({"allow": allow}))]
        assert [(operation["methods"], operation["paths"]) for operation in operations] == [
            (["POST"], ["/v1/orders/{*}"]),
            (["GET"], ["/v1/*"]),
        ]

    def test_a_rule_may_ask_for_headers(self) -> None:
        (rule,) = rules(host({"headers": {"x-tenant": ["shop", "books-*"]}}))
        assert {"key": "request.headers[x-tenant]", "values": ["shop", "books-*"]} in rule["when"]

    def test_a_rule_may_name_service_accounts_of_the_team(self) -> None:
        (rule,) = rules(host({"serviceAccounts": ["worker"]}))
        assert rule["from"] == [{"source": {"principals": ["cluster.local/ns/team-a/sa/worker"]}}]

    def test_with_the_managed_mesh_identities_belong_to_the_workload_pool(self) -> None:
        config = teams(team_a={"api.example.com": {"http": {"serviceAccounts": ["worker"]}}})
        config["gke-mesh-egress:mesh"] = {"flavor": "cloud-service-mesh"}
        (rule,) = rules(plan_of(config))
        assert rule["from"][0]["source"]["principals"] == ["sandbox-project.svc.id.goog/ns/team-a/sa/worker"]

    def test_passthrough_may_be_for_named_service_accounts(self) -> None:
        plan = plan_of(
            teams(team_a={"api.example.com": {"https": "passthrough", "serviceAccounts": ["worker"]}})
        )
        (rule,) = rules(plan)
        assert rule["from"] == [{"source": {"principals": ["cluster.local/ns/team-a/sa/worker"]}}]

    def test_descriptions_reach_the_contract(self) -> None:
        from egress.plan.outputs import planned

        contract = planned(host({"allow": {"read": {"methods": ["GET"], "description": "price list"}}}))
        (way,) = contract["teams"]["team-a"]["egress"]
        assert (way["rule"], way["description"]) == ("read", "price list")


class TestUpgrades:
    def test_tls_verifies_by_the_public_authorities_or_a_given_one(self) -> None:
        assert treatment(host({"upgrade": "tls"}))["tls"] == {
            "mode": "SIMPLE",
            "sni": "api.example.com",
            "caCertificates": "system",
            "subjectAltNames": ["api.example.com"],
        }
        assert (
            treatment(host({"upgrade": "tls", "ca": "partner-ca"}))["tls"]["credentialName"] == "partner-ca"
        )

    def test_a_host_may_be_asked_for_and_certified_by_other_names(self) -> None:
        names = ["spiffe://partner.example/api", "edge.example.net"]
        tls = treatment(host({"upgrade": "tls", "sni": "Edge.example.net", "subjectAltNames": names}))["tls"]
        assert (tls["sni"], tls["subjectAltNames"]) == ("edge.example.net", sorted(names))

    def test_mutual_tls_shows_the_gateways_credential(self) -> None:
        tls = treatment(host({"upgrade": "mtls", "credential": "partner"}))["tls"]
        assert (tls["mode"], tls["credentialName"], tls["subjectAltNames"]) == (
            "MUTUAL",
            "partner",
            ["api.example.com"],
        )

    @pytest.mark.parametrize(("protocol", "istio"), [("http", "HTTP"), ("http2", "HTTP2"), ("grpc", "GRPC")])
    def test_the_protocol_is_the_service_ports(self, protocol: str, istio: str) -> None:
        (entry,) = of_kind(host({"upgrade": "tls", "protocol": protocol}), "ServiceEntry")
        assert entry["spec"]["ports"] == [
            {"number": 80, "name": protocol, "protocol": istio, "targetPort": 443}
        ]


class TestTreatment:
    def test_by_default_only_what_never_arrived_is_repeated(self) -> None:
        (route,) = outside(host({}))
        assert route["retries"] == {"attempts": 2, "retryOn": "connect-failure,refused-stream"}
        assert "timeout" not in route

    def test_the_sidecar_never_repeats_because_the_gateway_does(self) -> None:
        (service,) = of_kind(host({}), "VirtualService")
        assert service["spec"]["http"][0]["retries"] == {"attempts": 0}

    def test_answers_are_repeated_for_safe_methods_only(self) -> None:
        safe, rest = outside(
            host({"traffic": {"retries": {"attempts": 3, "retryOn": ["gateway-error", "reset"]}}})
        )
        assert safe["match"][0]["method"] == {"regex": "GET|HEAD|OPTIONS"}
        assert safe["retries"] == {"attempts": 3, "retryOn": "gateway-error,reset"}
        assert rest["retries"] == {"attempts": 3, "retryOn": "connect-failure,refused-stream"}

    def test_unsafe_methods_are_repeated_when_the_config_says_so(self) -> None:
        (route,) = outside(
            host({"traffic": {"retries": {"attempts": 1, "retryOn": ["5xx"], "unsafeMethods": True}}})
        )
        assert route["retries"] == {"attempts": 1, "retryOn": "5xx"}

    def test_retries_can_be_turned_off(self) -> None:
        (route,) = outside(host({"traffic": {"retries": {"attempts": 0, "retryOn": ["5xx"]}}}))
        assert route["retries"] == {"attempts": 0}

    def test_every_route_out_removes_internal_headers(self) -> None:
        for route in outside(
            host({"traffic": {"timeout": "5s", "retries": {"attempts": 3, "retryOn": ["5xx"]}}})
        ):
            assert "x-forwarded-client-cert" in route["headers"]["request"]["remove"]
            assert route["timeout"] == "5s"

    def test_limits_and_outliers_are_the_gateways_alone(self) -> None:
        traffic = {
            "limits": {
                "connections": 50,
                "requests": 100,
                "pendingRequests": 10,
                "requestsPerConnection": 1000,
            },
            "outlier": {"consecutive5xx": 3},
            "keepalive": "60s",
        }
        setting = treatment(host({"traffic": traffic}))
        assert "tls" not in setting
        assert setting["connectionPool"] == {
            "tcp": {
                "connectTimeout": "5s",
                "maxConnections": 50,
                "tcpKeepalive": {"time": "60s", "interval": "60s"},
            },
            "http": {
                "http1MaxPendingRequests": 10,
                "http2MaxRequests": 100,
                "maxRequestsPerConnection": 1000,
            },
        }
        assert setting["outlierDetection"]["consecutive5xxErrors"] == 3

    def test_a_plain_host_without_wishes_has_no_destination_rule(self) -> None:
        assert [
            rule for rule in of_kind(host({}), "DestinationRule") if rule["spec"]["host"] == "api.example.com"
        ] == []


def test_a_team_that_says_nothing_about_traffic_takes_what_the_other_says() -> None:
    one, other = {"http": {"traffic": {"timeout": "1s"}}}, {"http": {"methods": ["GET"]}}
    plan = plan_of(teams(team_a={"api.example.com": other}, team_b={"api.example.com": one}))
    assert outside(plan)[0]["timeout"] == "1s"
    assert len(rules(plan)) == 2


def test_the_oldest_tls_version_towards_hosts_is_one_word() -> None:
    from egress.layers.mesh.mesh_config import istiod_values

    for version, istio in (("1.2", "TLSV1_2"), ("1.3", "TLSV1_3")):
        values = istiod_values(plan_of(config_with("mesh", {"minTlsVersion": version})))
        assert values["meshConfig"]["tlsDefaults"] == {"minProtocolVersion": istio}


def test_a_least_version_that_proxies_do_not_keep_to_is_not_proven() -> None:
    """Istio 1.30 tells gateways to open TLS 1.2 and later, whatever the mesh is told."""
    plan = plan_of(config_with("mesh", {"minTlsVersion": "1.3"}))
    with pytest.raises(NotProven, match="TLS to hosts has to be TLSV1_3 at least"):
        prove(plan, render(plan))
