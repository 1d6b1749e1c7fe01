"""Which of two objects about one host counts, one rule of Istio's after the other.

Every answer is that of Istio 1.30's own control plane about the same objects, or "not understood".
"""

from __future__ import annotations

import pytest

from egress.judge.lookup.service_registry import Registry
from egress.judge.model.flow import Misread
from tests.judge.asking import (
    BANK,
    CLOSED,
    GATEWAY,
    REFUSED,
    SHOP,
    UNREAD,
    entry,
    gateway,
    gateway_says,
    server,
    service,
    sidecar,
    sidecar_says,
    sidecar_verdict,
    to,
    virtual,
)
from tests.judge.objects import snapshot

ASKED = "http://a.example"
WEB = "web.bank.svc.cluster.local"
MESH = f"mesh as outbound_.80_._.{WEB}"


class TestWhichOfTwoCounts:
    @staticmethod
    def as_(name: str) -> list[dict[str, str]]:
        return [{"address": name}]

    def test_the_namespaces_own_comes_first(self) -> None:
        own, others = (
            entry("a.example", SHOP, endpoints=self.as_("own")),
            entry("a.example", BANK, endpoints=self.as_("others")),
        )
        for order in ((own, others), (others, own)):
            assert sidecar_says(ASKED, *order) == "own:80"

    def test_then_what_is_exported_by_name_and_then_what_is_everybodys(self) -> None:
        named = entry("a.example", BANK, endpoints=self.as_("named"), exportTo=[SHOP])
        every = entry("a.example", "till", endpoints=self.as_("every"))
        for order in ((named, every), (every, named)):
            assert sidecar_says(ASKED, *order) == "named:80"

    def test_of_two_alike_which_counts_is_a_matter_of_their_age(self) -> None:
        assert sidecar_says(ASKED, entry("a.example", BANK), entry("a.example", "till")) == UNREAD
        assert sidecar_says(ASKED, entry("a.example", SHOP), entry("a.example", SHOP)) == UNREAD

    def test_what_the_sidecar_asks_for_comes_before_its_own(self) -> None:
        own, others = (
            entry("a.example", SHOP, endpoints=self.as_("own")),
            entry("a.example", BANK, endpoints=self.as_("others")),
        )
        assert sidecar_says(ASKED, own, others, sidecar(SHOP, "bank/*")) == "others:80"
        led = virtual(SHOP, "b.example", http=[{"route": [to("a.example", 80)]}])
        assert (
            sidecar_says("http://b.example", own, others, led, sidecar(SHOP, "bank/*", "./b.example"))
            == "others:80"
        )

    def test_a_service_comes_before_an_entry_of_its_name(self) -> None:
        name = "web.bank.svc.cluster.local"
        web, squats = (
            service("web", BANK, {"port": 80, "name": "http"}),
            entry(name, "till", endpoints=self.as_("evil")),
        )
        for order in ((web, squats), (squats, web)):
            assert sidecar_says(f"http://{name}", *order).startswith("pods of bank")

    def test_endpoints_of_one_namespace_are_known_by_their_host_alone(self) -> None:
        mine = entry("a.example", BANK, exportTo=[SHOP])
        hidden = entry(
            "a.example", BANK, exportTo=["till"], resolution="STATIC", endpoints=self.as_("192.0.2.1")
        )
        assert sidecar_says(ASKED, mine, hidden) == UNREAD

    def test_a_service_and_an_entry_of_its_own_namespace_share_their_endpoints(self) -> None:
        """Pilot files endpoints by host and namespace: requests for the Service may be sent to the entry's
        address."""
        web = service("web", BANK, {"port": 80, "name": "http"})
        joins = entry(WEB, BANK, resolution="STATIC", endpoints=self.as_("192.0.2.1"))
        for order in ((web, joins), (joins, web)):
            assert sidecar_says(f"http://{WEB}", *order) == UNREAD
        # Without endpoints the name itself is one.
        assert sidecar_says(f"http://{WEB}", web, entry(WEB, BANK)) == UNREAD
        hidden = entry(WEB, BANK, resolution="STATIC", endpoints=self.as_("192.0.2.1"), exportTo=["till"])
        assert sidecar_says(f"http://{WEB}", web, hidden) == UNREAD

    def test_an_entry_that_nothing_resolves_adds_none_to_a_service(self) -> None:
        objects = (service("web", BANK, {"port": 80, "name": "http"}), entry(WEB, BANK, resolution="NONE"))
        assert sidecar_says(f"http://{WEB}", *objects).startswith("pods of bank")

    def test_of_endpoints_of_one_namespace_either_has_them(self) -> None:
        hidden = entry("a.example", BANK, exportTo=["till"])
        assert (
            sidecar_says(ASKED, entry("a.example", BANK, endpoints=self.as_("192.0.2.1")), hidden) == UNREAD
        )
        assert sidecar_says(ASKED, entry("a.example", BANK), hidden) == "a.example:80"

    def test_what_another_namespace_hides_changes_nothing(self) -> None:
        hidden = entry("a.example", "till", exportTo=["till"], endpoints=self.as_("192.0.2.1"))
        assert sidecar_says(ASKED, entry("a.example", BANK), hidden) == "a.example:80"

    def test_both_are_named(self) -> None:
        verdict, _ = sidecar_verdict(ASKED, entry("a.example", BANK), entry("a.example", "till"))
        assert (verdict.decided_by, verdict.field) == ("bank/serviceentry/entry-a.example", "spec.hosts")
        assert "till/serviceentry/entry-a.example" in verdict.reason


class TestWhereARouteLeads:
    """To a host that the Sidecar does not ask for."""

    LED = virtual(SHOP, "b.example", http=[{"route": [to("a.example", 80)]}])
    ASKS = sidecar(SHOP, "./b.example")

    @staticmethod
    def at(namespace: str, address: str, *to_whom: str) -> dict[str, object]:
        exported = {"exportTo": list(to_whom)} if to_whom else {}
        return entry("a.example", namespace, endpoints=[{"address": address}], **exported)

    def says(self, *objects: dict[str, object]) -> str:
        return sidecar_says("http://b.example", entry("b.example"), self.LED, self.ASKS, CLOSED, *objects)

    def test_the_namespaces_own_counts_whomever_it_is_exported_to(self) -> None:
        assert self.says(self.at(SHOP, "own.test", "till")) == "own.test:80"
        for order in ((SHOP, BANK), (BANK, SHOP)):
            assert (
                self.says(*(self.at(namespace, f"{namespace}.test") for namespace in order)) == "shop.test:80"
            )

    def test_another_namespaces_counts_if_it_is_exported_here(self) -> None:
        assert self.says(self.at(BANK, "bank.test")) == "bank.test:80"
        assert self.says(self.at(BANK, "bank.test", "till")) == REFUSED

    def test_of_two_namespaces_which_counts_is_not_understood(self) -> None:
        assert self.says(self.at(BANK, "bank.test"), self.at("till", "till.test", SHOP)) == UNREAD

    def test_of_two_in_one_namespace_the_older_counts_even_if_it_is_hidden(self) -> None:
        """Where a route leads is looked up by host and namespace, and only then is asked whether it may be
        seen."""
        shown, hidden = entry("a.example", BANK), entry("a.example", BANK, exportTo=["till"])
        for order in ((shown, hidden), (hidden, shown)):
            assert self.says(*order) == UNREAD

    def test_what_the_sidecar_asks_for_is_looked_up_otherwise(self) -> None:
        shown, hidden = entry("a.example", BANK), entry("a.example", BANK, exportTo=["till"])
        assert sidecar_says(ASKED, entry("b.example"), self.ASKS, CLOSED, shown, hidden) == REFUSED
        asks = sidecar(SHOP, "./b.example", "bank/a.example")
        assert (
            sidecar_says("http://b.example", entry("b.example"), self.LED, asks, CLOSED, shown, hidden)
            == "a.example:80"
        )

    @pytest.mark.parametrize(("hides", "says"), [("service", UNREAD), ("entry", f"pods of bank:80 {MESH}")])
    def test_a_service_counts_before_an_entry_of_its_namespace_even_if_it_is_hidden(
        self, hides: str, says: str
    ) -> None:
        hidden = {"annotations": {"networking.istio.io/exportTo": "till"}} if hides == "service" else None
        web = service("web", BANK, {"port": 80, "name": "http"}, metadata=hidden)
        same = entry(WEB, BANK, resolution="NONE", exportTo=["till"] if hides == "entry" else ["*"])
        led = virtual(SHOP, "b.example", http=[{"route": [to(WEB, 80)]}])
        assert sidecar_says("http://b.example", entry("b.example"), led, self.ASKS, CLOSED, web, same) == says

    def test_a_rule_for_gateways_alone_leads_no_sidecar(self) -> None:
        edge = virtual(
            SHOP, "a.example", name="edge", gateways=["gw/edge"], http=[{"route": [to("c.example", 80)]}]
        )
        objects = (entry("a.example"), entry("b.example"), entry("c.example"), edge)
        assert sidecar_says(ASKED, *objects) == "a.example:80"
        own = virtual(SHOP, "a.example", http=[{"route": [to("b.example", 80)]}])
        assert sidecar_says(ASKED, *objects, own) == "b.example:80"
        other = virtual(SHOP, "d.example", gateways=["gw/edge"], http=[{"route": [to("b.example", 80)]}])
        assert sidecar_says("http://d.example", *objects, other, CLOSED) == REFUSED


class TestForOneHost:
    """What proxies of the namespace shop take a.example for, of what lies in one namespace or two."""

    @pytest.mark.parametrize(
        ("objects", "led", "of"),
        [
            ({}, False, None),
            ({SHOP: "*"}, False, SHOP),
            ({SHOP: "till"}, False, None),
            ({SHOP: "till"}, True, SHOP),
            ({BANK: "till"}, True, None),
            ({SHOP: "*", BANK: "*"}, False, BANK),
            ({SHOP: "*", BANK: "*"}, True, BANK),
            ({BANK: "*", "till": "*"}, False, BANK),
            ({"till": "*", "gw": SHOP}, True, UNREAD),
        ],
    )
    def test_what_the_sidecar_asks_for_comes_first(
        self, objects: dict[str, str], led: bool, of: str | None
    ) -> None:
        registry = Registry(
            snapshot(*(entry("a.example", namespace, exportTo=[to]) for namespace, to in objects.items()))
        )
        assert self.found(registry, led=led) == of

    @pytest.mark.parametrize(
        ("first", "other", "led", "of"),
        [
            ("*", "*", False, UNREAD),
            ("*", "till", False, "till"),
            ("*", "till", True, UNREAD),
        ],
    )
    def test_of_two_in_a_namespace_that_it_does_not_ask_for(
        self, first: str, other: str, led: bool, of: str
    ) -> None:
        registry = Registry(snapshot(*(entry("a.example", "till", exportTo=[to]) for to in (first, other))))
        assert self.found(registry, led=led) == of

    def test_of_two_in_a_namespace_that_it_asks_for(self) -> None:
        registry = Registry(snapshot(*(entry("a.example", BANK, exportTo=[to]) for to in ("*", "till"))))
        assert self.found(registry, led=True) == BANK

    @pytest.mark.parametrize(
        ("service_to", "entry_to", "of"), [("*", "till", BANK), ("till", "*", UNREAD), ("*", "*", BANK)]
    )
    def test_a_service_is_looked_up_before_an_entry(self, service_to: str, entry_to: str, of: str) -> None:
        metadata = {"annotations": {"networking.istio.io/exportTo": service_to}}
        web = service("web", BANK, {"port": 80}, metadata=metadata)
        registry = Registry(snapshot(web, entry(WEB, BANK, resolution="NONE", exportTo=[entry_to])))
        assert self.found(registry, WEB, led=True, asks=None) == of

    @staticmethod
    def found(registry: Registry, host: str = "a.example", *, led: bool, asks: str = BANK) -> str | None:
        try:
            item = registry.chosen(host, SHOP, lambda namespace, _: namespace == asks, led=led)
        except Misread:
            return UNREAD
        return item.namespace if item else None


class TestGateways:
    """They have no Sidecar, and no namespace of their own that would come first."""

    SERVER = gateway(server("a.example"))
    LED = virtual(GATEWAY, "a.example", gateways=["edge"], http=[{"route": [to("b.example", 80)]}])

    def says(self, *objects: dict[str, object]) -> str:
        return gateway_says(ASKED, self.SERVER, self.LED, *objects)

    def test_what_is_exported_to_them_counts(self) -> None:
        assert self.says(entry("b.example", BANK)) == "b.example:80"
        assert self.says(entry("b.example", BANK, exportTo=[GATEWAY])) == "b.example:80"
        assert self.says(entry("b.example", BANK, exportTo=[SHOP])) == REFUSED
        assert self.says(entry("b.example", GATEWAY, exportTo=[SHOP])) == REFUSED

    def test_their_own_namespaces_comes_no_earlier(self) -> None:
        assert self.says(entry("b.example", GATEWAY), entry("b.example", BANK)) == UNREAD

    def test_of_two_in_one_namespace_the_one_that_is_exported_counts(self) -> None:
        assert (
            self.says(entry("b.example", BANK), entry("b.example", BANK, exportTo=["till"])) == "b.example:80"
        )
