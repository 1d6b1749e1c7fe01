"""What a gateway's pods take: which server a connection belongs to, from whom, and which pods it is for.

Every answer is that of Istio 1.30's own control plane about the same objects, or "not understood".
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.layers.gateway import Gateways
from egress.judge.lookup.routes import Router
from egress.judge.lookup.service_registry import Registry
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import Connection, Pod, Protocol, Request
from egress.judge.model.snapshot import Snapshot
from tests.judge.asking import (
    GATEWAY,
    GATEWAY_PODS,
    LABELS,
    PLAIN,
    REFUSED,
    ROOT,
    SEALED,
    SHOP,
    SOMEBODY,
    UNREAD,
    Written,
    bound,
    gateway,
    gateway_says,
    passing,
    raw,
    server,
    service,
)
from tests.judge.objects import deployment, written
from tests.judge.routing import B, C


class TestWhichServer:
    def test_that_of_the_port_and_of_the_name(self) -> None:
        objects = (*PLAIN, gateway(server("a.example")), bound())
        assert gateway_says("http://a.example", *objects) == B
        assert gateway_says("http://c.example", *objects) == REFUSED
        assert gateway_says("http://a.example", *objects, port=8443) == REFUSED

    def test_the_name_itself_comes_before_a_pattern_and_a_pattern_before_any_name(self) -> None:
        """Only the server that counts names the caller."""
        names = ("*", "*.example", "*.b.example", "a.b.example")
        for asked, counts in (("a.b.example", 3), ("c.b.example", 2), ("c.example", 1), ("c.test", 0)):
            for order in (1, -1):
                servers = [
                    server(
                        name,
                        tls={
                            "subjectAltNames": [f"spiffe://{SOMEBODY}" if at == counts else "spiffe://nobody"]
                        },
                    )
                    for at, name in enumerate(names)
                ][::order]
                objects = (*PLAIN, gateway(*servers), bound(asked))
                assert gateway_says(f"http://{asked}", *objects) == B, (asked, order)
                assert gateway_says(f"http://{asked}", *objects, principal="another") == REFUSED

    def test_a_request_belongs_to_the_server_of_its_server_name(self) -> None:
        objects = (*PLAIN, gateway(server("*"), server("b.example")))
        rules = (bound("c.example", "c.example", name="one"), bound("b.example", name="two"))
        assert gateway_says("http://c.example", *objects, *rules) == C
        assert gateway_says("http://c.example", *objects, *rules, sni="b.example") == REFUSED
        assert gateway_says("http://b.example", *objects, *rules, sni="b.example") == B
        assert gateway_says("http://b.example", *objects, *rules, sni="c.example") == B

    def test_without_a_server_name_it_is_the_one_for_any_name(self) -> None:
        assert (
            gateway_says("http://a.example", *PLAIN, gateway(server("a.example")), bound(), sni="") == REFUSED
        )
        assert gateway_says("http://a.example", *PLAIN, gateway(server("*")), bound(), sni="") == B

    def test_names_are_compared_in_lower_case(self) -> None:
        assert (
            gateway_says("http://a.example", *PLAIN, gateway(server("a.example")), bound("A.EXAMPLE"))
            == UNREAD
        )
        assert (
            gateway_says("http://a.example", *PLAIN, gateway(server("a.example")), bound(), sni="A.example")
            == B
        )

    def test_a_server_at_an_address_of_its_own_is_no_other_addresss(self) -> None:
        bind = gateway(server("a.example", bind="127.0.0.1"))
        assert gateway_says("http://a.example", *PLAIN, bind, bound()) == REFUSED

    def test_of_two_for_one_host_in_a_gateway_the_first_counts_and_the_other_is_left_out(self) -> None:
        first, second = (
            server("a.example", protocol="TLS"),
            server("a.example", "d.example", protocol="TLS", name="second"),
        )
        objects = (*SEALED, raw("a.example"), raw("d.example", "c.example", name="other"))
        assert gateway_says("tls://a.example", gateway(first, second), *objects) == "b.example:443"
        assert gateway_says("tls://d.example", gateway(first, second), *objects) == REFUSED
        both = gateway(second, first)
        assert (
            gateway_says("tls://d.example", both, *SEALED, raw("d.example", "c.example")) == "c.example:443"
        )

    def test_of_two_for_one_host_in_two_gateways_which_counts_is_a_matter_of_their_age(self) -> None:
        other = gateway(server("a.example"), name="other")
        assert (
            gateway_says("http://a.example", *PLAIN, gateway(server("a.example")), other, bound()) == UNREAD
        )

    def test_two_gateways_for_other_hosts_stand_beside_one_another(self) -> None:
        other = gateway(server("c.example"), name="other")
        objects = (*PLAIN, gateway(server("a.example")), other, bound())
        assert gateway_says("http://a.example", *objects) == B
        led = bound("c.example", "c.example", name="second", gateways=[f"{GATEWAY}/other"])
        assert gateway_says("http://c.example", *objects, led) == C


class TestWhoIsTaken:
    def says(self, mode: str | None, **how: Any) -> str:
        tls = how.pop("tls", {})
        return gateway_says(
            "http://a.example", *PLAIN, gateway(server("a.example", mode=mode, tls=tls)), bound(), **how
        )

    def test_whoever_shows_a_certificate_of_the_mesh(self) -> None:
        assert self.says("ISTIO_MUTUAL") == B
        assert self.says("ISTIO_MUTUAL", principal=None) == REFUSED
        assert self.says("ISTIO_MUTUAL", plain=True) == REFUSED

    def test_of_named_identities_where_the_server_names_some(self) -> None:
        mine, others = f"spiffe://{SOMEBODY}", "spiffe://cluster.local/ns/bank/sa/default"
        assert self.says("ISTIO_MUTUAL", tls={"subjectAltNames": [others, mine]}) == B
        assert self.says("ISTIO_MUTUAL", tls={"subjectAltNames": [others]}) == REFUSED

    def test_who_shows_another_authoritys_certificate_is_not_understood(self) -> None:
        assert self.says("MUTUAL", tls={"credentialName": "c"}) == UNREAD
        assert self.says("MUTUAL", tls={"credentialName": "c"}, principal=None) == REFUSED

    @pytest.mark.parametrize("mode", ["SIMPLE", "OPTIONAL_MUTUAL", "AUTO_PASSTHROUGH", None])
    def test_another_mode_is_not_understood(self, mode: str | None) -> None:
        assert self.says(mode) == UNREAD
        assert self.says(mode, principal=None) == UNREAD

    def test_a_server_without_tls_is_not_understood_whatever_comes(self) -> None:
        assert self.says(None, plain=True) == UNREAD

    def test_tls_without_a_mode_is_passed_through(self) -> None:
        one = server("a.example", protocol="TLS", mode=None)
        one["tls"] = {}
        assert (
            gateway_says("tls://a.example", *SEALED, gateway(one), passing("a.example"), principal=None)
            == "b.example:443"
        )

    def test_what_is_passed_through_is_taken_from_everybody(self) -> None:
        objects = (
            *SEALED,
            gateway(server("a.example", protocol="TLS", mode="PASSTHROUGH")),
            passing("a.example"),
        )
        assert gateway_says("tls://a.example", *objects, principal=None) == "b.example:443"
        assert gateway_says("tls://a.example", *objects) == "b.example:443"


class TestWhichPods:
    def test_ports_are_those_of_the_pods_behind_the_service(self) -> None:
        edge = service("edge", GATEWAY, {"port": 443, "name": "https", "targetPort": 8443}, selector=LABELS)
        objects = (*PLAIN, edge, gateway(server("*")), bound())
        assert gateway_says("http://a.example", *objects, port=8443) == B
        assert gateway_says("http://a.example", *objects, port=443) == REFUSED

    def test_a_port_that_no_service_has_is_the_pods_own(self) -> None:
        edge = service("edge", GATEWAY, {"port": 80, "name": "http", "targetPort": 8080}, selector=LABELS)
        assert gateway_says("http://a.example", *PLAIN, edge, gateway(server("*")), bound()) == B

    def test_a_service_of_other_pods_or_of_another_namespace_translates_nothing(self) -> None:
        for namespace, selector in ((GATEWAY, {"istio": "other"}), (SHOP, LABELS), (GATEWAY, {})):
            other = service(
                "edge", namespace, {"port": 443, "name": "https", "targetPort": 8443}, selector=selector
            )
            assert gateway_says("http://a.example", *PLAIN, other, gateway(server("*")), bound()) == B

    def test_a_port_that_is_only_named_is_not_understood(self) -> None:
        edge = service(
            "edge", GATEWAY, {"port": 443, "name": "https", "targetPort": "https"}, selector=LABELS
        )
        assert (
            gateway_says("http://a.example", *PLAIN, edge, gateway(server("*")), bound(), port=8443) == UNREAD
        )

    def elsewhere(self, *more: Written, google: tuple[Resource, ...] = (), planned: bool = False) -> bool:
        """Whether it is understood what a gateway does beside a Gateway of another namespace for the same
        labels."""
        other = gateway(server("a.example"), name="theirs", namespace=SHOP)
        objects = (GATEWAY_PODS, *PLAIN, gateway(server("a.example")), other, bound(), *more)
        deployed = Snapshot(tuple(objects), google, planned)
        registry, workloads = Registry(deployed), Workloads(deployed)
        gateways = Gateways(deployed, registry, Router(registry, workloads), workloads)
        pod = workloads.behind(GATEWAY, LABELS)
        sent = Connection(
            Pod(SHOP, {}),
            pod,
            443,
            Protocol.TLS,
            principal=SOMEBODY,
            sni="a.example",
            inner=Request("a.example"),
        )
        return gateways.accept(sent)[0].understood

    def test_a_gateway_of_another_namespace_is_for_these_pods_too_unless_the_control_plane_is_told_otherwise(
        self,
    ) -> None:
        variable = {"name": "PILOT_SCOPE_GATEWAY_TO_NAMESPACE", "value": "true"}
        assert not self.elsewhere()
        told = deployment(ROOT, "istiod", {}, containers=[{"name": "discovery", "env": [variable]}])
        assert self.elsewhere(told)
        assert not self.elsewhere(
            deployment(SHOP, "istiod", {}, containers=[{"name": "discovery", "env": [variable]}])
        )
        assert not self.elsewhere(
            deployment(
                ROOT,
                "istiod",
                {},
                containers=[{"name": "discovery", "env": [{**variable, "value": "false"}]}],
            )
        )
        values = {"values": {"pilot": {"env": {"PILOT_SCOPE_GATEWAY_TO_NAMESPACE": "true"}}}}
        assert self.elsewhere(google=(Resource("kubernetes:helm.sh/v3:Release", "istiod", values),))
        assert self.elsewhere(planned=True)

    def test_one_without_a_selector_is_not_understood(self) -> None:
        every = written("Gateway", GATEWAY, "every", servers=[server("c.example")])
        assert (
            gateway_says("http://a.example", *PLAIN, gateway(server("a.example")), every, bound()) == UNREAD
        )

    def test_one_for_other_pods_of_the_namespace_is_theirs(self) -> None:
        other = gateway(server("a.example"), name="theirs", selector={"istio": "other"})
        assert gateway_says("http://a.example", *PLAIN, gateway(server("a.example")), other, bound()) == B
