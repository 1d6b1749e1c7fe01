"""Which names a gateway's servers and rules are for, and which object and field decide. Source: Istio
reference, Gateway."""

from __future__ import annotations

import pytest

from egress.judge.model.flow import Connection, Protocol, Request, Verdict
from tests.judge.asking import (
    GATEWAY,
    LABELS,
    PLAIN,
    REFUSED,
    SEALED,
    SHOP,
    UNREAD,
    Written,
    bound,
    coming_in,
    gateway,
    gateway_says,
    gateway_verdict,
    gateways_of,
    mesh,
    passing,
    raw,
    server,
    service,
    to,
)
from tests.judge.objects import written

B, SEALED_B = "b.example:80", "b.example:443"
WEB = gateway(server("*"))
OPAQUE = gateway(server("*", protocol="TLS"))
PASSED = gateway(server("*", protocol="TLS", mode="PASSTHROUGH"))
RULE, GATE = "gw/virtualservice/routes", "gw/gateway/edge"


class TestNamesOfRequests:
    def test_a_rule_for_every_host_is_for_every_name(self) -> None:
        every = bound("*")
        assert gateway_says("http://a.example", *PLAIN, WEB, every) == B
        assert gateway_says("http://a.example", *PLAIN, gateway(server("a.example")), every) == B
        assert gateway_says("http://a.example", *PLAIN, gateway(server("*.example")), every) == B

    @pytest.mark.parametrize("asked", ["other", "b.example", "a.example.test"])
    def test_a_rule_for_a_host_that_no_server_has_leads_nothing(self, asked: str) -> None:
        objects = (*PLAIN, gateway(server("a.example")), bound(asked))
        assert gateway_says("http://a.example", *objects, sni="a.example", authority=asked) == REFUSED

    def test_two_rules_of_which_one_keeps_requests_for_its_path(self) -> None:
        """One that takes everything comes last, whichever is exported more closely."""
        path = {"match": [{"uri": {"prefix": "/x"}}], "route": [to("c.example", 80)]}
        own = bound(http=[{"route": [to("b.example", 80)]}, path], exportTo=["."])
        theirs = bound(namespace=SHOP, http=[path])
        assert gateway_says("http://a.example/x", *PLAIN, WEB, own, theirs) == "c.example:80"
        assert gateway_says("http://a.example/x", *PLAIN, WEB, own) == B

    def test_of_three_the_two_that_are_exported_alike_are_named(self) -> None:
        rules = (bound(name="own", exportTo=["."]), bound(name="one"), bound(name="two"))
        verdict, _ = gateway_verdict("http://a.example", *PLAIN, WEB, *rules)
        assert not verdict.understood
        assert (verdict.decided_by, verdict.field) == ("gw/virtualservice/one", "spec.hosts")
        assert "gw/virtualservice/two" in verdict.reason

    @pytest.mark.parametrize("hosts", [["A.example"], ["a.example", "B.example"]])
    def test_capitals_in_a_rule_for_a_gateway_are_not_understood(self, hosts: list[str]) -> None:
        verdict, _ = gateway_verdict("http://a.example", *PLAIN, WEB, bound(hosts=hosts))
        assert not verdict.understood
        assert (verdict.decided_by, verdict.field) == (RULE, "spec.hosts")

    def test_capitals_in_a_rule_for_sidecars_are_their_business(self) -> None:
        for_sidecars = bound("A.example", name="other", gateways=["mesh"])
        assert gateway_says("http://a.example", *PLAIN, WEB, bound(), for_sidecars) == B

    def test_what_a_route_does_beside_leading_somewhere_is_not_understood(self) -> None:
        verdict, _ = gateway_verdict(
            "http://a.example",
            *PLAIN,
            WEB,
            bound(http=[{"route": [to("b.example", 80)], "rewrite": {"uri": "/"}}]),
        )
        assert (verdict.understood, verdict.field) == (False, "spec.http[0].rewrite")


class TestServerNames:
    def test_are_compared_in_lower_case(self) -> None:
        assert (
            gateway_says("tls://a.example", *SEALED, PASSED, passing("a.example"), sni="A.Example")
            == SEALED_B
        )

    def test_a_pattern_for_every_name_is_for_every_name(self) -> None:
        assert gateway_says("tls://a.example", *SEALED, PASSED, passing("*")) == SEALED_B
        assert gateway_says("tls://a.example", *SEALED, PASSED, passing("*"), sni="") == SEALED_B

    @pytest.mark.parametrize(("name", "taken"), [("*", True), ("*.example", False), ("other", False)])
    def test_without_any_only_what_is_for_every_name_counts(self, name: str, taken: bool) -> None:
        gateways, pod = gateways_of(
            *SEALED, gateway(server(name, protocol="TLS", mode="PASSTHROUGH")), passing(name)
        )
        nameless = Connection(pod, pod, 443, Protocol.TLS)
        verdict, of = gateways.accept(nameless)
        assert verdict.allowed is taken
        if of:
            assert gateways.route(nameless, of)[0].allowed

    def test_without_any_a_route_for_a_name_is_not_taken(self) -> None:
        gateways, pod = gateways_of(*SEALED, PASSED, passing("*", "other"))
        nameless = Connection(pod, pod, 443, Protocol.TLS)
        _, of = gateways.accept(nameless)
        assert of
        assert not gateways.route(nameless, of)[0].allowed

    def test_a_server_that_passes_tls_on_and_has_no_route_for_it_leaves_the_name_to_a_wider_one(self) -> None:
        both = gateway(server("a.example", protocol="TLS", mode="PASSTHROUGH"), server("*", protocol="TLS"))
        assert gateway_says("tls://a.example", *SEALED, both, raw("a.example")) == SEALED_B

    @pytest.mark.parametrize("mode", ["ISTIO_MUTUAL", "PASSTHROUGH"])
    def test_a_rule_has_to_be_exported_to_the_gateway(self, mode: str) -> None:
        sealed = gateway(server("*", protocol="TLS", mode=mode))
        make = raw if mode == "ISTIO_MUTUAL" else passing
        for to_whom, says in (([GATEWAY], SEALED_B), (["."], REFUSED)):
            rule = make("a.example", namespace=SHOP, exportTo=to_whom)
            assert gateway_says("tls://a.example", *SEALED, sealed, rule) == says

    def test_a_rule_has_to_have_a_host_of_the_server(self) -> None:
        sealed = gateway(server("a.example", protocol="TLS", mode="PASSTHROUGH"))
        assert gateway_says("tls://b.example", *SEALED, sealed, passing("b.example")) == REFUSED
        both = passing("a.example", hosts=["a.example", "z.test"])
        assert gateway_says("tls://a.example", *SEALED, sealed, both) == SEALED_B

    @pytest.mark.parametrize(
        ("own", "host", "leads"),
        [
            ("a.example", "a.example", True),
            ("a.example", "*.example", True),
            ("a.example", "*", True),
            ("*.example", "a.example", True),
            ("*.example", "a.test", False),
            ("*.example", "*.test", False),
            ("a.example", "b.example", False),
            ("*", "a.test", True),
        ],
    )
    def test_a_rule_for_what_comes_out_of_tls_has_to_have_a_name_of_the_server_too(
        self, own: str, host: str, leads: bool
    ) -> None:
        sealed = gateway(server(own, protocol="TLS"))
        assert gateway_says("tls://a.example", *SEALED, sealed, raw(host)) == (SEALED_B if leads else REFUSED)
        mine = gateway(server(f"./{own}", protocol="TLS"))
        assert gateway_says("tls://a.example", *SEALED, mine, raw(host)) == (SEALED_B if leads else REFUSED)
        assert gateway_says("tls://a.example", *SEALED, mine, raw(host, namespace=SHOP)) == REFUSED

    def test_routes_for_what_comes_out_of_tls_are_none_for_what_is_passed_through(self) -> None:
        assert gateway_says("tls://a.example", *SEALED, PASSED, raw("a.example")) == REFUSED
        assert gateway_says("tls://a.example", *SEALED, OPAQUE, passing("a.example")) == REFUSED

    def test_a_route_without_server_names_takes_none(self) -> None:
        nameless = passing("a.example", tls=[{"match": [{"port": 443}], "route": [to("b.example", 443)]}])
        assert gateway_says("tls://a.example", *SEALED, PASSED, nameless) == REFUSED

    def test_two_servers_that_pass_tls_on_have_each_its_names(self) -> None:
        servers = [server(name, protocol="TLS", mode="PASSTHROUGH") for name in ("a.example", "c.example")]
        rules = (passing("a.example"), passing("c.example", target="c.example", name="second"))
        assert gateway_says("tls://a.example", *SEALED, gateway(*servers), *rules) == SEALED_B
        assert gateway_says("tls://c.example", *SEALED, gateway(*servers), *rules) == "c.example:443"

    def test_two_rules_for_one_server_name_are_a_matter_of_their_age(self) -> None:
        two = (passing("a.example", name="one"), passing("a.example", name="two", target="c.example"))
        assert gateway_says("tls://a.example", *SEALED, PASSED, *two) == UNREAD
        kept = (passing("a.example", name="one", exportTo=["."]), two[1])
        assert gateway_says("tls://a.example", *SEALED, PASSED, *kept) == SEALED_B

    def test_two_routes_of_one_rule_for_one_server_name_are_in_order(self) -> None:
        match = [{"sniHosts": ["a.example"]}]
        routes = [{"match": match, "route": [to(host, 443)]} for host in ("b.example", "c.example")]
        assert gateway_says("tls://a.example", *SEALED, PASSED, passing("a.example", tls=routes)) == SEALED_B


class TestRequestsAsRulesSeeThem:
    """Before rules are asked, a proxy brings the path into the mesh's normal form."""

    @staticmethod
    def read(asked: str, *objects: Written) -> Verdict | Connection:
        gateways, pod = gateways_of(*objects)
        came = coming_in(pod, asked)
        _, taken = gateways.accept(came)
        assert taken
        return gateways.read(came, taken)

    def test_the_path_is_the_normal_one(self) -> None:
        read = self.read("http://a.example/x/../y", *PLAIN, WEB, bound())
        assert isinstance(read, Connection)
        assert isinstance(read.inner, Request)
        assert read.inner.path == "/y"

    def test_a_form_that_is_not_known_is_not_understood(self) -> None:
        read = self.read(
            "http://a.example/", *PLAIN, WEB, bound(), mesh(pathNormalization={"normalization": "NEW"})
        )
        assert isinstance(read, Verdict)
        assert (read.allowed, read.understood, read.field) == (True, False, "pathNormalization.normalization")

    def test_what_no_rule_reads_stays_as_it_is(self) -> None:
        for asked, objects in (
            ("tls://a.example", (*PLAIN, WEB, bound())),
            ("http://a.example/x/../y", (*SEALED, OPAQUE, raw("a.example"))),
            ("tls://a.example", (*SEALED, OPAQUE, raw("a.example"))),
        ):
            gateways, pod = gateways_of(*objects)
            came = coming_in(pod, asked)
            _, taken = gateways.accept(came)
            assert taken
            assert gateways.read(came, taken) is came


SANS = {"subjectAltNames": ["spiffe://nobody"]}
NAMED = service("edge", GATEWAY, {"port": 443, "name": "https", "targetPort": "https"}, selector=LABELS)


class TestWhatDecides:
    @pytest.mark.parametrize(
        ("objects", "how", "by", "field"),
        [
            ((WEB,), {"port": 80}, "gateway/gw", ""),
            ((NAMED, WEB), {"port": 80}, "gw/service/edge", "spec.ports.targetPort"),
            ((gateway(server("*", mode=None)),), {}, GATE, "spec.servers[0].tls"),
            (
                (gateway(server("*"), server("d", protocol="HTTP2")),),
                {},
                GATE,
                "spec.servers[1].port.protocol",
            ),
            ((WEB,), {"plain": True}, GATE, "spec.servers[0]"),
            ((gateway(server("d")),), {}, GATE, "spec.servers"),
            ((WEB,), {"principal": None}, GATE, "spec.servers[0].tls.mode"),
            ((gateway(server("*", tls=SANS)),), {}, GATE, "spec.servers[0].tls.subjectAltNames"),
            ((gateway(server("*", mode="MUTUAL")),), {}, GATE, "spec.servers[0].tls.mode"),
            ((gateway(server("*", mode="SIMPLE")),), {}, GATE, "spec.servers[0].tls.mode"),
            ((WEB,), {}, GATE, "spec.servers[0]"),
            ((WEB, bound("*", http=[{"match": [{"uri": {"exact": "/"}}]}])), {}, RULE, "spec.http[0].route"),
            ((WEB, bound()), {}, RULE, "spec.http[0].route[0].destination"),
            ((WEB, bound(), *PLAIN), {}, RULE, "spec.http[0]"),
            ((OPAQUE, raw("c.example", "b.example"), *SEALED), {}, RULE, "spec.tcp[0]"),
        ],
    )
    def test_is_said(self, objects: tuple[Written, ...], how: Written, by: str, field: str) -> None:
        verdict, _ = gateway_verdict("http://a.example", *objects, **how)
        assert (verdict.decided_by, verdict.field) == (by, field)
        assert verdict.allowed or verdict.understood

    def test_where_nothing_is_understood_the_worse_is_said(self) -> None:
        for objects in (
            (gateway(server("*", mode=None)),),
            (*PLAIN, WEB, bound(http=[{"redirect": {"uri": "/"}}])),
        ):
            verdict, connections = gateway_verdict("http://a.example", *objects)
            assert (verdict.allowed, verdict.understood, connections) == (True, False, [])

    def test_a_server_without_a_route_is_still_the_one_that_the_name_belongs_to(self) -> None:
        gateways, pod = gateways_of(
            gateway(server("*", protocol="TLS"), server("*.example", protocol="TLS", name="second"))
        )
        verdict, taken = gateways.accept(coming_in(pod, "tls://a.example"))
        assert verdict.allowed
        assert (verdict.decided_by, verdict.field) == (GATE, "spec.servers[1]")
        assert taken
        assert not gateways.route(coming_in(pod, "tls://a.example"), taken)[0].allowed

    def test_the_name_that_was_asked_for_but_none_that_proxies_make_up(self) -> None:
        gateways, pod = gateways_of(*SEALED, OPAQUE, raw("*"))
        made_up = "outbound_.443_._.edge.gw.svc.cluster.local"
        for name, shown in (("a.example", True), (made_up, False), ("", False)):
            came = coming_in(pod, "tls://a.example", sni=name)
            taken, server_of_it = gateways.accept(came)
            assert server_of_it
            for verdict in (taken, gateways.route(came, server_of_it)[0]):
                assert verdict.allowed
                assert ("a.example" in verdict.reason) is shown
                assert "outbound_" not in verdict.reason
        assert "shop/sa/default" in gateways.accept(coming_in(pod, "tls://a.example"))[0].reason

    def test_labels_of_a_gateway_that_may_be_for_these_pods_too(self) -> None:
        every = written("Gateway", GATEWAY, "every", servers=[server("d.example")])
        verdict, _ = gateway_verdict("http://a.example", *PLAIN, WEB, bound(), every)
        assert (verdict.understood, verdict.decided_by, verdict.field) == (
            False,
            "gw/gateway/every",
            "spec.selector",
        )


def test_a_destination_without_a_dot_is_a_service_of_the_rules_namespace() -> None:
    web = service("web", SHOP, {"port": 80, "name": "http"})
    assert gateway_says("http://a.example", web, WEB, bound(target="web", namespace=SHOP)).startswith(
        "pods of shop:80"
    )
    assert gateway_says("http://a.example", web, WEB, bound(target="web")) == REFUSED
