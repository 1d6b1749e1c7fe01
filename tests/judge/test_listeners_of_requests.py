"""What a sidecar makes of requests, and which rules it asks for them."""

from __future__ import annotations

import pytest

from tests.judge.asking import BANK, HTTP, SHOP, TLS, entry
from tests.judge.listening import HERE, NOTHING, ONE, http, says, tcp, unread


class TestRequests:
    a, b = entry("a.test"), entry("b.test")

    def test_go_to_the_destination_of_their_host(self) -> None:
        assert says("http://a.test", self.a, self.b) == "http to a.test"
        assert says("http://c.test", self.a, self.b) == NOTHING

    def test_on_a_port_that_it_has_and_that_is_read_as_http(self) -> None:
        other = entry("b.test", SHOP, {**HTTP, "number": 8080}, TLS)
        assert says("http://b.test", self.a, other) == NOTHING
        assert says("http://b.test:8080", self.a, other) == "http to b.test"
        assert (
            says("http://b.test:443", self.a, other, entry("c.test", SHOP, {**HTTP, "number": 443}))
            == NOTHING
        )

    def test_are_read_where_some_destination_that_the_sidecar_asks_for_speaks_http(self) -> None:
        rule = http("c.test")
        assert says("http://c.test", self.a, rule) == "http by rule"
        assert says("http://c.test", rule) == NOTHING
        assert says("http://c.test", entry("a.test", BANK), rule, seen=(("shop", "*"),)) == NOTHING
        assert says("http://a.test", entry("a.test", BANK), self.b, seen=(("shop", "*"),)) == NOTHING

    def test_to_a_host_by_its_address_are_its_own(self) -> None:
        at = entry("c.test", addresses=[HERE])
        assert says(f"http://{HERE}", at) == "http to c.test"
        assert says(f"http://{HERE}", at, http("c.test")) == "http by rule"
        assert (
            says(f"http://{HERE}", self.a, entry("c.test", BANK, addresses=[HERE]), seen=(("shop", "*"),))
            == NOTHING
        )
        elsewhere = entry("c.test", SHOP, {**HTTP, "number": 8080}, addresses=[HERE])
        assert says(f"http://{HERE}", self.a, elsewhere) == NOTHING

    @pytest.mark.parametrize("host", ["a.test", "*.test", "*"])
    def test_are_led_by_the_rule_for_their_host_or_for_a_wider_one(self, host: str) -> None:
        assert says("http://a.test", self.a, http(host)) == "http by rule"

    def test_a_rule_for_the_host_hides_those_for_wider_ones_and_a_closer_one_a_wider_one(self) -> None:
        host = entry("a.b.test")
        exact, close, wide = (
            http("a.b.test", name="exact"),
            http("*.b.test", name="close"),
            http("*.test", name="wide"),
        )
        assert says("http://a.b.test", host, wide, close, exact) == "http by exact"
        assert says("http://a.b.test", host, wide, close) == "http by close"
        elsewhere = tcp("a.b.test", name="exact")
        assert says("http://a.b.test", host, wide, elsewhere) == "http to a.b.test"

    def test_of_rules_for_a_wider_host_one_counts_even_without_a_route(self) -> None:
        own, others = tcp("*.test", name="own", exportTo=["."]), http("*.test", name="others", namespace=BANK)
        assert says("http://a.test", self.a, own, others) == "http to a.test"
        assert (
            says("http://a.test", self.a, http("*.test", name="own", exportTo=["."]), others) == "http by own"
        )

    def test_which_of_two_is_a_matter_of_their_age(self) -> None:
        for host in ("a.test", "*.test"):
            one, two = http(host, name="one"), http(host, name="two", namespace=BANK)
            said = unread("http://a.test", self.a, one, two)
            assert (said.by, said.field) == ("shop/virtualservice/one", "spec.hosts")
            assert "bank/virtualservice/two" in said.reason
        one, two = tcp("*.test", name="one"), tcp("*.test", name="two", namespace=BANK)
        assert says("http://a.test", self.a, one, two) == "http to a.test"
        assert (
            unread("http://a.test", self.a, one, http("*.test", name="two", namespace=BANK)).by
            == "shop/virtualservice/one"
        )

    def test_to_a_host_that_rules_alone_name_are_led_on_port_80(self) -> None:
        other = entry("b.test", SHOP, HTTP, {**HTTP, "number": 81, "name": "second"})
        assert says("http://c.test:80", other, http("c.test")) == "http by rule"
        assert says("http://c.test:81", other, http("c.test")) == NOTHING
        assert says("http://c.test:81", other, http("c.test", "b.test")) == "http by rule"

    def test_below_a_pattern_that_rules_alone_name_unless_it_is_for_destinations(self) -> None:
        far = entry("far.example")
        assert says("http://c.test", far, http("*.test")) == "http by rule"
        assert says("http://c.test", self.a, http("*.test")) == NOTHING
        assert (
            says("http://c.test", far, entry("a.test", SHOP, {**HTTP, "number": 8080}), http("*.test"))
            == "http by rule"
        )
        assert (
            says("http://c.test", far, entry("a.test", BANK), http("*.test"), seen=(("shop", "*"),))
            == "http by rule"
        )

    def test_a_rule_for_a_name_below_a_destinations_pattern_leads_it(self) -> None:
        wide = entry("*.test", resolution="NONE")
        assert says("http://c.test", wide, http("c.test")) == "http by rule"
        assert says("http://d.test", wide, http("c.test")) == "http to *.test"

    def test_a_rule_for_every_host_is_not_understood_where_it_has_a_route(self) -> None:
        every = http("*", name="every")
        assert unread("http://c.test", self.a, every).field == "spec.hosts"
        assert (
            unread("http://c.test", self.a, tcp("*", name="own", exportTo=["."]), every).by
            == "shop/virtualservice/every"
        )
        assert says("http://c.test", self.a, tcp("*")) == NOTHING
        assert says("http://c.test", self.a, http("*", http=[{"match": [{"port": 81}], **ONE}])) == NOTHING


class TestWhichRulesTheSidecarAsksFor:
    @pytest.mark.parametrize(
        ("pattern", "host", "asked"),
        [
            ("a.test", "a.test", True),
            ("b.test", "a.test", False),
            ("*.test", "a.test", True),
            ("a.test", "*.test", True),
            ("a.test", "*.example", False),
            ("*.b.test", "*.test", True),
            ("*.test", "*.b.test", True),
            ("*", "*.test", True),
            ("a.test", "*", True),
        ],
    )
    def test_is_a_matter_of_any_name_that_both_have(self, pattern: str, host: str, asked: bool) -> None:
        """Istio's VSMatches: a rule for a pattern is given to who asks for one name below it."""
        leads = http(host, "a.test", namespace=BANK) if host != "a.test" else http(host, namespace=BANK)
        leads["spec"]["hosts"] = [host]
        subject = "a.b.test" if host == "*.b.test" else "a.example" if host == "*.example" else "a.test"
        objects = (entry(subject, SHOP), leads)
        seen = (("shop", "*"), ("bank", pattern))
        assert says(f"http://{subject}", *objects, seen=seen) == (
            "http by rule" if asked else f"http to {subject}"
        )

    def test_any_host_of_the_rule_is_enough(self) -> None:
        leads = http("a.test", "b.test", namespace=BANK)
        assert (
            says("http://a.test", entry("a.test"), leads, seen=(("shop", "*"), ("bank", "b.test")))
            == "http by rule"
        )
        assert (
            says("http://a.test", entry("a.test"), leads, seen=(("shop", "*"), ("bank", "c.test")))
            == "http to a.test"
        )
        assert says("http://a.test", entry("a.test"), leads, seen=(("shop", "*"),)) == "http to a.test"
