"""Every connection to teams and from strangers that no flow of a workload shows, written out for small
clusters: both ends, transports and ports."""

from __future__ import annotations

import pytest

from egress.common.objects import Resource
from egress.judge.cluster_connections import End
from egress.judge.model.flow import Outside, Pod
from tests.judge.connecting import (
    BANK,
    DOORS,
    EDGE,
    GATEWAY,
    ISTIOD,
    LIVE,
    OF_POOLS,
    PLATFORM,
    ROOT,
    SHOP,
    TO_PLATFORM,
    Written,
    connections,
    into,
    judges,
    of,
    policy,
    ports,
    usual,
)
from tests.judge.objects import named, namespace, team


class TestTeams:
    def test_a_teams_pods_connect_to_the_platform_and_to_pods_of_no_team(self) -> None:
        told = ports(connections(team(SHOP), *EDGE).out_of(SHOP))
        to_gateway = {"the gateway in gw": DOORS, "other pods of gw": PLATFORM}
        assert told == {
            f"pods of shop -> {to}": of
            for to, of in (TO_PLATFORM | to_gateway | {"pods of no team": usual()}).items()
        }

    def test_they_themselves_and_pods_of_no_team_connect_to_them(self) -> None:
        assert ports(connections(team(SHOP), *EDGE).into(SHOP)) == {
            "pods of shop -> pods of shop": usual(),
            "pods of no team -> pods of shop": usual(),
            "the internet -> pods of shop": usual(),
        }

    def test_who_has_an_address_and_is_no_pod_is_asked_about_by_the_ranges_that_a_policy_names(self) -> None:
        let_in = policy(
            SHOP, ingress=[{"from": [{"ipBlock": {"cidr": "10.99.0.0/16"}}], "ports": [{"port": 9999}]}]
        )
        pods = {"rangeName": "pods", "ipCidrRange": "10.1.0.0/16"}
        google = (
            Resource(
                "gcp:compute/subnetwork:Subnetwork",
                "a",
                {"ipCidrRange": "10.0.0.0/24", "secondaryIpRanges": [pods]},
            ),
            Resource(
                "gcp:container/cluster:Cluster",
                "a",
                {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pods"}},
            ),
        )
        told = connections(team(SHOP), let_in, google=google)
        found = [one for one in told.into(SHOP) if one.source.end is End.ADDRESSES]
        own = judges(team(SHOP), let_in, google=google)
        passed = {(one.source.words, one.port) for one in found if one.judged([own])[0].allowed}
        assert {port for _, port in passed} == {9999}
        assert len(passed) == 1
        assert {one.transport for one in found} == {"TCP", "UDP"}

    def test_all_of_a_team_is_both(self) -> None:
        found = connections(team(SHOP))
        assert ports(found.of(SHOP)) == {**ports(found.out_of(SHOP)), **ports(found.into(SHOP))}

    def test_a_port_that_a_policy_names_is_asked_about(self) -> None:
        port = [{"protocol": "TCP", "port": 9999}]
        out = policy(SHOP, egress=[{"to": [named(ROOT)], "ports": port}])
        assert ports(connections(team(SHOP), out).out_of(SHOP))["pods of shop -> istiod"] == sorted(
            {*ISTIOD, "TCP 9999", "TCP 10000"}, key=lambda one: (one[:3], int(one[4:]))
        )


class TestStrangers:
    """Namespaces of no team: those that policies name, the one that every cluster has, and those that labels
    mean."""

    def test_one_that_a_policy_names_is_asked_about_by_its_name(self) -> None:
        out, let_in = (
            policy(SHOP, egress=[{"to": [named("foo")]}]),
            policy(SHOP, "in", ingress=[{"from": [named("bar")]}]),
        )
        found = connections(team(SHOP), out, let_in)
        assert {"pods of no team", "pods of foo"} <= of("pods of shop", ports(found.out_of(SHOP))).keys()
        assert into("pods of shop", ports(found.into(SHOP))).keys() == {
            "pods of shop",
            "pods of no team",
            "pods of bar",
            "the internet",
        }
        assert {one.source.end for one in found.into(SHOP) if one.source.name == "bar"} == {End.STRANGER}

    def test_teams_and_the_namespace_itself_are_no_strangers(self) -> None:
        peers = [named(BANK), named(SHOP)]
        both = policy(SHOP, egress=[{"to": peers}], ingress=[{"from": peers}])
        found = connections(team(SHOP), team(BANK), both)
        assert "pods of bank" not in of("pods of shop", ports(found.out_of(SHOP)))
        assert into("pods of shop", ports(found.into(SHOP))).keys() == {
            "pods of shop",
            "pods of no team",
            "the internet",
        }

    def test_the_platforms_own_are_asked_about_as_the_platform_and_let_in_by_their_name(self) -> None:
        peers = [named(ROOT), named("kube-system"), named(GATEWAY)]
        both = policy(SHOP, egress=[{"to": peers}], ingress=[{"from": peers}])
        found = connections(team(SHOP), *EDGE, both)
        assert "pods of istio-system" not in of("pods of shop", ports(found.out_of(SHOP)))
        let_in = {one.source.words: one.source.end for one in found.into(SHOP)}
        platform = {f"pods of {name}": End.PLATFORM for name in (GATEWAY, ROOT, "kube-system")}
        others = {"pods of no team": End.STRANGER, "the internet": End.INTERNET}
        assert let_in == {"pods of shop": End.TEAM, **others, **platform}

    @pytest.mark.parametrize(
        "known", [namespace("default"), policy("default", egress=[])], ids=["namespace", "policy"]
    )
    def test_the_default_namespace_is_asked_about_where_something_says_what_it_is(
        self, known: Written
    ) -> None:
        told = connections(team(SHOP), known)
        assert "pods of default" in of("pods of shop", ports(told.out_of(SHOP)))
        assert "pods of default" in into("pods of shop", ports(told.into(SHOP)))
        assert "pods of shop -> pods of default" not in ports(connections(team(SHOP)).out_of(SHOP))

    def test_one_that_has_labels_which_a_policy_means_is_asked_about(self) -> None:
        let_in = policy(SHOP, ingress=[{"from": [LIVE, {"namespaceSelector": {}}]}])
        found = [one for one in connections(team(SHOP), let_in).into(SHOP) if one.source.labelled]
        assert ports(found) == {"pods of a namespace with other labels -> pods of shop": usual()}
        assert {(one.source.end, one.source.name) for one in found} == {
            (End.STRANGER, "some-other-namespace")
        }
        ((source, _),) = found[0].ends
        assert isinstance(source, Pod)
        assert source.namespace_labels == {
            "kubernetes.io/metadata.name": "some-other-namespace",
            "stage": "live",
        }
        out = connections(team(SHOP), policy(SHOP, egress=[{"to": [LIVE]}])).out_of(SHOP)
        assert "pods of a namespace with other labels" in of("pods of shop", ports(out))

    def test_a_team_may_be_called_as_the_one_is_that_stands_for_all(self) -> None:
        name = "some-other-namespace"
        assert {one.source.words for one in connections(team(name)).out_of(name)} == {f"pods of {name}"}

    def test_nobody_else_has_such_labels(self) -> None:
        assert not any(
            one.source.labelled or one.target.labelled for one in connections(team(SHOP), *EDGE).of(SHOP)
        )


def test_what_stands_at_each_end_is_what_it_says() -> None:
    found = connections(team(SHOP), *EDGE, google=OF_POOLS)
    ends = {one.target.words: (one.target.end, one.target.name, one.ends[0][1]) for one in found.out_of(SHOP)}
    labels = {
        words: (end, name, to.namespace, to.labels)
        for words, (end, name, to) in ends.items()
        if isinstance(to, Pod)
    }
    assert labels == {
        "istiod": (End.CONTROL_PLANE, ROOT, ROOT, {"app": "istiod"}),
        "kube-dns": (End.RESOLVER, "kube-system", "kube-system", {"k8s-app": "kube-dns"}),
        "node-local-dns": (End.RESOLVER, "kube-system", "kube-system", {"k8s-app": "node-local-dns"}),
        "the gateway in gw": (End.GATEWAY, GATEWAY, GATEWAY, {"istio": "gw"}),
        "other pods of gw": (End.PLATFORM, GATEWAY, GATEWAY, {}),
        "other pods of istio-system": (End.PLATFORM, ROOT, ROOT, {}),
        "other pods of kube-system": (End.PLATFORM, "kube-system", "kube-system", {}),
        "pods of no team": (End.STRANGER, "some-other-namespace", "some-other-namespace", None),
    }
    source = next(found.out_of(SHOP)).ends[0][0]
    assert isinstance(source, Pod)
    assert (source.namespace, source.labels, source.pool, source.namespace_labels) == (
        SHOP,
        None,
        "app@p",
        None,
    )
    to = {one.target.words: (one.target.end, one.target.name, one.ends[0][1]) for one in found.of_platform()}
    assert to["the internet"] == (End.INTERNET, "", Outside(None, None))
    assert to["10.0.0.0/8"] == (End.ADDRESSES, "10.0.0.0", Outside(None, "10.0.0.0/8"))
    assert to["the metadata server"][2] == Outside(None, "169.254.169.254")
