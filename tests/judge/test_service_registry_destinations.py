"""Where Services and ServiceEntries lead: ports and their protocols, resolution, endpoints, addresses.

Every answer is that of Istio 1.30's own control plane about the same objects, or "not understood".
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.lookup.service_registry import Registry
from tests.judge.asking import (
    BANK,
    CLOSED,
    HTTP,
    REFUSED,
    SHOP,
    TCP,
    UNREAD,
    entry,
    service,
    sidecar_says,
    sidecar_verdict,
)
from tests.judge.objects import snapshot

ASKED = "http://a.example"


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
