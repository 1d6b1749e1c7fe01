"""Where a route's destination lies, and how a proxy connects to it. Source: Istio reference, ServiceEntry,
DestinationRule."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.model.flow import Connection, Outside, Pod, Protocol
from tests.judge.asking import (
    BANK,
    EDGE,
    GATEWAY,
    HTTP,
    PLAIN,
    REFUSED,
    SHOP,
    TCP,
    TLS,
    UNREAD,
    Written,
    bound,
    entry,
    gateway,
    gateway_verdict,
    rule,
    server,
    service,
    sidecar_says,
    sidecar_verdict,
    single,
    to,
    virtual,
)
from tests.judge.objects import deployment

WEB = service("web", BANK, {"port": 80, "name": "http", "targetPort": 8080})
NAME = "web.bank.svc.cluster.local"
ENDS = tuple(entry(name) for name in ("a.example", "b.example", "c.example"))
ONE, TWO = to("b.example", 80), to("c.example", 80)


def sent(asked: str, *objects: Written, **how: Any) -> Connection:
    return single(sidecar_verdict(asked, *objects, **how))


class TestHeadersOfProxies:
    """Source: Envoy, "HTTP header manipulation"; Istio, MeshConfig.ProxyConfig.proxyHeaders."""

    @pytest.mark.parametrize(
        "name",
        [
            "x-forwarded-client-cert",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-request-id",
            "x-envoy-attempt-count",
            "x-envoy-decorator-operation",
            "x-envoy-external-address",
            "x-envoy-peer-metadata",
            "x-envoy-peer-metadata-id",
        ],
    )
    @pytest.mark.parametrize("place", ["route", "destination"])
    def test_each_goes_along_unless_it_is_taken_out(self, name: str, place: str) -> None:
        def reveals(removed: str) -> tuple[str, ...]:
            headers = {"headers": {"request": {"remove": [removed]}}}
            route = {"route": [{**ONE, **headers}]} if place == "destination" else {"route": [ONE], **headers}
            return sent("http://a.example", *ENDS, virtual(SHOP, "a.example", http=[route])).reveals

        assert name in reveals("x-other")
        assert set(reveals("x-other")) - set(reveals(name.title())) == {name}


class TestPods:
    def test_are_those_that_the_service_selects_at_the_port_that_it_leads_to(self) -> None:
        shown = deployment(BANK, "web", {"app": "web", "tier": "front"})
        one = sent(f"http://{NAME}", WEB, shown, deployment(BANK, "till", {"app": "till"}))
        assert isinstance(one.to, Pod)
        assert (one.to.namespace, one.to.labels, one.port) == (BANK, {"app": "web", "tier": "front"}, 8080)

    def test_are_unknown_where_it_selects_none(self) -> None:
        bare = service("web", BANK, {"port": 80, "name": "http"}, selector=None)
        one = sent(f"http://{NAME}", bare, deployment(BANK, "web", {"app": "web"}))
        assert isinstance(one.to, Pod)
        assert (one.to.namespace, one.to.labels) == (BANK, {})

    @pytest.mark.parametrize(
        ("tls", "protocol", "identity"),
        [
            (None, Protocol.TLS, True),
            ({"mode": "ISTIO_MUTUAL"}, Protocol.TLS, True),
            ({"mode": "DISABLE"}, Protocol.HTTP, False),
            ({"mode": "SIMPLE"}, Protocol.TLS, False),
        ],
    )
    def test_are_shown_the_meshs_certificate_unless_a_rule_says_otherwise(
        self, tls: Written | None, protocol: Protocol, identity: bool
    ) -> None:
        rules = [] if tls is None else [rule(SHOP, NAME, tls=tls)]
        one = sent(f"http://{NAME}", WEB, *rules)
        assert (one.protocol, one.principal is not None) == (protocol, identity)
        assert (one.opens, one.verified, one.trusts) == ("", (), "")

    def test_by_a_server_name_that_says_port_subset_and_host(self) -> None:
        leads = virtual(SHOP, "a.example", http=[{"route": [to(NAME, 80, subset="v1")]}])
        subsets = rule(SHOP, NAME, subsets=[{"name": "v1"}])
        assert sent("http://a.example", *ENDS, WEB, leads, subsets).sni == f"outbound_.80_.v1_.{NAME}"
        assert sent(f"http://{NAME}", WEB).sni == f"outbound_.80_._.{NAME}"

    def test_with_another_certificate_are_not_understood_and_the_rule_is_named(self) -> None:
        verdict, _ = sidecar_verdict(f"http://{NAME}", WEB, rule(SHOP, NAME, tls={"mode": "MUTUAL"}))
        assert (verdict.understood, verdict.decided_by, verdict.field) == (
            False,
            "shop/destinationrule/rule",
            "spec.trafficPolicy",
        )

    def test_by_a_port_that_is_only_named_are_not_understood(self) -> None:
        named = service("web", BANK, {"port": 80, "name": "http", "targetPort": "web"})
        verdict, _ = sidecar_verdict(f"http://{NAME}", named)
        assert (verdict.understood, verdict.decided_by, verdict.field) == (
            False,
            "bank/service/web",
            "spec.ports.targetPort",
        )

    def test_are_named_in_the_answer(self) -> None:
        assert f"{NAME}:80" in sidecar_verdict(f"http://{NAME}", WEB)[0].reason


class TestServerNamesOfHosts:
    """A name that proxies make up is for the mesh: it is asked for with the mesh's certificate alone."""

    @pytest.mark.parametrize(
        ("resolution", "tls", "sni"),
        [
            ("DNS", {"mode": "ISTIO_MUTUAL"}, "outbound_.80_._.a.example"),
            ("DNS", {"mode": "ISTIO_MUTUAL", "sni": "s"}, "s"),
            ("NONE", {"mode": "ISTIO_MUTUAL"}, "outbound_.80_._.a.example"),
            ("DYNAMIC_DNS", {"mode": "ISTIO_MUTUAL"}, None),
            ("DNS", {"mode": "SIMPLE"}, None),
            ("DNS", {"mode": "MUTUAL"}, None),
            ("DNS", {"mode": "DISABLE"}, None),
            ("DNS", None, None),
        ],
    )
    def test_is_what_the_rule_says_or_the_mesh_makes_up(
        self, resolution: str, tls: Written | None, sni: str | None
    ) -> None:
        rules = [] if tls is None else [rule(SHOP, "a.example", tls=tls)]
        assert sent("http://a.example", entry("a.example", resolution=resolution), *rules).sni == sni


class TestEndpoints:
    def ends(self, *addresses: str, resolution: str = "STATIC", **how: Any) -> list[Outside | Pod]:
        written = entry(
            "a.example", resolution=resolution, endpoints=[{"address": address} for address in addresses]
        )
        verdict, connections = sidecar_verdict("http://a.example", written, **how)
        assert verdict.understood
        return [one.to for one in connections]

    def test_each_is_connected_to_under_the_hosts_name_or_its_own(self) -> None:
        assert self.ends("192.0.2.7") == [Outside("a.example", "192.0.2.7")]
        assert self.ends("192.0.2.7", "2001:db8::7") == [
            Outside("a.example", "192.0.2.7"),
            Outside("a.example", "2001:db8::7"),
        ]
        assert self.ends("e.test", "f.test", resolution="DNS") == [
            Outside("e.test", None),
            Outside("f.test", None),
        ]

    @pytest.mark.parametrize("resolution", ["NONE", "DYNAMIC_DNS"])
    def test_are_nothing_to_a_host_that_is_not_resolved(self, resolution: str) -> None:
        assert self.ends("192.0.2.7", resolution=resolution) == [Outside("a.example", None)]

    def test_of_a_host_that_is_not_resolved_it_is_where_the_client_connected(self) -> None:
        assert self.ends(resolution="NONE", address="192.0.2.9") == [Outside("a.example", "192.0.2.9")]
        assert self.ends(resolution="DNS", address="192.0.2.9") == [Outside("a.example", None)]

    @pytest.mark.parametrize("own", ["127.0.0.1", "127.8.9.10", "::1"])
    def test_the_pod_itself_is_where_its_own_address_leads_wherever_the_client_connected(
        self, own: str
    ) -> None:
        assert self.ends(own, address="192.0.2.9") == [Outside("a.example", own)]
        tls = rule(SHOP, "a.example", tls={"mode": "SIMPLE", "sni": "s", "caCertificates": "system"})
        here = entry("a.example", resolution="STATIC", endpoints=[{"address": own}])
        one = sent("http://a.example", here, tls)
        assert (one.protocol, one.sni) == (Protocol.TLS, "s")

    @pytest.mark.parametrize(
        "addresses",
        [
            ("192.0.2.7", "127.0.0.1"),
            ("127.0.0.1", "192.0.2.7"),
            ("127.0.0.1", "127.0.0.2"),
            ("localhost",),
            ("0.0.0.0",),
        ],
    )
    def test_the_pod_itself_among_others_or_by_another_name_is_not_understood(
        self, addresses: tuple[str, ...]
    ) -> None:
        written = entry(
            "a.example", resolution="DNS", endpoints=[{"address": address} for address in addresses]
        )
        verdict, _ = sidecar_verdict("http://a.example", written)
        assert (verdict.understood, verdict.decided_by, verdict.field) == (
            False,
            "shop/serviceentry/entry-a.example",
            "spec.endpoints",
        )

    def test_none_of_a_static_host_refuse(self) -> None:
        verdict, connections = sidecar_verdict("http://a.example", entry("a.example", resolution="STATIC"))
        assert (verdict.allowed, connections) == (False, [])
        assert (verdict.decided_by, verdict.field) == ("shop/serviceentry/entry-a.example", "spec.endpoints")

    def test_what_is_not_read_of_them_is_named(self) -> None:
        ports = entry(
            "a.example", resolution="STATIC", endpoints=[{"address": "192.0.2.7", "ports": {"http": 8080}}]
        )
        assert sidecar_verdict("http://a.example", ports)[0].field == "spec.endpoints[0].ports"
        pods = entry("a.example", resolution="STATIC", workloadSelector={"labels": {"app": "a"}})
        assert sidecar_verdict("http://a.example", pods)[0].field == "spec.workloadSelector"


class TestWhatStandsInARoute:
    def verdict(self, route: Written, *objects: Written) -> tuple[bool, bool, str, str]:
        said, _ = sidecar_verdict(
            "http://a.example", *ENDS, *objects, virtual(SHOP, "a.example", http=[route])
        )
        return said.allowed, said.understood, said.decided_by.rpartition("/")[2], said.field

    def test_a_destination_that_is_not_known_is_named_with_or_without_its_port(self) -> None:
        for number in (None, 80):
            nowhere = to("elsewhere.example", number)
            assert self.verdict({"route": [nowhere]}) == (
                False,
                True,
                "routes",
                "spec.http[0].route[0].destination",
            )

    def test_of_raw_tcp_too(self) -> None:
        leads = virtual(SHOP, "db.example", tcp=[{"route": [to("elsewhere.example")]}])
        assert sidecar_says("tcp://192.0.2.7:3306", entry("db.example", SHOP, TCP), leads) == REFUSED

    def test_of_several_the_one_that_leads_nowhere(self) -> None:
        both = {"route": [{**ONE, "weight": 50}, to("elsewhere.example", 80, weight=50)]}
        assert self.verdict(both) == (True, False, "routes", "spec.http[0].route[1].destination")

    @pytest.mark.parametrize("how", ["set", "add"])
    def test_the_place_of_a_header_that_is_written(self, how: str) -> None:
        headers = {"headers": {"request": {how: {"x-a": "1"}}}}
        for route, place in (
            ({"route": [ONE], **headers}, ""),
            ({"route": [{**ONE, **headers}]}, ".route[0]"),
            ({"route": [ONE], "mirrors": [TWO, {**TWO, **headers}]}, ".mirrors[1]"),
        ):
            assert self.verdict(route) == (
                True,
                False,
                "routes",
                f"spec.http[0]{place}.headers.request.{how}",
            )

    def test_the_place_of_one_that_is_taken_out_before_pods_are_asked(self) -> None:
        removed = {"route": [to(NAME, 80)], "headers": {"request": {"remove": ["x-a"]}}}
        assert self.verdict(removed, WEB) == (True, False, "routes", "spec.http[0].headers.request.remove")

    def test_another_header_with_the_hosts_name_is_written_and_so_is_the_hosts_name_for_pods(self) -> None:
        other = {"route": [{**ONE, "headers": {"request": {"set": {"x-host": "b.example"}}}}]}
        assert self.verdict(other)[1] is False
        pods = {"route": [{**to(NAME, 80), "headers": {"request": {"set": {"host": NAME}}}}]}
        assert self.verdict(pods, WEB)[1] is False

    def test_a_copy_that_is_lost_leaves_the_other(self) -> None:
        copied = {"route": [ONE], "mirrors": [to("elsewhere.example", 80), TWO]}
        leads = virtual(SHOP, "a.example", http=[copied])
        assert sidecar_says("http://a.example", *ENDS, leads) == "b.example:80, c.example:80"

    def test_a_subset_that_is_not_there_is_named_in_the_rule_that_should_have_it_else_in_the_route(
        self,
    ) -> None:
        leads = {"route": [to("b.example", 80, subset="v1")]}
        assert self.verdict(leads, rule(SHOP, "b.example")) == (False, True, "rule", "spec.subsets")
        assert self.verdict(leads) == (False, True, "routes", "spec.http[0].route[0].destination")

    def test_a_sidecar_asks_a_destination_without_a_port_on_that_of_the_request_though_it_has_one_alone(
        self,
    ) -> None:
        alone = entry("d.example", SHOP, {**HTTP, "number": 8080})
        assert self.verdict({"route": [to("d.example")]}, alone)[0] is False


class TestHowAGatewayOpensTls:
    def test_whose_certificates_it_takes_is_a_secret_or_a_file(self) -> None:
        for tls, trusts in (
            ({"mode": "SIMPLE", "credentialName": "c"}, "c"),
            ({"mode": "SIMPLE", "caCertificates": "/etc/ca.pem"}, "/etc/ca.pem"),
            ({"mode": "SIMPLE"}, ""),
            ({"mode": "DISABLE", "credentialName": "c"}, ""),
        ):
            objects = (*PLAIN, gateway(server("*")), bound(), rule(GATEWAY, "b.example", tls=tls))
            _, (one,) = gateway_verdict("http://a.example", *objects)
            assert one.trusts == trusts

    def test_a_host_that_is_not_resolved_is_named(self) -> None:
        nowhere = entry("b.example", GATEWAY, resolution="NONE")
        verdict, _ = gateway_verdict("http://a.example", gateway(server("*")), bound(), nowhere)
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (
            False,
            "gw/serviceentry/entry-b.example",
            "spec.resolution",
        )

    def test_to_pods_by_the_name_of_their_service(self) -> None:
        objects = (WEB, gateway(server("*")), bound(target=NAME))
        verdict, (one,) = gateway_verdict("http://a.example", *objects)
        assert f"{NAME}:80" in verdict.reason
        assert one.protocol is Protocol.TLS
        _, (one,) = gateway_verdict(
            "http://a.example", *objects, rule(GATEWAY, NAME, tls={"mode": "DISABLE"})
        )
        assert one.protocol is Protocol.HTTP

    def test_what_is_led_on_by_tls_without_a_port_goes_to_the_only_one(self) -> None:
        leads = virtual(GATEWAY, "*", gateways=[EDGE], tcp=[{"route": [to("b.example")]}])
        one = entry("b.example", GATEWAY, {**TLS, "number": 8443})
        _, (onward,) = gateway_verdict("tls://a.example", one, gateway(server("*", protocol="TLS")), leads)
        assert onward.port == 8443


def test_tls_inside_a_rule_that_is_not_understood_stays_so() -> None:
    assert (
        sidecar_says("http://a.example", entry("a.example", workloadSelector={"labels": {"a": "b"}}))
        == UNREAD
    )
