"""Every connection that no flow of a workload shows, written out for small clusters: both ends, transports
and ports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.cluster_connections import ClusterConnection, ClusterConnections, End
from egress.judge.distinctions import Distinctions
from egress.judge.model.flow import Node, Outside, Pod
from egress.judge.trace import Judges
from tests.judge.asking import GATEWAY_PODS, gateway, server
from tests.judge.objects import deployment, named, namespace, node_pool, snapshot, team, written

Written = dict[str, Any]
SHOP, BANK, FARM, GATEWAY, ROOT = "shop", "bank", "farm", "gw", "istio-system"
EDGE = (GATEWAY_PODS, gateway(server("a.example", port=8443)))
TEAMS = ("a-team", SHOP)


def policy(namespace: str, name: str = "policy", **spec: Any) -> Written:
    types = [kind.capitalize() for kind in spec if kind in ("ingress", "egress")]
    return written("NetworkPolicy", namespace, name, **{"podSelector": {}, "policyTypes": types, **spec})


LIVE = {"namespaceSelector": {"matchLabels": {"stage": "live"}}}


def judges(*objects: Written, google: tuple[Resource, ...] = ()) -> Judges:
    return Judges(snapshot(*objects, google=google))


def connections(*objects: Written, google: tuple[Resource, ...] = ()) -> ClusterConnections:
    return ClusterConnections(Distinctions([judges(*objects, google=google)]))


def ports(found: Iterable[ClusterConnection]) -> dict[str, list[str]]:
    """By `SOURCE -> TARGET`."""
    told: dict[str, list[str]] = {}
    for one in found:
        told.setdefault(f"{one.source.words} -> {one.target.words}", []).append(f"{one.transport} {one.port}")
    return told


def usual(*tcp: int, udp: tuple[int, ...] = ()) -> list[str]:
    """Ports that are always asked about between pods, and more."""
    more = [*(("TCP", port) for port in (6667, 8080, 15000, *tcp)), *(("UDP", port) for port in (6667, *udp))]
    return [f"{transport} {port}" for transport, port in sorted(set(more))]


ISTIOD = usual(443, 15010, 15012, 15014, 15017)
DOORS = usual(8443, 15004, 15014, 15020, 15021, 15090)
PLATFORM = usual(443, 15012, 53)
DNS = usual(53, udp=(53,))
TO_PLATFORM = {
    "istiod": ISTIOD,
    "kube-dns": DNS,
    "node-local-dns": DNS,
    "other pods of istio-system": PLATFORM,
    "other pods of kube-system": PLATFORM,
}


def of(source: str, told: dict[str, list[str]]) -> dict[str, list[str]]:
    """What one source connects to."""
    start = f"{source} -> "
    return {key.removeprefix(start): found for key, found in told.items() if key.startswith(start)}


def into(target: str, told: dict[str, list[str]]) -> dict[str, list[str]]:
    end = f" -> {target}"
    return {key.removesuffix(end): found for key, found in told.items() if key.endswith(end)}


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


class TestPlatform:
    def test_a_gateway_connects_to_the_platform_to_teams_to_strangers_and_outside(self) -> None:
        told = of("the gateway in gw", ports(connections(*map(team, TEAMS), *EDGE).of_platform()))
        outside = ["TCP 80", "TCP 443", "TCP 6667", "UDP 53", "UDP 443", "UDP 6667"]
        inside = {key: found for key, found in told.items() if key not in TO_PLATFORM}
        assert {key: told[key] for key in TO_PLATFORM} == TO_PLATFORM
        assert inside.pop("pods of a-team") == usual()
        assert inside.pop("pods of no team") == usual()
        assert sorted(inside.pop("the internet")) == sorted(outside)
        assert {"the metadata server", "10.0.0.0/8", "199.36.153.8/30"} <= inside.keys()
        assert "" not in inside
        assert all(sorted(found) == sorted(outside) for found in inside.values())
        out = policy(GATEWAY, egress=[{"to": [named("foo")]}])
        assert "pods of foo" in of("the gateway in gw", ports(connections(*EDGE, out).of_platform()))

    def test_pods_of_no_team_connect_to_every_door_of_a_gateway_and_of_istiod(self) -> None:
        told = of("pods of no team", ports(connections(*EDGE).of_platform()))
        assert told == {
            "the gateway in gw": DOORS,
            "istiod": ISTIOD,
            "other pods of istio-system": usual(),
            "other pods of gw": usual(),
        }

    def test_istiod_connects_to_teams_to_strangers_and_outside(self) -> None:
        out = policy(ROOT, egress=[{"to": [named("foo")]}])
        told = of("istiod", ports(connections(*map(team, TEAMS), *EDGE, out).of_platform()))
        assert {
            "pods of a-team",
            "pods of no team",
            "pods of foo",
            "the internet",
            "10.0.0.0/8",
        } <= told.keys()
        assert "pods of shop" not in told

    def test_one_gateway_connects_to_another(self) -> None:
        other = gateway(server("b.example", port=9443), namespace="gw-b")
        told = ports(connections(*EDGE, deployment("gw-b", "edge", {"istio": "gw"}), other).of_platform())
        assert told["the gateway in gw -> the gateway in gw-b"] == sorted(
            {*DOORS, "TCP 9443"} - {"TCP 8443"}, key=lambda one: (one[:3], int(one[4:]))
        )
        assert told["the gateway in gw-b -> the gateway in gw"] == DOORS
        assert told["pods of no team -> the gateway in gw"] == DOORS
        assert told["the gateway in gw -> other pods of gw-b"] == PLATFORM
        assert "the gateway in gw -> the gateway in gw" not in told
        assert "the gateway in gw -> other pods of gw" not in told

    def test_of_teams_those_that_policies_name_from_either_end_and_one_more(self) -> None:
        teams = [team(name) for name in (BANK, FARM, SHOP, "yard")]
        out, let_in = (
            policy(GATEWAY, egress=[{"to": [named(SHOP)]}]),
            policy("yard", ingress=[{"from": [named(GATEWAY)]}]),
        )
        told = of("the gateway in gw", ports(connections(*teams, *EDGE, out, let_in).of_platform()))
        assert [key for key in told if key in (f"pods of {name}" for name in (BANK, FARM, SHOP, "yard"))] == [
            "pods of shop",
            "pods of yard",
            "pods of bank",
        ]
        first = policy(GATEWAY, egress=[{"to": [named(BANK)]}])
        told = of("the gateway in gw", ports(connections(*teams, *EDGE, first).of_platform()))
        assert [key for key in told if key.startswith("pods of ") and "no team" not in key] == [
            "pods of bank",
            "pods of farm",
        ]


OF_POOLS = (
    node_pool("app", "app@p"),
    node_pool("edge", "edge@p", {"key": "x", "value": "y", "effect": "NO_SCHEDULE"}),
)


class TestNodes:
    def test_nodes_of_each_kind_connect_outside(self) -> None:
        found = [
            one for one in connections(google=OF_POOLS).of_platform() if isinstance(one.ends[0][0], Node)
        ]
        told = ports(found)
        for source in ("application nodes", "gateway nodes (edge)"):
            to = of(source, told)
            assert {"the internet", "the metadata server", "10.0.0.0/8"} <= to.keys()
            assert to["the internet"] == ["TCP 80", "TCP 443", "TCP 6667", "UDP 53", "UDP 443", "UDP 6667"]
        assert {
            (one.source.end, one.source.name, one.ends[0][0].pool)
            for one in found
            if isinstance(one.ends[0][0], Node)
        } == {
            (End.APPLICATION_NODES, "", "app@p"),
            (End.GATEWAY_NODES, "edge", "edge@p"),
        }
        assert [one.source.words for one in found] == sorted(one.source.words for one in found)

    def test_without_pools_there_are_none(self) -> None:
        assert not any(isinstance(one.ends[0][0], Node) for one in connections(*EDGE).of_platform())

    def test_of_two_snapshots_pools_are_the_same_by_what_they_are_for(self) -> None:
        other = (
            node_pool("app", "new@p"),
            node_pool("more", "more@p", {"key": "x", "value": "y", "effect": "NO_SCHEDULE"}),
        )
        assert [end.value for end in (End.CONTROL_PLANE, End.ADDRESSES)] == ["istiod", "addresses"]
        both = ClusterConnections(Distinctions([judges(google=OF_POOLS), judges(google=other)]))
        found = [one for one in both.of_platform() if isinstance(one.ends[0][0], Node)]
        assert {one.source.words for one in found} == {"application nodes"}
        assert {tuple(end for end, _ in one.ends) for one in found} == {(Node("app@p"), Node("new@p"))}


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


class TestTwoSnapshots:
    def test_gateways_are_those_of_both_with_the_doors_of_either(self) -> None:
        second = deployment("gw-b", "edge", {"istio": "gw"}), gateway(server("b.example"), namespace="gw-b")
        one = judges(team(SHOP), *EDGE, *second)
        other = judges(team(SHOP), GATEWAY_PODS, gateway(server("a.example", port=9443)))
        found = ClusterConnections(Distinctions([one, other]))
        told = ports(found.out_of(SHOP))
        assert "pods of shop -> the gateway in gw-b" not in told
        assert {"TCP 8443", "TCP 9443"} <= set(told["pods of shop -> the gateway in gw"])
        assert {"TCP 8443", "TCP 9443"} <= set(
            ports(found.of_platform())["pods of no team -> the gateway in gw"]
        )
        gateways = next(each.ends for each in found.out_of(SHOP) if each.target.end is End.GATEWAY)
        assert [to for _, to in gateways] == [_in(of, GATEWAY) for of in (one, other)]

    def test_each_says_its_own(self) -> None:
        sides = [judges(team(SHOP), policy(SHOP, egress=[])), judges(team(SHOP))]
        found = next(ClusterConnections(Distinctions(sides)).out_of(SHOP))
        assert [verdict.allowed for verdict in found.judged(sides)] == [False, True]

    def test_peers_of_either_are_strangers(self) -> None:
        one, other = (
            judges(team(SHOP), policy(SHOP, ingress=[{"from": [peer]}])) for peer in (named("foo"), LIVE)
        )
        told = into("pods of shop", ports(ClusterConnections(Distinctions([one, other])).into(SHOP)))
        assert {"pods of foo", "pods of a namespace with other labels"} <= told.keys()
        test = {"namespaceSelector": {"matchLabels": {"stage": "test"}}}
        sides = [judges(team(SHOP), policy(SHOP, ingress=[{"from": [peer]}])) for peer in (LIVE, test)]
        found = ClusterConnections(Distinctions(sides)).into(SHOP)
        sources = [one.ends[0][0] for one in found if one.source.labelled]
        labels = {repr(source.namespace_labels) for source in sources if isinstance(source, Pod)}
        assert len(labels) == 2

    def test_the_default_namespace_is_known_where_either_says_it(self) -> None:
        sides = [judges(team(SHOP), namespace("default")), judges(team(SHOP))]
        for order in (sides, sides[::-1]):
            assert "pods of default" in of(
                "pods of shop", ports(ClusterConnections(Distinctions(order)).out_of(SHOP))
            )


def _in(of: Judges, namespace: str) -> Pod:
    return next(pod for pod in of.gateways.pods if pod.namespace == namespace)


class TestJudged:
    """What layers say to a connection: NetworkPolicies, and the firewall to what nodes open or what has to
    pass."""

    @staticmethod
    def said(
        judge: Judges,
        transport: str = "TCP",
        port: int = 15012,
        *,
        must_pass: bool = False,
        to: str = "istiod",
        source: str = "pods of shop",
    ) -> Any:
        every = ClusterConnections(Distinctions([judge]))
        (found,) = [
            one
            for one in (*every.of(SHOP), *every.of_platform())
            if (one.transport, one.port, one.target.words, one.source.words) == (transport, port, to, source)
        ]
        (verdict,) = found.judged([judge], must_pass=True) if must_pass else found.judged([judge])
        return verdict

    def test_a_policy_lets_through_by_transport_and_port(self) -> None:
        port = [{"protocol": "UDP", "port": 6667}, {"protocol": "TCP", "port": 15012}]
        judge = judges(team(SHOP), policy(SHOP, egress=[{"to": [named(ROOT)], "ports": port}]))
        assert [self.said(judge, *of).allowed for of in (("UDP", 6667), ("TCP", 6667), ("TCP", 15012))] == [
            True,
            False,
            True,
        ]

    def test_labels_that_pods_may_choose_help_what_must_not_pass_and_not_what_must(self) -> None:
        of_some = policy(SHOP, podSelector={"matchLabels": {"app": "x"}}, egress=[{"to": [named(ROOT)]}])
        judge = judges(team(SHOP), policy(SHOP, "none", egress=[]), of_some)
        assert self.said(judge, "TCP", 15012).allowed
        assert not self.said(judge, "TCP", 15012, must_pass=True).allowed

    def test_what_has_to_pass_has_to_get_from_node_to_node_as_well(self) -> None:
        shut = Resource(
            "gcp:compute/firewall:Firewall",
            "shut",
            {"direction": "EGRESS", "destinationRanges": ["0.0.0.0/0"], "denies": [{"protocol": "all"}]},
        )
        judge = judges(team(SHOP), google=(*OF_POOLS, shut))
        assert self.said(judge, "TCP", 15012).decided_by is None
        refused = self.said(judge, "TCP", 15012, must_pass=True)
        assert (refused.allowed, refused.decided_by) == (False, "firewall/shut")
        held = judges(team(SHOP), policy(SHOP, egress=[]), google=(*OF_POOLS, shut))
        assert self.said(held, "TCP", 15012, must_pass=True).decided_by == "shop/networkpolicy/policy"
        assert self.said(judges(team(SHOP)), "TCP", 15012, must_pass=True).allowed

    PODS = (
        Resource(
            "gcp:compute/subnetwork:Subnetwork",
            "nodes",
            {"secondaryIpRanges": [{"rangeName": "pods", "ipCidrRange": "10.4.0.0/14"}]},
        ),
        Resource(
            "gcp:container/cluster:Cluster",
            "main",
            {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pods"}},
        ),
    )

    def test_what_must_pass_passes_to_every_address_that_pods_may_have(self) -> None:
        half = policy(SHOP, egress=[{"to": [{"ipBlock": {"cidr": "10.4.0.0/15"}}]}])
        judge = judges(team(SHOP), half, google=self.PODS)
        # A block means pods with some network plugins only, so what must pass counts on none.
        assert [self.said(judge, must_pass=must_pass).understood for must_pass in (False, True)] == [
            True,
            False,
        ]
        shut = Resource(
            "gcp:compute/firewall:Firewall",
            "shut",
            {"direction": "EGRESS", "destinationRanges": ["10.4.0.0/15"], "denies": [{"protocol": "all"}]},
        )
        judge = judges(team(SHOP), google=(*self.PODS, shut))
        assert [self.said(judge, must_pass=must_pass).allowed for must_pass in (False, True)] == [True, False]

    def test_what_is_not_understood_stays_so_whatever_the_firewall_lets_through(self) -> None:
        odd = policy(SHOP, egress=[{"to": [named(ROOT)], "more": 1}])
        found = self.said(judges(team(SHOP), odd, google=OF_POOLS), must_pass=True)
        assert (found.allowed, found.understood) == (True, False)

    def test_labels_that_are_known_stay_what_they_are(self) -> None:
        shut = policy(ROOT, podSelector={"matchLabels": {"app": "istiod"}}, ingress=[])
        assert not self.said(judges(team(SHOP), shut), must_pass=True).allowed

    def test_nodes_and_addresses_have_no_labels(self) -> None:
        judge = judges(team(SHOP), *EDGE, google=OF_POOLS)
        for source in ("application nodes", "the gateway in gw"):
            assert self.said(judge, "TCP", 443, must_pass=True, to="the internet", source=source).allowed

    def test_a_nodes_own_is_the_firewalls(self) -> None:
        udp = Resource(
            "gcp:compute/firewall:Firewall",
            "udp",
            {
                "direction": "EGRESS",
                "destinationRanges": ["0.0.0.0/0", "::/0"],
                "denies": [{"protocol": "udp"}],
            },
        )
        judge = judges(team(SHOP), google=(*OF_POOLS, udp))
        said = [
            self.said(judge, by, 443, to="the internet", source="application nodes").decided_by
            for by in ("UDP", "TCP")
        ]
        assert said == ["firewall/udp", None]
