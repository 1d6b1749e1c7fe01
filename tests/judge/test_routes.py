"""Whose rule counts and where its routes lead, one rule of Istio's reference after the other. Which route
takes a request is in test_routes_matches.py.

Asked of a sidecar; what is different at gateways is in test_gateway_routes.py. Every answer is that of Istio
1.30's own control plane about the same objects, or "not understood".
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.model.flow import Verdict
from tests.judge.asking import (
    BANK,
    CLOSED,
    HTTP,
    REFUSED,
    SHOP,
    TCP,
    TLS,
    UNCHANGED,
    UNREAD,
    Written,
    entry,
    mesh,
    service,
    sidecar,
    sidecar_says,
    sidecar_verdict,
    to,
    virtual,
)
from tests.judge.routing import ENDS, ONE, STRAIGHT, TWO, B, C, if_, led


class TestWhoseRuleCounts:
    def says(self, *rules: Written, **how: Any) -> str:
        return sidecar_says("http://a.example", *ENDS, *rules, **how)

    def test_what_a_namespace_keeps_for_itself_comes_before_what_others_export_to_it(self) -> None:
        own = virtual(SHOP, "a.example", name="own", http=[{"route": [ONE]}], exportTo=["."])
        others = virtual(BANK, "a.example", http=[{"route": [TWO]}], exportTo=[SHOP])
        assert self.says(own, others) == self.says(others, own) == B

    def test_what_is_exported_by_name_comes_before_what_is_everybodys(self) -> None:
        own = virtual(SHOP, "a.example", name="own", http=[{"route": [ONE]}])
        others = virtual(BANK, "a.example", http=[{"route": [TWO]}], exportTo=[SHOP])
        assert self.says(own, others) == self.says(others, own) == C

    def test_by_the_meshs_default_a_namespace_keeps_what_says_nothing(self) -> None:
        own = virtual(SHOP, "a.example", name="own", http=[{"route": [ONE]}])
        others = virtual(BANK, "a.example", http=[{"route": [TWO]}], exportTo=[SHOP])
        assert self.says(others, own, mesh(defaultVirtualServiceExportTo=["."])) == B

    @pytest.mark.parametrize(
        ("status", "says"), [(200, UNREAD), (399, UNREAD), (400, REFUSED), (503, REFUSED)]
    )
    def test_an_answer_of_the_proxys_own_is_the_namespaces_business(self, status: int, says: str) -> None:
        """Listed after the rule that another namespace exports, and still the one that counts."""
        others = virtual(BANK, "a.example", http=[{"route": [TWO]}], exportTo=[SHOP])
        answers = virtual(
            SHOP, "a.example", name="own", http=[{"directResponse": {"status": status}}], exportTo=["."]
        )
        assert self.says(others, answers) == says

    def test_of_two_that_are_exported_alike_which_counts_is_a_matter_of_their_age(self) -> None:
        one, two = (virtual(SHOP, "a.example", name=name, http=[{"route": [ONE]}]) for name in ("one", "two"))
        assert self.says(one, two) == UNREAD

    def test_one_without_a_route_for_the_proxy_leaves_it_to_the_next(self) -> None:
        own = virtual(SHOP, "a.example", name="own", http=[if_({"port": 8080})], exportTo=["."])
        others = virtual(BANK, "a.example", http=[{"route": [TWO]}], exportTo=[SHOP])
        assert self.says(own, others) == C

    def test_one_for_the_host_itself_hides_one_for_a_pattern_even_without_a_route(self) -> None:
        wide = virtual(SHOP, "*.example", name="wide", http=[{"route": [ONE]}])
        assert self.says(wide) == B
        assert self.says(wide, virtual(SHOP, "a.example", tcp=[{"route": [TWO]}])) == STRAIGHT

    def test_a_pattern_that_is_closer_comes_first(self) -> None:
        host = entry("a.b.example")
        wide = virtual(SHOP, "*.example", name="wide", http=[{"route": [ONE]}])
        close = virtual(SHOP, "*.b.example", name="close", http=[{"route": [TWO]}])
        for rules in ((wide, close), (close, wide)):
            assert sidecar_says("http://a.b.example", *ENDS, host, *rules) == C

    @pytest.mark.parametrize(
        ("to_whom", "counts"),
        [(["."], False), (["*"], True), ([SHOP], True), (["till"], False), ([BANK, SHOP], True)],
    )
    def test_it_is_for_those_that_it_is_exported_to(self, to_whom: list[str], counts: bool) -> None:
        others = virtual(BANK, "a.example", http=[{"route": [TWO]}], exportTo=to_whom)
        assert self.says(others) == (C if counts else STRAIGHT)

    def test_names_are_compared_in_lower_case(self) -> None:
        assert self.says(virtual(SHOP, "A.Example", http=[{"route": [ONE]}])) == B


class TestWhereARouteLeads:
    def test_a_name_without_a_dot_is_a_service_of_the_rules_namespace(self) -> None:
        web = service("web", BANK, {"port": 80, "name": "http"})
        leads = virtual(BANK, "a.example", http=[{"route": [to("web", 80)]}])
        assert sidecar_says("http://a.example", *ENDS, web, leads).startswith("pods of bank:80 mesh")
        own = virtual(SHOP, "a.example", http=[{"route": [to("web", 80)]}])
        assert sidecar_says("http://a.example", *ENDS, web, own) == REFUSED

    def test_so_is_a_host(self) -> None:
        web = service("web", SHOP, {"port": 80, "name": "http"})
        leads = virtual(SHOP, "web", http=[{"route": [ONE]}])
        assert sidecar_says("http://web.shop.svc.cluster.local", *ENDS, web, leads) == B

    def test_a_destination_that_is_not_known_refuses_the_request(self) -> None:
        assert led({"route": [to("elsewhere.example", 80)]}) == REFUSED
        assert led({"route": [to("b.example", 8080)]}) == REFUSED

    def test_nor_is_one_known_that_is_exported_to_others(self) -> None:
        hidden = entry("d.example", BANK, exportTo=["."])
        assert led({"route": [to("d.example", 80)]}, beside=(hidden,)) == REFUSED

    def test_but_one_of_the_namespace_itself_is_whomever_it_is_exported_to(self) -> None:
        own = entry("d.example", SHOP, exportTo=[BANK])
        assert led({"route": [to("d.example", 80)]}, beside=(own,)) == "d.example:80"

    def test_a_destination_without_a_port_is_asked_on_the_port_of_the_request(self) -> None:
        assert led({"route": [to("b.example")]}) == B
        assert (
            led({"route": [to("d.example")]}, beside=(entry("d.example", SHOP, {**HTTP, "number": 8080}),))
            == REFUSED
        )

    def test_of_raw_tcp_on_its_only_port(self) -> None:
        objects = (entry("db.example", SHOP, TCP), entry("d.example", SHOP, {**TCP, "number": 3307}))
        leads = virtual(SHOP, "db.example", tcp=[{"route": [to("d.example")]}])
        assert sidecar_says("tcp://192.0.2.7:3306", *objects, leads) == "d.example:3307"

    def test_a_single_destination_takes_everything_whatever_its_weight(self) -> None:
        assert led({"route": [{**ONE, "weight": 0}]}) == B
        assert led({"route": [{**ONE, "weight": 10}]}) == B

    def test_of_several_those_without_a_weight_take_nothing(self) -> None:
        assert led({"route": [{**ONE, "weight": 100}, {**TWO, "weight": 0}]}) == B
        assert led({"route": [ONE, {**TWO, "weight": 100}]}) == C
        assert led({"route": [{**ONE, "weight": 1}, {**TWO, "weight": 99}]}) == f"{B}, {C}"

    def test_some_requests_that_are_led_nowhere_are_not_understood(self) -> None:
        nowhere = to("elsewhere.example", 80, weight=50)
        assert led({"route": [{**ONE, "weight": 50}, nowhere]}) == UNREAD
        assert led({"route": [{**ONE, "weight": 50}, {**nowhere, "weight": 0}]}) == B

    def test_copies_go_out_as_well(self) -> None:
        assert led({"route": [ONE], "mirrors": [TWO]}) == f"{B}, {C}"
        assert led({"route": [ONE], "mirrors": [{**TWO, "percentage": {"value": 0.5}}]}) == f"{B}, {C}"

    def test_but_not_where_their_share_is_nothing(self) -> None:
        assert led({"route": [ONE], "mirrors": [{**TWO, "percentage": {"value": 0}}]}) == B
        assert led({"route": [ONE], "mirrors": [{**TWO, "percentage": {}}]}) == B

    def test_a_copy_that_is_led_nowhere_is_lost_and_the_request_is_not(self) -> None:
        assert led({"route": [ONE], "mirrors": [to("elsewhere.example", 80)]}) == B

    @pytest.mark.parametrize(
        "more",
        [
            {"redirect": {"authority": "b.example"}},
            {"directResponse": {"status": 200}},
            {"rewrite": {"authority": "b.example"}},
            {"fault": {"abort": {"httpStatus": 503, "percentage": {"value": 100}}}},
            {"delegate": {"name": "others"}},
            {"mirror": {"host": "b.example"}},
            {"corsPolicy": {"allowOrigins": [{"exact": "a"}]}},
        ],
    )
    def test_a_route_that_does_something_else_is_not_understood(self, more: Written) -> None:
        assert led({"route": [ONE], **more}) == UNREAD
        assert led(if_({"uri": {"prefix": "/x"}}, **more), {"route": [TWO]}) == C

    def test_retries_timeouts_and_names_lead_nowhere_else(self) -> None:
        assert led({"route": [ONE], "timeout": "1s", "retries": {"attempts": 2}, "name": "a"}) == B


class TestHeaders:
    @pytest.mark.parametrize("how", ["set", "add"])
    @pytest.mark.parametrize("place", ["route", "destination"])
    def test_a_header_that_is_written_is_not_understood(self, how: str, place: str) -> None:
        headers = {"headers": {"request": {how: {"x-a": "1"}}}}
        route = {"route": [{**ONE, **headers}]} if place == "destination" else {"route": [ONE], **headers}
        assert led(route) == UNREAD

    def test_but_the_name_of_the_host_that_it_goes_to_anyway(self) -> None:
        def named(how: str, header: str, host: str) -> str:
            return led({"route": [{**ONE, "headers": {"request": {how: {header: host}}}}]})

        assert (
            named("set", "host", "b.example")
            == named("set", ":authority", "b.example")
            == named("set", "Host", "b.example")
            == B
        )
        assert named("set", "host", "c.example") == named("add", "host", "b.example") == UNREAD

    def test_a_header_that_is_taken_out_before_rules_of_pods_are_asked_is_not_understood(self) -> None:
        web = service("web", BANK, {"port": 80, "name": "http"})
        pods = to("web.bank.svc.cluster.local", 80)
        for name, says in (("x-a", UNREAD), ("X-Forwarded-For", "pods")):
            route = {"route": [pods], "headers": {"request": {"remove": [name]}}}
            assert led(route, beside=(web,)).startswith(says)
        assert led({"route": [ONE], "headers": {"request": {"remove": ["x-a"]}}}) == B


class TestServerNames:
    ends = (entry("a.example", SHOP, TLS), entry("b.example", SHOP, TLS), entry("c.example", SHOP, TLS))

    def says(
        self, *routes: Written, asked: str = "tls://a.example", host: str = "a.example", **spec: Any
    ) -> str:
        return sidecar_says(asked, *self.ends, virtual(SHOP, host, tls=list(routes), **spec))

    def test_a_route_takes_its_server_names(self) -> None:
        assert self.says(if_({"sniHosts": ["a.example"]}, to("b.example", 443))) == "b.example:443"
        assert (
            self.says(if_({"sniHosts": ["a.example"], "port": 443}, to("b.example", 443))) == "b.example:443"
        )

    def test_a_route_for_another_port_leaves_the_host_alone(self) -> None:
        assert (
            self.says(if_({"sniHosts": ["a.example"], "port": 8443}, to("b.example", 443))) == "a.example:443"
        )
        assert (
            self.says(if_({"sniHosts": ["a.example"], "gateways": ["gw/edge"]}, to("b.example", 443)))
            == "a.example:443"
        )

    def test_a_route_without_server_names_is_none(self) -> None:
        assert self.says({"route": [to("b.example", 443)]}) == "a.example:443"

    def test_a_host_with_routes_for_other_names_alone_is_not_known(self) -> None:
        host = entry("*.w.example", SHOP, TLS, resolution="NONE")
        leads = virtual(SHOP, "*.w.example", tls=[if_({"sniHosts": ["one.w.example"]}, to("b.example", 443))])
        objects = (*self.ends, host, leads)
        assert sidecar_says("tls://one.w.example", *objects) == "b.example:443"
        assert sidecar_says("tls://two.w.example", *objects) == UNCHANGED
        assert sidecar_says("tls://two.w.example", *objects, CLOSED) == REFUSED

    def test_the_closest_server_name_counts_whatever_the_order(self) -> None:
        host = entry("*.example", SHOP, TLS, resolution="NONE")
        wide = if_({"sniHosts": ["*.example"]}, to("b.example", 443))
        exact = if_({"sniHosts": ["d.example"]}, to("c.example", 443))
        for routes in ((wide, exact), (exact, wide)):
            leads = virtual(SHOP, "*.example", tls=list(routes))
            assert sidecar_says("tls://d.example", *self.ends, host, leads) == "c.example:443"
            assert sidecar_says("tls://e.example", *self.ends, host, leads) == "b.example:443"

    def test_a_rule_for_a_pattern_leads_names_below_it_as_soon_as_one_of_them_is_known(self) -> None:
        leads = virtual(SHOP, "*.example", tls=[if_({"sniHosts": ["*.example"]}, to("b.example", 443))])
        assert sidecar_says("tls://unheard-of.example", *self.ends, leads) == "b.example:443"
        assert sidecar_says("tls://unheard-of.test", *self.ends, leads) == UNCHANGED


class TestWhatIsSaid:
    def verdict(self, *routes: Written) -> Verdict:
        return sidecar_verdict("http://a.example", *ENDS, virtual(SHOP, "a.example", http=list(routes)))[0]

    def test_the_rule_and_the_route(self) -> None:
        verdict = self.verdict(if_({"port": 8080}), {"route": [ONE]})
        assert (verdict.decided_by, verdict.field) == ("shop/virtualservice/routes", "spec.http[1]")
        assert verdict.reason == "a.example is led to b.example:80."

    def test_the_destination_that_is_not_known(self) -> None:
        verdict = self.verdict({"route": [to("elsewhere.example", 80)]})
        assert (verdict.decided_by, verdict.field) == (
            "shop/virtualservice/routes",
            "spec.http[0].route[0].destination",
        )
        assert verdict.reason == "elsewhere.example, port 80, is not known to shop."

    def test_the_field_that_is_not_read(self) -> None:
        assert self.verdict({"route": [ONE], "rewrite": {"uri": "/"}}).field == "spec.http[0].rewrite"
        assert self.verdict(if_({"scheme": {"exact": "http"}})).field == "spec.http[0].match.scheme"

    def test_a_route_that_asks_a_sidecar_of_another_namespace_for_nothing(self) -> None:
        hidden = virtual(SHOP, "a.example", http=[{"route": [ONE]}], exportTo=["."])
        assert sidecar_says("http://a.example", *ENDS, hidden, namespace=BANK) == STRAIGHT
        assert sidecar_says("http://a.example", *ENDS, hidden, sidecar(SHOP, "*/*")) == B
