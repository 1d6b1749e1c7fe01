"""Security models: what a weaker one renders, what it leaves alone, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.errors import ConfigError
from egress.common.objects import Manifest, Object
from egress.layers.google import firewall
from egress.layers.google.firewall import Nodes
from egress.layers.render import render
from egress.plan.model import Plan
from egress.plan.outputs import planned
from sandbox.summary import who_reaches_what
from tests.support import config_with, plan_of, teams

REASON = "it moves in"
REGISTRY_ONLY, OPEN = {"registryOnly": REASON}, {"open": REASON}
UPGRADED: dict[str, Any] = {"http": {"upgrade": "tls"}}
PASSED: dict[str, Any] = {"https": "passthrough"}
WEAKER = pytest.mark.parametrize("model", [REGISTRY_ONLY, OPEN], ids=["registry only", "open"])


def config(model: dict[str, str] | None, leave_on: list[int] | None = None, **egress: Any) -> dict[str, Any]:
    """The first team has the model; application nodes leave on the given ports."""
    found = teams(**egress)
    if model is not None:
        first = next(iter(egress)).replace("_", "-")
        found["gke-mesh-egress:teams"][first]["model"] = model
        if "open" in model:
            found["gke-mesh-egress:network"]["dns"] = {"undeclaredNames": "resolve"}
    if leave_on is not None:
        nodes = config_with("fences/applicationNodes", {"leaveOn": leave_on, "reason": REASON})
        found["gke-mesh-egress:fences"] = nodes["gke-mesh-egress:fences"]
    return found


def plan(model: dict[str, str] | None, leave_on: list[int] | None = None, **egress: Any) -> Plan:
    return plan_of(config(model, leave_on, **egress))


def in_namespace(plan: Plan, namespace: str, kind: str) -> dict[str, Manifest]:
    return {
        item.name: item.manifest for item in render(plan) if item.namespace == namespace and item.kind == kind
    }


def refused(found: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as error:
        plan_of(found)
    return str(error.value)


def outside_rule(plan: Plan, team: str) -> list[dict[str, Any]]:
    (policy,) = in_namespace(plan, team, "NetworkPolicy").values()
    return [
        rule
        for rule in policy["spec"]["egress"]
        if any(peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0" for peer in rule["to"])
    ]


class TestSidecar:
    @pytest.mark.parametrize(
        ("model", "mode"), [(None, "REGISTRY_ONLY"), (REGISTRY_ONLY, "REGISTRY_ONLY"), (OPEN, "ALLOW_ANY")]
    )
    def test_only_an_open_team_may_name_any_host(self, model: dict[str, str] | None, mode: str) -> None:
        found = plan(model, [443] if model else None, team_a={"api.example.com": PASSED}, team_b={})
        (sidecar,) = in_namespace(found, "team-a", "Sidecar").values()
        assert sidecar["spec"]["outboundTrafficPolicy"] == {"mode": mode}
        (others,) = in_namespace(found, "team-b", "Sidecar").values()
        assert others["spec"]["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}

    @WEAKER
    def test_what_is_opened_says_which_model_opens_it_and_why(self, model: dict[str, str]) -> None:
        found = plan(model, [443], team_a={"api.example.com": PASSED})
        (sidecar,) = in_namespace(found, "team-a", "Sidecar").values()
        (policy,) = in_namespace(found, "team-a", "NetworkPolicy").values()
        name = "open" if "open" in model else "registry-only"
        assert (
            sidecar["metadata"]["annotations"]
            == policy["metadata"]["annotations"]
            == {f"gke-mesh-egress/model.{name}": REASON}
        )


class TestHosts:
    @WEAKER
    def test_a_host_is_known_to_the_team_alone_and_to_no_gateway(self, model: dict[str, str]) -> None:
        found = plan(model, [443], team_a={"api.example.com": UPGRADED | PASSED})
        entry = in_namespace(found, "team-a", "ServiceEntry")["api-example-com-ext"]
        assert entry["spec"]["exportTo"] == ["."]
        assert [(port["number"], port.get("targetPort")) for port in entry["spec"]["ports"]] == [
            (80, 443),
            (443, None),
        ]
        at_gateway = [
            item for item in render(found) if item.namespace == "istio-egress" and "api" in item.name
        ]
        assert at_gateway == []
        assert found.gateway.ports == ()

    def test_the_sidecar_encrypts_and_checks_the_hosts_name(self) -> None:
        rules = in_namespace(
            plan(REGISTRY_ONLY, [443], team_a={"api.example.com": UPGRADED}), "team-a", "DestinationRule"
        )
        assert list(rules) == ["api-example-com-originate-tls"]
        (setting,) = rules["api-example-com-originate-tls"]["spec"]["trafficPolicy"]["portLevelSettings"]
        assert setting["tls"]["mode"] == "SIMPLE"
        assert setting["tls"]["subjectAltNames"] == ["api.example.com"]

    def test_requests_lose_the_meshs_headers_and_go_to_the_host(self) -> None:
        services = in_namespace(
            plan(REGISTRY_ONLY, [80], team_a={"api.example.com": {"http": {}}}), "team-a", "VirtualService"
        )
        (route,) = services["api-example-com-straight"]["spec"]["http"]
        assert route["route"] == [{"destination": {"host": "api.example.com", "port": {"number": 80}}}]
        assert "x-forwarded-client-cert" in route["headers"]["request"]["remove"]

    def test_of_a_pattern_the_apps_own_look_up_decides(self) -> None:
        (entry,) = in_namespace(
            plan(REGISTRY_ONLY, [443], team_a={"*.example.org": PASSED}), "team-a", "ServiceEntry"
        ).values()
        assert (entry["spec"]["hosts"], entry["spec"]["resolution"]) == (["*.example.org"], "DYNAMIC_DNS")

    def test_a_pattern_past_the_gateway_needs_what_the_managed_mesh_does_not_say_it_has(self) -> None:
        """Sidecars look the name up by themselves; were the app's own look-up believed, any address would
        pass as the name's."""
        found = config(REGISTRY_ONLY, [443], team_a={"*.example.org": PASSED})
        found["gke-mesh-egress:mesh"] = {"flavor": "cloud-service-mesh"}
        with pytest.raises(ConfigError, match="look up names"):
            plan_of(found)

    def test_an_open_team_has_requests_and_server_names_in_its_log(self) -> None:
        entries = in_namespace(plan(OPEN, [443], team_a={}), "team-a", "ServiceEntry")
        assert [entry["spec"]["ports"][0]["protocol"] for entry in entries.values()] == ["TLS"]
        entries = in_namespace(plan(OPEN, [80], team_a={}), "team-a", "ServiceEntry")
        assert [entry["spec"]["ports"][0]["protocol"] for entry in entries.values()] == ["HTTP"]

    def test_teams_behind_the_gateway_are_left_as_they_are(self) -> None:
        """Also one with the same host: nothing of it is shared, so there is nothing to agree on."""
        host = {"api.example.com": {"http": {"upgrade": "mtls", "credential": "partner", "methods": ["GET"]}}}
        alone = _of_others(plan(None, team_b=host))
        beside = plan(
            REGISTRY_ONLY, [80, 443], team_a={"api.example.com": {"http": {}, **PASSED}}, team_b=host
        )
        assert _of_others(beside) == alone


def _of_others(plan: Plan) -> list[Manifest]:
    def theirs(item: Object) -> bool:
        return item.namespace != "team-a" and item.name != "team-a" and item.is_istio

    return [item.manifest for item in render(plan) if theirs(item)]


class TestFences:
    def test_pods_leave_on_the_ports_of_their_hosts_or_if_open_on_those_of_the_nodes(self) -> None:
        (rule,) = outside_rule(plan(REGISTRY_ONLY, [443], team_a={"api.example.com": UPGRADED}), "team-a")
        assert rule["ports"] == [{"protocol": "TCP", "port": 443}]
        (rule,) = outside_rule(plan(OPEN, [80, 443, 8443], team_a={"api.example.com": UPGRADED}), "team-a")
        assert [port["port"] for port in rule["ports"]] == [80, 443, 8443]

    def test_pods_do_not_leave_to_what_is_not_the_internet(self) -> None:
        (rule,) = outside_rule(plan(OPEN, [443], team_a={}), "team-a")
        kept = set(rule["to"][0]["ipBlock"]["except"])
        assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "199.36.153.8/30"} <= kept

    def test_no_other_team_leaves(self) -> None:
        found = plan(OPEN, [443], team_a={}, team_b={"api.example.com": PASSED})
        assert outside_rule(found, "team-b") == []
        (policy,) = in_namespace(found, "team-a", "NetworkPolicy").values()
        assert "istio-egress" not in str(policy), (
            "nor does an open team reach the gateway, where it has nothing to ask"
        )

    def test_application_nodes_leave_on_the_named_ports_and_only_to_the_internet(self) -> None:
        rules = {rule.name: rule for rule in firewall.render(plan(OPEN, [80, 443], team_a={}))}
        allow, deny = rules["application-allow-egress-outside"], rules["application-deny-egress-not-outside"]
        assert (allow.ports, allow.targets, allow.log) == ((80, 443), (Nodes.APPLICATION,), True)
        assert REASON in allow.description
        assert not deny.allow
        assert "10.0.0.0/8" in deny.ranges
        own = {rule.priority for rule in rules.values() if rule.allow and rule.egress and rule is not allow}
        assert max(own) < deny.priority < allow.priority, "what nodes need themselves comes first"

    def test_without_the_word_application_nodes_have_no_rule_of_their_own(self) -> None:
        rules = list(firewall.render(plan(None, team_a={"api.example.com": PASSED})))
        assert [rule.name for rule in rules if rule.targets == (Nodes.APPLICATION,)] == []


class TestContract:
    def test_other_stacks_learn_which_model_and_why(self) -> None:
        found = planned(plan(REGISTRY_ONLY, [443], team_a={"api.example.com": UPGRADED}, team_b={}))["teams"]
        assert found["team-a"]["pastGateway"] == {"model": "registry-only", "reason": REASON, "ports": [443]}
        assert found["team-a"]["egress"] == [
            {"host": "api.example.com", "protocol": "http", "port": 80, "leaves": "https"}
        ]
        assert "pastGateway" not in found["team-b"]

    def test_the_table_of_who_reaches_what_has_a_row_for_any_other_host(self) -> None:
        rows = who_reaches_what(planned(plan(OPEN, [80, 443], team_a={}, team_b={"api.example.com": PASSED})))
        assert rows[1][:3] == ("team-a", "ANY HOST", "tcp 80, 443")


class TestRefusals:
    @pytest.mark.parametrize(
        ("model", "says"),
        [
            ({}, "A team has one security model"),
            ({"open": "a", "registryOnly": "b"}, "A team has one security model"),
            ({"open": " "}, "Nobody could tell later why"),
            ({"registryOnly": ""}, "Nobody could tell later why"),
            ({"closed": "a"}, "There is no such setting"),
        ],
    )
    def test_one_model_and_its_reason(self, model: dict[str, str], says: str) -> None:
        message = refused(config(model, [443], team_a={"api.example.com": PASSED}))
        assert "gke-mesh-egress:teams.team-a.model" in message
        assert says in message

    @WEAKER
    @pytest.mark.parametrize(
        ("access", "path", "says"),
        [
            ({"http": {"methods": ["GET"]}}, ".http.methods", "Methods are enforced at the gateway"),
            ({"http": {"paths": ["/v1/*"]}}, ".http.paths", "Paths are enforced at the gateway"),
            ({"http": {"headers": {"x-a": ["b"]}}}, ".http.headers", "Headers are enforced at the gateway"),
            (
                {"http": {"serviceAccounts": ["w"]}},
                ".http.serviceAccounts",
                "ServiceAccounts are enforced at the gateway",
            ),
            (
                {"http": {"allow": {"read": {"methods": ["GET"]}}}},
                ".http.allow.read.methods",
                "nothing outside its own pods would enforce them",
            ),
            ({"http": {"upgrade": "mtls", "credential": "c"}}, ".http.upgrade", "in the team's own pods"),
            ({"http": {"upgrade": "tls", "ca": "c"}}, ".http.ca", "in the team's own pods"),
            ({"http": {"mirror": {"host": "b.example.com"}}}, ".http.mirror", "removes from copies"),
            ({"http": {"inspect": {"refuse": {"a": {"text": "secret"}}}}}, ".http.inspect", "none would be"),
            ({**PASSED, "serviceAccounts": ["w"]}, ".serviceAccounts", "enforced at the gateway"),
            (
                {"tcp": {"port": 3306, "addresses": ["203.0.113.9"], "serviceAccounts": ["w"]}},
                ".tcp",
                "this team bypasses the gateway",
            ),
        ],
    )
    def test_nothing_is_promised_that_only_a_gateway_could_keep(
        self, model: dict[str, str], access: dict[str, Any], path: str, says: str
    ) -> None:
        message = refused(
            config(model, [80, 443], team_a={"api.example.com": access, "b.example.com": {"http": {}}})
        )
        assert f'gke-mesh-egress:teams.team-a.egress["api.example.com"]{path}' in message
        assert says in message
        assert "remove the team's model" in message

    def test_descriptions_alone_are_kept(self) -> None:
        found = plan(REGISTRY_ONLY, [80], team_a={"api.example.com": {"http": {"description": "price list"}}})
        assert planned(found)["teams"]["team-a"]["egress"][0]["description"] == "price list"

    @WEAKER
    def test_the_firewall_has_a_word_of_its_own(self, model: dict[str, str]) -> None:
        message = refused(config(model, None, team_a={"api.example.com": PASSED}))
        assert "gke-mesh-egress:teams.team-a.model" in message
        assert "what it opens for this team it opens for every team's pods" in message
        assert "fences.applicationNodes: {leaveOn: [443], reason: ...}" in message

    @WEAKER
    def test_a_hosts_port_has_to_be_named(self, model: dict[str, str]) -> None:
        message = refused(config(model, [443], team_a={"api.example.com": {"http": {}}}))
        assert 'gke-mesh-egress:teams.team-a.egress["api.example.com"] = 80' in message
        assert "Add 80 to leaveOn" in message

    def test_names_have_a_word_of_their_own(self) -> None:
        found = config(OPEN, [443], team_a={})
        del found["gke-mesh-egress:network"]["dns"]
        message = refused(found)
        assert 'gke-mesh-egress:teams.team-a.model = "open"' in message
        assert "names that resolve for one team resolve for every team" in message
        assert "network.dns: {undeclaredNames: resolve}" in message

    def test_nodes_are_opened_for_nobody_who_needs_it_not(self) -> None:
        message = refused(config(None, [443], team_a={"api.example.com": PASSED}))
        assert "gke-mesh-egress:fences.applicationNodes = [443]" in message
        assert "Every team leaves by the gateway" in message
        message = refused(config(REGISTRY_ONLY, [80, 443], team_a={"api.example.com": PASSED}))
        assert "gke-mesh-egress:fences.applicationNodes.leaveOn = 80" in message
        assert "Remove 80." in message

    @pytest.mark.parametrize(
        ("ports", "says"),
        [
            ([], "No port is named"),
            ([443, 443], "named twice"),
            ([0], "at least 1"),
            ([65536], "at most 65535"),
        ],
    )
    def test_ports_are_ports(self, ports: list[int], says: str) -> None:
        assert says in refused(config(OPEN, ports, team_a={}))

    def test_registry_only_without_a_host_is_nothing(self) -> None:
        assert "declares no host" in refused(config(REGISTRY_ONLY, [443], team_a={}))

    @WEAKER
    @pytest.mark.parametrize(
        ("host", "access"),
        [("api.example.com", UPGRADED), ("api.example.com", PASSED), ("*.example.com", PASSED)],
        ids=["http", "https", "a pattern above it"],
    )
    def test_what_one_team_has_inspected_no_other_sends_unseen(
        self, model: dict[str, str], host: str, access: dict[str, Any]
    ) -> None:
        inspected = {"http": {"upgrade": "tls", "inspect": {"refuse": {"a": {"text": "secret"}}}}}
        message = refused(config(model, [443], team_a={host: access}, team_b={"api.example.com": inspected}))
        assert f'gke-mesh-egress:teams.team-a.egress["{host}"]' in message
        assert 'gke-mesh-egress:teams.team-b.egress["api.example.com"].http.inspect' in message

    def test_a_share_for_a_host_that_the_team_does_not_declare(self) -> None:
        message = refused(
            config(
                REGISTRY_ONLY, [80], team_a={"api.example.com": {"http": {"split": {"b.example.com": 10}}}}
            )
        )
        assert "is not allowed to send these requests to b.example.com directly" in message
