"""What nodes and the platform's own workloads reach, and who reaches them."""

from __future__ import annotations

from egress.judge.cluster_connections import ClusterConnections, End
from egress.judge.distinctions import Distinctions
from egress.judge.model.flow import Node
from tests.judge.asking import gateway, server
from tests.judge.connecting import (
    BANK,
    DOORS,
    EDGE,
    FARM,
    GATEWAY,
    ISTIOD,
    OF_POOLS,
    PLATFORM,
    ROOT,
    SHOP,
    TO_PLATFORM,
    connections,
    judges,
    of,
    policy,
    ports,
    usual,
)
from tests.judge.objects import deployment, named, node_pool, team

TEAMS = ("a-team", SHOP)


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

    def test_a_pool_that_replaces_another_is_the_same_nodes_by_its_taint(self) -> None:
        taint = {"key": "dedicated", "value": "edge", "effect": "NO_SCHEDULE"}
        old, new = node_pool("edge", "edge@p", taint), node_pool("edge-1f0c", "edge@p", taint)
        both = ClusterConnections(Distinctions([judges(google=(old,)), judges(google=(new,))]))
        found = [one for one in both.of_platform() if isinstance(one.ends[0][0], Node)]
        assert {one.source.words for one in found} == {"gateway nodes (edge)"}
        # A pool of somebody else's account is nobody's replacement, whatever it calls itself.
        claimed = node_pool("edge-stranger", "stranger@p", taint)
        alone = ClusterConnections(Distinctions([judges(google=(new, claimed))]))
        found = [one for one in alone.of_platform() if isinstance(one.ends[0][0], Node)]
        assert {one.source.words for one in found} == {
            "gateway nodes (edge-1f0c, edge@p)",
            "gateway nodes (edge-stranger, stranger@p)",
        }

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
