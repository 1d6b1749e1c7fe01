"""The connections that a gateway makes, and what stops them. Source: Istio reference, ServiceEntry,
EnvoyFilter."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from egress.judge.model.flow import Connection, Outside, Pod, Protocol
from tests.judge.asking import (
    EDGE,
    GATEWAY,
    LABELS,
    PLAIN,
    REFUSED,
    SEALED,
    SHOP,
    TLS,
    UNREAD,
    Written,
    bound,
    entry,
    gateway,
    gateway_says,
    gateway_verdict,
    passing,
    raw,
    rule,
    server,
    service,
    single,
    to,
    virtual,
)
from tests.judge.objects import written

WEB = gateway(server("*"))
SEALED_WEB = gateway(server("*", protocol="TLS"))
PASSED = gateway(server("*", protocol="TLS", mode="PASSTHROUGH"))
INSIDE = {**TLS, "number": 9443}
BACK = entry("back.test", GATEWAY, INSIDE, resolution="STATIC", endpoints=[{"address": "127.0.0.1"}])
LEADS_BACK = raw("*.test", tcp=[{"route": [to("back.test", 9443)]}])


def sent(asked: str, *objects: Written, **how: Any) -> Connection:
    return single(gateway_verdict(asked, *objects, **how))


class TestWhatItSpeaks:
    def test_a_request_goes_on_in_plain_text(self) -> None:
        one = sent("http://a.example", *PLAIN, WEB, bound())
        assert (one.protocol, one.to, one.port) == (Protocol.HTTP, Outside("b.example", None), 80)

    def test_or_in_tls_by_the_rule_for_the_host(self) -> None:
        tls = {
            "mode": "SIMPLE",
            "sni": "b.example",
            "subjectAltNames": ["b.example"],
            "credentialName": "authority",
        }
        one = sent("http://a.example", *PLAIN, WEB, bound(), rule(GATEWAY, "b.example", tls=tls))
        assert (one.protocol, one.opens, one.sni) == (Protocol.TLS, "SIMPLE", "b.example")
        assert (one.verified, one.trusts) == (("b.example",), "authority")

    def test_a_request_that_is_not_read_goes_on_as_one(self) -> None:
        objects = (*SEALED, SEALED_WEB, raw("a.example"))
        assert sent("http://a.example", *objects).protocol is Protocol.HTTP
        assert sent("tls://a.example", *objects).protocol is Protocol.TLS

    def test_tls_keeps_its_server_name(self) -> None:
        one = sent("tls://a.example", *SEALED, PASSED, passing("a.example"))
        assert (one.protocol, one.sni, one.opens, one.trusts) == (Protocol.TLS, "a.example", "", "")

    def test_headers_of_proxies_go_along_with_what_is_a_request_and_its_route_may_take_them_out(self) -> None:
        one = sent("http://a.example", *PLAIN, WEB, bound())
        assert "x-forwarded-client-cert" in one.reveals
        gone = {"request": {"remove": ["x-forwarded-client-cert"]}}
        one = sent(
            "http://a.example", *PLAIN, WEB, bound(http=[{"route": [to("b.example", 80)], "headers": gone}])
        )
        assert "x-forwarded-client-cert" not in one.reveals
        assert "x-request-id" in one.reveals
        assert sent("tls://a.example", *SEALED, PASSED, passing("a.example")).reveals == ()

    def test_pods_are_a_destination_like_others(self) -> None:
        web = service("web", SHOP, {"port": 80, "name": "http", "targetPort": 8080})
        one = sent("http://a.example", web, WEB, bound(target="web.shop.svc.cluster.local"))
        assert isinstance(one.to, Pod)
        assert (one.to.namespace, one.port) == (SHOP, 8080)
        sealed = service("web", SHOP, {"port": 443, "name": "tls"})
        one = sent(
            "tls://a.example", sealed, PASSED, passing("a.example", target="web.shop.svc.cluster.local")
        )
        assert isinstance(one.to, Pod)


class TestNamesThatAreLookedUp:
    """Hosts of the resolution DYNAMIC_DNS stand for whatever name below them the client asks for."""

    wide = entry(
        "*.w.test",
        GATEWAY,
        TLS,
        {**TLS, "number": 80, "name": "http", "protocol": "HTTP"},
        resolution="DYNAMIC_DNS",
    )

    @staticmethod
    def looks_up(
        listener: str = "0.0.0.0_443", host: str = "*.w.test", labels: Written | None = None
    ) -> Written:
        filter_ = {
            "name": "envoy.filters.network.sni_dynamic_forward_proxy",
            "typed_config": {"dns_cache_config": {"name": f"{host}_dfp_dns_cache"}},
        }
        patch = {
            "applyTo": "NETWORK_FILTER",
            "match": {"context": "GATEWAY", "listener": {"name": listener}},
            "patch": {"operation": "INSERT_BEFORE", "value": filter_},
        }
        selector = {"workloadSelector": {"labels": labels or LABELS}}
        return written("EnvoyFilter", GATEWAY, "names", **selector, configPatches=[patch])

    def test_of_a_request_the_gateway_looks_the_name_up(self) -> None:
        one = sent("http://one.w.test", self.wide, WEB, bound("*.w.test", "*.w.test"))
        assert (one.to, one.port) == (Outside("one.w.test", None), 80)

    def test_of_tls_that_is_passed_through_a_filter_has_to(self) -> None:
        objects = (self.wide, PASSED, passing("*.w.test", target="*.w.test"))
        assert gateway_says("tls://one.w.test", *objects) == REFUSED
        assert sent("tls://one.w.test", *objects, self.looks_up()).to == Outside("one.w.test", None)

    @pytest.mark.parametrize(
        "elsewhere",
        [
            {"listener": "0.0.0.0_80"},
            {"host": "*.test"},
            {"labels": {"istio": "other"}},
            {"listener": "127.0.0.1_443"},
        ],
    )
    def test_and_no_other_filter_does(self, elsewhere: dict[str, Any]) -> None:
        objects = (self.wide, PASSED, passing("*.w.test", target="*.w.test"), self.looks_up(**elsewhere))
        verdict, _ = gateway_verdict("tls://one.w.test", *objects)
        assert not verdict.allowed
        assert "*.w.test" in verdict.reason

    def test_in_what_comes_back_to_the_pod_that_of_its_own_address(self) -> None:
        inside = gateway(server("*", protocol="TLS", port=9443, mode="PASSTHROUGH", bind="127.0.0.1"))
        objects = (self.wide, inside, passing("*.w.test", target="*.w.test"))
        asked: dict[str, Any] = {"port": 9443, "to_address": "127.0.0.1", "principal": None}
        assert (
            gateway_says("tls://one.w.test", *objects, self.looks_up("127.0.0.1_9443"), **asked)
            == "one.w.test:443"
        )
        assert gateway_says("tls://one.w.test", *objects, self.looks_up("0.0.0.0_9443"), **asked) == REFUSED

    def test_a_host_that_is_resolved_needs_none_whoever_else_has_one_that_is_not(self) -> None:
        own = entry(
            "*.w.test",
            GATEWAY,
            TLS,
            resolution="STATIC",
            endpoints=[{"address": "192.0.2.7"}],
            exportTo=["."],
        )
        objects = (own, PASSED, passing("*.w.test", target="*.w.test"))
        assert gateway_says("tls://one.w.test", *objects) == "192.0.2.7:443"
        others = {**self.wide, "metadata": {"name": "others", "namespace": SHOP}}
        assert gateway_says("tls://one.w.test", *objects, others) == "192.0.2.7:443"

    def test_where_only_some_are_looked_up_is_not_understood(self) -> None:
        half = [to("*.w.test", 443, weight=50), to("b.example", 443, weight=50)]
        leads = virtual(
            GATEWAY, "*.w.test", gateways=[EDGE], tls=[{"match": [{"sniHosts": ["*.w.test"]}], "route": half}]
        )
        assert gateway_says("tls://one.w.test", *SEALED, self.wide, PASSED, leads) == UNREAD
        assert (
            gateway_says("tls://one.w.test", *SEALED, self.wide, PASSED, leads, self.looks_up())
            == "b.example:443, one.w.test:443"
        )


class TestWhatComesBack:
    """A gateway may hand a connection to a server at its own pod's loopback address."""

    def test_as_the_tls_that_was_inside_and_without_the_clients_identity(self) -> None:
        one = sent("tls://inner.test", *SEALED, BACK, SEALED_WEB, LEADS_BACK, sni="outer.test")
        assert one.source is one.to
        assert (one.port, one.to_address, one.protocol) == (9443, "127.0.0.1", Protocol.TLS)
        assert (one.sni, one.inner, one.principal) == ("inner.test", "inner.test", None)

    def test_a_request_inside_has_no_server_name(self) -> None:
        one = sent("http://inner.test", *SEALED, BACK, SEALED_WEB, LEADS_BACK, sni="outer.test")
        assert (one.sni, one.inner) == ("", "")

    @staticmethod
    def tied(port: int = 9443, **cluster: Any) -> Written:
        option = {"level": 1, "name": 25, "state": "STATE_PREBIND", "buf_value": b64encode(b"eth0").decode()}
        patch = {
            "applyTo": "CLUSTER",
            "match": {"context": "GATEWAY", "cluster": cluster or {"portNumber": port}},
            "patch": {"operation": "MERGE", "value": {"upstream_bind_config": {"socket_options": [option]}}},
        }
        return written("EnvoyFilter", GATEWAY, "tied", configPatches=[patch])

    def test_what_is_tied_to_the_network_card_does_not_come_back(self) -> None:
        objects = (*SEALED, BACK, SEALED_WEB, LEADS_BACK)
        assert gateway_says("tls://inner.test", *objects, sni="outer.test") == "pods of gw:9443"
        assert (
            gateway_says("tls://inner.test", *objects, self.tied(443), sni="outer.test") == "pods of gw:9443"
        )
        assert (
            gateway_says("tls://inner.test", *objects, self.tied(service="back.test"), sni="outer.test")
            == REFUSED
        )
        assert (
            gateway_says("tls://inner.test", *objects, self.tied(service="b.example"), sni="outer.test")
            == "pods of gw:9443"
        )
        verdict, _ = gateway_verdict("tls://inner.test", *objects, self.tied(), sni="outer.test")
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (
            False,
            "gw/virtualservice/routes",
            "spec.tcp[0]",
        )

    def test_but_leaves_as_before(self) -> None:
        assert (
            gateway_says("tls://a.example", *SEALED, SEALED_WEB, raw("a.example"), self.tied(443))
            == "b.example:443"
        )

    def test_where_only_some_of_it_is_tied_is_not_understood(self) -> None:
        half = [to("back.test", 9443, weight=50), to("b.example", 443, weight=50)]
        objects = (*SEALED, BACK, SEALED_WEB, raw("*.test", tcp=[{"route": half}]))
        assert (
            gateway_says("tls://inner.test", *objects, sni="outer.test") == "b.example:443, pods of gw:9443"
        )
        assert gateway_says("tls://inner.test", *objects, self.tied(), sni="outer.test") == UNREAD

    @pytest.mark.parametrize(
        ("mode", "says"), [("ISTIO_MUTUAL", UNREAD), ("SIMPLE", UNREAD), ("DISABLE", "pods of gw:9443")]
    )
    def test_tls_that_the_gateway_opens_to_itself_is_not_understood(self, mode: str, says: str) -> None:
        objects = (*SEALED, BACK, SEALED_WEB, LEADS_BACK, rule(GATEWAY, "back.test", tls={"mode": mode}))
        assert gateway_says("tls://inner.test", *objects, sni="outer.test") == says
        verdict, _ = gateway_verdict("tls://inner.test", *objects, sni="outer.test")
        assert verdict.understood or (verdict.decided_by, verdict.field) == (
            "gw/destinationrule/rule",
            "spec.trafficPolicy",
        )

    @pytest.mark.parametrize("where", ["localhost", "0.0.0.0", "::"])
    def test_the_pod_by_another_name_is_not_understood(self, where: str) -> None:
        here = entry("back.test", GATEWAY, INSIDE, endpoints=[{"address": where}])
        assert gateway_says("tls://inner.test", here, SEALED_WEB, LEADS_BACK, sni="outer.test") == UNREAD
