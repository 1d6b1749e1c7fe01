"""Several gateways: what each gets rendered, and what other stacks learn of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress.common import names
from egress.common.google_names import GoogleNames, node_account
from egress.common.objects import Part
from egress.layers.cluster.gateway_workload import MESH_VERSION
from egress.layers.google import node_pools
from egress.layers.render import render
from egress.plan.outputs import planned
from tests.layers.gateways import OWN_HOST, PARTNER, PASSED, SHARED, both, config, found
from tests.support import dev_config, plan_of


@pytest.mark.parametrize("namespace", [SHARED, PARTNER])
def test_after_a_rollout_its_pods_are_on_two_nodes(namespace: str) -> None:
    """Pods of the new revision are counted by themselves, and not beside those that are about to go."""
    spec = found(both(), "Deployment", namespace)["istio-egressgateway"]["spec"]["template"]["spec"]
    spread = {one["topologyKey"]: one for one in spec["topologySpreadConstraints"]}
    nodes = spread["kubernetes.io/hostname"]
    assert (nodes["whenUnsatisfiable"], nodes["minDomains"], nodes["maxSkew"]) == ("DoNotSchedule", 2, 1)
    assert all(one["matchLabelKeys"] == ["pod-template-hash"] for one in spread.values())


def test_another_version_of_the_mesh_makes_its_pods_anew() -> None:
    """A proxy is as old as its pod: without a change of the pods they would stay on the old one."""

    def pods(mesh: dict[str, Any]) -> object:
        plan = plan_of(dev_config() | {"gke-mesh-egress:mesh": mesh})
        (template,) = [
            item.manifest["spec"]["template"]
            for item in render(plan)
            if (item.kind, item.namespace) == ("Deployment", SHARED)
        ]
        return template["metadata"]["annotations"].get(MESH_VERSION)

    assert pods({"istio": {"version": "1.30.7"}}) == "1.30.7"
    assert pods({"istio": {"version": "1.30.8"}}) == "1.30.8"
    assert pods({"flavor": "cloud-service-mesh"}) is None


@pytest.mark.parametrize("namespace", [SHARED, PARTNER])
def test_one_that_is_not_ready_does_not_hold_up_its_node(namespace: str) -> None:
    budget = found(both(), "PodDisruptionBudget", namespace)["istio-egressgateway"]["spec"]
    assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")


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
        (pool,) = [pool for pool in node_pools.render(both()) if pool.nodes == "gateway-partner"]
        assert spec["nodeSelector"] == {"cloud.google.com/gke-nodepool": pool.name}
        assert spec["tolerations"] == [
            {"key": "dedicated", "operator": "Equal", "value": "gateway-partner", "effect": "NoSchedule"}
        ]
        (namespace,) = [
            item.manifest for item in render(both()) if item.kind == "Namespace" and item.name == PARTNER
        ]
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"

    def test_in_a_subnet_of_its_own_its_pool_has_another_name_so_that_it_comes_before_the_old_one_goes(
        self,
    ) -> None:
        nat = {"nodes": "10.8.0.0/24", "pods": "10.9.0.0/20", "addresses": {"out": "let in by a partner"}}
        said: dict[str, dict[str, Any]] = {
            "none": {},
            "there": {"nat": nat},
            "elsewhere": {"nat": {**nat, "pods": "10.9.16.0/20"}},
            "larger": {"nat": nat, "pool": {"machineType": "e2-standard-8", "diskGb": 50}},
        }
        plans = {
            at: plan_of(dev_config() | {"gke-mesh-egress:gateways": {"partner": partner}})
            for at, partner in said.items()
        }
        pools = {
            at: next(pool for pool in node_pools.render(plan) if pool.key == "gateway-partner")
            for at, plan in plans.items()
        }
        assert pools["none"].name == "gateway-partner"
        assert len({pools[at].name for at in ("none", "there", "elsewhere")}) == 3
        assert pools["larger"].name == pools["there"].name, "changed in place"
        for at, plan in plans.items():
            assert len(pools[at].name) <= 40, "GKE takes no longer name"
            assert pools[at].taint == {"key": "dedicated", "value": "gateway-partner", "effect": "NoSchedule"}
            pod = found(plan, "Deployment", PARTNER)["istio-egressgateway"]["spec"]["template"]["spec"]
            assert pod["nodeSelector"] == {"cloud.google.com/gke-nodepool": pools[at].name}
            assert pod["tolerations"][0]["value"] == "gateway-partner"
            rule = str(found(plan, "ValidatingAdmissionPolicy", None)["egress-gateway-nodes"])
            assert f"!= '{pools[at].name}'" in rule

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
        of_mesh = {"plain-http"}
        filters = [item for item in render(plan) if item.kind == kind and item.name not in of_mesh]
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


STACK = GoogleNames("my-project", "", "vpc-network", "subnet-gke", "cluster1")
NAMES = st.from_regex(r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", fullmatch=True)


@given(NAMES, NAMES)
def test_no_two_gateways_share_a_name(one: str, other: str) -> None:
    for named in (
        names.gateway_namespace,
        names.gateway_host,
        names.gateway_label,
        names.gateway_nodes,
        names.gateway_pods,
        lambda gateway: node_account("", names.gateway_nodes(gateway)),
        STACK.gateway_subnet,
    ):
        assert (named(one) == named(other)) == (one == other)
        assert named(one) != named("")
    assert len(node_account("", names.gateway_nodes(one))) <= names.SERVICE_ACCOUNT_ID
