"""Which route of a VirtualService takes a request, and whether a proxy has a route at all.

Asked of a sidecar. Every answer is that of Istio 1.30's own control plane about the same objects, or "not
understood".
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.judge.asking import BANK, REFUSED, SHOP, UNREAD, Written, sidecar_says, virtual
from tests.judge.routing import ENDS, ONE, STRAIGHT, TWO, B, C, if_, led


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
        assert {
            path for path in paths if led(if_({"uri": uri}), asked=f"http://a.example{path}") == B
        } == takes

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
        assert {
            value for value in ("one", "one-two", "two") if led(route, headers={"x-a": value}) == B
        } == takes
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
