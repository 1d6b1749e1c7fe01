"""Every flow that workloads can try, written out for small clusters: by which way, with which name, port,
caller and address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from egress.common.names import OPEN_TLS_HOST
from egress.judge.distinctions import Distinctions
from egress.judge.model.flow import Protocol
from egress.judge.targets import Target, TargetKind, Targets
from egress.judge.trace import Judges
from tests.judge.asking import TCP, entry
from tests.judge.objects import snapshot, team, written

Written = dict[str, Any]
SHOP, BANK = "shop", "bank"
PAST, WITH, WITHOUT = "pod-without-sidecar", "gateway-with-certificate", "gateway-without-certificate"
NODES = ("application-node", "gateway-node")


def targets(*objects: Written) -> Targets:
    return Targets(Distinctions([Judges(snapshot(*objects))]))


def line(target: Target) -> str:
    """`WAY PROTOCOL://HOST:PORT` and what else the flow says; who asks where it is not the account that
    stands for all."""
    flow = target.flow
    said = [
        f"{flow.vantage.value} {flow.protocol.value}://{flow.host}:{flow.port}",
        *([f"by {flow.service_account}"] if flow.service_account != "any-other-account" else []),
        *([f"{flow.method} {flow.path}"] if (flow.method, flow.path) != ("GET", "/") else []),
        *(f"{name}={value}" for name, value in flow.headers.items()),
        *([f"at {flow.address}"] if flow.address else []),
        *([f"to {flow.to.namespace}"] if flow.to else []),
        *([f"as {flow.authority}"] if flow.authority else []),
    ]
    return " ".join(said)


def lines(found: Iterable[Target], *kinds: TargetKind, named: str | None = None) -> list[str]:
    return [line(one) for one in found if one.kind in kinds and (named is None or one.name == named)]


def names(found: Iterable[Target], kind: TargetKind) -> list[str]:
    return list(dict.fromkeys(one.name for one in found if one.kind is kind))


def rules(*operations: Written, account: str = "app") -> Written:
    source = {"source": {"principals": [f"cluster.local/ns/shop/sa/{account}"]}}
    of_each = [{"from": [source], "to": [{"operation": of}]} for of in operations]
    return written("AuthorizationPolicy", "gw", f"rules-{account}", rules=of_each)


class TestHosts:
    def test_a_host_is_tried_through_the_sidecar_and_straight_at_the_gateway_with_a_certificate_and_without(
        self,
    ) -> None:
        found = targets(entry("a.example", SHOP, TCP)).with_names(SHOP)
        assert lines(found, TargetKind.HOST) == [
            "app http://a.example:80",
            f"{WITH} http://a.example:80",
            f"{WITHOUT} http://a.example:80",
            "app tls://a.example:443",
            f"{WITHOUT} tls://a.example:443",
            # Without a certificate, bytes that say no name are told from no others at a gateway.
            "app tcp://a.example:3306",
            f"{WITH} tls://a.example:443",
            f"{WITH} tcp://a.example:3306",
        ]

    def test_every_caller_and_every_request_that_a_rule_names_is_tried(self) -> None:
        of = targets(rules({"hosts": ["a.example", "a.example:80"], "methods": ["POST"], "paths": ["/a"]}))
        requests = ["POST /", "PROPFIND /", "POST /a", "PROPFIND /a"]
        callers = ["", " by app"]
        http = [(caller, request) for caller in callers for request in requests]
        both = [
            f"{way} http://a.example:80{caller} {request}"
            for caller, request in http
            for way in ("app", WITH)
        ]
        tls = [f"app tls://a.example:443{caller}" for caller in callers]
        assert lines(of.with_names(SHOP), TargetKind.HOST) == [
            *both,
            f"{WITHOUT} http://a.example:80",
            *tls,
            f"{WITHOUT} tls://a.example:443",
            *(f"{WITH} tls://a.example:443{caller}" for caller in callers),
        ]

    def test_headers_and_forms_of_the_host_header_are_tried(self) -> None:
        when = {"key": "request.headers[x-env]", "values": ["prod"]}
        allow = written(
            "AuthorizationPolicy",
            "gw",
            "rules",
            rules=[{"to": [{"operation": {"hosts": ["a.example"]}}], "when": [when]}],
        )
        found = lines(targets(entry("a.example", SHOP), allow).with_names(SHOP), TargetKind.HOST)
        assert [one for one in found if one.startswith("app http")] == [
            f"app http://a.example:80{header}{form}"
            for header in (" x-env=prod", " x-env=no-rule-names-this", "")
            for form in ("", " as a.example:80")
        ]

    def test_hosts_come_in_order_and_a_pattern_is_called_by_its_name(self) -> None:
        of = targets(entry("b.example", SHOP), entry("*.a.example", SHOP))
        assert names(of.with_names(SHOP), TargetKind.HOST) == ["any-name.a.example", "b.example"]
        assert names(of.with_names(SHOP, spelled=True), TargetKind.HOST) == ["*.a.example", "b.example"]

    def test_of_others_hosts_that_look_the_same_one_is_tried_or_each_where_all_are_to_be_spelled(
        self,
    ) -> None:
        own = entry("a.example", SHOP, TCP, exportTo=["."])
        of = targets(
            own, *(entry(host, BANK, exportTo=["."]) for host in ("c.example", "d.example", "*.e.example"))
        )
        assert names(of.with_names(SHOP), TargetKind.HOST) == ["a.example", "any-name.e.example", "c.example"]
        assert names(of.with_names(SHOP, spelled=True), TargetKind.HOST) == [
            "a.example",
            "*.e.example",
            "c.example",
            "d.example",
        ]
        ruled = targets(entry("a.example", SHOP), rules({"hosts": ["ruled.example"]}))
        assert names(ruled.with_names(SHOP, spelled=True), TargetKind.HOST) == ["a.example", "ruled.example"]
        assert names(of.of(SHOP, spelled=True), TargetKind.HOST) == names(
            of.with_names(SHOP, spelled=True), TargetKind.HOST
        )

    def test_where_all_are_spelled_every_way_is_tried_for_each(self) -> None:
        found = lines(targets(entry("a.example", SHOP, TCP)).with_names(SHOP, spelled=True), TargetKind.HOST)
        ports = ("http://a.example:80", "tls://a.example:443", "tcp://a.example:3306")
        assert found == [f"{way} {port}" for port in ports for way in ("app", WITH, WITHOUT, PAST, *NODES)]

    def test_names_of_the_metadata_server_and_of_the_log_are_no_hosts(self) -> None:
        of = targets(
            entry("metadata.google.internal", SHOP),
            entry(OPEN_TLS_HOST, SHOP),
            entry("x.googleapis.com", SHOP),
        )
        assert names(of.with_names(SHOP), TargetKind.HOST) == []

    def test_a_name_that_nobody_declared_is_tried_as_a_host_is(self) -> None:
        assert (TargetKind.HOST.value, TargetKind.OTHER_HOST.value) == ("host", "any other host")
        usual = ("http://undeclared.example:80", "tls://undeclared.example:443")
        assert lines(targets().with_names(SHOP), TargetKind.OTHER_HOST)[:6] == [
            f"app {usual[0]}",
            f"{WITH} {usual[0]}",
            f"{WITHOUT} {usual[0]}",
            f"app {usual[1]}",
            f"{WITHOUT} {usual[1]}",
            f"{WITH} {usual[1]}",
        ]
        spelled = [
            one
            for one in lines(targets().with_names(SHOP, spelled=True), TargetKind.OTHER_HOST)
            if one.startswith(PAST)
        ]
        assert spelled == []

    def test_classes_of_a_flow_are_its_callers_and_requests(self) -> None:
        of = targets(rules({"hosts": ["a.example", "a.example:80"], "methods": ["POST"]}))
        http, tls = (target.flow for target in of.with_names(SHOP) if line(target) in (
            "app http://a.example:80 POST /", "app tls://a.example:443"
        ))  # fmt: skip
        assert [(one.service_account, one.method) for one in of.classes(http)] == [
            ("any-other-account", "POST"),
            ("any-other-account", "PROPFIND"),
            ("app", "POST"),
            ("app", "PROPFIND"),
        ]
        assert [one.service_account for one in of.classes(tls)] == ["any-other-account", "app"]
        assert of.ports("a.example") == [(80, Protocol.HTTP), (443, Protocol.TLS)]


class TestAddresses:
    def test_an_address_that_nobody_declared_is_tried_through_the_sidecar_on_every_port_of_tcp(self) -> None:
        (at,) = {"198.51.100.77"}
        assert lines(targets(entry("a.example", SHOP, TCP)).with_names(SHOP), TargetKind.OTHER_ADDRESS) == [
            f"app {port} at {at}"
            for port in (f"http://{at}:80", f"tls://{at}:443", f"tcp://{at}:3306", f"tcp://{at}:6667")
        ]

    PORTS = ("udp://{}:53", "http://{}:80", "tls://{}:443", "udp://{}:443", "tcp://{}:6667", "udp://{}:6667")

    def test_past_the_sidecar_every_port_is_tried_to_any_address(self) -> None:
        found = lines(targets().by_address(SHOP), TargetKind.OTHER_HOST)
        assert found == [f"{PAST} {port.format('undeclared.example')}" for port in self.PORTS]

    def test_and_to_every_range_that_something_tells_apart(self) -> None:
        found = list(targets().by_address(SHOP))
        assert {"10.0.0.0/8", "192.168.0.0/16", "199.36.153.8/30"} <= set(names(found, TargetKind.INSIDE))
        assert "" not in names(found, TargetKind.INSIDE)
        for name, first in (("10.0.0.0/8", "10.0.0.0"), ("199.36.153.8/30", "199.36.153.8")):
            assert lines(found, TargetKind.INSIDE, named=name) == [
                f"{PAST} {port.format(first)} at {name}" for port in self.PORTS
            ]

    def test_the_metadata_server_is_tried_on_its_port_by_name_and_on_the_others_by_address(self) -> None:
        to = "169.254.169.254"
        assert lines(targets().with_names(SHOP), TargetKind.METADATA) == [
            f"{way} http://{to}:80 at {to}" for way in ("app", PAST)
        ]
        assert lines(targets().by_address(SHOP), TargetKind.METADATA) == [
            f"{PAST} {port.format(to)} at {to}" for port in self.PORTS if not port.startswith("http")
        ]

    def test_its_port_is_another_one_by_udp(self) -> None:
        ports = [{"protocol": "UDP", "port": 80}]
        out = written(
            "NetworkPolicy", SHOP, "out", podSelector={}, policyTypes=["Egress"], egress=[{"ports": ports}]
        )
        to = "169.254.169.254"
        assert f"{PAST} udp://{to}:80 at {to}" in lines(targets(out).by_address(SHOP), TargetKind.METADATA)

    def test_a_dns_server_on_the_internet_is_tried_by_both_transports(self) -> None:
        at = "198.51.100.53"
        assert lines(targets().by_address(SHOP), TargetKind.RESOLVER) == [
            f"{PAST} {by}://{at}:53 at {at}" for by in ("udp", "tcp")
        ]

    def test_all_is_what_has_a_name_and_what_has_an_address(self) -> None:
        of = targets(entry("a.example", SHOP))
        assert list(map(line, of.of(SHOP))) == [
            *map(line, of.with_names(SHOP)),
            *map(line, of.by_address(SHOP)),
        ]


class TestNeighbours:
    TEAMS = (team(SHOP), team(BANK), team("yard"))

    def test_another_teams_pods_are_tried_through_the_sidecar_and_past_it_on_every_port(self) -> None:
        found = targets(*self.TEAMS).with_names(SHOP)
        assert lines(found, TargetKind.NEIGHBOUR) == [
            "app http://bank:8080 to bank",
            f"{PAST} http://bank:8080 to bank",
            *(
                f"{PAST} {port} to bank"
                for port in ("tcp://bank:6667", "tcp://bank:15000", "udp://bank:6667")
            ),
        ]

    def test_one_stands_for_all_that_nothing_names_or_each_is_tried_where_all_are_spelled(self) -> None:
        of = targets(*self.TEAMS)
        assert (of.teams, names(of.with_names("yard"), TargetKind.NEIGHBOUR)) == (
            [BANK, SHOP, "yard"],
            [BANK],
        )
        assert names(of.with_names(SHOP, spelled=True), TargetKind.NEIGHBOUR) == [BANK, "yard"]


class TestGoogle:
    def test_an_api_that_nobody_named_stands_for_all_others(self) -> None:
        found = list(targets().with_names(SHOP))
        assert names(found, TargetKind.GOOGLE_API) == ["any other Google API"]
        api = "tls://storage.googleapis.com:443"
        assert lines(found, TargetKind.GOOGLE_API) == [f"app {api}", f"{PAST} {api}"]

    def test_one_that_is_named_is_tried_by_its_name(self) -> None:
        found = list(
            targets(entry("pubsub.googleapis.com", SHOP), entry("storage.googleapis.com", SHOP)).with_names(
                SHOP
            )
        )
        assert names(found, TargetKind.GOOGLE_API) == ["pubsub.googleapis.com", "storage.googleapis.com"]
        assert len(lines(found, TargetKind.GOOGLE_API)) == 4


OF_NODES = [
    f"{way} {port}"
    for way in NODES
    for port in ("tls://undeclared.example:443", "tcp://undeclared.example:6667")
]


class TestNodesAndStrangers:
    def test_processes_of_both_kinds_of_nodes_are_tried(self) -> None:
        found = lines(targets().with_names(SHOP), TargetKind.OTHER_HOST)
        assert found[-4:] == OF_NODES

    def test_pods_of_no_team_are_tried_in_a_namespace_of_any_name_and_in_the_one_that_every_cluster_has(
        self,
    ) -> None:
        found = list(targets().of_nobody())
        anywhere = [f"{PAST} {port.format('undeclared.example')}" for port in TestAddresses.PORTS]
        assert lines(found, TargetKind.OTHER_HOST) == [*anywhere, *OF_NODES] * 2
        assert Counter(one.flow.namespace for one in found) == {"some-other-namespace": 10, "default": 10}

    def test_with_a_certificate_they_try_every_host_at_the_gateway(self) -> None:
        of = targets(entry("*.a.example", SHOP), entry("b.example", BANK))
        found = [one for one in of.of_nobody() if one.kind is TargetKind.OTHER_TEAMS_HOST]
        assert [(one.name, line(one)) for one in found] == [
            (name, f"{WITH} {port}")
            for name, host in (("*.a.example", "any-name.a.example"), ("b.example", "b.example"))
            for port in (f"http://{host}:80", f"tls://{host}:443")
        ]
        assert {one.flow.namespace for one in found} == {"some-other-namespace"}
