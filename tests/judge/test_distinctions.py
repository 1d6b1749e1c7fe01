"""What one snapshot of objects, or two, tell apart: every port, range, namespace, caller and name that some
object names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.distinctions import Distinctions, strings
from egress.judge.model.equivalence import Requests
from egress.judge.model.flow import Protocol
from egress.judge.trace import Judges
from tests.judge.asking import HTTP, TLS, entry
from tests.judge.objects import named, node_pool, snapshot, team, written

Written = dict[str, Any]
SHOP, BANK, FARM = "shop", "bank", "farm"


@dataclass
class Config:
    """What a config declares, of which every team says the same."""

    teams: list[str] = field(default_factory=list[str])
    ranges: Iterable[str] = ()
    host: str = "declared.example"
    asked: Requests = field(default_factory=Requests)
    api: str = ""
    port: tuple[int, Protocol] | None = None
    account: str = ""
    reached: str = ""

    def hosts(self, team: str) -> Iterator[str]:
        yield from [self.host] if team in self.teams else []

    def apis(self, team: str) -> Iterable[str]:
        return [self.api] if self.api and team in self.teams else []

    def ports(self, host: str) -> Iterable[tuple[int, Protocol]]:
        return [self.port] if self.port and host == self.host else []

    def requests(self, team: str, host: str) -> Requests:
        return self.asked if (team, host) == (SHOP, self.host) else Requests()

    def accounts(self, team: str, host: str) -> frozenset[str]:
        return frozenset({self.account}) if (team, host) == (SHOP, self.host) else frozenset()

    def reaches(self, team: str) -> frozenset[str]:
        return frozenset({self.reached}) if team == SHOP else frozenset()


def told(*objects: Written, google: Iterable[Resource] = (), config: Config | None = None) -> Distinctions:
    return Distinctions([Judges(snapshot(*objects, google=tuple(google)))], config)


def of_both(one: Iterable[Written], other: Iterable[Written]) -> Distinctions:
    return Distinctions([Judges(snapshot(*objects)) for objects in (one, other)])


def policy(namespace: str = SHOP, name: str = "policy", **spec: Any) -> Written:
    return written("NetworkPolicy", namespace, name, **{"podSelector": {}, **spec})


def allowing(
    *ports: Written, allow: str = "to", peers: Any = ({"ipBlock": {"cidr": "10.0.0.0/8"}},)
) -> Written:
    return {"ports": list(ports), **({allow: list(peers)} if peers else {})}


def tcp(port: int | None, end: int | None = None, protocol: str | None = "TCP") -> Written:
    said = {"port": port, "endPort": end, "protocol": protocol}
    return {key: value for key, value in said.items() if value is not None}


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


BASE = {(80, "http"), (443, "tls"), (6667, "tcp"), (53, "udp"), (443, "udp"), (6667, "udp")}


class TestPortsOutside:
    @pytest.mark.parametrize(
        ("egress", "more"),
        [
            ([], set[Any]()),
            ([allowing(tcp(8443))], {(8443, "tcp"), (8444, "tcp")}),
            ([allowing(tcp(8443, 8500))], {(8443, "tcp"), (8501, "tcp")}),
            ([allowing(tcp(8443, protocol=None))], {(8443, "tcp"), (8444, "tcp")}),
            ([allowing(tcp(123, protocol="UDP"))], {(123, "udp"), (124, "udp")}),
            # Where one port of SCTP is told apart, so are the others.
            ([allowing(tcp(3868, protocol="SCTP"))], {(3868, "sctp"), (3869, "sctp"), (6667, "sctp")}),
            # No port is no number.
            ([allowing(tcp(None))], set[Any]()),
            ([allowing(tcp(None, protocol="SCTP"))], {(6667, "sctp")}),
            ([allowing(tcp(65534))], {(65534, "tcp"), (65535, "tcp")}),
            ([allowing(tcp(65535))], {(65535, "tcp")}),
            ([allowing(tcp(1))], {(1, "tcp"), (2, "tcp")}),
            ([allowing(tcp(9, protocol="ICMP"))], set[Any]()),
            # A rule without peers means everything; one for pods alone means nothing outside.
            ([allowing(tcp(8443), peers=())], {(8443, "tcp"), (8444, "tcp")}),
            ([allowing(tcp(8443), peers=({"podSelector": {}},))], set[Any]()),
        ],
    )
    def test_each_port_that_a_policy_names_is_told_apart(self, egress: list[Written], more: set[Any]) -> None:
        found = told(policy(egress=egress, policyTypes=["Egress"])).numbers(SHOP)
        assert found == sorted({(number, Protocol(spoken)) for number, spoken in BASE | more})
        assert told(policy(BANK, egress=egress, policyTypes=["Egress"])).numbers(SHOP) == sorted(
            (number, Protocol(spoken)) for number, spoken in BASE
        )

    def test_what_a_policy_lets_in_is_no_port_outside(self) -> None:
        ingress = [allowing(tcp(8443), allow="from")]
        assert {*told(policy(ingress=ingress)).numbers(SHOP)} == BASE

    def test_each_port_of_a_destination_is_told_apart_for_those_that_know_it(self) -> None:
        own = entry("a.example", BANK, {"number": 5432, "name": "x", "protocol": "TCP"}, exportTo=["."])
        assert {*told(own).numbers(BANK)} == BASE | {(5432, "tcp")}
        assert {*told(own).numbers(SHOP)} == BASE

    def test_either_side_counts(self) -> None:
        one, other = (policy(egress=[allowing(tcp(port))], policyTypes=["Egress"]) for port in (1000, 2000))
        assert {*of_both([one], [other]).numbers(SHOP)} == BASE | {
            (port, "tcp") for port in (1000, 1001, 2000, 2001)
        }


NODES, GATEWAY_NODES = "app-nodes@p.iam.gserviceaccount.com", "gateway-nodes@p.iam.gserviceaccount.com"
POOLS = (
    node_pool("app", NODES),
    node_pool("gateway", GATEWAY_NODES, {"key": "x", "value": "y", "effect": "NO_SCHEDULE"}),
)


def firewall(
    name: str = "rule", account: str = NODES, *, direction: str = "EGRESS", ranges: Any = (), **what: Any
) -> Resource:
    side = "destinationRanges" if direction == "EGRESS" else "sourceRanges"
    means = {"direction": direction, side: list(ranges) or ["0.0.0.0/0"], "targetServiceAccounts": [account]}
    said = {**means, **(what or {"denies": [{"protocol": "all"}]})}
    return Resource("gcp:compute/firewall:Firewall", name, {"name": name, **said})


def allows(protocol: str, *ports: str) -> Written:
    return {"allows": [{"protocol": protocol, **({"ports": list(ports)} if ports else {})}]}


OF_NODES = {("TCP", 80), ("TCP", 443), ("TCP", 6667), ("UDP", 53), ("UDP", 443), ("UDP", 6667)}


class TestPortsOfNodes:
    @pytest.mark.parametrize(
        ("what", "more"),
        [
            (allows("all"), set[Any]()),
            (allows("tcp"), set[Any]()),
            (allows("tcp", "8443"), {("TCP", 8443), ("TCP", 8444)}),
            (allows("tcp", "8443-8500"), {("TCP", 8443), ("TCP", 8501)}),
            (allows("udp", "123"), {("UDP", 123), ("UDP", 124)}),
            (allows("all", "99"), {("TCP", 99), ("TCP", 100), ("UDP", 99), ("UDP", 100)}),
            (allows("tcp", "65534"), {("TCP", 65534), ("TCP", 65535)}),
            (allows("tcp", "65535"), {("TCP", 65535)}),
            (allows("sctp", "3868"), {("SCTP", 3868), ("SCTP", 3869), ("SCTP", 6667)}),
            # Let through on every port; protocols without ports have none.
            (allows("sctp"), {("SCTP", 6667)}),
            (allows("esp"), {("ESP", 0)}),
        ],
    )
    def test_each_port_that_a_firewall_rule_names_is_told_apart(self, what: Written, more: set[Any]) -> None:
        """SCTP that a rule lets through on every port was asked about on none."""
        found = told(google=[*POOLS, firewall(**what)])
        assert found.numbers_of_nodes([NODES]) == sorted(OF_NODES | more)
        assert found.numbers_of_nodes([GATEWAY_NODES]) == sorted(OF_NODES)
        assert told(google=[*POOLS, firewall(direction="INGRESS", **what)]).numbers_of_nodes(
            [NODES]
        ) == sorted(OF_NODES)

    def test_a_pool_may_have_another_account_on_each_side(self) -> None:
        sides = [
            Judges(snapshot(google=(node_pool("app", of), firewall(account=of, **allows("tcp", port)))))
            for of, port in ((NODES, "1000"), ("other@p", "2000"))
        ]
        found = Distinctions(sides)
        assert found.numbers_of_nodes([NODES, "other@p"]) == sorted(
            OF_NODES | {("TCP", port) for port in (1000, 1001, 2000, 2001)}
        )
        assert found.numbers_of_nodes(["other@p", NODES]) == sorted(OF_NODES)


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


BETWEEN = {("TCP", 8080), ("TCP", 15000), ("TCP", 6667), ("UDP", 6667)}


class TestPortsBetweenPods:
    @pytest.mark.parametrize(
        ("port", "more"),
        [
            (tcp(9999), {("TCP", 9999), ("TCP", 10000)}),
            (tcp(9000, 9100), {("TCP", 9000), ("TCP", 9101)}),
            (tcp(53, protocol="UDP"), {("UDP", 53), ("UDP", 54)}),
            (tcp(3868, protocol="SCTP"), {("SCTP", 3868), ("SCTP", 3869), ("SCTP", 6667)}),
            (tcp(None, protocol="SCTP"), {("SCTP", 6667)}),
            (tcp(None), set[Any]()),
            (tcp(65534), {("TCP", 65534), ("TCP", 65535)}),
            (tcp(1), {("TCP", 1), ("TCP", 2)}),
            (tcp(9, protocol="ICMP"), set[Any]()),
        ],
    )
    def test_each_port_that_policies_of_either_end_name_is_told_apart(
        self, port: Written, more: set[Any]
    ) -> None:
        out = policy(SHOP, egress=[allowing(port, peers=[named(BANK)])], policyTypes=["Egress"])
        into = policy(BANK, ingress=[allowing(port, allow="from", peers=[named(SHOP)])])
        for objects in ([out], [into], [out, into]):
            assert told(*objects).pod_ports(SHOP, BANK) == sorted(BETWEEN | more)
            assert told(*objects).pod_ports(BANK, SHOP) == sorted(BETWEEN)
        assert of_both([], [into]).pod_ports(SHOP, BANK) == sorted(BETWEEN | more)


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
