"""What an app's own proxy does with its connections, one rule of Istio's reference after the other.

Every answer is that of Istio 1.30's own control plane about the same objects, or "not understood".
"""

from __future__ import annotations

import pytest

from egress.judge.model.flow import Pod, Protocol
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

CLOSES = {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}
OPENS = {"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}}
UNKNOWN = "tls://elsewhere.example:443"


class TestWhichSidecarCounts:
    def test_without_one_the_mesh_decides_about_what_is_not_known(self) -> None:
        assert sidecar_says(UNKNOWN) == UNCHANGED
        assert sidecar_says(UNKNOWN, mesh()) == UNCHANGED
        assert sidecar_says(UNKNOWN, CLOSED) == REFUSED

    def test_the_namespaces_own_decides_before_the_mesh(self) -> None:
        assert sidecar_says(UNKNOWN, sidecar(**CLOSES)) == REFUSED
        assert sidecar_says(UNKNOWN, CLOSED, sidecar(**OPENS)) == UNCHANGED

    def test_the_root_namespaces_is_for_namespaces_that_have_none(self) -> None:
        assert sidecar_says(UNKNOWN, sidecar(ROOT, **CLOSES)) == REFUSED
        assert sidecar_says(UNKNOWN, sidecar(ROOT, **CLOSES), sidecar(**OPENS)) == UNCHANGED
        assert sidecar_says(UNKNOWN, sidecar(ROOT, **OPENS), sidecar(**CLOSES)) == REFUSED

    def test_anothers_is_for_nobody_else(self) -> None:
        assert sidecar_says(UNKNOWN, sidecar(BANK, **CLOSES)) == UNCHANGED

    def test_one_that_says_nothing_of_it_leaves_it_to_the_mesh(self) -> None:
        assert sidecar_says(UNKNOWN, CLOSED, sidecar(SHOP, "*/*")) == REFUSED
        assert sidecar_says(UNKNOWN, sidecar(SHOP, "*/*")) == UNCHANGED

    def test_a_policy_without_a_mode_knows_declared_hosts_alone(self) -> None:
        assert sidecar_says(UNKNOWN, sidecar(outboundTrafficPolicy={})) == REFUSED

    def test_one_for_some_pods_is_not_understood(self) -> None:
        assert sidecar_says(UNKNOWN, sidecar(workloadSelector={"labels": {"app": "a"}}, **CLOSES)) == UNREAD

    def test_of_two_which_counts_is_a_matter_of_their_age(self) -> None:
        assert sidecar_says(UNKNOWN, sidecar(**CLOSES), sidecar(name="second", **OPENS)) == UNREAD

    def test_a_proxy_for_what_is_not_known_is_not_understood(self) -> None:
        elsewhere = {"mode": "ALLOW_ANY", "egressProxy": {"host": "proxy.example", "port": {"number": 3128}}}
        assert sidecar_says(UNKNOWN, sidecar(outboundTrafficPolicy=elsewhere)) == UNREAD

    @pytest.mark.parametrize("field", ["port", "bind", "captureMode"])
    def test_a_listener_of_ones_own_is_not_understood(self, field: str) -> None:
        written = sidecar(SHOP, "*/*")
        written["spec"]["egress"][0][field] = {"number": 80, "protocol": "HTTP"} if field == "port" else "a"
        assert sidecar_says(UNKNOWN, written) == UNREAD

    def test_another_field_is_not_understood(self) -> None:
        assert sidecar_says(UNKNOWN, sidecar(SHOP, "*/*", ingress=[{"port": {"number": 80}}])) == UNREAD

    def test_the_deciding_object_and_field_are_said(self) -> None:
        verdict, _ = sidecar_verdict(UNKNOWN, sidecar(**CLOSES))
        assert (verdict.decided_by, verdict.field) == (
            "shop/sidecar/default",
            "spec.outboundTrafficPolicy.mode",
        )
        verdict, _ = sidecar_verdict(UNKNOWN, CLOSED)
        assert (verdict.decided_by, verdict.field) == ("configmap/istio", "outboundTrafficPolicy.mode")


class TestWhatASidecarAsksFor:
    @pytest.mark.parametrize(
        ("asked", "sees"),
        [
            (("*/*",), {"own", "other"}),
            (("./*",), {"own"}),
            (("shop/*",), {"own"}),
            (("bank/*",), {"other"}),
            (("~/*",), set[str]()),
            (("*/own.example",), {"own"}),
            (("bank/own.example",), set[str]()),
            (("*/*.example",), {"own", "other"}),
            (("*/*.elsewhere",), set[str]()),
            (("./own.example", "bank/other.example"), {"own", "other"}),
            ((), {"own", "other"}),
        ],
    )
    def test_which_hosts_are_known(self, asked: tuple[str, ...], sees: set[str]) -> None:
        own, other = entry("own.example", SHOP), entry("other.example", BANK)
        objects = (own, other, CLOSED, sidecar(SHOP, *asked))
        known = {
            name for name in ("own", "other") if sidecar_says(f"http://{name}.example", *objects) != REFUSED
        }
        assert known == sees

    def test_a_dot_in_the_root_namespaces_is_the_namespace_of_the_pod(self) -> None:
        objects = (entry("own.example", SHOP), entry("root.example", ROOT), CLOSED, sidecar(ROOT, "./*"))
        assert sidecar_says("http://own.example", *objects) == "own.example:80"
        assert sidecar_says("http://root.example", *objects) == REFUSED

    def test_a_pattern_is_asked_for_by_a_pattern_as_wide(self) -> None:
        wide = entry("*.w.example", BANK, resolution="NONE")
        assert (
            sidecar_says("http://a.w.example", wide, CLOSED, sidecar(SHOP, "*/*.example")) == "a.w.example:80"
        )
        assert sidecar_says("http://a.w.example", wide, CLOSED, sidecar(SHOP, "*/a.w.example")) == REFUSED

    def test_where_a_route_leads_need_not_be_asked_for(self) -> None:
        objects = (entry("a.example"), entry("b.example", BANK), CLOSED, sidecar(SHOP, "./*"))
        leads = virtual(SHOP, "a.example", http=[{"route": [to("b.example", 80)]}])
        assert sidecar_says("http://a.example", *objects, leads) == "b.example:80"

    def test_a_rule_is_asked_for_by_its_host_and_its_own_namespace(self) -> None:
        objects = (entry("a.example", SHOP), entry("b.example", SHOP), CLOSED)
        leads = virtual(BANK, "a.example", http=[{"route": [to("b.example", 80)]}])
        assert sidecar_says("http://a.example", *objects, leads, sidecar(SHOP, "./*")) == "a.example:80"
        assert (
            sidecar_says("http://a.example", *objects, leads, sidecar(SHOP, "./*", "bank/*"))
            == "b.example:80"
        )
        assert (
            sidecar_says("http://a.example", *objects, leads, sidecar(SHOP, "./*", "bank/b.example"))
            == "a.example:80"
        )

    def test_a_rule_for_a_pattern_is_asked_for_by_a_host_below_it_too(self) -> None:
        objects = (entry("a.example", SHOP), entry("b.example", SHOP), CLOSED)
        leads = virtual(BANK, "*.example", http=[{"route": [to("b.example", 80)]}])
        assert (
            sidecar_says("http://a.example", *objects, leads, sidecar(SHOP, "./*", "bank/*.example"))
            == "b.example:80"
        )


class TestWhatIsNotKnown:
    def test_it_goes_where_the_client_sent_it(self) -> None:
        for asked in ("http://a.example", "tls://a.example", "tcp://192.0.2.7:3306"):
            assert sidecar_says(asked) == UNCHANGED
            assert sidecar_says(asked, CLOSED) == REFUSED

    def test_on_a_port_of_http_too_whatever_it_speaks(self) -> None:
        objects = (entry("a.example"),)
        assert sidecar_says("http://b.example", *objects) == UNCHANGED
        assert sidecar_says("tls://b.example:80", *objects) == UNCHANGED
        assert sidecar_says("tcp://192.0.2.7:80", *objects) == UNCHANGED
        assert sidecar_says("tls://b.example:80", *objects, CLOSED) == REFUSED

    def test_a_known_host_on_another_port_is_not_known(self) -> None:
        assert sidecar_says("http://a.example:8080", entry("a.example"), CLOSED) == REFUSED

    def test_whom_it_is_exported_to_is_said(self) -> None:
        verdict, _ = sidecar_verdict(
            "http://a.example", entry("a.example", BANK, exportTo=[BANK, "till"]), CLOSED
        )
        assert (verdict.decided_by, verdict.field) == ("bank/serviceentry/entry-a.example", "spec.exportTo")
        assert verdict.reason == "a.example is exported to bank, till, not to shop."

    def test_udp_does_not_pass_the_sidecar(self) -> None:
        verdict, (sent,) = sidecar_verdict("udp://192.0.2.7:53", CLOSED)
        assert verdict.allowed
        assert sent.transport == "UDP"


class TestHttp:
    def test_the_host_header_decides_and_not_the_address(self) -> None:
        objects = (entry("a.example"), entry("b.example", endpoints=[{"address": "e.example"}]), CLOSED)
        assert sidecar_says("http://a.example", *objects, authority="b.example") == "e.example:80"
        assert sidecar_says("http://a.example", *objects, authority="b.example:8080") == "e.example:80"
        assert sidecar_says("http://a.example", *objects, address="192.0.2.7") == "a.example:80"
        assert sidecar_says("http://a.example", *objects, authority="c.example") == REFUSED

    def test_a_host_is_known_by_its_address_where_that_is_the_host_header(self) -> None:
        objects = (entry("a.example", addresses=["198.51.100.1"]), CLOSED)
        assert sidecar_says("http://198.51.100.1", *objects) == "a.example:80"
        assert sidecar_says("http://b.example", *objects, address="198.51.100.1") == REFUSED

    def test_the_name_itself_comes_before_a_pattern_and_a_closer_pattern_before_a_wider_one(self) -> None:
        ends = [entry(name) for name in ("one.test", "two.test", "three.test")]
        exact = virtual(SHOP, "a.b.example", http=[{"route": [to("one.test", 80)]}])
        closer = virtual(SHOP, "*.b.example", name="closer", http=[{"route": [to("two.test", 80)]}])
        wider = virtual(SHOP, "*.example", name="wider", http=[{"route": [to("three.test", 80)]}])
        for rules in ([exact, closer, wider], [wider, closer, exact]):
            assert sidecar_says("http://a.b.example", *ends, *rules) == "one.test:80"
            assert sidecar_says("http://c.b.example", *ends, *rules) == "two.test:80"
            assert sidecar_says("http://c.example", *ends, *rules) == "three.test:80"

    def test_a_host_that_rules_alone_name_is_known_on_port_80(self) -> None:
        leads = virtual(SHOP, "a.example", http=[{"route": [to("b.example", 8080)]}])
        objects = (entry("b.example", SHOP, HTTP, {**HTTP, "number": 8080, "name": "http-2"}), leads)
        assert sidecar_says("http://a.example", *objects) == "b.example:8080"
        assert sidecar_says("http://a.example:8080", *objects) == UNCHANGED

    def test_and_on_a_port_on_which_another_of_its_hosts_is(self) -> None:
        leads = virtual(
            SHOP, "a.example", hosts=["a.example", "b.example"], http=[{"route": [to("b.example", 8080)]}]
        )
        objects = (entry("b.example", SHOP, {**HTTP, "number": 8080}), leads)
        assert sidecar_says("http://a.example:8080", *objects) == "b.example:8080"

    def test_but_only_where_some_host_is_read_as_http_at_all(self) -> None:
        leads = virtual(SHOP, "a.example", http=[{"route": [to("b.example", 8080)]}])
        assert (
            sidecar_says("http://a.example", entry("b.example", SHOP, {**HTTP, "number": 8080}), leads)
            == UNCHANGED
        )

    def test_a_request_that_no_proxy_takes_is_refused(self) -> None:
        assert sidecar_says("http://a.example", entry("a.example"), method="get") == REFUSED

    def test_a_rule_for_every_host_is_not_understood(self) -> None:
        every = virtual(SHOP, "*", http=[{"route": [to("a.example", 80)]}])
        assert sidecar_says("http://b.example", entry("a.example"), every) == UNREAD


class TestTls:
    def test_the_server_name_decides(self) -> None:
        objects = (entry("a.example", SHOP, TLS, endpoints=[{"address": "e.example"}]), CLOSED)
        assert sidecar_says("tls://a.example", *objects) == "e.example:443"
        assert sidecar_says("tls://a.example", *objects, address="192.0.2.7") == "e.example:443"
        assert sidecar_says("tls://b.example", *objects) == REFUSED

    def test_the_name_itself_comes_before_a_pattern(self) -> None:
        exact = entry("a.example", SHOP, TLS, endpoints=[{"address": "exact.test"}])
        wide = entry("*.example", SHOP, TLS, resolution="NONE")
        assert sidecar_says("tls://a.example", wide, exact) == "exact.test:443"
        assert sidecar_says("tls://b.example", wide, exact) == "b.example:443"

    def test_an_address_of_its_own_takes_any_server_name(self) -> None:
        objects = (entry("a.example", SHOP, TLS, addresses=["198.51.100.1"]), CLOSED)
        assert sidecar_says("tls://b.example", *objects, address="198.51.100.1") == "a.example:443"
        assert sidecar_says("tls://a.example", *objects) == "a.example:443"
        assert sidecar_says("tls://a.example", *objects, address="192.0.2.7") == REFUSED

    def test_plain_bytes_to_a_port_of_tls_are_led_by_address_alone(self) -> None:
        assert sidecar_says("http://a.example:443", entry("a.example", SHOP, TLS), CLOSED) == REFUSED
        addressed = entry("a.example", SHOP, TLS, addresses=["198.51.100.1"])
        assert (
            sidecar_says("http://b.example:443", addressed, CLOSED, address="198.51.100.1") == "a.example:443"
        )


class TestRawTcp:
    def test_a_destination_without_an_address_takes_every_connection_to_its_port(self) -> None:
        objects = (entry("db.example", SHOP, TCP), CLOSED)
        assert sidecar_says("tcp://192.0.2.7:3306", *objects) == "db.example:3306"
        assert sidecar_says("tls://b.example:3306", *objects) == "db.example:3306"
        assert sidecar_says("http://b.example:3306", *objects) == "db.example:3306"
        assert sidecar_says("tcp://192.0.2.7:3307", *objects) == REFUSED

    def test_of_two_without_an_address_which_counts_is_a_matter_of_their_age(self) -> None:
        assert (
            sidecar_says("tcp://192.0.2.7:3306", entry("a.example", SHOP, TCP), entry("b.example", BANK, TCP))
            == UNREAD
        )

    def test_one_with_an_address_takes_what_goes_there(self) -> None:
        objects = (entry("db.example", SHOP, TCP, addresses=["198.51.100.1", "198.51.100.2"]), CLOSED)
        for address in ("198.51.100.1", "198.51.100.2"):
            assert sidecar_says(f"tcp://{address}:3306", *objects) == "db.example:3306"
        assert sidecar_says("tcp://198.51.100.3:3306", *objects) == REFUSED

    def test_an_address_comes_before_what_takes_every_address(self) -> None:
        objects = (
            entry("any.example", SHOP, TCP),
            entry("db.example", SHOP, TCP, addresses=["198.51.100.1"]),
        )
        assert sidecar_says("tcp://198.51.100.1:3306", *objects) == "db.example:3306"
        assert sidecar_says("tcp://198.51.100.2:3306", *objects) == "any.example:3306"

    def test_the_address_takes_requests_and_tls_as_well(self) -> None:
        objects = (
            entry("db.example", SHOP, {**TCP, "number": 80}, addresses=["198.51.100.1"]),
            entry("a.example"),
        )
        assert sidecar_says("http://a.example", *objects, address="198.51.100.1") == "db.example:80"
        assert sidecar_says("http://a.example", *objects) == "a.example:80"

    def test_of_two_with_one_address_which_counts_is_not_understood(self) -> None:
        one, two = (entry(name, SHOP, TCP, addresses=["198.51.100.1"]) for name in ("a.example", "b.example"))
        assert sidecar_says("tcp://198.51.100.1:3306", one, two) == UNREAD

    def test_a_name_is_told_the_addresses_of_its_destination(self) -> None:
        objects = (entry("db.example", SHOP, TCP, addresses=["198.51.100.1"]), CLOSED)
        assert sidecar_says("tcp://db.example:3306", *objects) == "db.example:3306"

    def test_requests_beside_raw_tcp_on_one_port_are_told_apart(self) -> None:
        objects = (entry("a.example"), entry("db.example", SHOP, {**TCP, "number": 80}))
        assert sidecar_says("http://a.example", *objects) == "a.example:80"
        assert sidecar_says("tcp://192.0.2.7:80", *objects) == "db.example:80"
        assert sidecar_says("tls://b.example:80", *objects) == "db.example:80"

    def test_routes_of_raw_tcp_are_those_of_the_destinations_host(self) -> None:
        objects = (entry("db.example", SHOP, TCP), entry("b.example", SHOP, {**TCP, "number": 3307}))
        led = virtual(SHOP, "db.example", tcp=[{"route": [to("b.example", 3307)]}])
        assert sidecar_says("tcp://192.0.2.7:3306", *objects, led) == "b.example:3307"
        other = virtual(SHOP, "c.example", tcp=[{"route": [to("b.example", 3307)]}])
        assert sidecar_says("tcp://192.0.2.7:3306", *objects, other) == "db.example:3306"
        wide = virtual(SHOP, "*.example", tcp=[{"route": [to("b.example", 3307)]}])
        assert sidecar_says("tcp://192.0.2.7:3306", *objects, wide) == "b.example:3307"


class TestServices:
    def test_requests_are_led_by_every_form_of_the_name(self) -> None:
        objects = (service("web", BANK, {"port": 80, "name": "http", "targetPort": 8080}), CLOSED)
        sni = "outbound_.80_._.web.bank.svc.cluster.local"
        for name in ("web.bank", "web.bank.svc", "web.bank.svc.cluster.local"):
            assert sidecar_says(f"http://{name}", *objects) == f"pods of bank:8080 mesh as {sni}"
        assert sidecar_says("http://web", *objects) == REFUSED
        assert sidecar_says("http://web", *objects, namespace=BANK) == f"pods of bank:8080 mesh as {sni}"

    def test_raw_tcp_goes_to_the_address(self) -> None:
        objects = (service("db", BANK, {"port": 3306, "name": "tcp-db"}), CLOSED)
        sni = "outbound_.3306_._.db.bank.svc.cluster.local"
        assert sidecar_says("tcp://10.2.0.9:3306", *objects) == f"pods of bank:3306 mesh as {sni}"
        assert (
            sidecar_says("tcp://db.bank.svc.cluster.local:3306", *objects)
            == f"pods of bank:3306 mesh as {sni}"
        )
        assert sidecar_says("tcp://10.2.0.8:3306", *objects) == REFUSED

    def test_a_port_of_the_pods_that_is_only_named_is_not_understood(self) -> None:
        web = service("web", BANK, {"port": 80, "name": "http", "targetPort": "web"})
        assert sidecar_says("http://web.bank.svc.cluster.local", web) == UNREAD

    @pytest.mark.parametrize(
        ("mode", "says"),
        [
            ("DISABLE", "pods of bank:80"),
            ("ISTIO_MUTUAL", "pods of bank:80 mesh as outbound_.80_._.web.bank.svc.cluster.local"),
            ("MUTUAL", UNREAD),
            ("", "pods of bank:80"),
        ],
    )
    def test_pods_are_shown_the_meshs_certificate_unless_a_rule_says_otherwise(
        self, mode: str, says: str
    ) -> None:
        web = service("web", BANK, {"port": 80, "name": "http"})
        tls = rule(SHOP, "web.bank.svc.cluster.local", tls={"mode": mode} if mode else {})
        assert sidecar_says("http://web.bank.svc.cluster.local", web, tls) == says


class TestPodsOfAnotherNamespace:
    def says(self, *objects: object) -> tuple[bool, bool]:
        to = Pod(BANK, None)
        verdict, connections = sidecar_verdict("http://web.bank", *objects, to=to)  # type: ignore[arg-type]
        return verdict.allowed, bool(connections)

    def test_they_are_reached_where_the_sidecar_asks_for_their_namespace(self) -> None:
        assert self.says(CLOSED) == (True, True)
        assert self.says(CLOSED, sidecar(SHOP, "bank/*")) == (True, True)
        assert self.says(CLOSED, sidecar(SHOP, "./*")) == (False, False)
        assert self.says(sidecar(SHOP, "./*")) == (True, True)

    def test_with_the_identity_of_the_app(self) -> None:
        _, (sent,) = sidecar_verdict("http://web.bank", to=Pod(BANK, None), service_account="till")
        assert (sent.principal, sent.protocol) == ("cluster.local/ns/shop/sa/till", Protocol.TLS)
        _, (sent,) = sidecar_verdict("http://web.bank", mesh(trustDomain="corp"), to=Pod(BANK, None))
        assert sent.principal == "corp/ns/shop/sa/default"


class TestHeadersOfProxies:
    def revealed(self, *objects: object) -> tuple[str, ...]:
        _, connections = sidecar_verdict("http://a.example", *objects)  # type: ignore[arg-type]
        return connections[0].reveals

    def test_without_a_route_nothing_takes_them_out(self) -> None:
        assert "x-forwarded-client-cert" in self.revealed(entry("a.example"))
        assert (
            self.revealed(entry("a.example", SHOP, {**TLS, "number": 80}, addresses=["198.51.100.1"])) == ()
        )

    def test_a_route_or_its_destination_may_take_them_out(self) -> None:
        gone = {"request": {"remove": ["X-Forwarded-For"]}}
        for route in (
            {"headers": gone, "route": [to("a.example", 80)]},
            {"route": [to("a.example", 80, headers=gone)]},
        ):
            left = self.revealed(entry("a.example"), virtual(SHOP, "a.example", http=[route]))
            assert "x-forwarded-for" not in left
            assert "x-request-id" in left


def test_what_is_not_understood_is_taken_for_the_worse() -> None:
    twice = (entry("a.example", SHOP), entry("a.example", SHOP, exportTo=["*"]))
    verdict, connections = sidecar_verdict("http://a.example", *twice)
    assert (verdict.allowed, verdict.understood, len(connections)) == (True, False, 1)
