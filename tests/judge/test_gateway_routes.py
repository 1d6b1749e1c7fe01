"""Where a gateway's pods send what they take, by routes and by the rules for destinations.

Every answer is that of Istio 1.30's own control plane about the same objects, or "not understood".
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.model.flow import Connection, Pod, Protocol, Request
from tests.judge.asking import (
    BANK,
    EDGE,
    GATEWAY,
    HTTP,
    LABELS,
    PLAIN,
    REFUSED,
    SEALED,
    SHOP,
    SOMEBODY,
    UNREAD,
    Written,
    bound,
    entry,
    gateway,
    gateway_says,
    gateways_of,
    passing,
    raw,
    rule,
    server,
    to,
)
from tests.judge.routing import B, C


class TestRoutesOfRequests:
    def says(
        self, *objects: Written, asked: str = "http://a.example", hosts: tuple[str, ...] = ("*",), **how: Any
    ) -> str:
        return gateway_says(asked, *PLAIN, gateway(server(*hosts)), *objects, **how)

    def test_without_a_rule_a_request_is_refused(self) -> None:
        assert self.says() == REFUSED
        assert self.says(bound("c.example")) == REFUSED

    @pytest.mark.parametrize("name", [EDGE, "edge", "./edge", "edge.gw.svc.cluster.local", "edge.gw"])
    def test_a_rule_names_its_gateway_in_several_forms(self, name: str) -> None:
        assert self.says(bound(gateways=[name])) == B

    @pytest.mark.parametrize("gateways", [["mesh"], ["shop/edge"], ["gw/other"], []])
    def test_a_rule_for_others_is_not_the_gateways(self, gateways: list[str]) -> None:
        assert self.says(bound(gateways=gateways)) == REFUSED

    def test_a_name_without_a_namespace_is_of_the_rules_own(self) -> None:
        assert self.says(bound(namespace=SHOP, gateways=["edge"])) == REFUSED
        assert self.says(bound(namespace=SHOP)) == B

    def test_the_rule_for_the_host_itself_comes_before_one_for_a_pattern(self) -> None:
        rules = (bound("*.example", "c.example", name="wide"), bound())
        assert self.says(*rules) == self.says(*rules[::-1]) == B
        assert self.says(*rules, asked="http://d.example") == C

    def test_a_request_that_the_hosts_own_rule_does_not_take_is_no_patterns(self) -> None:
        some = bound(http=[{"match": [{"uri": {"prefix": "/x"}}], "route": [to("b.example", 80)]}])
        wide = bound("*.example", "c.example", name="wide")
        assert self.says(some, wide) == REFUSED
        assert self.says(some, wide, asked="http://a.example/x") == B

    def test_a_rule_without_a_route_for_the_gateway_leaves_the_host_to_a_pattern(self) -> None:
        elsewhere = bound(
            http=[{"match": [{"gateways": ["mesh"]}], "route": [to("b.example", 80)]}],
            gateways=[EDGE, "mesh"],
        )
        assert self.says(elsewhere, bound("*.example", "c.example", name="wide")) == C

    def test_what_rules_for_one_host_say_adds_up_those_for_everything_last(self) -> None:
        own = bound(name="own", exportTo=["."])
        others = bound(
            target="c.example",
            namespace=SHOP,
            http=[{"match": [{"uri": {"prefix": "/x"}}], "route": [to("c.example", 80)]}],
            exportTo=[GATEWAY],
        )
        assert self.says(own, others) == B
        assert self.says(own, others, asked="http://a.example/x") == C

    def test_of_two_exported_alike_which_counts_is_a_matter_of_their_age(self) -> None:
        assert self.says(bound(name="one"), bound(target="c.example", name="two")) == UNREAD

    def test_a_rule_is_for_those_that_it_is_exported_to(self) -> None:
        for to_whom, says in ((["."], REFUSED), ([GATEWAY], B), (["*"], B), ([BANK], REFUSED)):
            assert self.says(bound(namespace=SHOP, exportTo=to_whom)) == says

    def test_the_narrower_of_a_servers_host_and_a_rules_is_what_is_led(self) -> None:
        wide = bound("*.example")
        assert self.says(wide, hosts=("a.example",)) == B
        assert self.says(wide, hosts=("a.example",), asked="http://c.example", sni="a.example") == REFUSED
        assert self.says(bound(), hosts=("*.example",)) == B

    @pytest.mark.parametrize(
        ("home", "says"), [("./", REFUSED), ("*/", B), ("shop/", B), ("bank/", REFUSED), ("", B)]
    )
    def test_a_server_may_be_for_rules_of_one_namespace(self, home: str, says: str) -> None:
        assert self.says(bound(namespace=SHOP), hosts=(f"{home}a.example",)) == says
        assert self.says(bound(), hosts=("./a.example",)) == B

    @pytest.mark.parametrize(
        ("match", "says"), [({"port": 443}, B), ({"port": 80}, REFUSED), ({"port": 8443}, REFUSED)]
    )
    def test_a_port_of_a_match_is_the_one_that_the_server_writes(self, match: Written, says: str) -> None:
        assert self.says(bound(http=[{"match": [match], "route": [to("b.example", 80)]}])) == says

    @pytest.mark.parametrize(
        ("gateways", "says"), [([EDGE], B), (["edge"], B), (["mesh"], REFUSED), (["gw/other"], REFUSED)]
    )
    def test_a_match_may_be_for_some_gateways(self, gateways: list[str], says: str) -> None:
        match = {"gateways": gateways}
        http = [{"match": [match], "route": [to("b.example", 80)]}]
        assert self.says(bound(http=http, gateways=[EDGE, "gw/other", "mesh"])) == says

    def test_a_match_for_a_namespace_is_for_gateways_there(self) -> None:
        for namespace, says in ((GATEWAY, B), (SHOP, REFUSED)):
            http = [{"match": [{"sourceNamespace": namespace}], "route": [to("b.example", 80)]}]
            assert self.says(bound(http=http)) == says

    def test_a_port_in_the_host_header_is_all_one(self) -> None:
        gateways, pod = gateways_of(*PLAIN, gateway(server("*")), bound())
        asked = Request("A.example:8080")
        sent = Connection(
            Pod(SHOP, {}), pod, 443, Protocol.TLS, principal=SOMEBODY, sni="a.example", inner=asked
        )
        _, taken = gateways.accept(sent)
        assert taken
        verdict, (onward,) = gateways.route(sent, taken)
        assert verdict.allowed
        assert onward.port == 80

    def test_what_is_no_request_is_refused(self) -> None:
        assert self.says(bound(), asked="tls://a.example") == REFUSED

    @pytest.mark.parametrize("protocol", ["HTTPS", "https"])
    def test_protocols_that_are_read_as_http(self, protocol: str) -> None:
        assert gateway_says("http://a.example", *PLAIN, gateway(server("*", protocol=protocol)), bound()) == B

    @pytest.mark.parametrize("protocol", ["HTTP", "HTTP2", "GRPC", "http"])
    @pytest.mark.parametrize("plain", [True, False])
    def test_a_server_for_http_takes_plain_text_whatever_its_tls_says(
        self, protocol: str, plain: bool
    ) -> None:
        """Istio's IsTLSServer: nobody is refused there for want of a certificate, and that is not read
        further."""
        written = gateway(server("*", protocol=protocol))
        assert gateway_says("http://a.example", *PLAIN, written, bound(), plain=plain) == "not understood"

    def test_a_request_that_no_proxy_takes_is_refused(self) -> None:
        gateways, pod = gateways_of(*PLAIN, gateway(server("*")), bound())
        sent = Connection(
            Pod(SHOP, {}),
            pod,
            443,
            Protocol.TLS,
            principal=SOMEBODY,
            sni="a.example",
            inner=Request("a.example", "get"),
        )
        _, taken = gateways.accept(sent)
        assert taken
        read = gateways.read(sent, taken)
        assert not isinstance(read, Connection)
        assert not read.allowed


class TestDestinations:
    def says(self, *objects: Written, target: str = "b.example", **how: Any) -> str:
        return gateway_says("http://a.example", gateway(server("*")), bound(target=target), *objects, **how)

    def test_a_host_that_is_not_resolved_leads_back_to_the_gateway_and_is_refused(self) -> None:
        assert self.says(entry("b.example", GATEWAY, resolution="NONE")) == REFUSED

    def test_of_the_gateways_own_namespace_and_of_another_which_counts_is_a_matter_of_their_age(self) -> None:
        own, others = (
            entry("b.example", GATEWAY),
            entry("b.example", SHOP, endpoints=[{"address": "e.example"}]),
        )
        assert self.says(own, others) == UNREAD

    def test_but_what_is_exported_by_name_comes_before_what_is_everybodys(self) -> None:
        own = entry("b.example", GATEWAY)
        others = entry("b.example", SHOP, exportTo=[GATEWAY], endpoints=[{"address": "e.example"}])
        assert self.says(own, others) == "e.example:80"

    def test_a_destination_of_its_own_namespace_has_to_be_exported_there(self) -> None:
        assert self.says(entry("b.example", GATEWAY, exportTo=[SHOP])) == REFUSED

    def test_a_destination_without_a_port_is_asked_on_its_only_one_else_on_the_servers(self) -> None:
        without = bound(http=[{"route": [to("b.example")]}], name="without")
        one = entry("b.example", GATEWAY, {**HTTP, "number": 8080})
        assert gateway_says("http://a.example", gateway(server("*")), without, one) == "b.example:8080"
        two = entry("b.example", GATEWAY, {**HTTP, "number": 8080}, {**HTTP, "number": 443, "name": "second"})
        assert gateway_says("http://a.example", gateway(server("*")), without, two) == "b.example:443"

    @pytest.mark.parametrize(
        ("tls", "says"),
        [
            ({"mode": "SIMPLE", "sni": "s"}, "b.example:80 TLS as s"),
            ({"mode": "SIMPLE", "sni": "s", "credentialName": "c"}, "b.example:80 TLS as s"),
            ({"mode": "DISABLE"}, B),
        ],
    )
    def test_tls_is_opened_by_the_rule_for_the_host(self, tls: Written, says: str) -> None:
        assert self.says(*PLAIN, rule(GATEWAY, "b.example", tls=tls)) == says
        assert self.says(*PLAIN, rule(SHOP, "b.example", tls=tls)) == B

    def test_a_rule_for_some_pods_is_for_these(self) -> None:
        for labels, says in ((LABELS, "b.example:80 TLS as s"), ({"istio": "other"}, B)):
            some = rule(
                GATEWAY,
                "b.example",
                tls={"mode": "SIMPLE", "sni": "s"},
                workloadSelector={"matchLabels": labels},
            )
            assert self.says(*PLAIN, some) == says

    def test_a_rule_for_these_pods_comes_before_one_for_all(self) -> None:
        some = rule(
            GATEWAY,
            "b.example",
            name="some",
            tls={"mode": "SIMPLE", "sni": "s"},
            workloadSelector={"matchLabels": LABELS},
        )
        every = rule(GATEWAY, "b.example", tls={"mode": "SIMPLE", "sni": "all"})
        assert self.says(*PLAIN, some, every) == self.says(*PLAIN, every, some) == "b.example:80 TLS as s"


class TestWhatIsNoHttp:
    def test_what_comes_out_of_tls_goes_where_the_first_rule_leads_whatever_name_was_asked_for(self) -> None:
        objects = (*SEALED, gateway(server("*.example", protocol="TLS")), raw("a.example"))
        assert gateway_says("tls://a.example", *objects) == "b.example:443"
        assert gateway_says("tls://c.example", *objects) == "b.example:443"
        assert gateway_says("tls://c.test", *objects) == REFUSED

    def test_a_server_without_a_rule_for_one_of_its_hosts_is_not_there(self) -> None:
        exact, wide = server("a.example", protocol="TLS"), server("*", protocol="TLS", name="wide")
        objects = (*SEALED, gateway(exact, wide), raw("c.test", "c.example"))
        assert gateway_says("tls://a.example", *objects) == "c.example:443"
        assert gateway_says("tls://a.example", *objects, raw("a.example", name="own")) != "c.example:443"

    def test_two_rules_for_one_server_are_a_matter_of_their_age(self) -> None:
        objects = (
            *SEALED,
            gateway(server("*", protocol="TLS")),
            raw("a.example"),
            raw("c.example", name="second"),
        )
        assert gateway_says("tls://a.example", *objects) == UNREAD

    def test_what_is_passed_through_goes_by_the_rules_server_names(self) -> None:
        sealed = gateway(server("*.example", protocol="TLS", mode="PASSTHROUGH"))
        assert gateway_says("tls://a.example", *SEALED, sealed, passing("a.example")) == "b.example:443"
        assert gateway_says("tls://c.example", *SEALED, sealed, passing("a.example")) == REFUSED

    def test_the_closest_server_name_counts_whatever_the_order(self) -> None:
        sealed = gateway(server("*.example", protocol="TLS", mode="PASSTHROUGH"))
        rules = (passing("*.example", target="c.example", name="wide"), passing("a.example"))
        for order in (rules, rules[::-1]):
            assert gateway_says("tls://a.example", *SEALED, sealed, *order) == "b.example:443"
            assert gateway_says("tls://d.example", *SEALED, sealed, *order) == "c.example:443"

    def test_server_names_may_be_wider_than_the_servers_own(self) -> None:
        sealed = gateway(server("a.example", protocol="TLS", mode="PASSTHROUGH"))
        assert gateway_says("tls://d.example", *SEALED, sealed, passing("*.example")) == "b.example:443"

    def test_tls_that_is_passed_through_by_https_is_the_same(self) -> None:
        sealed = gateway(server("*", protocol="HTTPS", mode="PASSTHROUGH"))
        assert gateway_says("tls://a.example", *SEALED, sealed, passing("a.example")) == "b.example:443"

    def test_a_name_of_two_servers_is_not_understood(self) -> None:
        sealed = server("*.example", protocol="TLS", mode="PASSTHROUGH")
        both = gateway(sealed, server("a.example", name="second"))
        assert gateway_says("tls://a.example", *SEALED, both, passing("a.example")) == UNREAD
