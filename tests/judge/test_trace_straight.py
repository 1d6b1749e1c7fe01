"""The way of a flow that goes straight at a gateway, past its own sidecar: by which doors, and for which
names it asks. Source: docs/model.md, layers.
"""

from __future__ import annotations

from tests.judge.asking import (
    GATEWAY,
    SHOP,
    TLS,
    bound,
    entry,
    gateway,
    passing,
    raw,
    server,
    service,
    to,
    virtual,
)
from tests.judge.objects import written
from tests.judge.tracing import (
    BASE,
    CLUSTER_OF,
    HTTP,
    SEALED,
    SHOPS,
    WEB,
    WITH,
    WITHOUT,
    closed,
    edge,
    line,
    says,
    trace,
)

BELOW_A = entry("*.a.example", GATEWAY, resolution="DYNAMIC_DNS")


class TestStraightAtGateways:
    def test_with_a_certificate_of_the_account_that_asks(self) -> None:
        who = {"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/till"]}}]}
        only = written("AuthorizationPolicy", GATEWAY, "till", rules=[who])
        assert trace(HTTP.but(vantage=WITH, service_account="till"), only).allowed
        assert trace(HTTP.but(vantage=WITH), only).decision.decided_by == "gw/authorizationpolicy/till"

    def test_without_a_door_for_the_protocol_there_is_no_way(self) -> None:
        for flow, words in ((HTTP, "HTTP"), (SEALED, "TLS")):
            found = trace(flow.but(vantage=WITH), of=BASE)
            assert (line(found), found.decision.decided_by, found.decision.field) == (
                "gateway!",
                None,
                "",
            )
            assert words in found.decision.reason
        assert says(SEALED.but(vantage=WITH)) == "gateway!"
        # Where there is one, it is what refuses first that is named.
        assert says(HTTP.but(vantage=WITH), closed(SHOP, "Egress")) == "NetworkPolicy!"

    def test_through_the_door_that_leads_to_the_host_and_else_through_every_one(self) -> None:
        second = gateway(server("*", port=8443), name="second")
        other = virtual(
            GATEWAY,
            "b.example",
            name="b",
            gateways=[f"{GATEWAY}/second"],
            http=[{"route": [to("b.example", 80)]}],
        )
        of = (*CLUSTER_OF, second, other, entry("b.example", GATEWAY))
        found = trace(HTTP.but(host="b.example", vantage=WITH), of=of)
        assert (line(found).split(" -> ")[1], found.allowed) == ("b.example", True)
        stranger = trace(HTTP.but(host="c.example", vantage=WITH), of=of)
        assert (stranger.allowed, stranger.left) == (False, ())
        assert [step.layer.value for step in stranger.steps] == ["NetworkPolicy", "authorization", "gateway"]

    def test_a_host_that_a_gateway_leads_to_by_another_name_is_asked_for_by_that(self) -> None:
        renamed = (*BASE, entry("c.example", GATEWAY), edge(), WEB, bound("a.example", "c.example"))
        assert says(HTTP.but(host="c.example", vantage=WITH), of=renamed).endswith("-> c.example")
        assert (
            says(HTTP.but(host="c.example", vantage=WITH, authority="c.example"), of=renamed)
            == "NetworkPolicy authorization gateway!"
        )

    def test_by_a_pattern_it_is_asked_for_by_some_name_below(self) -> None:
        wide = (*BASE, entry("c.example", GATEWAY), BELOW_A, edge(), WEB, bound("*.a.example", "c.example"))
        below = written(
            "AuthorizationPolicy",
            GATEWAY,
            "below",
            rules=[{"to": [{"operation": {"hosts": ["any.a.example"]}}]}],
        )
        found = trace(HTTP.but(host="c.example", vantage=WITH), below, of=wide)
        assert (found.allowed, found.understood) == (True, True)
        own = written(
            "AuthorizationPolicy",
            GATEWAY,
            "own",
            rules=[{"to": [{"operation": {"hosts": ["one.a.example"]}}]}],
        )
        one = virtual(
            GATEWAY, "*.a.example", gateways=[f"{GATEWAY}/edge"], http=[{"route": [to("one.a.example", 80)]}]
        )
        of = (*BASE, entry("one.a.example", GATEWAY), BELOW_A, edge(), WEB, one)
        assert trace(HTTP.but(host="one.a.example", vantage=WITH), own, of=of).allowed

    def test_every_server_name_that_a_rule_asks_for_is_tried(self) -> None:
        when = [{"key": "connection.sni", "values": ["secret.example"]}]
        knows = written("AuthorizationPolicy", GATEWAY, "sni", rules=[{"when": when}])
        assert trace(HTTP.but(vantage=WITH), knows).allowed

    def test_tls_says_the_hosts_own_name(self) -> None:
        doors = gateway(server("*", protocol="TLS", mode="PASSTHROUGH"))
        of = (
            SHOPS,
            edge(),
            entry("a.example", GATEWAY, TLS),
            doors,
            passing("a.example", target="a.example"),
        )
        assert (
            says(SEALED.but(vantage=WITHOUT), of=of)
            == "NetworkPolicy authorization gateway NetworkPolicy firewall -> a.example"
        )
        assert (
            says(SEALED.but(vantage=WITHOUT, host="b.example"), of=of)
            == "NetworkPolicy authorization gateway!"
        )
        # A rule that asks for a name leads nobody to another one.
        when = [{"key": "connection.sni", "values": ["a.example"]}]
        knows = written("AuthorizationPolicy", GATEWAY, "sni", rules=[{"when": when}])
        assert not trace(SEALED.but(vantage=WITHOUT, host="b.example"), knows, of=of).allowed

    def test_tls_within_the_meshs_tls_says_it_too(self) -> None:
        inside = {**TLS, "number": 9443}
        back = entry("back.test", GATEWAY, inside, resolution="STATIC", endpoints=[{"address": "127.0.0.1"}])
        doors = gateway(
            server("*", protocol="TLS"),
            server("*", port=9443, protocol="TLS", mode="PASSTHROUGH", bind="127.0.0.1"),
        )
        routes = raw(
            "a.example",
            tcp=[{"route": [to("back.test", 9443)]}],
            tls=[{"match": [{"sniHosts": ["a.example"]}], "route": [to("a.example", 443)]}],
        )
        assert says(SEALED.but(vantage=WITH), back, of=(*BASE, edge(), doors, routes)).endswith(
            "-> a.example"
        )

    def test_tls_within_another_names_tls_says_the_hosts_own(self) -> None:
        inside = {**TLS, "number": 9443}
        back = entry("back.test", GATEWAY, inside, resolution="STATIC", endpoints=[{"address": "127.0.0.1"}])
        inner = server("c.example", port=9443, protocol="TLS", mode="PASSTHROUGH", bind="127.0.0.1")
        doors = gateway(server("a.example", protocol="TLS"), inner)
        outer = raw("a.example", tcp=[{"route": [to("back.test", 9443)]}])
        onward = passing("c.example", target="c.example", name="onward")
        of = (*BASE, edge(), entry("c.example", GATEWAY, TLS), back, doors, outer, onward)
        assert says(SEALED.but(vantage=WITH, host="c.example"), of=of).endswith("-> c.example")

    def test_what_a_proxy_answers_with_400_is_asked_of_no_rule(self) -> None:
        assert says(HTTP.but(vantage=WITH, method="get")) == "NetworkPolicy gateway!"

    def test_pods_that_a_gateway_leads_to_are_asked_no_more(self) -> None:
        web = service("web", "bank", {"port": 80, "name": "http"})
        inside = bound("a.example", "web.bank.svc.cluster.local")
        found = trace(HTTP.but(vantage=WITH), web, of=(*BASE, edge(), WEB, inside))
        assert (line(found), found.left) == ("NetworkPolicy authorization gateway NetworkPolicy", ())
