"""What an app's own proxy knows: which Sidecar counts, for which hosts it asks, and what becomes of the rest.

Every answer is that of Istio 1.30's own control plane about the same objects, or "not understood".
"""

from __future__ import annotations

import pytest

from egress.judge.model.flow import Pod, Protocol
from tests.judge.asking import (
    BANK,
    CLOSED,
    REFUSED,
    ROOT,
    SHOP,
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
