"""What the mesh knows of Services and ServiceEntries, one rule of Istio's reference after the other.

Every answer is that of Istio 1.30's own control plane about the same objects, or "not understood".
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.lookup.service_registry import (
    Registry,
    alike,
    covers,
    full_name,
    gateway_name,
    matches,
    patterns_above,
)
from tests.judge.asking import (
    BANK,
    CLOSED,
    HTTP,
    REFUSED,
    SHOP,
    TCP,
    TLS,
    UNREAD,
    entry,
    mesh,
    rule,
    service,
    sidecar_says,
    sidecar_verdict,
    virtual,
)
from tests.judge.objects import snapshot

ASKED = "http://a.example"


class TestNames:
    @pytest.mark.parametrize(
        ("pattern", "host", "does"),
        [
            ("a.example", "a.example", True),
            ("a.example", "b.a.example", False),
            ("*", "a.example", True),
            ("*", "", True),
            ("*.example", "a.example", True),
            ("*.example", "a.b.example", True),
            ("*.example", "example", False),
            ("*.example", ".example", False),
            ("*.example", "aexample", False),
        ],
    )
    def test_which_names_a_pattern_covers(self, pattern: str, host: str, does: bool) -> None:
        assert matches(pattern, host) is does

    @pytest.mark.parametrize(
        ("wide", "host", "does"),
        [
            ("*.example", "*.b.example", True),
            ("*.b.example", "*.example", False),
            ("*.example", "*.example", True),
            ("*", "*.example", True),
            ("a.example", "*.example", False),
            ("a.example", "a.example", True),
            ("*.example", "aexample", False),
            ("*.b.example", "a.c.example", False),
        ],
    )
    def test_which_patterns_a_pattern_covers(self, wide: str, host: str, does: bool) -> None:
        assert covers(wide, host) is does
        assert alike(wide, host) is alike(host, wide) is (does or covers(host, wide))

    def test_patterns_above_a_name_the_closest_first(self) -> None:
        assert list(patterns_above("a.b.example")) == ["*.b.example", "*.example"]
        assert list(patterns_above("*.b.example")) == ["*.b.example", "*.example"]
        assert list(patterns_above("example")) == []

    def test_names_without_a_dot_are_services_of_the_namespace(self) -> None:
        assert full_name("web", SHOP) == "web.shop.svc.cluster.local"
        assert [full_name(name, SHOP) for name in ("web.bank", "*", "::1")] == ["web.bank", "*", "::1"]

    @pytest.mark.parametrize(
        ("name", "means"),
        [
            ("mesh", "mesh"),
            ("edge", "shop/edge"),
            ("gw/edge", "gw/edge"),
            ("./edge", "shop/edge"),
            ("edge.gw", "gw/edge"),
            ("edge.gw.svc.cluster.local", "gw/edge"),
        ],
    )
    def test_forms_of_a_gateways_name(self, name: str, means: str) -> None:
        assert gateway_name(name, SHOP) == means


class TestExports:
    @pytest.mark.parametrize(
        ("to_whom", "known"),
        [
            (None, {SHOP, BANK, "till"}),
            (["*"], {SHOP, BANK, "till"}),
            (["."], {BANK}),
            ([SHOP], {SHOP}),
            ([SHOP, "."], {SHOP, BANK}),
            (["~"], set[str]()),
            (["~", SHOP], set[str]()),
            (["*", "~"], {SHOP, BANK, "till"}),
        ],
    )
    def test_of_a_service_entry(self, to_whom: list[str] | None, known: set[str]) -> None:
        given = {} if to_whom is None else {"exportTo": to_whom}
        objects = (entry("a.example", BANK, **given), CLOSED)
        assert {
            name for name in (SHOP, BANK, "till") if sidecar_says(ASKED, *objects, namespace=name) != REFUSED
        } == known

    @pytest.mark.parametrize(
        ("annotation", "known"),
        [
            (None, {SHOP, BANK, "till"}),
            ("*", {SHOP, BANK, "till"}),
            (".", {BANK}),
            ("~", set[str]()),
            ("shop, till", {SHOP, "till"}),
        ],
    )
    def test_of_a_service_by_its_annotation(self, annotation: str | None, known: set[str]) -> None:
        metadata = {"annotations": {"networking.istio.io/exportTo": annotation}} if annotation else {}
        web = service("web", BANK, {"port": 80, "name": "http"}, metadata=metadata)
        asked = "http://web.bank.svc.cluster.local"
        found = {
            name
            for name in (SHOP, BANK, "till")
            if sidecar_says(asked, web, CLOSED, namespace=name) != REFUSED
        }
        assert found == known

    @pytest.mark.parametrize(
        ("default", "known"), [(["*"], {SHOP, BANK}), (["."], {BANK}), ([SHOP], {SHOP}), (["~"], set[str]())]
    )
    def test_by_the_meshs_default(self, default: list[str], known: set[str]) -> None:
        closed = mesh(outboundTrafficPolicy={"mode": "REGISTRY_ONLY"}, defaultServiceExportTo=default)
        objects = (entry("a.example", BANK), closed)
        assert {
            name for name in (SHOP, BANK) if sidecar_says(ASKED, *objects, namespace=name) != REFUSED
        } == known
        own = entry("a.example", BANK, exportTo=["*"])
        assert sidecar_says(ASKED, own, closed) != REFUSED

    def test_by_the_meshs_default_services_are_exported_too(self) -> None:
        closed = mesh(outboundTrafficPolicy={"mode": "REGISTRY_ONLY"}, defaultServiceExportTo=["."])
        objects = (service("web", BANK, {"port": 80, "name": "http"}), closed)
        assert sidecar_says("http://web.bank.svc.cluster.local", *objects) == REFUSED
        assert sidecar_says("http://web.bank.svc.cluster.local", *objects, namespace=BANK) != REFUSED

    def test_what_a_namespace_hides_from_itself_it_does_not_know(self) -> None:
        objects = (entry("a.example", SHOP, exportTo=[BANK]), entry("b.example", SHOP), CLOSED)
        assert sidecar_says(ASKED, *objects) == REFUSED

    @pytest.mark.parametrize("default", [["shop"], ["~"]])
    def test_of_destination_rules_the_default_is_everybody_unless_it_is_the_namespace(
        self, default: list[str]
    ) -> None:
        found = Registry(snapshot(mesh(defaultDestinationRuleExportTo=default))).exported(
            None, BANK, "defaultDestinationRuleExportTo"
        )
        assert found == {"*"}
        own = Registry(snapshot(mesh(defaultDestinationRuleExportTo=["."])))
        assert own.exported(None, BANK, "defaultDestinationRuleExportTo") == {BANK}
        assert own.exported(["*"], BANK, "defaultDestinationRuleExportTo") == {"*"}
        assert own.exported(["~", SHOP], BANK, "defaultDestinationRuleExportTo") == {SHOP}


class TestPorts:
    @pytest.mark.parametrize(
        ("protocol", "http", "tls"),
        [
            *((name, "a.example:9000", REFUSED) for name in ("HTTP", "http", "HTTP2", "GRPC", "GRPC-WEB")),
            *((name, REFUSED, "a.example:9000") for name in ("TLS", "HTTPS", "https")),
            *((name, "a.example:9000", "a.example:9000") for name in ("TCP", "MONGO", "REDIS", "MYSQL")),
            *((name, UNREAD, UNREAD) for name in ("", "SOMETHING")),
        ],
    )
    def test_what_is_read_of_an_entrys_port(self, protocol: str, http: str, tls: str) -> None:
        objects = (entry("a.example", SHOP, {"number": 9000, "name": "p", "protocol": protocol}), CLOSED)
        assert sidecar_says("http://a.example:9000", *objects) == http
        assert sidecar_says("tls://a.example:9000", *objects) == tls

    @pytest.mark.parametrize(
        ("port", "read"),
        [
            ({"name": "http"}, "HTTP"),
            ({"name": "http-web"}, "HTTP"),
            ({"name": "http2"}, "HTTP"),
            ({"name": "grpc"}, "HTTP"),
            ({"name": "grpc-web"}, "HTTP"),
            ({"name": "grpc-web-a"}, "HTTP"),
            ({"name": "https"}, "TLS"),
            ({"name": "tls-a"}, "TLS"),
            ({"name": "tcp"}, "TCP"),
            ({"name": "mysql-a"}, "TCP"),
            ({"name": "httpx"}, "AUTO"),
            ({"name": "web"}, "AUTO"),
            ({}, "AUTO"),
            ({"name": "tcp", "appProtocol": "http"}, "HTTP"),
            ({"name": "http", "appProtocol": "tcp"}, "TCP"),
            ({"name": "http", "appProtocol": "something"}, "AUTO"),
            ({"appProtocol": "kubernetes.io/h2c"}, "HTTP"),
            ({"appProtocol": "kubernetes.io/ws"}, "HTTP"),
            ({"appProtocol": "kubernetes.io/wss"}, "TLS"),
            ({"name": "kubernetes.io/ws"}, "AUTO"),
            *(({"port": number}, "TCP") for number in (25, 53, 3306, 27017)),
            ({"port": 3306, "name": "http"}, "HTTP"),
        ],
    )
    def test_what_is_read_of_a_services_port(self, port: dict[str, Any], read: str) -> None:
        written = {"port": 9000, **port}
        (found,) = Registry(snapshot(service("web", BANK, written))).destinations[
            "web.bank.svc.cluster.local"
        ]
        assert found.ports[written["port"]].protocol == read

    def test_a_port_without_a_protocol_of_a_service_goes_by_what_is_sent(self) -> None:
        objects = (service("web", BANK, {"port": 9000}), CLOSED)
        where = "pods of bank:9000 mesh as outbound_.9000_._.web.bank.svc.cluster.local"
        for asked in ("http", "tls", "tcp"):
            assert sidecar_says(f"{asked}://web.bank.svc.cluster.local:9000", *objects) == where

    @pytest.mark.parametrize("protocol", ["UDP", "SCTP"])
    def test_what_is_not_tcp_is_no_port_of_the_proxys(self, protocol: str) -> None:
        written = service(
            "web", BANK, {"port": 80, "protocol": protocol}, {"port": 81, "protocol": ""}, {"port": 82}
        )
        (found,) = Registry(snapshot(written)).destinations["web.bank.svc.cluster.local"]
        assert list(found.ports) == [81, 82]

    def test_udp_beside_tcp_on_one_number_changes_nothing(self) -> None:
        dns = service(
            "dns",
            BANK,
            {"port": 53, "name": "dns-tcp", "protocol": "TCP"},
            {"port": 53, "name": "dns", "protocol": "UDP"},
        )
        (found,) = Registry(snapshot(dns)).destinations["dns.bank.svc.cluster.local"]
        assert [port.protocol for port in found.ports.values()] == ["TCP"]

    def test_the_port_that_is_connected_to(self) -> None:
        assert sidecar_says(ASKED, entry("a.example", SHOP, {**HTTP, "targetPort": 8080})) == "a.example:8080"
        assert sidecar_says(ASKED, entry("a.example", SHOP, {**HTTP, "targetPort": 0})) == "a.example:80"
        web = service("web", BANK, {"port": 80, "name": "http", "targetPort": 8080})
        assert sidecar_says("http://web.bank.svc.cluster.local", web).startswith("pods of bank:8080")


class TestResolution:
    def says(self, resolution: str, *addresses: str, host: str = "a.example", **how: Any) -> str:
        endpoints = {"endpoints": [{"address": address} for address in addresses]} if addresses else {}
        written = entry(host, SHOP, resolution=resolution, **endpoints)
        return sidecar_says(how.pop("asked", ASKED), written, **how)

    @pytest.mark.parametrize("resolution", ["DNS", "DNS_ROUND_ROBIN"])
    def test_dns_asks_for_the_endpoints_else_for_the_host(self, resolution: str) -> None:
        assert self.says(resolution) == "a.example:80"
        assert self.says(resolution, "e.example") == "e.example:80"

    def test_every_endpoint_takes_its_turn(self) -> None:
        assert self.says("DNS", "e.example", "f.example") == "e.example:80, f.example:80"
        assert self.says("STATIC", "192.0.2.1", "192.0.2.2") == "192.0.2.1:80, 192.0.2.2:80"
        assert self.says("DNS", "e.example", "192.0.2.1") == "192.0.2.1:80, e.example:80"

    def test_static_goes_to_its_endpoints_and_without_any_nowhere(self) -> None:
        assert self.says("STATIC", "192.0.2.1") == "192.0.2.1:80"
        assert self.says("STATIC") == REFUSED

    @pytest.mark.parametrize("resolution", ["NONE", None])
    def test_none_goes_where_the_client_connected(self, resolution: str) -> None:
        assert self.says(resolution) == "a.example:80"
        assert self.says(resolution, address="192.0.2.9") == "192.0.2.9:80"

    def test_dynamic_dns_asks_for_the_name_that_is_asked_for(self) -> None:
        wide = entry("*.example", SHOP, resolution="DYNAMIC_DNS", location="MESH_EXTERNAL")
        assert sidecar_says(ASKED, wide, address="192.0.2.9") == "a.example:80"

    def test_where_it_is_resolved_the_clients_address_is_all_one(self) -> None:
        assert self.says("DNS", address="192.0.2.9") == "a.example:80"
        assert self.says("STATIC", "192.0.2.1", address="192.0.2.9") == "192.0.2.1:80"

    def test_endpoints_by_the_labels_of_pods_are_not_understood(self) -> None:
        assert (
            sidecar_says(ASKED, entry("a.example", SHOP, workloadSelector={"labels": {"app": "a"}})) == UNREAD
        )

    def test_endpoints_with_ports_of_their_own_or_that_are_files_are_not_understood(self) -> None:
        ports = {"address": "192.0.2.1", "ports": {"http": 8080}}
        assert sidecar_says(ASKED, entry("a.example", SHOP, resolution="STATIC", endpoints=[ports])) == UNREAD
        assert self.says("STATIC", "unix:///a") == UNREAD

    def test_one_of_several_endpoints_that_is_the_pod_itself_is_not_understood(self) -> None:
        assert self.says("STATIC", "192.0.2.1", "127.0.0.1") == UNREAD
        assert self.says("STATIC", "127.0.0.1") == "127.0.0.1:80"

    @pytest.mark.parametrize(
        ("field", "spec"),
        [
            ("spec.workloadSelector", {"workloadSelector": {"labels": {"app": "a"}}}),
            (
                "spec.endpoints[1].ports",
                {"endpoints": [{"address": "e.test"}, {"address": "f.test", "ports": {"http": 1}}]},
            ),
            ("spec.endpoints[0].address", {"endpoints": [{"address": "unix:///a"}]}),
        ],
    )
    def test_the_field_that_is_not_understood_is_said(self, field: str, spec: dict[str, Any]) -> None:
        verdict, _ = sidecar_verdict(ASKED, entry("a.example", SHOP, **spec))
        assert (verdict.understood, verdict.decided_by, verdict.field) == (
            False,
            "shop/serviceentry/entry-a.example",
            field,
        )

    def test_addresses_of_one_host_alone_are_ranges_of_one(self) -> None:
        written = entry("db.example", SHOP, TCP, addresses=["198.51.100.1/32"])
        assert sidecar_says("tcp://198.51.100.1:3306", written, CLOSED) == "db.example:3306"


class TestAddresses:
    def test_a_service_leads_to_the_pods_that_it_selects(self) -> None:
        for selector, inside in (({"app": "web"}, True), ({}, True)):
            (found,) = Registry(
                snapshot(service("web", BANK, {"port": 80}, selector=selector))
            ).destinations.popitem()[1]
            assert (found.selector, found.inside) == (selector, inside)
        ((found,),) = Registry(snapshot(entry("a.example"))).destinations.values()
        assert (found.selector, found.inside) == (None, False)

    @pytest.mark.parametrize(
        ("spec", "known"),
        [
            ({"clusterIP": "10.2.0.9"}, {"10.2.0.9"}),
            ({"clusterIP": "10.2.0.9", "clusterIPs": ["10.2.0.9", "fd00::9"]}, {"10.2.0.9", "fd00::9"}),
            ({"clusterIP": "None"}, set[str]()),
            ({"clusterIP": "None", "clusterIPs": ["None"]}, set[str]()),
            ({"clusterIP": ""}, set[str]()),
            ({"clusterIP": None}, set[str]()),
        ],
    )
    def test_of_a_service(self, spec: dict[str, Any], known: set[str]) -> None:
        registry = Registry(snapshot(service("web", BANK, {"port": 80}, **spec)))
        found = {address for address in ("10.2.0.9", "fd00::9", "None", "") if registry.at_address(address)}
        assert found == known


class TestLists:
    def test_rules_for_some_pods_are_exported_to_nobody(self) -> None:
        some = rule(BANK, "a.example", exportTo=["*"], workloadSelector={"matchLabels": {"app": "a"}})
        ((found,),) = Registry(snapshot(some)).destination_rules(BANK).values()
        assert found.exported == {BANK}

    def test_hosts_by_port_and_protocol(self) -> None:
        registry = Registry(
            snapshot(entry("a.example", SHOP, HTTP, TLS), entry("b.example", BANK, HTTP, exportTo=["."]))
        )
        assert [one.host for one in registry.speaking(80, "HTTP", SHOP)] == ["a.example"]
        assert [one.host for one in registry.speaking(80, "HTTP", BANK)] == ["b.example", "a.example"]
        assert [one.host for one in registry.speaking(443, "TLS", SHOP)] == ["a.example"]
        assert list(registry.speaking(443, "HTTP", SHOP)) == []

    def test_a_rule_for_no_pods_in_particular_is_exported_as_it_says(self) -> None:
        rules = Registry(snapshot(rule(BANK, "a.example", exportTo=[SHOP]))).destination_rules(BANK)
        assert [found.exported for found in rules["a.example"]] == [{SHOP}]
        default = mesh(defaultDestinationRuleExportTo=["."])
        ((found,),) = Registry(snapshot(rule(BANK, "a.example"), default)).destination_rules(BANK).values()
        assert found.exported == {BANK}
        assert Registry(snapshot()).destination_rules(BANK) == {}

    def test_hosts_of_rules_are_names_in_full_whatever_their_case(self) -> None:
        registry = Registry(
            snapshot(virtual(SHOP, "A.Example", hosts=["A.Example", "web", "a.example"]), rule(SHOP, "Web"))
        )
        (found,) = registry.virtual_services["a.example"]
        assert found.hosts == ("a.example", "web.shop.svc.cluster.local", "a.example")
        assert registry.virtual_services.keys() == set(found.hosts)
        ((of,),) = registry.destination_rules(SHOP).values()
        assert of.hosts == ("web.shop.svc.cluster.local",)

    def test_a_rule_without_hosts_is_for_nobody(self) -> None:
        """As those are that another VirtualService delegates to."""
        assert Registry(snapshot(virtual(SHOP, "", hosts=[]))).virtual_services == {}

    @pytest.mark.parametrize(
        ("gateways", "means"),
        [
            (None, {"mesh"}),
            ([], {"mesh"}),
            (["edge"], {"shop/edge"}),
            (["mesh", "gw/edge"], {"mesh", "gw/edge"}),
        ],
    )
    def test_whom_a_rule_is_for(self, gateways: list[str] | None, means: set[str]) -> None:
        registry = Registry(snapshot(virtual(SHOP, "a.example", gateways=gateways)))
        (found,) = registry.virtual_services["a.example"]
        assert found.gateways == means
        assert bool(registry.mesh_rules("a.example", SHOP)) is ("mesh" in means)

    def test_rules_count_in_the_order_own_then_by_name_then_everybodys(self) -> None:
        own, named = virtual(SHOP, "a.example", exportTo=["."]), virtual(BANK, "a.example", exportTo=[SHOP])
        every, others = virtual("till", "a.example"), virtual("till", "a.example", exportTo=[BANK])
        registry = Registry(snapshot(others, every, named, own))
        assert [found.namespace for found in registry.mesh_rules("a.example", SHOP)] == [SHOP, BANK, "till"]
        assert registry.mesh_rules("b.example", SHOP) == []

    def test_hosts_below_a_pattern(self) -> None:
        registry = Registry(
            snapshot(entry("a.example"), entry("a.test"), virtual(SHOP, "b.example"), virtual(SHOP, "b.test"))
        )
        for _ in range(2):
            assert list(registry.known_below("*.example")) == ["a.example"]
            assert list(registry.ruled_below("*.example")) == ["b.example"]
            assert list(registry.ruled_below("*.test")) == ["b.test"]

    def test_destinations_for_a_name_the_closest_first(self) -> None:
        registry = Registry(
            snapshot(*(entry(host) for host in ("*.example", "*.b.example", "a.b.example", "c.example")))
        )
        assert [found.host for found in registry.named("a.b.example")] == [
            "a.b.example",
            "*.b.example",
            "*.example",
        ]
        assert [found.host for found in registry.named("c.example")] == ["c.example", "*.example"]
