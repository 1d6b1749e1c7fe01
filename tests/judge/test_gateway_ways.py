"""Ways into a gateway: its doors, and which of them lead to a host. Source: Istio reference, Gateway and
VirtualService."""

from __future__ import annotations

from dataclasses import replace

import pytest

from egress.judge.layers.gateway import Gateways
from egress.judge.lookup.routes import Router
from egress.judge.lookup.service_registry import Registry
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import Flow, Misread, Protocol, Request, Vantage
from egress.judge.model.snapshot import Snapshot
from egress.judge.trace import Judges
from tests.judge.asking import (
    EDGE,
    GATEWAY,
    GATEWAY_PODS,
    LABELS,
    PLAIN,
    REFUSED,
    SEALED,
    SHOP,
    TLS,
    UNREAD,
    Written,
    bound,
    entry,
    gateway,
    gateway_says,
    gateways_of,
    passing,
    raw,
    server,
    service,
    to,
    virtual,
)
from tests.judge.objects import deployment, snapshot, written

EDGE_OBJECT = "gw/gateway/edge"
STANDING = deployment(GATEWAY, "edge", {**LABELS, "sidecar.istio.io/inject": "true"})
STANDING["spec"]["template"]["metadata"]["annotations"] = {"inject.istio.io/templates": "gateway"}
STANDING["spec"]["template"]["spec"]["containers"] = [{"name": "istio-proxy", "image": "auto"}]
WEB, SECRETLY = server("a.example"), server("c.example", protocol="TLS", port=8443)
INSIDE = server("b.example", "*.example", protocol="TLS", port=9443, mode="PASSTHROUGH", bind="127.0.0.1")
BACK = entry(
    "back.test", GATEWAY, {**TLS, "number": 9443}, resolution="STATIC", endpoints=[{"address": "127.0.0.1"}]
)


class TestDoors:
    objects = (*PLAIN, gateway(WEB, SECRETLY, INSIDE))

    def test_are_the_ports_that_others_reach_with_what_is_read_there(self) -> None:
        gateways, pod = gateways_of(*self.objects)
        assert list(gateways.doors()) == [(pod, 443, True), (pod, 8443, False)]

    def test_of_a_port_what_its_first_server_reads(self) -> None:
        mixed = gateway(server("a.example", protocol="TLS"), server("c.example"))
        gateways, pod = gateways_of(*PLAIN, mixed)
        assert list(gateways.doors()) == [(pod, 443, False)]

    def test_the_servers_of_each_of_them(self) -> None:
        gateways, pod = gateways_of(*self.objects)
        found = {port: [one.hosts for one in servers] for port, servers in gateways.listening(pod).items()}
        assert found == {443: [("a.example",)], 8443: [("c.example",)]}

    def test_what_listens_at_the_pods_own_address_is_said_with_it(self) -> None:
        gateways, pod = gateways_of(*self.objects)
        at = gateways.listens(pod)
        assert at == {(443, None): EDGE_OBJECT, (8443, None): EDGE_OBJECT, (9443, "127.0.0.1"): EDGE_OBJECT}
        second = gateway(server("d.example"), name="second")
        gateways, pod = gateways_of(*self.objects, second)
        assert gateways.listens(pod)[443, None] == EDGE_OBJECT

    def test_that_read_no_http_are_asked_for_by_namespace(self) -> None:
        gateways, pod = gateways_of(*self.objects)
        assert [(at is pod, port, one.hosts) for at, port, one in gateways.opaque_servers(GATEWAY)] == [
            (True, 8443, ("c.example",))
        ]
        assert list(gateways.opaque_servers(SHOP)) == []

    def test_pods_of_two_gateways_are_counted_once(self) -> None:
        gateways, pod = gateways_of(gateway(WEB), gateway(server("d.example"), name="second"))
        assert gateways.pods == [pod]

    def test_names_for_which_rules_are_bound_to_a_server(self) -> None:
        gateways, pod = gateways_of(
            *self.objects, bound(), bound("c.example", name="two", gateways=["gw/other"])
        )
        (one,) = gateways.listening(pod)[443]
        assert gateways.routed(one) == ["a.example"]


class TestTheListenerOfAPort:
    def test_is_there_where_others_reach_a_server(self) -> None:
        gateways, pod = gateways_of(gateway(WEB, INSIDE))
        found = gateways.listener(pod, 443)
        assert found
        assert [one.hosts for one in found.servers] == [("a.example",)]
        assert gateways.listener(pod, 9443) is None
        assert gateways.listener(pod, 80) is None

    def test_is_not_understood_where_two_gateways_have_one_host(self) -> None:
        gateways, pod = gateways_of(gateway(WEB), gateway(WEB, name="second"))
        with pytest.raises(Misread) as said:
            gateways.listener(pod, 443)
        assert (said.value.by, said.value.field) == ("gw/gateway/second", "spec.servers[0]")

    def test_is_its_own_beside_a_gateway_for_other_pods(self) -> None:
        gateways, pod = gateways_of(
            gateway(WEB), gateway(server("d.example"), name="theirs", selector={"istio": "other"})
        )
        assert gateways.listener(pod, 443)

    def test_is_not_understood_where_another_gateway_may_be_for_the_pods_too(self) -> None:
        every = written("Gateway", GATEWAY, "every", servers=[server("d.example")])
        gateways, pod = gateways_of(gateway(WEB), every)
        with pytest.raises(Misread) as said:
            gateways.listener(pod, 443)
        assert (said.value.by, said.value.field) == ("gw/gateway/every", "spec.selector")

    @pytest.mark.parametrize(
        ("name", "hosts"), [("A.example", "a.example"), ("b.test", "*.test"), ("c.example", None)]
    )
    def test_a_server_is_found_by_name_in_whatever_case(self, name: str, hosts: str | None) -> None:
        gateways, pod = gateways_of(*PLAIN, gateway(WEB, server("*.test")))
        listener = gateways.listener(pod, 443)
        assert listener
        found = gateways.server(listener, pod, name)
        assert (found.hosts[0] if found else None) == hosts

    def test_a_way_is_that_of_a_request_or_of_a_server_name(self) -> None:
        gateways, pod = gateways_of(
            *SEALED, *PLAIN, gateway(WEB, SECRETLY), bound(), raw("c.example", name="raw")
        )
        servers = gateways.listening(pod)
        way = gateways.way(servers[443][0], pod, "a.example", Request("a.example"))
        assert way
        assert (way[0].by, way[1].field) == ("gw/virtualservice/routes", "spec.http[0]")
        way = gateways.way(servers[8443][0], pod, "c.example", None)
        assert way
        assert (way[0].by, way[1].field) == ("gw/virtualservice/raw", "spec.tcp[0]")
        assert gateways.way(servers[443][0], pod, "b.example", Request("b.example")) is None

    def test_a_way_that_does_more_than_lead_somewhere_is_not_understood(self) -> None:
        answers = bound(http=[{"directResponse": {"status": 200}}])
        gateways, pod = gateways_of(*PLAIN, gateway(WEB), answers)
        with pytest.raises(Misread) as said:
            gateways.way(gateways.listening(pod)[443][0], pod, "a.example", Request("a.example"))
        assert said.value.field == "spec.http[0].directResponse"


class TestAddressesOfServers:
    def says(self, *servers: Written, to_address: str | None = None, principal: str | None = None) -> str:
        rules = (passing("a.example"), passing("c.example", target="c.example", name="second"))
        asked = {"port": 9443, "to_address": to_address, "principal": principal}
        return gateway_says("tls://a.example", *SEALED, gateway(*servers), *rules, **asked)

    @staticmethod
    def at(bind: str, *hosts: str) -> Written:
        return server(
            *(hosts or ("*.example",)),
            protocol="TLS",
            port=9443,
            mode="PASSTHROUGH",
            name=f"at{bind}",
            bind=bind,
        )

    @pytest.mark.parametrize("own", ["127.0.0.1", "127.0.0.7", "::1"])
    def test_at_an_address_of_the_loopback_the_pod_alone_comes(self, own: str) -> None:
        assert self.says(self.at(own), to_address=own) == "b.example:443"
        assert self.says(self.at(own)) == REFUSED
        assert self.says(self.at(own), to_address="127.0.0.9") == REFUSED

    @pytest.mark.parametrize("every", ["", "0.0.0.0", "::"])
    def test_at_every_address_whoever_comes(self, every: str) -> None:
        assert self.says(self.at(every)) == "b.example:443"
        assert self.says(self.at(every), to_address="127.0.0.1") == "b.example:443"

    def test_that_of_the_very_address_comes_first(self) -> None:
        """The one for every address is for another name."""
        assert (
            self.says(self.at("127.0.0.1"), self.at("", "c.example"), to_address="127.0.0.1")
            == "b.example:443"
        )
        assert self.says(self.at("127.0.0.1", "c.example"), self.at(""), to_address="127.0.0.1") == REFUSED

    def test_whether_any_other_is_the_pods_is_not_known(self) -> None:
        assert self.says(self.at("10.1.2.3")) == UNREAD
        gateways, pod = gateways_of(gateway(self.at("10.1.2.3")))
        with pytest.raises(Misread) as said:
            gateways.listener(pod, 9443)
        assert (said.value.by, said.value.field) == (EDGE_OBJECT, "spec.servers[0].bind")

    def test_at_a_socket_of_the_file_system_nobody_comes(self) -> None:
        assert self.says(self.at("unix:///run/gateway")) == REFUSED


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


def test_a_gateway_for_some_of_the_labels_may_be_for_the_same_pods_of_its_own_namespace() -> None:
    """Selectors choose by some labels, so that one without any is for every pod of the namespace."""
    objects = (
        GATEWAY_PODS,
        *PLAIN,
        gateway(WEB),
        written("Gateway", GATEWAY, "every", servers=[server("d.example")]),
        bound(),
    )
    deployed = Snapshot(objects, (), planned=True)
    registry, workloads = Registry(deployed), Workloads(deployed)
    gateways = Gateways(deployed, registry, Router(registry, workloads), workloads)
    with pytest.raises(Misread):
        gateways.listener(workloads.behind(GATEWAY, LABELS), 443)
