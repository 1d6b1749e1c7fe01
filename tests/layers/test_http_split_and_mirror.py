"""Requests that go to a second host as well, or instead: shares and copies."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.errors import ConfigError
from egress.plan.model import Plan
from tests.layers.plain_http import of_kind
from tests.support import config_with, plan_of, teams


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
        assert ("Name another host" if problem.value == "api.example.com" else "Declare") in problem.fix

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
