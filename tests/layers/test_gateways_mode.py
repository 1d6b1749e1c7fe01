"""Several gateways: a team with a gateway, nodes and outside addresses of its own, beside the shared one."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress.common import names
from egress.common.errors import ConfigError
from egress.common.objects import Manifest, Part
from egress.judge.lookup.subnets import Subnets
from egress.judge.model.deployed import Deployed
from egress.judge.model.ip_ranges import Ranges
from egress.layers.google import firewall, node_pools
from egress.layers.google.resources import google_objects
from egress.layers.render import render
from egress.plan.model import Plan
from egress.plan.outputs import planned
from egress.settings.gateways import NAME_LIMIT
from tests.support import config_with, dev_config, plan_of

NAT: dict[str, Any] = {
    "nodes": "10.3.0.0/28",
    "pods": "10.4.0.0/20",
    "addresses": {"partner-1": "let in by the partner"},
}
PASSED: dict[str, Any] = {"https": "passthrough"}
TLS: dict[str, Any] = {"http": {"upgrade": "tls"}}
PARTNER, SHARED = "istio-egress-partner", "istio-egress"
OPENED: dict[str, Any] = {"fences": {"applicationNodes": {"leaveOn": [443], "reason": "a trial"}}}
OWN_HOST = "istio-egressgateway.istio-egress-partner.svc.cluster.local"


def config(gateways: dict[str, Any], **teams: Any) -> dict[str, Any]:
    return config_with("teams", teams) | {"gke-mesh-egress:gateways": gateways}


@cache
def both() -> Plan:
    """`a` leaves by the shared gateway, `b` by its own, and both use api.example.net - differently."""
    return plan_of(
        config(
            {"partner": {"nat": NAT}},
            a={"egress": {"api.example.net": TLS, "only-a.example.net": PASSED}},
            b={
                "gateway": "partner",
                "egress": {"api.example.net": {"http": {"methods": ["GET"]}}, "only-b.example.net": PASSED},
            },
        )
    )


def found(plan: Plan, kind: str, namespace: str) -> dict[str, Manifest]:
    return {
        item.name: item.manifest for item in render(plan) if item.kind == kind and item.namespace == namespace
    }


def refused(made: dict[str, Any]) -> str:
    """What is said, without the codes, which tests/settings/test_refusals.py holds."""
    with pytest.raises(ConfigError) as error:
        plan_of(made)
    return re.sub(r"EGR\d+: ", "", str(error.value))


class TestWhatIsRendered:
    def test_a_gateway_nobody_leaves_by_changes_nothing_of_the_others(self) -> None:
        without = {item.identity: item.manifest for item in render(plan_of(dev_config()))}
        with_one = {
            item.identity: item.manifest
            for item in render(plan_of(dev_config() | {"gke-mesh-egress:gateways": {"partner": {}}}))
            if PARTNER not in (item.namespace, item.name)
        }
        # Admission keeps teams off its nodes as well.
        changed = {name for name in without if without[name] != with_one[name]}
        assert changed == {"validatingadmissionpolicy/egress-gateway-nodes"}
        assert without.keys() == with_one.keys()

    def test_the_shared_gateway_has_every_kind_that_a_gateway_of_a_team_has(self) -> None:
        kinds = [
            {item.kind for item in render(both()) if item.namespace == namespace}
            for namespace in (SHARED, PARTNER)
        ]
        assert kinds[1] <= kinds[0]
        assert {
            "Deployment",
            "Service",
            "ServiceAccount",
            "HorizontalPodAutoscaler",
            "PodDisruptionBudget",
        } <= kinds[1]

    def test_no_object_of_one_gateway_selects_pods_of_another(self) -> None:
        pods = {
            namespace: found(both(), "Deployment", namespace)["istio-egressgateway"]["spec"]["template"][
                "metadata"
            ]["labels"]
            for namespace in (SHARED, PARTNER)
        }
        # A Gateway selects pods by labels alone, in every namespace.
        for namespace, other in ((SHARED, PARTNER), (PARTNER, SHARED)):
            selector = found(both(), "Gateway", namespace)["egress-gateway"]["spec"]["selector"]
            assert selector.items() <= pods[namespace].items()
            assert not selector.items() <= pods[other].items()

    def test_its_pods_run_on_its_own_nodes_in_a_restricted_namespace(self) -> None:
        spec = found(both(), "Deployment", PARTNER)["istio-egressgateway"]["spec"]["template"]["spec"]
        assert spec["nodeSelector"] == {"cloud.google.com/gke-nodepool": "gateway-partner"}
        assert spec["tolerations"] == [
            {"key": "dedicated", "operator": "Equal", "value": "gateway-partner", "effect": "NoSchedule"}
        ]
        (namespace,) = [
            item.manifest for item in render(both()) if item.kind == "Namespace" and item.name == PARTNER
        ]
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"

    def test_a_host_used_through_two_gateways_is_known_to_each_team_once(self) -> None:
        exported: list[str] = []
        for namespace, team in ((SHARED, "a"), (PARTNER, "b")):
            for kind in ("ServiceEntry", "VirtualService"):
                (item,) = [
                    item for name, item in found(both(), kind, namespace).items() if name.startswith("api-")
                ]
                assert item["spec"]["exportTo"] == [namespace, team]
                exported += item["spec"]["exportTo"]
        assert all(exported.count(team) == 2 for team in "ab")

    def test_a_host_may_leave_differently_by_each_gateway(self) -> None:
        ports = {
            namespace: found(both(), "ServiceEntry", namespace)["api-example-net-ext"]["spec"]["ports"]
            for namespace in (SHARED, PARTNER)
        }
        assert [port.get("targetPort") for port in ports[SHARED]] == [443]
        assert [port.get("targetPort") for port in ports[PARTNER]] == [None]

    def test_a_teams_way_leads_to_its_own_gateway(self) -> None:
        rule = found(both(), "DestinationRule", "b")["target-egress-gateway"]
        assert rule["spec"]["host"] == OWN_HOST
        routes = found(both(), "VirtualService", PARTNER)["only--b-example-net-through-egress-gateway"][
            "spec"
        ]["tls"]
        assert routes[0]["route"][0]["destination"]["host"] == OWN_HOST
        sidecar = found(both(), "Sidecar", "b")["default"]["spec"]
        assert sidecar["egress"] == [{"hosts": [f"{PARTNER}/*", "b/*"]}]

    def test_its_pods_reach_no_other_gateways_pods(self) -> None:
        boundary = found(both(), "NetworkPolicy", "b")["team-boundary"]["spec"]["egress"]
        gateways = [
            (
                peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"],
                peer["podSelector"]["matchLabels"],
            )
            for rule in boundary
            for peer in rule["to"]
            if "egressgateway" in str(peer)
        ]
        assert gateways == [(PARTNER, {"istio": "egressgateway-partner"})]

    def test_it_lets_in_its_own_teams_alone(self) -> None:
        assert sorted(found(both(), "AuthorizationPolicy", PARTNER)) == ["allow-nothing", "egress-b"]
        assert sorted(found(both(), "AuthorizationPolicy", SHARED)) == ["allow-nothing", "egress-a"]
        assert "rules" not in found(both(), "AuthorizationPolicy", PARTNER)["allow-nothing"]["spec"]

    def test_it_reads_secrets_of_its_own_namespace_alone(self) -> None:
        mtls = {"http": {"upgrade": "mtls", "credential": "partner-client"}}
        plan = plan_of(config({"partner": {}}, b={"gateway": "partner", "egress": {"api.example.net": mtls}}))
        assert [item.namespace for item in render(plan) if item.kind in ("Role", "RoleBinding")] == [
            PARTNER,
            PARTNER,
        ]

    def test_a_team_reaches_google_apis_past_its_own_gateway_as_before(self) -> None:
        apis = {"apis": ["pubsub"], "serviceAccounts": {"worker": {}}}
        plan = plan_of(config({"partner": {}}, b={"gateway": "partner", "googleApis": apis}))
        (seen,) = found(plan, "Sidecar", "b")["default"]["spec"]["egress"]
        assert seen["hosts"] == [
            f"{PARTNER}/*",
            "b/*",
            "istio-egress/metadata.google.internal",
            "istio-egress/pubsub.googleapis.com",
        ]

    @pytest.mark.parametrize(
        ("host", "kind"),
        [
            (
                {"api.example.net": {"http": {"inspect": {"refuse": {"card": {"text": "4111"}}}}}},
                "TrafficExtension",
            ),
            ({"*.example.net": PASSED}, "EnvoyFilter"),
            (
                {
                    "db.example.net": {
                        "tcp": {"port": 5432, "addresses": ["203.0.113.9"], "serviceAccounts": ["importer"]}
                    }
                },
                "EnvoyFilter",
            ),
            (
                {
                    "api.example.net": {"http": {"mirror": {"host": "copy.example.net"}}},
                    "copy.example.net": {"http": {}},
                },
                "EnvoyFilter",
            ),
        ],
        ids=["inspection", "wildcard", "raw TCP", "mirror"],
    )
    def test_what_only_a_filter_does_is_done_at_the_gateway_of_the_team(
        self, host: dict[str, Any], kind: str
    ) -> None:
        plan = plan_of(config({"partner": {}}, b={"gateway": "partner", "egress": host}))
        filters = [item for item in render(plan) if item.kind == kind]
        assert {item.namespace for item in filters} == {PARTNER}
        for filtered in filters:
            selected = filtered.manifest["spec"].get(
                "workloadSelector", filtered.manifest["spec"].get("selector")
            )
            assert {"istio": "egressgateway-partner"} in selected.values()

    @pytest.mark.parametrize("late", [True, False, None])
    def test_passed_through_tls_connects_late_unless_this_gateway_says_otherwise(
        self, late: bool | None
    ) -> None:
        said = {} if late is None else {"connectAfterAuthorization": late}
        passed = {"egress": {"x.example": PASSED}}
        plan = plan_of(config({"partner": said}, a=passed, b={"gateway": "partner", **passed}))
        filtered = {item.namespace for item in render(plan) if item.name == "connect-late"}
        assert filtered == ({"istio-egress"} if late is False else {"istio-egress", PARTNER})

    def test_admission_keeps_teams_off_every_gateways_nodes(self) -> None:
        (policy,) = [
            item.manifest
            for item in render(both())
            if item.name == "egress-gateway-nodes" and "Binding" not in item.kind
        ]
        rules = " ".join(check["expression"] for check in policy["spec"]["validations"])
        assert "!= 'gateway'" in rules
        assert "!= 'gateway-partner'" in rules

    def test_what_belongs_to_a_gateway_goes_with_it(self) -> None:
        owners = {
            item.owner.gateway
            for item in render(both())
            if item.namespace == PARTNER and item.owner.part is not Part.TEAM
        }
        assert owners == {"partner"}


class TestBelowKubernetes:
    def test_no_gateway_connects_into_the_ranges_of_another(self) -> None:
        nat = NAT | {"pods": "25.0.0.0/20"}
        plan = plan_of(config({"partner": {"nat": nat}}, a={"egress": {"x.example": PASSED}}))
        boundary = found(plan, "NetworkPolicy", SHARED)["gateway-boundary"]["spec"]["egress"]
        assert any(
            "25.0.0.0/20" in peer.get("ipBlock", {}).get("except", [])
            for rule in boundary
            for peer in rule["to"]
        )
        private = {"fences": {"privateHosts": {"office": "10.4.0.0/24"}}}
        message = refused(
            config({"partner": {"nat": NAT}})
            | {f"gke-mesh-egress:{key}": value for key, value in private.items()}
        )
        assert "10.4.0.0/24 overlaps 10.4.0.0/20, the range of the pods of gateway partner" in message

    def test_its_boundary_lets_in_its_own_teams_alone(self) -> None:
        for namespace, team in ((SHARED, "a"), (PARTNER, "b")):
            (rule,) = found(both(), "NetworkPolicy", namespace)["gateway-boundary"]["spec"]["ingress"]
            names_in = [
                peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
                for peer in rule["from"]
            ]
            assert names_in == [team]

    def test_each_gateways_nodes_leave_on_the_ports_of_its_own_hosts(self) -> None:
        plan = plan_of(
            config(
                {"partner": {}},
                a={"egress": {"api.example.net": TLS}},
                b={
                    "gateway": "partner",
                    "egress": {
                        "db.example.net": {
                            "tcp": {"port": 5432, "addresses": ["203.0.113.9"], "serviceAccounts": ["x"]}
                        }
                    },
                },
            )
        )
        opened = {
            rule.name: (rule.targets, rule.ports, rule.ranges)
            for rule in firewall.render(plan)
            if "gateway" in rule.name
        }
        assert opened == {
            "gateway-allow-egress-web": (("gateway",), (443,), ("0.0.0.0/0",)),
            "gateway-partner-allow-egress-tcp-5432": (("gateway-partner",), (5432,), ("203.0.113.9/32",)),
        }

    def test_nodes_of_every_kind_reach_the_control_plane_and_each_other(self) -> None:
        kinds = ("application", "gateway", "gateway-partner")
        rules = {rule.name: rule for rule in firewall.render(both())}
        assert firewall.nodes(both()) == kinds
        assert rules["allow-egress-to-api-server"].targets == kinds
        ranges = ("10.0.0.0/24", "10.1.0.0/16", "10.3.0.0/28", "10.4.0.0/20")
        assert rules["allow-egress-nodes-and-pods"].ranges == ranges
        assert (
            rules["allow-ingress-nodes-and-pods"].egress,
            rules["allow-ingress-nodes-and-pods"].ranges,
        ) == (False, ranges)

    def test_without_a_subnet_of_its_own_the_rules_between_nodes_stay(self) -> None:
        plan = plan_of(config({"partner": {}}))
        assert "allow-ingress-nodes-and-pods" not in {rule.name for rule in firewall.render(plan)}

    def test_a_judge_takes_its_pods_for_pods(self) -> None:
        known = Subnets(Deployed.of((), google_objects(both())))
        assert known.pods == Ranges.of(["10.1.0.0/16", "10.4.0.0/20"])
        assert known.nodes == Ranges.of(["10.0.0.0/24", "10.3.0.0/28"])

    def test_its_pool_is_tainted_and_lies_in_its_subnet(self) -> None:
        _, shared, own = node_pools.render(both())
        assert shared.subnet is None
        assert own.subnet is not None
        assert (own.name, own.nodes, own.taint) == (
            "gateway-partner",
            "gateway-partner",
            {"key": "dedicated", "value": "gateway-partner", "effect": "NoSchedule"},
        )
        assert (own.subnet.name, own.subnet.nodes, own.subnet.pods) == (
            "subnet-gke-gateway-partner",
            "10.3.0.0/28",
            "10.4.0.0/20",
        )


def test_other_stacks_learn_each_gateway_and_who_leaves_by_it() -> None:
    contract = planned(
        plan_of(config({"partner": {"hosts": ["api.example.net"]}}, b={"gateway": "partner"}, a={}))
    )
    assert contract["gateways"]["partner"] == {
        "namespace": PARTNER,
        "serviceAccount": "istio-egressgateway",
        "host": OWN_HOST,
        "identity": "spiffe://cluster.local/ns/istio-egress-partner/sa/istio-egressgateway",
        "outsidePorts": [],
        "hosts": ["api.example.net"],
    }
    assert contract["teams"]["b"]["gateway"] == "partner"
    assert "gateway" not in contract["teams"]["a"]
    assert "gateways" not in planned(plan_of(dev_config()))


class TestRefused:
    def test_a_gateway_that_there_is_not(self) -> None:
        assert refused(config({"partner": {}}, b={"gateway": "parner"})) == (
            "1 problem in the stack's config. Nothing was changed.\n\n"
            'gke-mesh-egress:teams.b.gateway = "parner"\n'
            "    There is no gateway of this name by which the team could leave.\n"
            "    Fix: Name one of gateways (partner), or leave it out for the shared one."
        )
        assert "Add gateways: {partner: {}}" in refused(config({}, b={"gateway": "partner"}))

    def test_a_host_that_the_teams_gateway_does_not_lead_to(self) -> None:
        limited = {"partner": {"hosts": ["api.example.net", "*.files.example.net"]}}
        allowed = {"api.example.net": TLS, "in.files.example.net": PASSED, "*.in.files.example.net": PASSED}
        plan_of(
            config(limited, b={"gateway": "partner", "egress": allowed}, a={"egress": {"example.com": TLS}})
        )
        assert refused(config(limited, b={"gateway": "partner", "egress": {"example.com": TLS}})) == (
            "1 problem in the stack's config. Nothing was changed.\n\n"
            'gke-mesh-egress:teams.b.egress["example.com"] = "example.com"\n'
            "    b leaves by gke-mesh-egress:gateways.partner alone, whose hosts do not name it: every "
            "connection would be "
            "refused there.\n"
            "    Fix: Add it to gke-mesh-egress:gateways.partner.hosts, or remove this entry."
        )

    @pytest.mark.parametrize("wide", ["*.example.net", "files.example.net"])
    def test_a_pattern_wider_than_the_gateways(self, wide: str) -> None:
        limited = {"partner": {"hosts": ["*.files.example.net"]}}
        assert "whose hosts do not name it" in refused(
            config(limited, b={"gateway": "partner", "egress": {wide: PASSED}})
        )

    @pytest.mark.parametrize("name", ["", "Partner", "1st", "-x", "x-", "a.b", "a" * (NAME_LIMIT + 1)])
    def test_a_name_that_google_or_kubernetes_refuses(self, name: str) -> None:
        assert f"at most {NAME_LIMIT} lower-case letters" in refused(config({name: {}}))

    def test_a_gateway_that_leads_nowhere(self) -> None:
        assert "Nothing could leave by this gateway." in refused(config({"partner": {"hosts": []}}))

    def test_a_host_that_is_no_host(self) -> None:
        assert "gke-mesh-egress:gateways.partner.hosts[0]" in refused(
            config({"partner": {"hosts": ["https://example.com"]}})
        )

    def test_a_subnet_without_a_reserved_address(self) -> None:
        message = refused(config({"partner": {"nat": NAT | {"addresses": {}}}}))
        assert "nothing for a partner to allow-list" in message

    @pytest.mark.parametrize(
        ("ranges", "words"),
        [
            (
                {"nodes": "10.0.0.0/28"},
                'gateways.partner.nat.nodes = "10.0.0.0/28"\n    10.0.0.0/28 overlaps 10.0.0.0/24 '
                "(network.subnet.nodes)",
            ),
            ({"pods": "10.1.16.0/20"}, "10.1.16.0/20 overlaps 10.1.0.0/16 (network.subnet.pods)"),
            ({"nodes": "10.4.0.0/28"}, "overlaps"),
            ({"nodes": "10.3.0.0/30"}, "ranges smaller than /29"),
            ({"pods": "10.4.0.0/25"}, "takes a /24"),
            ({"nodes": "10.3.0.0/29", "pods": "10.4.0.0/24"}, "the range has room for 1 nodes"),
        ],
    )
    def test_ranges_that_overlap_or_are_too_small(self, ranges: dict[str, str], words: str) -> None:
        assert words in refused(config({"partner": {"nat": NAT | ranges}}))

    def test_nodes_that_do_not_fit_into_the_shared_subnet(self) -> None:
        assert "The pools may grow to 106 nodes" in refused(
            config({"partner": {"pool": {"maxNodes": 100}}}) | _small_subnet()
        )
        plan_of(config({"partner": {"pool": {"maxNodes": 10}, "nat": NAT}}) | _small_subnet())

    def test_one_address_for_two_gateways(self) -> None:
        other = NAT | {"nodes": "10.6.0.0/28", "pods": "10.7.0.0/20"}
        message = refused(config({"partner": {"nat": NAT}, "second": {"nat": other}}))
        assert "gateways.second.nat.addresses.partner-1" in message
        assert "gateways.partner.nat.addresses has an address of this name" in message
        shared = config_with("network/nat/addresses", {"partner-1": "x"}) | {
            "gke-mesh-egress:gateways": {"p": {"nat": NAT}}
        }
        assert "network.nat.addresses has an address of this name" in refused(shared)

    def test_more_subnets_than_a_cluster_takes(self) -> None:
        nats = {
            f"g{number}": {
                "nat": {
                    "nodes": f"10.{20 + number}.0.0/28",
                    "pods": f"10.{40 + number}.0.0/20",
                    "addresses": {f"a{number}": "x"},
                }
            }
            for number in range(9)
        }
        message = refused(config(nats))
        assert "1 problem" in message
        assert "gke-mesh-egress:gateways.g8.nat" in message
        assert "at most 8 beside the first" in message
        plan_of(config(nats | {"g8": {}}))

    def test_a_filter_that_the_managed_mesh_does_not_take(self) -> None:
        managed = config({"partner": {"connectAfterAuthorization": True}}) | {
            "gke-mesh-egress:mesh": {"flavor": "cloud-service-mesh"}
        }
        assert "gke-mesh-egress:gateways.partner.connectAfterAuthorization = true" in refused(managed)

    @pytest.mark.parametrize("way", [PASSED, {"http": {}}, {"http": {}, "https": "passthrough"}])
    def test_a_gateway_as_a_way_round_an_inspection(self, way: dict[str, Any]) -> None:
        inspected = {"api.example.net": {"http": {"inspect": {"refuse": {"card": {"text": "4111"}}}}}}
        b = {"gateway": "partner", "egress": {"api.example.net": way}}
        message = refused(config({"partner": {}}, a={"egress": inspected}, b=b))
        assert 'gke-mesh-egress:teams.b.egress["api.example.net"]' in message
        assert (
            'gke-mesh-egress:teams.a.egress["api.example.net"].http.inspect reads what is sent to this host '
            "at another" in message
        )
        plan_of(config({"partner": {}}, a={"egress": inspected}, b=b | {"egress": inspected}))

    def test_a_team_that_leaves_past_every_gateway(self) -> None:
        past = {"model": {"open": "a trial"}, "gateway": "partner"}
        message = refused(
            config({"partner": {}}, b=past)
            | {f"gke-mesh-egress:{key}": value for key, value in OPENED.items()}
        )
        assert message == (
            "1 problem in the stack's config. Nothing was changed.\n\n"
            'gke-mesh-egress:teams.b.gateway = "partner"\n'
            "    With its model the team leaves past every gateway: this one would carry nothing, and no "
            "partner would see its "
            "addresses.\n"
            "    Fix: Remove gateway, or remove model."
        )

    def test_a_teams_account_that_is_a_gateways_nodes(self) -> None:
        account = {"serviceAccounts": {"x": {"accountId": "sa-gateway-partner-nodes"}}}
        message = refused(config({"partner": {}}, a={"googleApis": account}))
        assert "belongs to the gateway-partner nodes" in message


def _small_subnet() -> dict[str, Any]:
    network = dev_config()["gke-mesh-egress:network"]
    return {"gke-mesh-egress:network": network | {"subnet": network["subnet"] | {"nodes": "10.0.0.0/28"}}}


NAMES = st.from_regex(r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", fullmatch=True)


@given(NAMES, NAMES)
def test_no_two_gateways_share_a_name(one: str, other: str) -> None:
    for named in (
        names.gateway_namespace,
        names.gateway_host,
        names.gateway_label,
        names.gateway_nodes,
        names.gateway_pods,
        lambda gateway: names.node_service_account(names.gateway_nodes(gateway)),
        lambda gateway: names.gateway_subnet("subnet-gke", gateway),
    ):
        assert (named(one) == named(other)) == (one == other)
        assert named(one) != named("")
    assert len(names.node_service_account(names.gateway_nodes(one))) <= names.SERVICE_ACCOUNT_ID
