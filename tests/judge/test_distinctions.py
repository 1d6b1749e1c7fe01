"""What one snapshot of objects, or two, tell apart: every range, namespace, caller and name that some object
names. Ports are in test_distinctions_of_ports.py."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.distinctions import strings
from egress.judge.model.equivalence import Requests
from egress.judge.model.flow import Protocol
from tests.judge.asking import HTTP, TLS, entry
from tests.judge.distinguishing import (
    BANK,
    FARM,
    GATEWAY_NODES,
    NODES,
    POOLS,
    SHOP,
    Config,
    Written,
    firewall,
    of_both,
    policy,
    told,
)
from tests.judge.objects import named, team, written


class TestTeams:
    def test_teams_are_the_namespaces_that_the_platform_labels_and_those_that_are_declared(self) -> None:
        other = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}}
        assert told(team(SHOP), other, team(BANK)).teams == [BANK, SHOP]
        assert told(team(SHOP), config=Config([FARM, SHOP])).teams == [FARM, SHOP]
        assert of_both([team(SHOP)], [team(BANK), other]).teams == [BANK, SHOP]
        assert told(other).teams == []


class TestHosts:
    def test_hosts_are_those_that_objects_name_and_those_that_are_declared(self) -> None:
        objects = (
            entry("a.example", SHOP),
            entry("*.b.example", SHOP),
            entry("c.example", BANK, exportTo=["."]),
        )
        by_objects = {"a.example": "a.example", "any-name.b.example": "any-name.b.example"}
        assert told(*objects).hosts(SHOP) == by_objects
        config = Config([SHOP], host="*.b.example")
        assert told(*objects, config=config).hosts(SHOP) == {
            **by_objects,
            "any-name.b.example": "*.b.example",
        }
        assert told(config=config).hosts(BANK) == {}
        api = "pubsub.googleapis.com"
        assert told(config=Config([SHOP], api=api)).hosts(SHOP) == {
            api: api,
            "declared.example": "declared.example",
        }
        assert of_both(objects[:1], objects[1:]).hosts(SHOP) == by_objects

    def test_of_others_hosts_one_of_each_shape_is_asked_for(self) -> None:
        one, alike, tls = entry("a.example", BANK), entry("b.example", BANK), entry("c.example", BANK, TLS)
        assert told(one, alike, tls).others(set()) == ["a.example", "c.example"]
        assert told(one, alike, tls).others({"a.example"}) == ["b.example", "c.example"]
        assert of_both([one], [tls]).others(set()) == ["a.example", "c.example"]

    def test_outside_is_every_host_and_pattern_that_is_known_or_declared(self) -> None:
        config = Config([SHOP, BANK], host="*.b.example")
        assert told(entry("c.example"), entry("a.example"), config=config).outside == [
            "*.b.example",
            "a.example",
            "c.example",
        ]
        assert told(entry("a.example")).outside == ["a.example"]
        assert of_both([entry("b.example")], [entry("a.example")]).outside == ["a.example", "b.example"]

    def test_a_host_is_asked_for_on_every_port_that_either_side_gives_it(self) -> None:
        found = of_both([entry("a.example", SHOP, HTTP)], [entry("a.example", SHOP, {**TLS, "number": 8443})])
        assert found.ports("a.example") == [(80, Protocol.HTTP), (443, Protocol.TLS), (8443, Protocol.TLS)]
        declared = told(
            entry("a.example", SHOP, TLS), config=Config(host="a.example", port=(5432, Protocol.TCP))
        )
        assert declared.ports("a.example") == [(80, Protocol.HTTP), (443, Protocol.TLS), (5432, Protocol.TCP)]
        assert declared.ports("b.example") == [(80, Protocol.HTTP), (443, Protocol.TLS)]


def rule(
    *, namespace: str = "gw", principal: str = "cluster.local/ns/shop/sa/app", **operation: Any
) -> Written:
    rules = [{"from": [{"source": {"principals": [principal]}}], "to": [{"operation": operation}]}]
    return written("AuthorizationPolicy", namespace, "rules", rules=rules)


class TestRules:
    HOST = "a.example"
    POST = Requests(frozenset({"POST"}))

    def test_requests_are_told_apart_by_what_rules_of_either_side_and_declarations_say(self) -> None:
        get, put = (rule(hosts=[self.HOST], methods=[method]) for method in ("GET", "PUT"))
        assert of_both([get], [put]).requests(SHOP, self.HOST) == Requests(frozenset({"GET", "PUT"}))
        config = Config(host=self.HOST, asked=self.POST)
        assert told(get, config=config).requests(SHOP, self.HOST) == Requests(frozenset({"GET", "POST"}))
        assert told(config=config).requests(BANK, self.HOST) == Requests()

    def test_callers_are_told_apart_by_what_rules_of_either_side_and_declarations_name(self) -> None:
        app, job = (
            rule(hosts=[self.HOST], principal=f"cluster.local/ns/shop/sa/{of}") for of in ("app", "job")
        )
        assert of_both([job], [app]).accounts(SHOP, self.HOST) == ["app", "job"]
        assert told(app, config=Config(host=self.HOST, account="declared")).accounts(SHOP, self.HOST) == [
            "app",
            "declared",
        ]
        assert told(config=Config(host=self.HOST, account="")).accounts(SHOP, self.HOST) == []

    def test_a_host_header_is_told_apart_by_the_rules_of_either_side(self) -> None:
        one, other = (rule(hosts=[self.HOST, f"{self.HOST}:{port}"]) for port in (8080, 9090))
        found = of_both([one], [other]).authorities(SHOP, self.HOST)
        assert found == ["a.example:80", "a.example:8080", "a.example:9090"]


def within(found: Iterable[Any]) -> set[str]:
    return {one.within for one in found}


EVERYBODYS = within(told().addresses(SHOP))
SUBNET = Resource(
    "gcp:compute/subnetwork:Subnetwork",
    "nodes",
    {
        "ipCidrRange": "203.0.113.0/26",
        "secondaryIpRanges": [{"rangeName": "pods", "ipCidrRange": "203.0.113.128/25"}],
    },
)
CLUSTER = Resource(
    "gcp:container/cluster:Cluster", "main", {"ipAllocationPolicy": {"clusterSecondaryRangeName": "pods"}}
)


class TestAddresses:
    def test_private_ranges_the_metadata_server_and_googles_two_sets_are_always_told_apart(self) -> None:
        wanted = {
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.169.254",
            "199.36.153.8/30",
            "199.36.153.4/30",
            "",
        }
        assert wanted <= EVERYBODYS
        assert wanted <= within(told().addresses_of_nodes([""]))

    def test_the_networks_own_ranges_are(self) -> None:
        ours = {"203.0.113.0/26", "203.0.113.128/25"}
        for found in (
            told(google=[SUBNET, CLUSTER]).addresses(SHOP),
            told(google=[SUBNET, CLUSTER]).addresses_of_nodes([""]),
        ):
            assert ours <= within(found)
        assert ours.isdisjoint(EVERYBODYS)

    def test_what_a_config_names_is(self) -> None:
        assert within(told(config=Config(ranges=["198.51.100.0/24"])).addresses(SHOP)) == EVERYBODYS | {
            "198.51.100.0/24"
        }

    @pytest.mark.parametrize(
        "block", [{"cidr": "0.0.0.0/0", "except": ["198.51.100.0/24"]}, {"cidr": "198.51.100.0/24"}]
    )
    def test_what_a_teams_policies_name_is_for_that_team(self, block: Written) -> None:
        found = told(policy(egress=[{"to": [{"ipBlock": block}]}], policyTypes=["Egress"]))
        assert within(found.addresses(SHOP)) == EVERYBODYS | {"198.51.100.0/24"}
        assert within(found.addresses(BANK)) == EVERYBODYS
        assert within(found.addresses_of_nodes([""])) == EVERYBODYS

    def test_what_a_firewall_rule_names_is_for_its_nodes_and_for_pods_on_nobodys_nodes(self) -> None:
        of_all, of_gateways = (firewall(name, account, ranges=[cidr]) for name, account, cidr in (
            ("all", NODES, "198.51.100.0/25"), ("gateways", GATEWAY_NODES, "198.51.100.128/25")
        ))  # fmt: skip
        found = told(google=[*POOLS, of_all, of_gateways])
        assert within(found.addresses(SHOP)) == EVERYBODYS | {"198.51.100.0/25"}
        assert within(found.addresses_of_nodes([NODES])) == EVERYBODYS | {"198.51.100.0/25"}
        assert within(found.addresses_of_nodes([GATEWAY_NODES])) == EVERYBODYS | {"198.51.100.128/25"}

    def test_ipv6_is_asked_about_where_something_names_it(self) -> None:
        assert not any(":" in one.address for one in told().addresses(SHOP))
        ipv6 = told(policy(egress=[{"to": [{"ipBlock": {"cidr": "2001:db8::/32"}}]}], policyTypes=["Egress"]))
        assert [one.address for one in ipv6.addresses(SHOP) if ":" in one.address] == ["2001:db8::"]

    def test_either_side_counts(self) -> None:
        one, other = (
            policy(egress=[{"to": [{"ipBlock": {"cidr": cidr}}]}], policyTypes=["Egress"])
            for cidr in ("198.51.100.0/25", "198.51.100.128/25")
        )
        found = of_both([one], [other])
        assert within(found.addresses(SHOP)) == EVERYBODYS | {"198.51.100.0/25", "198.51.100.128/25"}


class TestNames:
    @staticmethod
    def of(*zones: str, records: Iterable[str] = ()) -> list[str]:
        made = [
            Resource("gcp:dns/managedZone:ManagedZone", zone, {"name": zone, "dnsName": zone})
            for zone in zones
        ]
        of = {"managedZone": "z", "type": "A", "rrdatas": ["10.0.0.1"]}
        made += [Resource("gcp:dns/recordSet:RecordSet", name, {"name": name, **of}) for name in records]
        return told(google=made).names

    def test_a_zone_is_asked_about_by_its_own_name_and_one_below_it(self) -> None:
        assert self.of("b.example.", "a.example.") == [
            "a.example",
            "any-name.a.example",
            "any-name.b.example",
            "b.example",
        ]

    def test_so_is_a_record_and_a_label_stands_for_a_star(self) -> None:
        assert self.of(records=["web.a.example."]) == ["any-name.web.a.example", "web.a.example"]
        assert self.of(records=["*.a.example."]) == ["any-name.a.example"]

    def test_every_name_is_below_the_root(self) -> None:
        assert self.of(".") == []
        assert self.of() == []


TEAMS = (team(BANK), team(FARM, stage="live"), team(SHOP, stage="live"))
NAMES: dict[str, Written] = {
    "a policy's peer by its name": policy(egress=[{"to": [named(BANK)]}], policyTypes=["Egress"]),
    "a policy's peer that is let in": policy(ingress=[{"from": [named(BANK)]}]),
    "a host that a Sidecar asks for": written(
        "Sidecar", SHOP, "default", egress=[{"hosts": ["./*", "bank/*"]}]
    ),
    "a caller that is let in": rule(namespace=SHOP, principal="cluster.local/ns/bank/sa/app"),
    "a namespace that is let in": written(
        "AuthorizationPolicy", SHOP, "rules", rules=[{"from": [{"source": {"namespaces": ["bank"]}}]}]
    ),
    "an account that is let in": written(
        "AuthorizationPolicy",
        SHOP,
        "rules",
        rules=[{"from": [{"source": {"serviceAccounts": ["bank/app"]}}]}],
    ),
}


class TestNeighbours:
    @pytest.mark.parametrize("how", NAMES)
    def test_a_team_that_an_object_names_is_a_neighbour_and_so_the_other_way(self, how: str) -> None:
        found = told(*TEAMS, NAMES[how])
        assert (found.neighbours(SHOP), found.neighbours(BANK)) == ([BANK, FARM], [SHOP, FARM])
        assert found.named_together(SHOP, BANK)
        assert found.named_together(BANK, SHOP)
        assert not found.named_together(SHOP, FARM)
        assert of_both(TEAMS, [*TEAMS, NAMES[how]]).neighbours(SHOP) == [BANK, FARM]

    def test_one_that_nothing_names_stands_for_all_others(self) -> None:
        assert told(*TEAMS).neighbours(SHOP) == [BANK]
        assert told(*TEAMS).neighbours(BANK) == [FARM]
        assert told(team(SHOP)).neighbours(SHOP) == []
        assert told(team(SHOP), team(BANK), NAMES["a policy's peer by its name"]).neighbours(SHOP) == [BANK]

    def test_one_that_is_declared_is_a_neighbour_of_whoever_declares_it(self) -> None:
        found = told(*TEAMS, config=Config(reached=FARM))
        assert (found.neighbours(SHOP), found.neighbours(FARM)) == ([FARM, BANK], [BANK])
        assert told(*TEAMS, config=Config(reached="nobody")).neighbours(SHOP) == [BANK]

    def test_of_teams_that_a_policy_means_by_labels_one_stands_for_all(self) -> None:
        by_labels = {"namespaceSelector": {"matchLabels": {"stage": "live"}}}
        out = policy(BANK, egress=[{"to": [by_labels]}], policyTypes=["Egress"])
        assert told(*TEAMS, out).neighbours(BANK) == [FARM, SHOP]
        let_in = policy(BANK, "more", ingress=[{"from": [named(SHOP)]}])
        assert told(*TEAMS, team("yard"), out, let_in).neighbours(BANK) == [FARM, SHOP, "yard"]
        assert told(*TEAMS, policy(FARM, egress=[{"to": [by_labels]}], policyTypes=["Egress"])).neighbours(
            FARM
        ) == [SHOP, BANK]
        assert told(*TEAMS, policy(BANK, ingress=[{"from": [by_labels]}])).neighbours(BANK) == [FARM]

    @pytest.mark.parametrize(
        "other",
        [
            policy(egress=[{"to": [named("kube-system")]}], policyTypes=["Egress"]),
            policy(egress=[{"to": [named(SHOP)]}], policyTypes=["Egress"]),
            policy("kube-system", egress=[{"to": [named(FARM)]}], policyTypes=["Egress"]),
            # Only what says who reaches whom.
            entry("bank", SHOP),
            rule(namespace="gw", principal="cluster.local/ns/farm/sa/app"),
        ],
        ids=["no team", "itself", "somebody else's policy", "another kind", "a gateway's rule"],
    )
    def test_what_names_no_other_team_makes_no_neighbour(self, other: Written) -> None:
        found = told(*TEAMS, other)
        assert (found.neighbours(SHOP), found.neighbours(FARM)) == ([BANK], [BANK])

    def test_a_team_may_be_called_as_a_part_of_an_identity_is(self) -> None:
        caller = rule(namespace=SHOP, principal="cluster.local/ns/ns/sa/ns")
        assert told(*TEAMS, team("ns"), team("sa"), caller).neighbours(SHOP) == ["ns", BANK]

    def test_a_policy_without_namespace_is_in_the_default_one(self) -> None:
        out = policy(egress=[{"to": [named(FARM)]}], policyTypes=["Egress"])
        del out["metadata"]["namespace"]
        assert told(*TEAMS, team("default"), out).neighbours("default") == [FARM, BANK]


def test_every_text_is_found_however_deep() -> None:
    assert list(strings({"a": ["b", {"c": ("d",)}], "e": 1, "f": None, "g": "h"})) == ["b", "d", "h"]
