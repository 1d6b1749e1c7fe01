"""To whom Services, ServiceEntries and rules are exported, one rule of Istio's reference after the other.
What they lead to is in test_service_registry_destinations.py.

Every answer is that of Istio 1.30's own control plane about the same objects, or "not understood".
"""

from __future__ import annotations

import pytest

from egress.judge.lookup.service_registry import Registry
from tests.judge.asking import (
    BANK,
    CLOSED,
    HTTP,
    REFUSED,
    SHOP,
    TLS,
    entry,
    mesh,
    rule,
    service,
    sidecar_says,
    virtual,
)
from tests.judge.objects import snapshot

ASKED = "http://a.example"


class TestExports:
    @pytest.mark.parametrize(
        ("to_whom", "known"),
        [
            (None, {SHOP, BANK, "till"}),
            (["*"], {SHOP, BANK, "till"}),
            (["."], {BANK}),
            ([SHOP], {SHOP}),
            ([SHOP, "."], {SHOP, BANK}),
            (["~"], set[str]()),
            (["~", SHOP], set[str]()),
            (["*", "~"], {SHOP, BANK, "till"}),
        ],
    )
    def test_of_a_service_entry(self, to_whom: list[str] | None, known: set[str]) -> None:
        given = {} if to_whom is None else {"exportTo": to_whom}
        objects = (entry("a.example", BANK, **given), CLOSED)
        assert {
            name for name in (SHOP, BANK, "till") if sidecar_says(ASKED, *objects, namespace=name) != REFUSED
        } == known

    @pytest.mark.parametrize(
        ("annotation", "known"),
        [
            (None, {SHOP, BANK, "till"}),
            ("*", {SHOP, BANK, "till"}),
            (".", {BANK}),
            ("~", set[str]()),
            ("shop, till", {SHOP, "till"}),
        ],
    )
    def test_of_a_service_by_its_annotation(self, annotation: str | None, known: set[str]) -> None:
        metadata = {"annotations": {"networking.istio.io/exportTo": annotation}} if annotation else {}
        web = service("web", BANK, {"port": 80, "name": "http"}, metadata=metadata)
        asked = "http://web.bank.svc.cluster.local"
        found = {
            name
            for name in (SHOP, BANK, "till")
            if sidecar_says(asked, web, CLOSED, namespace=name) != REFUSED
        }
        assert found == known

    @pytest.mark.parametrize(
        ("default", "known"), [(["*"], {SHOP, BANK}), (["."], {BANK}), ([SHOP], {SHOP}), (["~"], set[str]())]
    )
    def test_by_the_meshs_default(self, default: list[str], known: set[str]) -> None:
        closed = mesh(outboundTrafficPolicy={"mode": "REGISTRY_ONLY"}, defaultServiceExportTo=default)
        objects = (entry("a.example", BANK), closed)
        assert {
            name for name in (SHOP, BANK) if sidecar_says(ASKED, *objects, namespace=name) != REFUSED
        } == known
        own = entry("a.example", BANK, exportTo=["*"])
        assert sidecar_says(ASKED, own, closed) != REFUSED

    def test_by_the_meshs_default_services_are_exported_too(self) -> None:
        closed = mesh(outboundTrafficPolicy={"mode": "REGISTRY_ONLY"}, defaultServiceExportTo=["."])
        objects = (service("web", BANK, {"port": 80, "name": "http"}), closed)
        assert sidecar_says("http://web.bank.svc.cluster.local", *objects) == REFUSED
        assert sidecar_says("http://web.bank.svc.cluster.local", *objects, namespace=BANK) != REFUSED

    def test_what_a_namespace_hides_from_itself_it_does_not_know(self) -> None:
        objects = (entry("a.example", SHOP, exportTo=[BANK]), entry("b.example", SHOP), CLOSED)
        assert sidecar_says(ASKED, *objects) == REFUSED

    @pytest.mark.parametrize("default", [["shop"], ["~"]])
    def test_of_destination_rules_the_default_is_everybody_unless_it_is_the_namespace(
        self, default: list[str]
    ) -> None:
        found = Registry(snapshot(mesh(defaultDestinationRuleExportTo=default))).exported(
            None, BANK, "defaultDestinationRuleExportTo"
        )
        assert found == {"*"}
        own = Registry(snapshot(mesh(defaultDestinationRuleExportTo=["."])))
        assert own.exported(None, BANK, "defaultDestinationRuleExportTo") == {BANK}
        assert own.exported(["*"], BANK, "defaultDestinationRuleExportTo") == {"*"}
        assert own.exported(["~", SHOP], BANK, "defaultDestinationRuleExportTo") == {SHOP}


class TestLists:
    def test_rules_for_some_pods_are_exported_to_nobody(self) -> None:
        some = rule(BANK, "a.example", exportTo=["*"], workloadSelector={"matchLabels": {"app": "a"}})
        ((found,),) = Registry(snapshot(some)).destination_rules(BANK).values()
        assert found.exported == {BANK}

    def test_hosts_by_port_and_protocol(self) -> None:
        registry = Registry(
            snapshot(entry("a.example", SHOP, HTTP, TLS), entry("b.example", BANK, HTTP, exportTo=["."]))
        )
        assert [one.host for one in registry.speaking(80, "HTTP", SHOP)] == ["a.example"]
        assert [one.host for one in registry.speaking(80, "HTTP", BANK)] == ["b.example", "a.example"]
        assert [one.host for one in registry.speaking(443, "TLS", SHOP)] == ["a.example"]
        assert list(registry.speaking(443, "HTTP", SHOP)) == []

    def test_a_rule_for_no_pods_in_particular_is_exported_as_it_says(self) -> None:
        rules = Registry(snapshot(rule(BANK, "a.example", exportTo=[SHOP]))).destination_rules(BANK)
        assert [found.exported for found in rules["a.example"]] == [{SHOP}]
        default = mesh(defaultDestinationRuleExportTo=["."])
        ((found,),) = Registry(snapshot(rule(BANK, "a.example"), default)).destination_rules(BANK).values()
        assert found.exported == {BANK}
        assert Registry(snapshot()).destination_rules(BANK) == {}

    def test_hosts_of_rules_are_names_in_full_whatever_their_case(self) -> None:
        registry = Registry(
            snapshot(virtual(SHOP, "A.Example", hosts=["A.Example", "web", "a.example"]), rule(SHOP, "Web"))
        )
        (found,) = registry.virtual_services["a.example"]
        assert found.hosts == ("a.example", "web.shop.svc.cluster.local", "a.example")
        assert registry.virtual_services.keys() == set(found.hosts)
        ((of,),) = registry.destination_rules(SHOP).values()
        assert of.hosts == ("web.shop.svc.cluster.local",)

    def test_a_rule_without_hosts_is_for_nobody(self) -> None:
        """As those are that another VirtualService delegates to."""
        assert Registry(snapshot(virtual(SHOP, "", hosts=[]))).virtual_services == {}

    @pytest.mark.parametrize(
        ("gateways", "means"),
        [
            (None, {"mesh"}),
            ([], {"mesh"}),
            (["edge"], {"shop/edge"}),
            (["mesh", "gw/edge"], {"mesh", "gw/edge"}),
        ],
    )
    def test_whom_a_rule_is_for(self, gateways: list[str] | None, means: set[str]) -> None:
        registry = Registry(snapshot(virtual(SHOP, "a.example", gateways=gateways)))
        (found,) = registry.virtual_services["a.example"]
        assert found.gateways == means
        assert bool(registry.mesh_rules("a.example", SHOP)) is ("mesh" in means)

    def test_rules_count_in_the_order_own_then_by_name_then_everybodys(self) -> None:
        own, named = virtual(SHOP, "a.example", exportTo=["."]), virtual(BANK, "a.example", exportTo=[SHOP])
        every, others = virtual("till", "a.example"), virtual("till", "a.example", exportTo=[BANK])
        registry = Registry(snapshot(others, every, named, own))
        assert [found.namespace for found in registry.mesh_rules("a.example", SHOP)] == [SHOP, BANK, "till"]
        assert registry.mesh_rules("b.example", SHOP) == []

    def test_hosts_below_a_pattern(self) -> None:
        registry = Registry(
            snapshot(entry("a.example"), entry("a.test"), virtual(SHOP, "b.example"), virtual(SHOP, "b.test"))
        )
        for _ in range(2):
            assert list(registry.known_below("*.example")) == ["a.example"]
            assert list(registry.ruled_below("*.example")) == ["b.example"]
            assert list(registry.ruled_below("*.test")) == ["b.test"]

    def test_destinations_for_a_name_the_closest_first(self) -> None:
        registry = Registry(
            snapshot(*(entry(host) for host in ("*.example", "*.b.example", "a.b.example", "c.example")))
        )
        assert [found.host for found in registry.named("a.b.example")] == [
            "a.b.example",
            "*.b.example",
            "*.example",
        ]
        assert [found.host for found in registry.named("c.example")] == ["c.example", "*.example"]
