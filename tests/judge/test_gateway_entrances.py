"""Which ways into a gateway lead to a host. Source: Istio reference, Gateway and VirtualService."""

from __future__ import annotations

from dataclasses import replace

import pytest

from egress.judge.model.flow import Flow, Protocol, Vantage
from egress.judge.trace import Judges
from tests.judge.asking import (
    EDGE,
    GATEWAY,
    LABELS,
    PLAIN,
    SEALED,
    SHOP,
    TLS,
    Written,
    bound,
    entry,
    gateway,
    gateways_of,
    passing,
    raw,
    server,
    service,
    to,
    virtual,
)
from tests.judge.gateway_servers import INSIDE, SECRETLY, WEB
from tests.judge.objects import deployment, snapshot

STANDING = deployment(GATEWAY, "edge", {**LABELS, "sidecar.istio.io/inject": "true"})
STANDING["spec"]["template"]["metadata"]["annotations"] = {"inject.istio.io/templates": "gateway"}
STANDING["spec"]["template"]["spec"]["containers"] = [{"name": "istio-proxy", "image": "auto"}]
BACK = entry(
    "back.test", GATEWAY, {**TLS, "number": 9443}, resolution="STATIC", endpoints=[{"address": "127.0.0.1"}]
)


class TestEntrances:
    def entrances(self, host: str, *objects: Written) -> list[tuple[int, bool, str]]:
        return [(one.port, one.http, one.name) for one in gateways_of(*objects)[0].entrances(host)]

    def test_every_route_to_a_host_is_a_way_in(self) -> None:
        objects = (*PLAIN, gateway(WEB, SECRETLY), bound())
        assert self.entrances("b.example", *objects) == [(443, True, "a.example")]
        assert self.entrances("b.example", *objects, raw("c.example", name="raw")) == [
            (443, True, "a.example"),
            (8443, False, "c.example"),
        ]
        assert self.entrances("a.example", *objects) == []

    def test_a_rule_for_another_gateway_is_none(self) -> None:
        edge = gateway(WEB)
        assert self.entrances("b.example", *PLAIN, edge, bound(gateways=["mesh"])) == []
        assert self.entrances("b.example", *PLAIN, edge, bound(gateways=["gw/other"])) == []

    @pytest.mark.parametrize(
        ("match", "enters"),
        [
            ([{"port": 443}], True),
            ([{"port": 0}], True),
            ([{"port": 80}], False),
            ([{"port": 80}, {"uri": {"prefix": "/x"}}], True),
            ([{"gateways": [EDGE]}], True),
            ([{"gateways": ["edge"]}], True),
            ([{"gateways": ["mesh"]}], False),
            ([{"gateways": ["mesh", EDGE]}], True),
            ([{"gateways": [EDGE], "port": 80}], False),
        ],
    )
    def test_a_route_is_one_if_any_of_its_matches_is_for_the_gateway_and_its_port(
        self, match: list[Written], enters: bool
    ) -> None:
        routes = [
            {"match": match, "route": [to("b.example", 80)]},
            {"match": [{"port": 443}], "route": [to("c.example", 80)]},
        ]
        objects = (*PLAIN, gateway(WEB), bound(gateways=[EDGE, "mesh"], http=routes))
        assert self.entrances("b.example", *objects) == ([(443, True, "a.example")] if enters else [])
        assert self.entrances("c.example", *objects) == [(443, True, "a.example")]

    def test_routes_of_another_section_are_none(self) -> None:
        assert self.entrances("b.example", *SEALED, gateway(WEB), raw("a.example")) == []

    def test_copies_are_ways_too(self) -> None:
        copied = bound(http=[{"route": [to("c.example", 80)], "mirrors": [to("b.example", 80)]}])
        assert self.entrances("b.example", *PLAIN, gateway(WEB), copied) == [(443, True, "a.example")]

    def test_what_comes_back_leads_to_what_stands_at_that_address_of_the_pod_alone(self) -> None:
        def back(name: str, address: str) -> Written:
            return entry(
                name, GATEWAY, {**TLS, "number": 9443}, resolution="STATIC", endpoints=[{"address": address}]
            )

        def inside(name: str, address: str) -> Written:
            return server(name, protocol="TLS", port=9443, mode="PASSTHROUGH", bind=address)

        def onward(name: str) -> Written:
            tls = [{"match": [{"sniHosts": [name]}], "route": [to(name, 443)]}]
            return virtual(GATEWAY, name, name=name.replace(".", "-"), gateways=[EDGE], tls=tls)

        doors = [server(name, protocol="TLS", port=8443) for name in ("one.test", "two.test")]
        objects = (
            back("first.test", "127.0.0.1"),
            back("second.test", "127.0.0.2"),
            gateway(*doors, inside("b.example", "127.0.0.1"), inside("c.example", "127.0.0.2")),
            raw("one.test", "first.test", name="one"),
            raw("two.test", "second.test", name="two"),
            onward("b.example"),
            onward("c.example"),
        )
        assert self.entrances("b.example", *objects) == [(8443, False, "one.test")]
        assert self.entrances("c.example", *objects) == [(8443, False, "two.test")]

    def test_a_name_without_a_dot_is_a_service_of_the_rules_namespace(self) -> None:
        web = service("web", SHOP, {"port": 80, "name": "http"})
        objects = (web, gateway(WEB), bound(target="web", namespace=SHOP))
        assert self.entrances("web.shop.svc.cluster.local", *objects) == [(443, True, "a.example")]

    def test_a_way_to_a_pattern_is_one_to_every_host_below_it(self) -> None:
        objects = (entry("*.w.test", GATEWAY), gateway(WEB), bound(target="*.w.test"))
        assert self.entrances("one.w.test", *objects) == [(443, True, "a.example")]
        assert self.entrances("w.test", *objects) == []

    def test_names_below_a_servers_pattern_are_asked_by_their_own(self) -> None:
        two = (bound(), bound("c.test", name="second"))
        assert self.entrances("b.example", *PLAIN, gateway(server("*.example")), *two) == [
            (443, True, "a.example")
        ]
        assert self.entrances("b.example", *PLAIN, gateway(server("*.test", "*.example")), *two) == [
            (443, True, "a.example"),
            (443, True, "c.test"),
        ]

    def test_the_same_way_by_two_routes_is_one(self) -> None:
        twice = bound(
            http=[
                {"match": [{"uri": {"prefix": "/x"}}], "route": [to("b.example", 80)]},
                {"route": [to("b.example", 80)]},
            ]
        )
        assert self.entrances("b.example", *PLAIN, gateway(WEB), twice) == [(443, True, "a.example")]

    def test_of_a_servers_host_and_a_wider_one_of_a_rule_the_narrower_is_asked_for(self) -> None:
        for wide in ("*.example", "*"):
            assert self.entrances("b.example", *PLAIN, gateway(WEB), bound(wide)) == [
                (443, True, "a.example")
            ]
        assert self.entrances("b.example", *PLAIN, gateway(server("*.example")), bound("*")) == [
            (443, True, "*.example")
        ]
        assert self.entrances("b.example", *PLAIN, gateway(server("*")), bound("*")) == [(443, True, "*")]

    def test_of_tls_that_is_passed_through_the_server_names_of_the_route_are_asked_for(self) -> None:
        sealed = gateway(server("*.example", protocol="TLS", mode="PASSTHROUGH"))
        leads = passing("*.example", "a.example", "c.example")
        assert self.entrances("b.example", *SEALED, sealed, leads) == [
            (443, False, "a.example"),
            (443, False, "c.example"),
        ]

    @pytest.mark.parametrize(
        ("hosts", "sni"),
        [
            (("*",), None),
            (("a.example", "*"), None),
            (("a.example",), "a.example"),
            (("*.example",), "*.example"),
        ],
    )
    def test_the_server_of_a_request_is_reached_by_a_server_name_of_its_own(
        self, hosts: tuple[str, ...], sni: str | None
    ) -> None:
        gateways, _ = gateways_of(*PLAIN, gateway(server(*hosts)), bound())
        assert [one.sni for one in gateways.entrances("b.example")] == [sni]
        asked = Flow(SHOP, "b.example", 443, Protocol.HTTP, Vantage.GATEWAY_WITH_CERTIFICATE)
        judges = Judges(snapshot(STANDING, *PLAIN, gateway(server(*hosts)), bound()))
        assert judges.trace(asked).allowed
        assert not judges.trace(replace(asked, vantage=Vantage.GATEWAY_WITHOUT_CERTIFICATE)).allowed

    @pytest.mark.parametrize("host", ["*.w.test", "*", "b.example"])
    def test_where_a_rule_is_for_a_pattern_any_name_below_it_leads_there(self, host: str) -> None:
        judges = Judges(snapshot(STANDING, *PLAIN, gateway(server("*")), bound(host)))
        asked = Flow(SHOP, "b.example", 443, Protocol.HTTP, Vantage.GATEWAY_WITH_CERTIFICATE)
        assert judges.trace(asked).allowed

    def test_and_that_of_tls_by_the_name_itself(self) -> None:
        gateways, _ = gateways_of(*SEALED, gateway(server("*", protocol="TLS")), raw("a.example"))
        assert [one.sni for one in gateways.entrances("b.example")] == ["a.example"]

    def test_a_host_at_an_address_of_its_own_is_led_to_like_others(self) -> None:
        fixed = entry("b.example", GATEWAY, resolution="STATIC", endpoints=[{"address": "192.0.2.7"}])
        assert self.entrances("b.example", fixed, gateway(WEB), bound()) == [(443, True, "a.example")]

    def test_at_the_pods_own_address_there_is_no_way_in(self) -> None:
        assert self.entrances("b.example", *SEALED, gateway(INSIDE), passing("a.example")) == []

    def test_what_leads_back_to_the_pod_leads_to_all_that_its_servers_there_are_for(self) -> None:
        outer = raw("outer.test", name="outer", tcp=[{"route": [to("back.test", 9443)]}])
        inner = (
            virtual(GATEWAY, "*.example", name="wide", gateways=[EDGE]),
            virtual(GATEWAY, "b.example", name="close", gateways=[EDGE]),
            virtual(GATEWAY, "d.test", name="others", gateways=[EDGE]),
        )
        outside = server("outer.test", protocol="TLS", port=8443)
        objects = (*SEALED, BACK, gateway(outside, INSIDE), outer, *inner)
        way = [(8443, False, "outer.test")]
        assert self.entrances("b.example", *objects) == way
        assert self.entrances("any.example", *objects) == way
        assert self.entrances("d.test", *objects) == []
        assert self.entrances("outer.test", *objects) == []
        assert self.entrances("back.test", *objects) == []

    def test_also_by_the_rules_of_another_gateway_of_the_pods(self) -> None:
        outer = raw("c.example", name="outer", tcp=[{"route": [to("back.test", 9443)]}])
        inner = virtual(GATEWAY, "b.example", name="close", gateways=["gw/inner"])
        objects = (*SEALED, BACK, gateway(SECRETLY), gateway(INSIDE, name="inner"), outer, inner)
        assert self.entrances("b.example", *objects) == [(8443, False, "c.example")]
