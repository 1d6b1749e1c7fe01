"""Plain HTTP from an app: rules, upgrades and treatment, as rendered objects and as refusals."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.errors import ConfigError
from egress.common.objects import Manifest
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.verify import NotProven, prove
from tests.support import config_with, plan_of, teams


def host(http: dict[str, Any], **more: Any) -> Plan:
    return plan_of(teams(team_a={"api.example.com": {"http": http, **more}}))


def of_kind(plan: Plan, kind: str) -> list[Manifest]:
    return [item.manifest for item in render(plan) if item.kind == kind]


def rules(plan: Plan) -> list[dict[str, Any]]:
    return [
        rule for policy in of_kind(plan, "AuthorizationPolicy") for rule in policy["spec"].get("rules", [])
    ]


def outside(plan: Plan) -> list[dict[str, Any]]:
    """The gateway's routes to the outside."""
    (service,) = of_kind(plan, "VirtualService")
    return [route for route in service["spec"]["http"] if route["match"][0]["gateways"] != ["mesh"]]


def treatment(plan: Plan) -> dict[str, Any]:
    (rule,) = [rule for rule in of_kind(plan, "DestinationRule") if rule["spec"]["host"] == "api.example.com"]
    (setting,) = rule["spec"]["trafficPolicy"]["portLevelSettings"]
    return setting


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
            "tcp": {"connectTimeout": "5s", "maxConnections": 50, "tcpKeepalive": {"time": "60s"}},
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


REFUSED = [
    ("mutual TLS without a credential", {"upgrade": "mtls"}, "no certificate to show", "credential"),
    ("a credential without mutual TLS", {"upgrade": "tls", "credential": "x"}, "ignored", "upgrade: mtls"),
    ("an authority for plain HTTP", {"ca": "x"}, "verifies nothing", "upgrade: tls"),
    (
        "an authority beside a credential",
        {"upgrade": "mtls", "credential": "x", "ca": "y"},
        "ca.crt",
        "Put it there",
    ),
    ("gRPC without TLS", {"protocol": "grpc"}, "next to no outside host", "upgrade: tls"),
    (
        "rules in two places",
        {"methods": ["GET"], "allow": {"a": {"paths": ["/"]}}},
        "one of the two",
        "rule of their own",
    ),
    ("no rules at all", {"allow": {}}, "nothing would be allowed", "leave allow out"),
    ("a header in upper case", {"headers": {"X-Tenant": ["a"]}}, "lower case", "x-tenant"),
    ("a header that proxies rewrite", {"headers": {"host": ["a"]}}, "proxies rewrite it", "another header"),
    ("a header without values", {"headers": {"x-tenant": []}}, "empty list", "leave the field out"),
    ("two open ends in a template", {"paths": ["/a/{**}/b/{**}"]}, "one `{**}`", "/users/{*}/orders"),
    ("a brace that is no template", {"paths": ["/a/{id}"]}, "template", "/users/{*}/orders"),
    (
        "a service account with a namespace",
        {"serviceAccounts": ["team-b/worker"]},
        "refuses this name",
        "without the namespace",
    ),
    ("a time that is none", {"traffic": {"timeout": "5"}}, "not a length of time", "5s"),
    ("a time of nothing", {"traffic": {"timeout": "0s"}}, "not a length of time", "5s"),
    (
        "a retry condition that is none",
        {"traffic": {"retries": {"attempts": 1, "retryOn": ["sometimes"]}}},
        "choices",
        "gateway-error",
    ),
    ("too many retries", {"traffic": {"retries": {"attempts": 11}}}, "at most 10", "at most 10"),
]


@pytest.mark.parametrize(
    ("http", "consequence", "fix"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_is_refused(http: dict[str, Any], consequence: str, fix: str) -> None:
    with pytest.raises(ConfigError) as refused:
        host(http)
    (problem,) = refused.value.problems
    assert problem.path.startswith('gke-mesh-egress:teams.team-a.egress["api.example.com"].http')
    assert consequence in problem.consequence
    assert fix.lower() in problem.fix.lower()


def test_service_accounts_beside_http_alone_are_refused() -> None:
    with pytest.raises(ConfigError, match="http rules name their own"):
        host({}, serviceAccounts=["worker"])


DISAGREEMENTS = [
    ("upgrade", {"upgrade": "tls"}, {}),
    ("protocol", {"upgrade": "tls", "protocol": "grpc"}, {"upgrade": "tls"}),
    ("credential", {"upgrade": "mtls", "credential": "a"}, {"upgrade": "mtls", "credential": "b"}),
    ("ca", {"upgrade": "tls", "ca": "a"}, {"upgrade": "tls"}),
    ("traffic", {"traffic": {"timeout": "1s"}}, {"traffic": {"timeout": "2s"}}),
]


@pytest.mark.parametrize(("field", "one", "other"), DISAGREEMENTS, ids=[row[0] for row in DISAGREEMENTS])
def test_two_teams_that_disagree_are_both_named(
    field: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError) as refused:
        plan_of(teams(team_a={"api.example.com": {"http": one}}, team_b={"api.example.com": {"http": other}}))
    (problem,) = refused.value.problems
    assert problem.path == f'gke-mesh-egress:teams.team-b.egress["api.example.com"].http.{field}'
    assert f'teams.team-a.egress["api.example.com"].http.{field}' in problem.consequence


def test_a_team_that_says_nothing_about_traffic_takes_what_the_other_says() -> None:
    one, other = {"http": {"traffic": {"timeout": "1s"}}}, {"http": {"methods": ["GET"]}}
    plan = plan_of(teams(team_a={"api.example.com": other}, team_b={"api.example.com": one}))
    assert outside(plan)[0]["timeout"] == "1s"
    assert len(rules(plan)) == 2


def test_with_the_managed_mesh_a_mirror_is_refused_and_told_what_a_copy_would_say() -> None:
    config = config_with("mesh", {"flavor": "cloud-service-mesh"})
    hosts = {
        "api.example.com": {"http": {"mirror": {"host": "v2.example.com"}}},
        "v2.example.com": {"http": {}},
    }
    config["gke-mesh-egress:teams"] = {"team-a": {"egress": hosts}}
    with pytest.raises(ConfigError) as refused:
        plan_of(config)
    (problem,) = refused.value.problems
    assert problem.path == 'gke-mesh-egress:teams.team-a.egress["api.example.com"].http.mirror'
    assert "x-forwarded-for" in problem.consequence


@pytest.mark.parametrize(
    ("http", "field"),
    [({"upgrade": "mtls", "credential": "x"}, "upgrade"), ({"upgrade": "tls", "ca": "x"}, "ca")],
)
def test_what_the_managed_mesh_cannot_do_is_refused_with_the_way_out(
    http: dict[str, Any], field: str
) -> None:
    config = config_with("mesh", {"flavor": "cloud-service-mesh"})
    config["gke-mesh-egress:teams"] = {"team-a": {"egress": {"api.example.com": {"http": http}}}}
    with pytest.raises(ConfigError) as refused:
        plan_of(config)
    (problem,) = refused.value.problems
    assert problem.path.endswith(f".http.{field}")
    assert "cloud-service-mesh" in problem.consequence
    assert "mesh.flavor: istio" in problem.fix


def for_copies(plan: Plan) -> list[dict[str, Any]]:
    """The filters that are there for mirrors alone."""
    return [item for item in of_kind(plan, "EnvoyFilter") if item["metadata"]["name"] == "clean-copies"]


class TestSplitAndMirror:
    def plan(self, http: dict[str, Any], **others: Any) -> Plan:
        hosts = {"api.example.com": {"http": http}, "v2.example.com": {"http": {"upgrade": "tls"}}} | others
        return plan_of(teams(team_a=hosts))

    def routes_of(self, plan: Plan) -> list[dict[str, Any]]:
        (service,) = [s for s in of_kind(plan, "VirtualService") if s["spec"]["hosts"] == ["api.example.com"]]
        return [route for route in service["spec"]["http"] if route["match"][0]["gateways"] != ["mesh"]]

    def test_a_share_of_requests_goes_to_another_host_under_that_hosts_name(self) -> None:
        (route,) = self.routes_of(self.plan({"split": {"v2.example.com": 20}}))
        kept, moved = route["route"]
        assert (kept["destination"]["host"], kept["weight"]) == ("api.example.com", 80)
        assert (moved["destination"]["host"], moved["weight"]) == ("v2.example.com", 20)
        assert moved["headers"]["request"]["set"] == {"host": "v2.example.com"}

    def test_a_copy_goes_to_a_second_host(self) -> None:
        (route,) = self.routes_of(self.plan({"mirror": {"host": "v2.example.com", "percent": 10}}))
        assert route["mirrors"] == [
            {"destination": {"host": "v2.example.com", "port": {"number": 80}}, "percentage": {"value": 10}}
        ]

    def test_a_copy_says_the_second_hosts_name_and_nothing_of_the_mesh(self) -> None:
        patch, script = self.patch_of(self.plan({"mirror": {"host": "v2.example.com"}}))
        assert patch["applyTo"] == "CLUSTER"
        assert patch["match"] == {
            "context": "GATEWAY",
            "cluster": {"service": "v2.example.com", "portNumber": 80},
        }
        assert 'headers:replace(":authority", "v2.example.com")' in script
        for header in ["x-forwarded-for", "x-envoy-internal", "x-forwarded-client-cert", "x-request-id"]:
            assert f'headers:remove("{header}")' in script

    def test_the_filter_for_copies_is_the_gateways_alone(self) -> None:
        (envoy_filter,) = for_copies(self.plan({"mirror": {"host": "v2.example.com"}}))
        assert envoy_filter["metadata"]["namespace"] == "istio-egress"
        assert envoy_filter["spec"]["workloadSelector"] == {"labels": {"istio": "egressgateway"}}

    def test_without_a_mirror_there_is_no_filter(self) -> None:
        assert for_copies(self.plan({"split": {"v2.example.com": 20}})) == []

    def test_two_mirrors_to_one_host_make_one_patch(self) -> None:
        copied = {"mirror": {"host": "v2.example.com"}}
        self.patch_of(self.plan(copied, **{"v1.example.com": {"http": copied}}))

    @pytest.mark.parametrize(
        ("second", "version"),
        [
            ({"upgrade": "tls"}, "http_protocol_options"),
            ({"upgrade": "tls", "protocol": "grpc"}, "http2_protocol_options"),
        ],
    )
    def test_the_filter_keeps_how_the_second_host_is_spoken_to(
        self, second: dict[str, Any], version: str
    ) -> None:
        second = {**second, "traffic": {"limits": {"requestsPerConnection": 7}}}
        plan = self.plan({"mirror": {"host": "v2.example.com"}}, **{"v2.example.com": {"http": second}})
        options = self.options_of(self.patch_of(plan)[0])
        assert options["explicit_http_config"] == {version: {}}
        assert options["common_http_protocol_options"] == {"max_requests_per_connection": 7}

    def patch_of(self, plan: Plan) -> tuple[dict[str, Any], str]:
        """The one patch for copies, and its script."""
        (envoy_filter,) = for_copies(plan)
        (patch,) = envoy_filter["spec"]["configPatches"]
        lua, codec = self.options_of(patch)["http_filters"]
        assert codec["name"] == "envoy.filters.http.upstream_codec"
        return patch, lua["typed_config"]["default_source_code"]["inline_string"]

    def options_of(self, patch: dict[str, Any]) -> dict[str, Any]:
        (options,) = patch["patch"]["value"]["typed_extension_protocol_options"].values()
        return options

    @pytest.mark.parametrize(
        ("http", "others"),
        [
            ({"mirror": {"host": "unknown.example.com"}}, {}),
            ({"split": {"unknown.example.com": 10}}, {}),
            ({"split": {"v2.example.com": 10}}, {"v2.example.com": {"https": "passthrough"}}),
            ({"split": {"v2.example.com": 10}}, {"v2.example.com": {"http": {"paths": ["/only"]}}}),
            ({"split": {"api.example.com": 10}}, {}),
        ],
        ids=[
            "mirror to an undeclared host",
            "split to one",
            "to one without http",
            "to one with narrower rules",
            "to itself",
        ],
    )
    def test_a_target_that_the_team_may_not_reach_itself_is_refused(
        self, http: dict[str, Any], others: Any
    ) -> None:
        with pytest.raises(ConfigError) as refused:
            self.plan(http, **others)
        (problem,) = refused.value.problems
        assert problem.path.endswith((".http.split", ".http.mirror"))
        assert "Declare" in problem.fix

    def test_a_target_with_the_same_rules_is_accepted(self) -> None:
        rules = {"methods": ["GET"], "paths": ["/v1/*"]}
        self.plan({"split": {"v2.example.com": 10}} | rules, **{"v2.example.com": {"http": rules}})

    def test_shares_that_leave_nothing_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="leave nothing"):
            self.plan(
                {"split": {"v2.example.com": 60, "v3.example.com": 40}},
                **{"v3.example.com": {"http": {"upgrade": "tls"}}},
            )

    def test_one_teams_mirror_never_copies_another_teams_requests(self) -> None:
        mirrored = {
            "api.example.com": {"http": {"mirror": {"host": "v2.example.com"}}},
            "v2.example.com": {"http": {}},
        }
        with pytest.raises(ConfigError) as refused:
            plan_of(teams(team_a=mirrored, team_b={"api.example.com": {"http": {}}}))
        (problem,) = refused.value.problems
        assert problem.path == 'gke-mesh-egress:teams.team-b.egress["api.example.com"].http.mirror'


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
