"""Routes of VirtualServices and the DestinationRules behind them, one rule of Istio's reference after the other.

Asked of a sidecar; what is different at gateways is in test_gateway.py. Every answer is that of Istio 1.30's own control plane
about the same objects, or "not understood".
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.flow import Verdict
from tests.judge.asking import (
    BANK,
    CLOSED,
    HTTP,
    REFUSED,
    ROOT,
    SHOP,
    TCP,
    TLS,
    UNCHANGED,
    UNREAD,
    Written,
    entry,
    mesh,
    rule,
    service,
    sidecar,
    sidecar_says,
    sidecar_verdict,
    to,
    virtual,
)

ENDS = tuple(entry(name) for name in ("a.example", "b.example", "c.example"))
ONE, TWO = to("b.example", 80), to("c.example", 80)
B, C, STRAIGHT = "b.example:80", "c.example:80", "a.example:80"


def led(*routes: Written, asked: str = "http://a.example", beside: tuple[Written, ...] = (), **how: Any) -> str:
    """Where requests for a.example go by some routes of HTTP."""
    spec = {key: how.pop(key) for key in ("gateways", "exportTo") if key in how}
    return sidecar_says(asked, *ENDS, virtual(SHOP, "a.example", http=list(routes), **spec), *beside, **how)


def if_(match: Written | list[Written], *destinations: Written, **more: Any) -> Written:
    return {"match": match if isinstance(match, list) else [match], "route": list(destinations or (ONE,)), **more}


class TestWhichRouteTakesARequest:
    def test_the_first_that_matches(self) -> None:
        assert led({"route": [ONE]}, {"route": [TWO]}) == B
        assert led(if_({"uri": {"prefix": "/x"}}), {"route": [TWO]}) == C

    def test_none_refuses_it(self) -> None:
        assert led(if_({"uri": {"prefix": "/x"}})) == REFUSED

    @pytest.mark.parametrize(
        ("uri", "takes"),
        [
            ({"exact": "/a"}, {"/a"}),
            ({"prefix": "/a"}, {"/a", "/a/b", "/ab"}),
            ({"prefix": "/"}, {"/a", "/a/b", "/ab", "/b"}),
            ({"regex": "/a.*"}, {"/a", "/a/b", "/ab"}),
            ({"regex": "/a"}, {"/a"}),
            ({"regex": "a"}, set[str]()),
        ],
    )
    def test_by_its_path(self, uri: Written, takes: set[str]) -> None:
        paths = ("/a", "/a/b", "/ab", "/b")
        assert {path for path in paths if led(if_({"uri": uri}), asked=f"http://a.example{path}") == B} == takes

    def test_an_expression_that_is_none_is_not_understood(self) -> None:
        assert led(if_({"uri": {"regex": "("}})) == UNREAD

    def test_another_way_to_match_is_not_understood(self) -> None:
        assert led(if_({"uri": {"suffix": "/a"}})) == UNREAD
        assert led(if_({"uri": {"prefix": "/", "exact": "/"}})) == UNREAD

    def test_by_its_method(self) -> None:
        posts = if_({"method": {"exact": "POST"}})
        assert led(posts, method="POST") == B
        assert led(posts) == REFUSED

    @pytest.mark.parametrize(
        ("wanted", "takes"),
        [
            ({"exact": "one"}, {"one"}),
            ({"prefix": "one"}, {"one", "one-two"}),
            ({"regex": "one.*"}, {"one", "one-two"}),
            ({"regex": "*"}, {"one", "one-two", "two"}),
            ({}, {"one", "one-two", "two"}),
        ],
    )
    def test_by_a_header(self, wanted: Written, takes: set[str]) -> None:
        route = if_({"headers": {"x-a": wanted}})
        assert {value for value in ("one", "one-two", "two") if led(route, headers={"x-a": value}) == B} == takes
        assert led(route) == REFUSED
        assert led(route, headers={"x-b": "one"}) == REFUSED

    def test_all_that_one_match_asks_for_has_to_be(self) -> None:
        both = if_({"uri": {"prefix": "/a"}, "headers": {"x-a": {"exact": "1"}}})
        assert led(both, asked="http://a.example/a", headers={"x-a": "1"}) == B
        assert led(both, asked="http://a.example/b", headers={"x-a": "1"}) == REFUSED
        assert led(both, asked="http://a.example/a") == REFUSED

    def test_any_one_of_several_matches_is_enough(self) -> None:
        either = if_([{"uri": {"exact": "/a"}}, {"uri": {"exact": "/b"}}])
        assert [led(either, asked=f"http://a.example/{path}") for path in "abc"] == [B, B, REFUSED]

    def test_values_of_a_header_that_comes_twice_are_compared_as_one(self) -> None:
        twice: dict[str, Any] = {"headers": {"x-a": "one"}, "repeated": (("x-a", "two"),)}
        assert led(if_({"headers": {"x-a": {"exact": "two"}}}), **twice) == REFUSED
        assert led(if_({"headers": {"x-a": {"exact": "one,two"}}}), **twice) == B

    @pytest.mark.parametrize(
        "match",
        [
            {"withoutHeaders": {"x-a": {"exact": "1"}}},
            {"queryParams": {"a": {"exact": "1"}}},
            {"authority": {"exact": "a.example"}},
            {"scheme": {"exact": "http"}},
            {"ignoreUriCase": True, "uri": {"prefix": "/"}},
            {"sourceLabels": {"app": "a"}},
        ],
    )
    def test_a_match_that_is_not_read_is_not_understood(self, match: Written) -> None:
        assert led(if_(match), {"route": [TWO]}) == UNREAD

    def test_unless_what_is_read_of_it_fails(self) -> None:
        assert led(if_({"withoutHeaders": {"x-a": {}}, "uri": {"prefix": "/x"}}), {"route": [TWO]}) == C
        assert led(if_({"withoutHeaders": {"x-a": {}}, "port": 8080}), {"route": [TWO]}) == C
        assert led({"route": [TWO]}, if_({"withoutHeaders": {"x-a": {"exact": "1"}}})) == C


class TestWhetherAProxyHasARoute:
    def test_a_match_for_another_port_is_not_there(self) -> None:
        assert led(if_({"port": 8080}), {"route": [TWO]}) == C
        assert led(if_({"port": 80}), {"route": [TWO]}) == B

    def test_a_match_for_gateways_is_not_a_sidecars(self) -> None:
        for gateways, says in ((["gw/edge"], C), (["mesh"], B), (["gw/edge", "mesh"], B)):
            both = ["mesh", "gw/edge"]
            assert led(if_({"gateways": gateways}), {"route": [TWO]}, gateways=both) == says

    def test_a_match_for_a_namespace_is_for_that_one_alone(self) -> None:
        assert led(if_({"sourceNamespace": BANK}), {"route": [TWO]}) == C
        assert led(if_({"sourceNamespace": SHOP}), {"route": [TWO]}) == B

    def test_a_rule_of_which_no_route_is_there_leaves_the_host_alone(self) -> None:
        assert led(if_({"port": 8080})) == STRAIGHT
        assert led(if_({"gateways": ["gw/edge"]}), gateways=["mesh", "gw/edge"]) == STRAIGHT
        assert led(if_({"sourceNamespace": BANK})) == STRAIGHT

    def test_a_rule_is_for_sidecars_unless_it_names_gateways(self) -> None:
        assert led({"route": [ONE]}) == B
        assert led({"route": [ONE]}, gateways=["mesh"]) == B
        assert led({"route": [ONE]}, gateways=["gw/edge"]) == STRAIGHT

    def test_routes_of_another_section_are_for_another_protocol(self) -> None:
        straight = virtual(SHOP, "a.example", tcp=[{"route": [ONE]}])
        assert sidecar_says("http://a.example", *ENDS, straight) == STRAIGHT


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

    def test_an_answer_of_the_proxys_own_is_the_namespaces_business_and_not_understood(self) -> None:
        """Listed after the rule that another namespace exports, and still the one that counts."""
        others = virtual(BANK, "a.example", http=[{"route": [TWO]}], exportTo=[SHOP])
        answers = virtual(SHOP, "a.example", name="own", http=[{"directResponse": {"status": 503}}], exportTo=["."])
        assert self.says(others, answers) == UNREAD

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
        ("to_whom", "counts"), [(["."], False), (["*"], True), ([SHOP], True), (["till"], False), ([BANK, SHOP], True)]
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
        assert led({"route": [to("d.example")]}, beside=(entry("d.example", SHOP, {**HTTP, "number": 8080}),)) == REFUSED

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
            named("set", "host", "b.example") == named("set", ":authority", "b.example") == named("set", "Host", "b.example") == B
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

    def says(self, *routes: Written, asked: str = "tls://a.example", host: str = "a.example", **spec: Any) -> str:
        return sidecar_says(asked, *self.ends, virtual(SHOP, host, tls=list(routes), **spec))

    def test_a_route_takes_its_server_names(self) -> None:
        assert self.says(if_({"sniHosts": ["a.example"]}, to("b.example", 443))) == "b.example:443"
        assert self.says(if_({"sniHosts": ["a.example"], "port": 443}, to("b.example", 443))) == "b.example:443"

    def test_a_route_for_another_port_leaves_the_host_alone(self) -> None:
        assert self.says(if_({"sniHosts": ["a.example"], "port": 8443}, to("b.example", 443))) == "a.example:443"
        assert self.says(if_({"sniHosts": ["a.example"], "gateways": ["gw/edge"]}, to("b.example", 443))) == "a.example:443"

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


class TestWhichDestinationRuleCounts:
    def says(self, *rules: Written, namespace: str = SHOP, host: Written | None = None, **how: Any) -> str:
        return sidecar_says("http://a.example", host or entry("a.example", BANK), *rules, namespace=namespace, **how)

    @staticmethod
    def as_(name: str) -> Written:
        return {"mode": "SIMPLE", "sni": name}

    def test_that_of_the_clients_namespace_then_of_the_hosts_then_of_the_root(self) -> None:
        own, hosts, root = (rule(home, "a.example", tls=self.as_(home)) for home in (SHOP, BANK, ROOT))
        for order in ((own, hosts, root), (root, hosts, own)):
            assert self.says(*order) == f"a.example:80 TLS as {SHOP}"
        assert self.says(root, hosts) == f"a.example:80 TLS as {BANK}"
        assert self.says(root) == f"a.example:80 TLS as {ROOT}"

    def test_that_of_any_other_namespace_is_nobodys(self) -> None:
        assert self.says(rule("till", "a.example", tls=self.as_("till"))) == STRAIGHT

    def test_the_first_namespace_that_has_one_decides_alone(self) -> None:
        own, hosts = rule(SHOP, "a.example"), rule(BANK, "a.example", tls=self.as_("bank"))
        assert self.says(own, hosts) == STRAIGHT

    @pytest.mark.parametrize(
        ("to_whom", "counts"), [(["."], False), (["*"], True), ([SHOP], True), (["till"], False), ([BANK], False)]
    )
    def test_that_of_the_host_counts_for_those_that_it_is_exported_to(self, to_whom: list[str], counts: bool) -> None:
        says = self.says(rule(BANK, "a.example", tls=self.as_("bank"), exportTo=to_whom))
        assert says == ("a.example:80 TLS as bank" if counts else STRAIGHT)

    def test_one_that_is_exported_elsewhere_is_not_the_namespaces_own(self) -> None:
        assert self.says(rule(SHOP, "a.example", tls=self.as_("shop"), exportTo=[BANK])) == STRAIGHT

    def test_by_the_meshs_default_it_is_the_namespaces_alone(self) -> None:
        hosts = rule(BANK, "a.example", tls=self.as_("bank"))
        assert self.says(hosts, mesh(defaultDestinationRuleExportTo=["."])) == STRAIGHT
        assert self.says(hosts, mesh(defaultDestinationRuleExportTo=["*"])) == "a.example:80 TLS as bank"

    def test_the_root_namespaces_own_proxies_take_what_it_keeps_for_itself_first(self) -> None:
        for_all = rule(ROOT, "a.example", name="all", tls=self.as_("all"))
        assert self.says(for_all, rule(BANK, "a.example", tls=self.as_("bank")), namespace=ROOT) == "a.example:80 TLS as bank"
        own = rule(ROOT, "a.example", name="own", tls=self.as_("own"), exportTo=["."])
        assert self.says(own, rule(BANK, "a.example", tls=self.as_("bank")), namespace=ROOT) == "a.example:80 TLS as own"

    def test_for_the_host_itself_before_a_pattern_and_a_closer_one_before_a_wider_one(self) -> None:
        exact, close, wide = (
            rule(SHOP, host, name=f"for{len(host)}", tls=self.as_(host)) for host in ("a.b.test", "*.b.test", "*.test")
        )
        everything = rule(SHOP, "*", name="for-all", tls=self.as_("all.test"))
        host = entry("a.b.test", BANK)
        rules = [everything, wide, close, exact]
        for name in ("a.b.test", "*.b.test", "*.test", "all.test"):
            assert sidecar_says("http://a.b.test", host, *rules) == f"a.b.test:80 TLS as {name}"
            rules.pop()

    def test_a_pattern_of_the_clients_comes_before_the_hosts_own_name(self) -> None:
        rules = (rule(BANK, "a.example", tls=self.as_("bank")), rule(SHOP, "*.example", tls=self.as_("shop")))
        assert self.says(*rules) == "a.example:80 TLS as shop"

    def test_one_that_is_not_exported_hides_a_wider_one_beside_it(self) -> None:
        exact = rule(BANK, "a.example", tls=self.as_("exact"), exportTo=["till"])
        wide = rule(BANK, "*.example", name="wide", tls=self.as_("wide"))
        assert self.says(wide) == "a.example:80 TLS as wide"
        assert self.says(exact, wide) == STRAIGHT

    def test_a_name_without_a_dot_is_a_service_of_its_namespace(self) -> None:
        web = service("web", BANK, {"port": 80, "name": "http"})
        off = rule(BANK, "web", tls={"mode": "DISABLE"})
        assert sidecar_says("http://web.bank.svc.cluster.local", web, off) == "pods of bank:80"

    def test_of_two_in_one_namespace_which_counts_is_a_matter_of_their_age(self) -> None:
        one, two = (rule(BANK, "a.example", name=name, tls=self.as_(name)) for name in ("one", "two"))
        assert self.says(one, two) == UNREAD

    def test_one_for_some_pods_is_for_those_of_its_own_namespace(self) -> None:
        some = {"workloadSelector": {"matchLabels": {"app": "a"}}}
        assert self.says(rule(SHOP, "a.example", tls=self.as_("some"), **some)) == UNREAD
        assert self.says(rule(BANK, "a.example", tls=self.as_("some"), exportTo=["*"], **some)) == STRAIGHT

    def test_one_that_selects_every_pod_is_its_namespaces_alone_too(self) -> None:
        every: Written = {"workloadSelector": {"matchLabels": {}}}
        assert self.says(rule(SHOP, "a.example", tls=self.as_("every"), **every)) == "a.example:80 TLS as every"
        assert self.says(rule(BANK, "a.example", tls=self.as_("every"), **every)) == STRAIGHT


class TestTlsOfADestination:
    TOP, PORT, SUBSET = ({"mode": "SIMPLE", "sni": name} for name in ("top", "port", "subset"))

    def says(self, subset: str = "", **spec: Any) -> str:
        leads = virtual(SHOP, "a.example", http=[{"route": [to("a.example", 80, subset=subset)]}])
        return sidecar_says("http://a.example", *ENDS, leads, rule(SHOP, "a.example", **spec))

    @pytest.mark.parametrize(
        ("tls", "says"),
        [
            ({"mode": "DISABLE"}, STRAIGHT),
            ({}, STRAIGHT),
            ({"sni": "s"}, STRAIGHT),
            ({"mode": "SIMPLE"}, "a.example:80 TLS as None"),
            ({"mode": "SIMPLE", "sni": "s"}, "a.example:80 TLS as s"),
            ({"mode": "SIMPLE", "sni": "s", "caCertificates": "system"}, "a.example:80 TLS as s"),
            ({"mode": "MUTUAL", "sni": "s", "clientCertificate": "/c", "privateKey": "/k"}, "a.example:80 TLS as s"),
            ({"mode": "ISTIO_MUTUAL"}, "a.example:80 mesh as outbound_.80_._.a.example"),
            ({"mode": "ISTIO_MUTUAL", "sni": "s"}, "a.example:80 mesh as s"),
        ],
    )
    def test_modes(self, tls: Written, says: str) -> None:
        assert self.says(tls=tls) == says

    @pytest.mark.parametrize("mode", ["SIMPLE", "MUTUAL"])
    def test_a_secret_is_for_gateways_and_a_sidecar_opens_no_tls_by_it(self, mode: str) -> None:
        assert self.says(tls={"mode": mode, "sni": "s", "credentialName": "c"}) == STRAIGHT
        every: Written = {"workloadSelector": {"matchLabels": {}}}
        assert self.says(tls={"mode": mode, "sni": "s", "credentialName": "c"}, **every) == "a.example:80 TLS as s"
        assert self.says(tls={"mode": mode, "sni": "s", "credentialName": "configmap://c"}) == "a.example:80 TLS as s"

    def test_settings_of_a_port_take_nothing_over(self) -> None:
        def port(number: int, **of: Any) -> Written:
            return {"trafficPolicy": {"tls": self.TOP, "portLevelSettings": [{"port": {"number": number}, **of}]}}

        assert self.says(**port(80, tls=self.PORT)) == "a.example:80 TLS as port"
        assert self.says(**port(443, tls=self.PORT)) == "a.example:80 TLS as top"
        assert self.says(**port(80, connectionPool={"tcp": {"maxConnections": 1}})) == STRAIGHT

    def test_a_subset_says_more_than_the_whole(self) -> None:
        whole = {"trafficPolicy": {"tls": self.TOP}}
        subset = {"name": "s", "trafficPolicy": {"tls": self.SUBSET}}
        assert self.says("s", **whole, subsets=[subset]) == "a.example:80 TLS as subset"
        assert self.says("", **whole, subsets=[subset]) == "a.example:80 TLS as top"
        assert self.says("s", **whole, subsets=[{"name": "s"}]) == "a.example:80 TLS as top"
        pools = {"name": "s", "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 1}}}}
        assert self.says("s", **whole, subsets=[pools]) == "a.example:80 TLS as top"

    def test_a_subset_comes_before_the_settings_of_a_port_of_the_whole(self) -> None:
        whole = {"trafficPolicy": {"portLevelSettings": [{"port": {"number": 80}, "tls": self.PORT}]}}
        assert self.says("s", **whole, subsets=[{"name": "s"}]) == "a.example:80 TLS as port"
        subset = {"name": "s", "trafficPolicy": {"tls": self.SUBSET}}
        assert self.says("s", **whole, subsets=[subset]) == "a.example:80 TLS as subset"

    def test_settings_of_a_port_of_the_subset_come_before_everything(self) -> None:
        level = {"port": {"number": 80}, "tls": self.PORT}
        subset = {"name": "s", "trafficPolicy": {"tls": self.SUBSET, "portLevelSettings": [level]}}
        assert self.says("s", trafficPolicy={"tls": self.TOP}, subsets=[subset]) == "a.example:80 TLS as port"
        subset["trafficPolicy"]["portLevelSettings"] = [{"port": {"number": 80}}]  # type: ignore[index]
        assert self.says("s", trafficPolicy={"tls": self.TOP}, subsets=[subset]) == STRAIGHT

    def test_a_subset_that_is_not_there_refuses(self) -> None:
        assert self.says("t", subsets=[{"name": "s"}]) == REFUSED
        assert led({"route": [to("a.example", 80, subset="s")]}) == REFUSED

    def test_a_subset_of_a_rule_that_does_not_count_is_not_there(self) -> None:
        leads = virtual(SHOP, "a.example", http=[{"route": [to("a.example", 80, subset="s")]}])
        hosts = rule(BANK, "a.example", subsets=[{"name": "s"}])
        objects = (entry("a.example", BANK), leads, hosts)
        assert sidecar_says("http://a.example", *objects) == STRAIGHT
        assert sidecar_says("http://a.example", *objects, rule(SHOP, "a.example")) == REFUSED

    @pytest.mark.parametrize(
        ("tls", "verified", "trusts"),
        [
            ({"caCertificates": "system", "subjectAltNames": ["a.example"], "sni": "a.example"}, True, "system"),
            ({"subjectAltNames": ["a.example"], "sni": "a.example"}, False, ""),
            ({"caCertificates": "system", "sni": "a.example"}, False, "system"),
            ({"caCertificates": "system", "subjectAltNames": ["a.example", "b"], "sni": "a.example"}, False, "system"),
            ({"caCertificates": "system", "subjectAltNames": ["a.example"], "sni": "b.example"}, False, "system"),
            ({"caCertificates": "system", "subjectAltNames": ["a.example"]}, False, "system"),
            (
                {"caCertificates": "system", "subjectAltNames": ["a.example"], "sni": "a.example", "insecureSkipVerify": True},
                False,
                "system",
            ),
        ],
    )
    def test_a_host_is_checked_by_its_own_name_and_by_an_authority_that_is_named(
        self, tls: Written, verified: bool, trusts: str
    ) -> None:
        _, (sent,) = sidecar_verdict("http://a.example", *ENDS, rule(SHOP, "a.example", tls={"mode": "SIMPLE", **tls}))
        assert (sent.verified, sent.trusts, sent.opens) == (verified, trusts, "SIMPLE")

    def test_without_tls_nobody_is_trusted(self) -> None:
        off = rule(SHOP, "a.example", tls={"mode": "DISABLE", "caCertificates": "system"})
        _, (sent,) = sidecar_verdict("http://a.example", *ENDS, off)
        assert (sent.opens, sent.trusts) == ("", "")

    def test_tls_in_tls_asks_for_the_name_of_the_rule(self) -> None:
        objects = (entry("a.example", SHOP, TLS), rule(SHOP, "a.example", tls=self.TOP))
        assert sidecar_says("tls://a.example", *objects) == "a.example:443 TLS as top"


class TestWhatIsSaid:
    def verdict(self, *routes: Written) -> Verdict:
        return sidecar_verdict("http://a.example", *ENDS, virtual(SHOP, "a.example", http=list(routes)))[0]

    def test_the_rule_and_the_route(self) -> None:
        verdict = self.verdict(if_({"port": 8080}), {"route": [ONE]})
        assert (verdict.by, verdict.field) == ("shop/virtualservice/routes", "spec.http[1]")
        assert verdict.reason == "a.example is led to b.example:80."

    def test_the_destination_that_is_not_known(self) -> None:
        verdict = self.verdict({"route": [to("elsewhere.example", 80)]})
        assert (verdict.by, verdict.field) == ("shop/virtualservice/routes", "spec.http[0].route[0].destination")
        assert verdict.reason == "elsewhere.example, port 80, is not known to shop."

    def test_the_field_that_is_not_read(self) -> None:
        assert self.verdict({"route": [ONE], "rewrite": {"uri": "/"}}).field == "spec.http[0].rewrite"
        assert self.verdict(if_({"scheme": {"exact": "http"}})).field == "spec.http[0].match.scheme"

    def test_a_route_that_asks_a_sidecar_of_another_namespace_for_nothing(self) -> None:
        hidden = virtual(SHOP, "a.example", http=[{"route": [ONE]}], exportTo=["."])
        assert sidecar_says("http://a.example", *ENDS, hidden, namespace=BANK) == STRAIGHT
        assert sidecar_says("http://a.example", *ENDS, hidden, sidecar(SHOP, "*/*")) == B
