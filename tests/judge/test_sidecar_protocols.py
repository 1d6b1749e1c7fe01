"""Where an app's own proxy leads requests, TLS and raw TCP, one rule of Istio's reference after the other.

Every answer is that of Istio 1.30's own control plane about the same objects, or "not understood".
"""

from __future__ import annotations

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
    entry,
    sidecar_says,
    to,
    virtual,
)


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
