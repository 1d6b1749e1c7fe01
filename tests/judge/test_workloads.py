"""Which pods stand behind a selector, on which nodes they run, and what is not understood about that.

Source: Kubernetes, "Assigning Pods to Nodes", "Taints and Tolerations", Service; GKE, "About node pools".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import Layer
from tests.judge.objects import TAINT, deployment, node_pool, snapshot, written

APPS, GATEWAY = node_pool("apps"), node_pool("gateway", "", TAINT)
POOLS = (GATEWAY, APPS)
ON_GATEWAY = {"cloud.google.com/gke-nodepool": "gateway"}
WEB = {"app": "web"}


def workloads(*objects: Mapping[str, Any], pools: tuple[Resource, ...] = POOLS) -> Workloads:
    return Workloads(snapshot(*objects, google=pools))


def doubts(*objects: Mapping[str, Any], pools: tuple[Resource, ...] = POOLS) -> list[tuple[str, str, str]]:
    """Namespace, object and field of everything that is not understood."""
    deployed = snapshot(*objects, google=pools)
    found = list(Workloads(deployed).unread(deployed))
    assert all(verdict.allowed and not verdict.understood for _, verdict in found)
    return [(namespace, verdict.decided_by, verdict.field) for namespace, verdict in found]


class TestNodes:
    def test_a_pod_that_asks_for_a_pool_runs_on_its_nodes(self) -> None:
        pod = workloads(deployment("shop", "web", WEB, nodeSelector=ON_GATEWAY)).behind("shop", WEB)
        assert pod.pool == "gateway@example.com"

    @pytest.mark.parametrize("selector", [None, {}, {"kubernetes.io/os": "linux"}])
    def test_a_pod_that_asks_for_none_runs_on_nodes_that_are_nobodys_own(self, selector: Any) -> None:
        assert (
            workloads(deployment("shop", "web", WEB, nodeSelector=selector)).behind("shop", WEB).pool
            == "apps@example.com"
        )
        assert workloads(deployment("shop", "web", WEB)).behind("shop", WEB).pool == "apps@example.com"

    def test_a_taint_keeps_a_pool_for_those_who_tolerate_it(self) -> None:
        found = workloads()
        assert found.application_pool == "apps@example.com"
        assert [pool.name for pool in found.own_pools] == ["gateway"]
        assert found.pools["gateway"].tainted

    @pytest.mark.parametrize("effect", ["NO_SCHEDULE", "NO_EXECUTE"])
    def test_both_hard_effects_do(self, effect: str) -> None:
        assert (
            workloads(pools=(node_pool("gateway", "", {**TAINT, "effect": effect}), APPS))
            .pools["gateway"]
            .tainted
        )

    def test_a_taint_that_is_only_a_wish_keeps_nobody_off(self) -> None:
        soft = node_pool("gateway", "", {**TAINT, "effect": "PREFER_NO_SCHEDULE"})
        assert not workloads(pools=(soft,)).pools["gateway"].tainted
        assert workloads(pools=(soft, APPS)).application_pool == "gateway@example.com"
        assert (
            workloads(pools=(node_pool("gateway", "", soft.properties["nodeConfig"]["taints"][0], TAINT),))
            .pools["gateway"]
            .tainted
        )

    def test_a_pool_that_a_workload_asks_for_is_its_own(self) -> None:
        plain = node_pool("gateway")
        assert workloads(pools=(plain, APPS)).own_pools == []
        found = workloads(deployment("shop", "web", WEB, nodeSelector=ON_GATEWAY), pools=(plain, APPS))
        assert [pool.name for pool in found.own_pools] == ["gateway"]
        assert found.application_pool == "apps@example.com"

    def test_without_pools_nothing_is_known_of_nodes(self) -> None:
        found = workloads(deployment("shop", "web", WEB, nodeSelector=ON_GATEWAY), pools=())
        assert (found.application_pool, found.pools, found.behind("shop", WEB).pool) == ("", {}, "")

    def test_a_pool_is_called_by_its_name_and_not_by_its_resources(self) -> None:
        resource = Resource(
            "gcp:container/nodePool:NodePool",
            "resource",
            {"name": "apps", "nodeConfig": {"serviceAccount": "a@b"}},
        )
        assert list(workloads(pools=(resource,)).pools) == ["apps"]
        unnamed = Resource("gcp:container/nodePool:NodePool", "resource", {})
        assert workloads(pools=(unnamed,)).pools["resource"].email == ""

    def test_a_pool_that_nobody_handed_over_is_not_understood(self) -> None:
        other = deployment("shop", "web", WEB, nodeSelector={"cloud.google.com/gke-nodepool": "other"})
        assert doubts(other) == [("shop", "shop/deployment/web", "spec.template.spec.nodeSelector")]
        assert doubts(other, pools=()) == []
        assert doubts(deployment("shop", "web", WEB, nodeSelector=ON_GATEWAY)) == []

    def test_nodes_that_run_as_several_accounts_are_not_understood(self) -> None:
        assert doubts(pools=(*POOLS, node_pool("more"))) == [
            ("", "nodepool/more", "nodeConfig.serviceAccount")
        ]
        assert doubts(pools=(*POOLS, node_pool("more", "apps@example.com"))) == []
        assert doubts(pools=(*POOLS, node_pool("other", "", TAINT))) == []


class TestBehind:
    def test_a_selector_means_pods_that_have_all_its_labels(self) -> None:
        found = workloads(deployment("shop", "web", {**WEB, "version": "v1"}, serviceAccountName="web"))
        assert found.behind("shop", WEB).service_account == "web"
        assert found.behind("shop", {**WEB, "version": "v1"}).service_account == "web"
        assert found.behind("shop", {**WEB, "version": "v2"}).service_account == "default"

    def test_of_its_own_namespace(self) -> None:
        found = workloads(deployment("shop", "web", WEB, serviceAccountName="web"))
        pod = found.behind("bank", WEB)
        assert (pod.namespace, pod.service_account) == ("bank", "default")

    @pytest.mark.parametrize(
        ("fields", "account"),
        [
            ({}, "default"),
            ({"serviceAccountName": None}, "default"),
            ({"serviceAccountName": ""}, "default"),
            ({"serviceAccountName": "web"}, "web"),
            ({"serviceAccount": "old"}, "old"),
            ({"serviceAccountName": "web", "serviceAccount": "old"}, "web"),
        ],
    )
    def test_pods_run_as_the_account_that_they_name(self, fields: dict[str, Any], account: str) -> None:
        assert (
            workloads(deployment("shop", "web", WEB, **fields)).behind("shop", WEB).service_account == account
        )

    def test_pods_that_nobody_handed_over_have_just_the_labels_that_are_asked_for(self) -> None:
        found = workloads()
        pod = found.behind("shop", WEB)
        assert (pod.namespace, pod.labels, pod.service_account, pod.pool) == (
            "shop",
            WEB,
            "default",
            "apps@example.com",
        )
        assert found.behind("shop", WEB) is pod
        assert found.behind("shop", {"app": "other"}) is not pod
        assert found.behind("bank", WEB) is not pod

    def test_the_same_selector_means_the_same_pods(self) -> None:
        found = workloads(deployment("shop", "web", WEB))
        assert found.behind("shop", WEB) is found.behind("shop", WEB)

    def test_known_pods_come_before_those_that_nobody_handed_over(self) -> None:
        found = workloads(deployment("shop", "web", {**WEB, "version": "v1"}, serviceAccountName="web"))
        assert found.behind("shop", {**WEB, "version": "v2"}).service_account == "default"
        assert found.behind("shop", WEB).service_account == "web"

    def test_an_empty_selector_means_no_pods_that_are_known(self) -> None:
        found = workloads(deployment("shop", "web", WEB, serviceAccountName="web"))
        assert (found.behind("shop", {}).service_account, found.behind("shop", {}).labels) == ("default", {})

    def test_nor_those_that_nobody_handed_over(self) -> None:
        found = workloads()
        assert found.behind("shop", {"app": "other"}) is not found.behind("shop", {})

    def test_pods_without_labels_are_nobodys(self) -> None:
        bare = deployment("shop", "web", {})
        del bare["spec"]["template"]["metadata"]["labels"]
        assert workloads(bare).behind("shop", WEB).labels == WEB


class TestSeveralBehindOneSelector:
    STABLE = deployment("shop", "stable", {**WEB, "track": "stable"})
    CANARY = deployment("shop", "canary", {**WEB, "track": "canary"})
    SERVICE = written("Service", "shop", "web", selector=WEB, ports=[{"port": 80}])
    ASKS = written("AuthorizationPolicy", "shop", selector={"matchLabels": {"track": "canary"}})

    def test_where_nothing_tells_them_apart_either_stands_for_both(self) -> None:
        assert doubts(self.STABLE, self.CANARY, self.SERVICE) == []
        asks_nothing = written(
            "NetworkPolicy",
            "shop",
            podSelector={"matchExpressions": None},
            other={"track": "x"},
            labels=["track"],
        )
        assert doubts(self.STABLE, self.CANARY, self.SERVICE, asks_nothing) == []
        asks_requests = written(
            "AuthorizationPolicy", "shop", rules=[{"when": [{"key": "track", "values": ["x"]}]}]
        )
        assert doubts(self.STABLE, self.CANARY, self.SERVICE, asks_requests) == []

    @pytest.mark.parametrize(
        "asks",
        [
            ASKS,
            written(
                "NetworkPolicy",
                "shop",
                podSelector={"matchExpressions": [{"key": "track", "operator": "Exists"}]},
            ),
            written(
                "NetworkPolicy",
                "shop",
                egress=[{"to": [{"podSelector": {"matchLabels": {"track": "canary"}}}]}],
            ),
            written("EnvoyFilter", "shop", workloadSelector={"labels": {"track": "canary"}}),
            written("Service", "shop", "other", selector={"track": "canary"}, ports=[{"port": 80}]),
        ],
    )
    def test_where_an_object_asks_for_their_labels_it_is_not_understood(self, asks: dict[str, Any]) -> None:
        assert doubts(self.STABLE, self.CANARY, self.SERVICE, asks) == [
            ("shop", "shop/service/web", "spec.selector")
        ]

    @pytest.mark.parametrize("field", [{"serviceAccountName": "canary"}, {"nodeSelector": ON_GATEWAY}])
    def test_nor_where_account_or_nodes_differ(self, field: dict[str, Any]) -> None:
        other = deployment("shop", "canary", WEB, **field)
        assert doubts(deployment("shop", "stable", WEB), other, self.SERVICE) == [
            ("shop", "shop/service/web", "spec.selector")
        ]

    def test_nor_for_a_gateways_selector(self) -> None:
        gateway = written("Gateway", "shop", "out", selector=WEB, servers=[])
        gateway["spec"]["servers"] = [{"port": {"number": 443, "protocol": "TLS"}, "hosts": ["*"]}]
        assert doubts(self.STABLE, self.CANARY, gateway, self.ASKS) == [
            ("shop", "shop/gateway/out", "spec.selector")
        ]

    def test_the_third_is_looked_at_as_well(self) -> None:
        third = deployment("shop", "third", WEB, serviceAccountName="third")
        assert doubts(deployment("shop", "a", WEB), deployment("shop", "b", WEB), third, self.SERVICE) != []

    def test_others_are_not_meant(self) -> None:
        assert doubts(self.STABLE, deployment("shop", "x", {"app": "x"}), self.SERVICE, self.ASKS) == []
        assert (
            doubts(
                self.STABLE,
                {**self.CANARY, "metadata": {"name": "canary", "namespace": "bank"}},
                self.SERVICE,
                self.ASKS,
            )
            == []
        )
        assert doubts(self.STABLE, self.CANARY, self.ASKS) == []

    def test_the_layer_and_the_sentence(self) -> None:
        deployed = snapshot(self.STABLE, self.CANARY, self.SERVICE, self.ASKS)
        ((_, verdict),) = Workloads(deployed).unread(deployed)
        assert verdict.layer is Layer.SIDECAR
        assert verdict.reason == (
            "It means pods of shop/deployment/stable and of shop/deployment/canary, which something tells "
            "apart: "
            "that is not read."
        )
