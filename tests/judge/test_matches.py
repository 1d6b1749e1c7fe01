"""Which routes of a rule a proxy has, and which of them takes a request. Source: Istio reference,
VirtualService.

Asked of the matches by themselves; what proxies make of them is in test_routes_matches.py and
test_gateway_routes.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.lookup.host_names import MESH
from egress.judge.lookup.match import Found, held, readable, taken, takes_everything, until_everything
from egress.judge.lookup.service_registry import Registry, Rule
from egress.judge.model.flow import Misread, Request
from tests.judge.asking import EDGE, GATEWAY, SHOP, Written, to, virtual
from tests.judge.objects import snapshot

ONE = {"route": [to("b.example", 80)]}


def rule(section: str, *routes: Written) -> Rule:
    written = virtual(SHOP, "a.example", gateways=["mesh", EDGE], **{section: list(routes)})
    (found,) = Registry(snapshot(written)).virtual_services["a.example"]
    return found


def has(
    section: str, *matches: Written, gateway: str = MESH, port: int = 80, namespace: str = SHOP
) -> list[int]:
    """Which of the matches of one route a proxy has."""
    routes = held(rule(section, {"match": list(matches), **ONE}), section, gateway, port, namespace)
    return [index for index, match in enumerate(matches) if any(found.match is match for found in routes)]


def takes(match: Written, path: str = "/", **request: Any) -> bool:
    found = Found("spec.http[0]", ONE, match)
    return taken(rule("http", ONE), [found], Request("a.example", path=path, **request)) is found


class TestWhatAProxyHas:
    def test_a_route_without_a_match_is_everybodys_but_of_tls_there_is_none(self) -> None:
        for section, there in (("http", 1), ("tcp", 1), ("tls", 0)):
            assert len(held(rule(section, ONE), section, MESH, 80, SHOP)) == there

    def test_each_match_by_itself_and_in_order(self) -> None:
        matches = [
            {"port": 8080},
            {"port": 80},
            {"sourceNamespace": "bank"},
            {"sourceNamespace": SHOP},
            {"gateways": [EDGE]},
            {},
        ]
        assert has("http", *matches) == [1, 3, 5]
        found = held(
            rule("http", {"match": [{"port": 8080}], **ONE}, {"match": matches, **ONE}),
            "http",
            MESH,
            80,
            SHOP,
        )
        assert [one.field for one in found] == ["spec.http[1]"] * 3

    @pytest.mark.parametrize("port", [None, 0, 80])
    def test_no_port_is_every_port(self, port: int | None) -> None:
        assert has("http", {"port": port}) == [0]
        assert has("http", {"port": port}, port=8080) == ([] if port == 80 else [0])

    @pytest.mark.parametrize("section", ["http", "tls", "tcp"])
    @pytest.mark.parametrize(("said", "there"), [(None, True), ("", True), (SHOP, True), ("bank", False)])
    def test_a_namespace_is_the_sidecars_own(self, section: str, said: str | None, there: bool) -> None:
        assert has(section, {"sourceNamespace": said}) == ([0] if there else [])

    @pytest.mark.parametrize(
        ("section", "gateways", "asked"),
        [
            ("http", [], True),
            ("http", [EDGE], False),
            ("tls", [], False),
            ("tls", [EDGE], False),
            ("tcp", [], False),
        ],
    )
    def test_a_gateway_is_asked_for_its_namespace_by_requests_alone_and_not_where_it_is_named(
        self, section: str, gateways: list[str], asked: bool
    ) -> None:
        match = {"sourceNamespace": SHOP, **({"gateways": gateways} if gateways else {})}
        assert has(section, match, gateway=EDGE, namespace=GATEWAY) == ([] if asked else [0])
        assert has(section, match, gateway=EDGE, namespace=SHOP) == [0]

    def test_a_route_of_requests_that_names_the_mesh_is_not_asked_for_its_namespace_either(self) -> None:
        assert has("http", {"sourceNamespace": "bank", "gateways": ["mesh"]}) == [0]
        assert has("tcp", {"sourceNamespace": "bank", "gateways": ["mesh"]}) == []

    @pytest.mark.parametrize("section", ["http", "tls", "tcp"])
    def test_labels_hold_for_some_of_a_namespaces_pods_which_is_not_understood(self, section: str) -> None:
        with pytest.raises(Misread) as said:
            has(section, {"sourceLabels": {"app": "a"}})
        assert (said.value.by, said.value.field) == (
            "shop/virtualservice/routes",
            f"spec.{section}[0].match.sourceLabels",
        )
        assert has(section, {"sourceLabels": {}}) == [0]
        assert has(section, {"sourceLabels": {"app": "a"}, "port": 8080}) == []

    def test_unless_nobody_asks_for_them(self) -> None:
        of_gateway = {"sourceLabels": {"app": "a"}, "gateways": [EDGE]}
        assert has("http", of_gateway, gateway=EDGE) == [0]
        assert readable(rule("http", ONE), Found("spec.http[0]", ONE, of_gateway), "http").match is of_gateway


class TestWhatTakesEveryRequest:
    @pytest.mark.parametrize(
        ("match", "everything"),
        [
            ({}, True),
            ({"uri": {"prefix": "/"}}, True),
            ({"uri": {"regex": ".*"}}, True),
            ({"uri": {}}, True),
            ({"uri": {"prefix": "/x"}}, False),
            ({"uri": {"exact": "/"}}, False),
            ({"uri": {"regex": "/.*"}}, False),
            ({"uri": {"prefix": ".*"}}, False),
            ({"uri": {"regex": "/"}}, False),
            ({"method": {"exact": "GET"}}, False),
            ({"headers": {"x-a": {}}}, False),
            ({"headers": {}}, True),
            ({"withoutHeaders": {"x-a": {}}}, False),
            ({"queryParams": {"a": {"exact": "1"}}}, False),
            ({"authority": {"exact": "a"}, "uri": {"prefix": "/"}}, False),
            ({"scheme": {"exact": "http"}}, False),
            ({"name": "n", "ignoreUriCase": True, "statPrefix": "s", "uri": {"prefix": "/"}}, True),
            ({"port": 80, "gateways": ["mesh"], "sourceNamespace": SHOP, "sourceLabels": {"a": "b"}}, True),
        ],
    )
    def test_is_what_asks_for_nothing_that_differs_between_them(
        self, match: Written, everything: bool
    ) -> None:
        assert takes_everything(Found("spec.http[0]", ONE, match)) is everything

    def test_ends_the_routes_of_a_rule(self) -> None:
        some, every, more = (
            Found(name, ONE, match)
            for name, match in (("a", {"uri": {"prefix": "/x"}}), ("b", {}), ("c", {}))
        )
        assert list(until_everything([some, every, more])) == [some, every]
        assert list(until_everything([some, some])) == [some, some]
        assert list(until_everything([])) == []


class TestWhatARequestIs:
    @pytest.mark.parametrize("path", ["/a", "/a?b", "/a#b", "/a?b#c", "/a#b?c"])
    def test_of_its_path_what_stands_before_the_query_and_the_fragment(self, path: str) -> None:
        assert takes({"uri": {"exact": "/a"}}, path)
        assert not takes({"uri": {"exact": path}}, path) or path == "/a"

    @pytest.mark.parametrize(
        ("how", "yes", "no"),
        [
            ({"exact": "/a"}, ["/a"], ["/a/", "/", "/A", "/ba"]),
            ({"prefix": "/a"}, ["/a", "/ab", "/a/b"], ["/", "/b/a", "/A"]),
            ({"regex": "/a+"}, ["/a", "/aa"], ["/", "/ab", "/b/a"]),
            ({}, ["/", "/a"], []),
        ],
    )
    def test_a_path_is_compared_as_a_whole_or_from_its_beginning(
        self, how: Written, yes: list[str], no: list[str]
    ) -> None:
        assert [path for path in (*yes, *no) if takes({"uri": how}, path)] == yes

    def test_a_header_is_known_in_whatever_case_the_rule_writes_it(self) -> None:
        assert takes({"headers": {"X-A": {"exact": "1"}}}, headers={"x-a": "1"})
        assert not takes({"headers": {"X-A": {"exact": "1"}}}, headers={"x-b": "1"})

    @pytest.mark.parametrize("there", [None, {}, {"regex": "*"}])
    def test_a_header_of_which_nothing_is_said_has_to_be_there(self, there: Written | None) -> None:
        assert takes({"headers": {"x-a": there}}, headers={"x-a": ""})
        assert not takes({"headers": {"x-a": there}})

    def test_values_of_a_header_that_comes_twice_are_one_value(self) -> None:
        assert takes({"headers": {"x-a": {"exact": "1,2"}}}, headers={"x-a": "1"}, repeated=(("x-a", "2"),))

    @pytest.mark.parametrize("how", ["exact", "prefix", "regex"])
    def test_a_header_that_is_not_there_is_nothing(self, how: str) -> None:
        assert not takes({"headers": {"x-a": {how: ""}}})

    def test_what_a_match_does_not_ask_for_is_all_one(self) -> None:
        assert takes({"uri": {"prefix": "/"}}, method="DELETE")
        assert takes({"method": {"prefix": "PO"}}, method="POST")
        assert not takes({"method": {"exact": "GET"}}, method="POST")

    @pytest.mark.parametrize(
        ("match", "field"),
        [
            ({"uri": {"suffix": "/"}}, "uri"),
            ({"uri": {"regex": "("}}, "uri"),
            ({"method": {"prefix": "G", "exact": "GET"}}, "method"),
            ({"headers": {"x-a": {"suffix": "1"}}}, "headers[x-a]"),
            ({"withoutHeaders": {"x-b": {}}}, "withoutHeaders"),
            ({"ignoreUriCase": True}, "ignoreUriCase"),
        ],
    )
    def test_what_is_not_read_is_named(self, match: Written, field: str) -> None:
        with pytest.raises(Misread) as said:
            takes(match, headers={"x-a": "1"})
        assert (said.value.by, said.value.field) == (
            "shop/virtualservice/routes",
            f"spec.http[0].match.{field}",
        )

    def test_but_not_where_it_says_nothing(self) -> None:
        assert takes({"withoutHeaders": {}, "ignoreUriCase": False, "queryParams": None})

    def test_the_first_that_takes_it(self) -> None:
        first, second = (
            Found(name, ONE, {"uri": {"prefix": path}}) for name, path in (("a", "/x"), ("b", "/"))
        )
        for path, one in (("/x", first), ("/y", second)):
            assert taken(rule("http", ONE), [first, second], Request("a.example", path=path)) is one
        assert taken(rule("http", ONE), [first], Request("a.example", path="/y")) is None


class TestWhatARouteDoes:
    @pytest.mark.parametrize(
        ("section", "match", "unread"),
        [
            (
                "http",
                {"method": {"exact": "GET"}, "uri": {"exact": "/"}, "headers": {"a": {}}, "name": "n"},
                "",
            ),
            (
                "http",
                {"gateways": [EDGE], "port": 80, "sourceNamespace": "a", "sourceLabels": {"a": "b"}},
                "",
            ),
            ("http", {"authority": {"exact": "a"}}, "authority"),
            ("http", {"sniHosts": ["a"]}, "sniHosts"),
            ("tls", {"sniHosts": ["a"], "port": 443, "sourceLabels": {"a": "b"}}, ""),
            ("tls", {"destinationSubnets": ["10.0.0.0/8"]}, "destinationSubnets"),
            ("tls", {"uri": {"exact": "/"}}, "uri"),
            ("tcp", {"port": 3306}, ""),
            ("tcp", {"sniHosts": ["a"]}, "sniHosts"),
            ("tcp", {"destinationSubnets": [], "sourceSubnet": ""}, ""),
        ],
    )
    def test_is_read_if_all_that_its_match_asks_for_is(
        self, section: str, match: Written, unread: str
    ) -> None:
        found = Found(f"spec.{section}[0]", ONE, match)
        if unread:
            with pytest.raises(Misread) as said:
                readable(rule(section, ONE), found, section)
            assert said.value.field == f"spec.{section}[0].match.{unread}"
        else:
            assert readable(rule(section, ONE), found, section) is found

    @pytest.mark.parametrize(
        "more", ["redirect", "directResponse", "rewrite", "fault", "delegate", "mirror", "corsPolicy"]
    )
    def test_is_read_if_it_leads_somewhere_and_does_nothing_else(self, more: str) -> None:
        headers = {"request": {"remove": ["x-a"]}}
        plain = {
            **ONE,
            "mirrors": [to("c.example", 80)],
            "retries": {"attempts": 1},
            "timeout": "1s",
            "headers": headers,
        }
        plain |= {"name": "n", "match": [{"uri": {"prefix": "/"}}]}
        assert readable(rule("http", ONE), Found("spec.http[0]", {**plain, more: None}, {}), "http")
        for said_of_it in ({"a": 1}, {}):
            with pytest.raises(Misread) as said:
                readable(rule("http", ONE), Found("spec.http[0]", {**plain, more: said_of_it}, {}), "http")
            assert (said.value.by, said.value.field) == ("shop/virtualservice/routes", f"spec.http[0].{more}")
