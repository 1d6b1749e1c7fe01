"""What a sidecar sends on: server names, what TLS holds, whose certificates it takes, and which object and
field decide."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.model.flow import Connection, Outside, Pod, Protocol, Request, Verdict
from tests.judge.asking import (
    BANK,
    CLOSED,
    HTTP,
    REFUSED,
    SHOP,
    TCP,
    TLS,
    UNREAD,
    Written,
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

WEB = "web.bank.svc.cluster.local"


def sent(asked: str, *objects: Written, **how: Any) -> Connection:
    _, connections = sidecar_verdict(asked, *objects, **how)
    (connection,) = connections
    return connection


def decides(asked: str, *objects: Written, **how: Any) -> tuple[bool, str, str]:
    verdict, _ = sidecar_verdict(asked, *objects, **how)
    return verdict.allowed, verdict.decided_by, verdict.field


def verdict_of(asked: str, *objects: Written, **how: Any) -> Verdict:
    return sidecar_verdict(asked, *objects, **how)[0]


class TestWhatIsNotTouched:
    @pytest.mark.parametrize(
        ("asked", "address", "where", "name"),
        [
            ("http://a.example", None, Outside("a.example", None), None),
            ("http://a.example", "192.0.2.7", Outside("a.example", "192.0.2.7"), None),
            ("tls://a.example", None, Outside("a.example", None), "a.example"),
            ("tls://a.example", "192.0.2.7", Outside("a.example", "192.0.2.7"), "a.example"),
            ("tcp://192.0.2.7:3306", None, Outside(None, "192.0.2.7"), None),
            ("tcp://192.0.2.7:3306", "192.0.2.8", Outside(None, "192.0.2.8"), None),
            ("udp://192.0.2.7:53", None, Outside(None, "192.0.2.7"), None),
        ],
    )
    def test_it_goes_where_the_client_sent_it_with_the_clients_server_name(
        self, asked: str, address: str | None, where: Outside, name: str | None
    ) -> None:
        left = sent(asked, address=address)
        assert (left.to, left.sni, left.opens, left.principal) == (where, name, "", None)
        assert left.protocol is Protocol(asked.partition(":")[0])

    def test_what_is_not_understood_is_sent_on_as_it_is(self) -> None:
        left = sent("tls://a.example", entry("a.example", SHOP, TLS), entry("a.example", SHOP, TLS))
        assert (left.to, left.sni) == (Outside("a.example", None), "a.example")

    def test_of_udp_no_object_decides(self) -> None:
        assert decides("udp://192.0.2.7:53", sidecar()) == (True, None, "")


class TestWhatIsInside:
    def test_plain_requests_hold_the_request_as_it_was_sent(self) -> None:
        left = sent("http://a.example./b/../c", entry("a.example"), method="PUT", headers={"x-a": "1"})
        assert left.inner == Request("a.example.", "PUT", "/c", {"x-a": "1"})
        assert (left.protocol, left.sni, left.opens) == (Protocol.HTTP, None, "")

    def test_tls_holds_its_server_name_which_is_seen_outside_too(self) -> None:
        left = sent("tls://a.example", entry("a.example", SHOP, TLS))
        assert (left.protocol, left.sni, left.inner, left.opens) == (
            Protocol.TLS,
            "a.example",
            "a.example",
            "",
        )
        wide = sent("tls://a.example", entry("*.example", SHOP, TLS, resolution="NONE"))
        assert (wide.to, wide.sni) == (Outside("a.example", None), "a.example")

    def test_raw_tcp_holds_nothing_that_says_anything(self) -> None:
        left = sent("tcp://db.example:3306", entry("db.example", SHOP, TCP))
        assert (left.protocol, left.sni, left.inner) == (Protocol.TCP, None, "")
        assert sent("tls://a.example:3306", entry("db.example", SHOP, TCP)).protocol is Protocol.TCP

    @pytest.mark.parametrize(
        ("asked", "port", "inner"),
        [
            (f"http://{WEB}:9000", "http", Request(f"{WEB}:9000")),
            (f"tls://{WEB}:9000", "tls", WEB),
            (f"tcp://{WEB}:9000", "tcp", ""),
        ],
    )
    def test_the_meshs_own_tls_holds_all_that_and_shows_who_the_app_is(
        self, asked: str, port: str, inner: Any
    ) -> None:
        how: dict[str, Any] = {"authority": f"{WEB}:9000"} if port == "http" else {}
        left = sent(asked, service("web", BANK, {"port": 9000, "name": port}), service_account="till", **how)
        assert (left.protocol, left.inner) == (Protocol.TLS, inner)
        assert (left.principal, left.sni) == ("cluster.local/ns/shop/sa/till", f"outbound_.9000_._.{WEB}")

    def test_pods_without_the_meshs_tls_are_sent_what_the_app_sends(self) -> None:
        off = rule(SHOP, WEB, tls={"mode": "DISABLE"})
        left = sent(f"http://{WEB}", service("web", BANK, {"port": 80, "name": "http"}), off)
        assert (left.protocol, left.principal, left.sni) == (Protocol.HTTP, None, None)
        assert isinstance(left.to, Pod)

    def test_a_route_is_chosen_by_the_path_in_normal_form(self) -> None:
        routes = [
            {"match": [{"uri": {"prefix": "/ok"}}], "route": [to("a.example", 80)]},
            {"match": [{"uri": {"exact": "/no"}}], "route": [to("b.example", 80)]},
        ]
        objects = (entry("a.example"), entry("b.example"), virtual(SHOP, "a.example", http=routes))
        assert sidecar_says("http://a.example/ok/a", *objects) == "a.example:80"
        assert sidecar_says("http://a.example/ok/../no", *objects) == "b.example:80"
        assert sidecar_says("http://a.example/other", *objects) == REFUSED
        raw = mesh(pathNormalization={"normalization": "NONE"})
        assert sidecar_says("http://a.example/ok/../no", *objects, raw) == "a.example:80"


class TestTlsThatTheSidecarOpens:
    WHOLE = {
        "mode": "SIMPLE",
        "sni": "a.example",
        "subjectAltNames": ["a.example"],
        "caCertificates": "system",
    }

    def test_for_requests(self) -> None:
        left = sent("http://a.example", entry("a.example"), rule(SHOP, "a.example", tls=self.WHOLE))
        assert (left.protocol, left.sni, left.opens) == (Protocol.TLS, "a.example", "SIMPLE")
        assert (left.verified, left.trusts, left.principal) == (("a.example",), "system", None)
        assert isinstance(left.inner, Request)

    def test_around_the_apps_own_tls_the_outer_name_is_seen(self) -> None:
        outer = {**self.WHOLE, "sni": "outer.example"}
        left = sent("tls://a.example", entry("a.example", SHOP, TLS), rule(SHOP, "a.example", tls=outer))
        assert (left.protocol, left.sni, left.inner, left.opens) == (
            Protocol.TLS,
            "outer.example",
            "a.example",
            "SIMPLE",
        )
        assert left.verified == ("a.example",)

    def test_around_raw_tcp(self) -> None:
        left = sent(
            "tcp://db.example:3306",
            entry("db.example", SHOP, TCP),
            rule(SHOP, "db.example", tls={"mode": "SIMPLE"}),
        )
        assert (left.protocol, left.inner, left.opens, left.trusts) == (Protocol.TLS, "", "SIMPLE", "")

    def test_the_meshs_certificate_may_be_shown_outside(self) -> None:
        mutual = rule(SHOP, "a.example", tls={"mode": "ISTIO_MUTUAL", "sni": "gate.example"})
        left = sent("http://a.example", entry("a.example"), mutual)
        assert (left.principal, left.sni) == ("cluster.local/ns/shop/sa/default", "gate.example")
        assert left.to == Outside("a.example", None)


class TestWhereItArrives:
    def test_what_is_not_resolved_goes_to_the_address_of_the_client(self) -> None:
        left = sent("http://a.example", entry("a.example", resolution="NONE"), address="192.0.2.9")
        assert left.to == Outside("a.example", "192.0.2.9")
        assert sent("http://a.example", entry("a.example", resolution="NONE")).to == Outside(
            "a.example", None
        )

    def test_what_is_resolved_does_not(self) -> None:
        assert sent("http://a.example", entry("a.example"), address="192.0.2.9").to == Outside(
            "a.example", None
        )
        fixed = entry("a.example", resolution="STATIC", endpoints=[{"address": "192.0.2.1"}])
        assert sent("http://a.example", fixed, address="192.0.2.9").to == Outside("a.example", "192.0.2.1")

    def test_a_pattern_stands_for_the_name_that_is_asked_for(self) -> None:
        wide = entry("*.example", SHOP, HTTP, resolution="NONE")
        assert sent("http://a.example", wide, address="192.0.2.9").to == Outside("a.example", "192.0.2.9")

    def test_pods_are_those_that_the_service_selects(self) -> None:
        left = sent(f"http://{WEB}", service("web", BANK, {"port": 80, "name": "http"}))
        assert isinstance(left.to, Pod)
        assert (left.to.namespace, left.to.labels) == (BANK, {"app": "web"})


class TestWhichObjectDecides:
    A = "shop/serviceentry/entry-a.example"
    ROUTES = "shop/virtualservice/routes"
    SIDECAR = "shop/sidecar/default"

    def test_a_known_host_by_its_entry(self) -> None:
        assert decides("http://a.example", entry("a.example")) == (True, self.A, "spec.ports")

    def test_a_route_by_its_rule(self) -> None:
        matched = {"match": [{"uri": {"prefix": "/a"}}], "route": [to("a.example", 80)]}
        objects = (entry("a.example"), virtual(SHOP, "a.example", http=[matched]))
        assert decides("http://a.example/a", *objects) == (True, self.ROUTES, "spec.http[0]")
        assert decides("http://a.example/b", *objects) == (False, self.ROUTES, "spec.http")

    def test_a_destination_that_is_not_there_by_its_route(self) -> None:
        led = virtual(SHOP, "a.example", http=[{"route": [to("b.example", 80)]}])
        assert decides("http://a.example", entry("a.example"), led) == (
            False,
            self.ROUTES,
            "spec.http[0].route[0].destination",
        )

    def test_a_route_without_a_destination_leads_nowhere(self) -> None:
        led = virtual(SHOP, "a.example", http=[{"route": []}])
        assert decides("http://a.example", entry("a.example"), led) == (
            False,
            self.ROUTES,
            "spec.http[0].route",
        )

    def test_a_field_of_a_route_that_is_not_understood_is_said(self) -> None:
        led = virtual(
            SHOP,
            "a.example",
            http=[{"route": [to("a.example", 80)], "fault": {"abort": {"httpStatus": 400}}}],
        )
        assert not verdict_of("http://a.example", entry("a.example"), led).understood
        some = {"sniHosts": ["a.example"], "sourceLabels": {"a": "b"}}
        tls = virtual(SHOP, "a.example", tls=[{"match": [some], "route": [to("a.example")]}])
        assert not verdict_of("tls://a.example", entry("a.example", SHOP, TLS), tls).understood

    def test_a_request_that_no_proxy_takes_by_no_object(self) -> None:
        assert decides("http://a.example", entry("a.example"), method="get") == (False, None, "")

    def test_of_tls_and_raw_tcp_no_request_is_read(self) -> None:
        objects = (entry("a.example", SHOP, TLS, {**TCP, "number": 3306}), CLOSED)
        assert (
            sidecar_says("tls://a.example", *objects, method="get", authority="b.example") == "a.example:443"
        )
        assert (
            sidecar_says("tcp://a.example:3306", *objects, method="get", authority="b.example")
            == "a.example:3306"
        )

    @pytest.mark.parametrize(
        ("spec", "field"),
        [
            ({"workloadSelector": {"labels": {"a": "b"}}}, "spec.workloadSelector"),
            ({"ingress": [{"port": {"number": 80}}], "outboundTrafficPolicy": {}}, "spec.ingress"),
            ({"egress": [{"hosts": ["*/*"], "bind": "127.0.0.1"}]}, "spec.egress"),
            (
                {"outboundTrafficPolicy": {"egressProxy": {"host": "p.example"}}},
                "spec.outboundTrafficPolicy.egressProxy",
            ),
        ],
    )
    def test_the_field_of_a_sidecar_that_is_not_understood(self, spec: dict[str, Any], field: str) -> None:
        verdict = verdict_of("tls://a.example", sidecar(**spec))
        assert (verdict.understood, verdict.decided_by, verdict.field) == (False, self.SIDECAR, field)

    def test_two_sidecars_by_the_first_and_none_of_its_fields(self) -> None:
        verdict = verdict_of("tls://a.example", sidecar(), sidecar(name="second"))
        assert (verdict.understood, verdict.decided_by, verdict.field) == (False, self.SIDECAR, "")

    def test_what_is_not_known_by_the_sidecar_or_where_that_says_nothing_by_the_mesh(self) -> None:
        assert decides("tls://a.example", CLOSED, sidecar(SHOP, "*/*")) == (False, self.SIDECAR, "")
        assert decides("tls://a.example", sidecar(SHOP, "*/*")) == (True, self.SIDECAR, "")
        assert decides("tls://a.example", CLOSED) == (False, "configmap/istio", "outboundTrafficPolicy.mode")


class TestWhomItIsExportedTo:
    HIDDEN = {"exportTo": [BANK]}

    def says(self, asked: str, *objects: Written, **how: Any) -> tuple[str, str]:
        allowed, by, field = decides(asked, *objects, CLOSED, **how)
        assert not allowed
        return by.rpartition("/")[2], field

    def test_is_said_of_what_others_keep(self) -> None:
        said = ("entry-a.example", "spec.exportTo")
        assert self.says("http://a.example", entry("a.example", BANK, **self.HIDDEN)) == said
        hidden = entry("a.example", BANK, TCP, addresses=["198.51.100.1"], **self.HIDDEN)
        assert self.says("tcp://198.51.100.1:3306", hidden) == said
        assert self.says("tls://b.example:3306", hidden, address="198.51.100.1") == said

    def test_is_not_said_where_another_reason_decides(self) -> None:
        mesh_says = ("istio", "outboundTrafficPolicy.mode")
        assert self.says("http://a.example:81", entry("a.example", BANK, **self.HIDDEN)) == mesh_says
        hidden = entry("a.example", BANK, TCP, addresses=["198.51.100.1"], **self.HIDDEN)
        assert self.says("tcp://198.51.100.2:3306", hidden) == mesh_says
        # It is exported, and on that port; it is only no server name of it.
        assert self.says("http://a.example:443", entry("a.example", BANK, TLS)) == mesh_says

    def test_nobody_is_said_too(self) -> None:
        assert verdict_of("http://a.example", entry("a.example", BANK, exportTo=["~"]), CLOSED).reason == (
            "a.example is exported to nobody, not to shop."
        )


class TestNeighbours:
    def test_they_are_sent_the_request_and_any_host_of_their_namespace_will_do(self) -> None:
        asks = sidecar(SHOP, "./*", "bank/other")
        assert sent("http://web.bank/a", CLOSED, asks, to=Pod(BANK, None)).inner == Request(
            "web.bank", path="/a"
        )
        decided = (True, "shop/sidecar/default", "spec.egress")
        assert decides("http://web.bank/a", CLOSED, asks, to=Pod(BANK, None)) == decided

    def test_the_sidecars_list_refuses_them(self) -> None:
        assert decides("http://web.bank", CLOSED, sidecar(SHOP, "./*"), to=Pod(BANK, None)) == (
            False,
            "shop/sidecar/default",
            "spec.egress",
        )


def test_some_addresses_led_on_and_some_not_is_not_understood() -> None:
    routes = [{"route": [to("a.example", 80, weight=50), to("b.example", 80, weight=50)]}]
    assert (
        sidecar_says("http://a.example", entry("a.example"), virtual(SHOP, "a.example", http=routes))
        == UNREAD
    )
