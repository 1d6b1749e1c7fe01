"""Servers of Gateways by themselves: what one takes, and which of several on a port. Source: Istio reference,
Gateway."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.lookup.servers import NONE, Listener, Server, scoped, servers, translation
from egress.judge.model.flow import Pod
from egress.judge.model.snapshot import Snapshot
from tests.judge.asking import GATEWAY, LABELS, ROOT, SHOP, Written, gateway, server, service
from tests.judge.objects import deployment, snapshot

POD = Pod(GATEWAY, {**LABELS, "app": "edge"})
SCOPED = "PILOT_SCOPE_GATEWAY_TO_NAMESPACE"


def one(*hosts: str, **how: Any) -> Server:
    (found,) = servers(gateway(server(*(hosts or ("a.example",)), **how)))
    return found


def listener(*objects: Written) -> Listener:
    found = Listener()
    for written in objects:
        for each in servers(written):
            found.add(each)
    return found


class TestWhatAServerSays:
    @pytest.mark.parametrize(
        ("protocol", "mode", "plain", "http", "section"),
        [
            ("HTTPS", "ISTIO_MUTUAL", False, True, "http"),
            ("https", "SIMPLE", False, True, "http"),
            ("HTTPS", "PASSTHROUGH", False, False, "tls"),
            ("HTTPS", None, False, True, "http"),
            ("TLS", "ISTIO_MUTUAL", False, False, "tcp"),
            ("TLS", "PASSTHROUGH", False, False, "tls"),
            ("TLS", None, False, False, "tcp"),
            ("HTTP", None, True, True, "http"),
            ("HTTP", "ISTIO_MUTUAL", True, True, "http"),
            ("HTTP2", "SIMPLE", True, True, "http"),
            ("GRPC", None, True, True, "http"),
            ("GRPC-WEB", None, True, True, "http"),
            ("TCP", None, True, False, "tcp"),
            ("TCP", "ISTIO_MUTUAL", False, False, "tcp"),
            ("MYSQL", None, True, False, "tcp"),
        ],
    )
    def test_what_it_reads_is_a_matter_of_its_protocol_and_of_tls(
        self, protocol: str, mode: str | None, plain: bool, http: bool, section: str
    ) -> None:
        """Istio's IsTLSServer: a server for HTTP takes no TLS, whatever is said of it."""
        found = one(protocol=protocol, mode=mode)
        assert (found.plain, found.reads_http, found.section) == (plain, http, section)

    def test_where_it_is_written(self) -> None:
        first, second = servers(gateway(server("a.example"), server("b.example", port=8443)))
        assert (first.gateway, first.by, first.namespace) == ("gw/edge", "gw/gateway/edge", GATEWAY)
        assert [(found.field, found.number, found.hosts) for found in (first, second)] == [
            ("spec.servers[0]", 443, ("a.example",)),
            ("spec.servers[1]", 8443, ("b.example",)),
        ]

    @pytest.mark.parametrize(
        ("tls", "mode", "credential", "minimum"),
        [
            ({"mode": "MUTUAL", "credentialName": "c"}, "MUTUAL", "c", ""),
            ({"mode": "MUTUAL", "caCertificates": "/ca.pem"}, "MUTUAL", "/ca.pem", ""),
            ({"mode": "MUTUAL", "credentialName": "c", "caCertificates": "/ca.pem"}, "MUTUAL", "c", ""),
            (
                {"mode": "MUTUAL", "credentialName": "c", "minProtocolVersion": "TLSV1_3"},
                "MUTUAL",
                "c",
                "TLSV1_3",
            ),
            ({"mode": "ISTIO_MUTUAL"}, "ISTIO_MUTUAL", "", ""),
            ({}, "PASSTHROUGH", "", ""),
            (None, NONE, "", ""),
        ],
    )
    def test_whose_certificates_and_versions_it_takes(
        self, tls: Written | None, mode: str, credential: str, minimum: str
    ) -> None:
        written = server("a.example", mode=None)
        (found,) = servers(gateway(written if tls is None else {**written, "tls": tls}))
        assert (found.mode, found.credential, found.minimum) == (mode, credential, minimum)

    def test_whom_it_takes(self) -> None:
        assert one(tls={"subjectAltNames": ["a", "b"]}).sans == ("a", "b")
        assert one().sans == ()

    @pytest.mark.parametrize(
        ("host", "shop", "gateways_own"),
        [
            ("a", True, True),
            ("*/a", True, True),
            ("./a", False, True),
            ("shop/a", True, False),
            ("bank/a", False, False),
        ],
    )
    def test_rules_of_which_namespace_may_name_its_host(
        self, host: str, shop: bool, gateways_own: bool
    ) -> None:
        found = one(host, "b")
        assert found.hosts == ("a", "b")
        assert list(found.hosts_for(SHOP)) == (["a", "b"] if shop else ["b"])
        assert list(found.hosts_for(GATEWAY)) == (["a", "b"] if gateways_own else ["b"])

    def test_without_hosts_it_is_for_nothing(self) -> None:
        (found,) = servers(gateway({**server("a.example"), "hosts": []}))
        assert found.hosts == ()

    @pytest.mark.parametrize(
        ("bind", "address", "own"),
        [
            (None, "", False),
            ("", "", False),
            ("0.0.0.0", "", False),
            ("::", "", False),
            ("127.0.0.1", "127.0.0.1", True),
            ("127.9.9.9", "127.9.9.9", True),
            ("::1", "::1", True),
            ("unix:///run/a", "unix:///run/a", True),
            ("10.0.0.1", "10.0.0.1", False),
        ],
    )
    def test_where_it_listens(self, bind: str | None, address: str, own: bool) -> None:
        (found,) = servers(gateway({**server("a.example"), "bind": bind}))
        assert (found.bind, found.own) == (address, own)
        alone = listener(gateway({**server("a.example"), "bind": bind}))
        assert (alone.doubt is not None) is (bind == "10.0.0.1")
        assert alone.doubt is None or alone.doubt.field == "spec.servers[0].bind"


class TestWhichOfSeveral:
    def test_the_one_of_the_very_name_then_of_the_longest_pattern_then_of_any(self) -> None:
        names = ("*", "*.example", "*.b.example", "a.b.example")
        found = listener(gateway(*(server(name) for name in names)))
        for asked, host in (
            ("a.b.example", 3),
            ("c.b.example", 2),
            ("b.example", 1),
            ("example", 0),
            ("", 0),
        ):
            closest = found.closest(asked)
            assert closest
            assert closest.hosts == (names[host],)
        assert listener(gateway(server("a.example"))).closest("b.example") is None

    def test_exactly_a_pattern(self) -> None:
        found = listener(gateway(server("*.example"), server("a.example")))
        of = found.of("*.example")
        assert of
        assert of.field == "spec.servers[0]"
        assert found.of("b.example") is None

    def test_of_two_of_a_gateway_for_one_host_the_first(self) -> None:
        found = listener(
            gateway(server("a.example"), server("a.example", "b.example", name="second"), server("c.example"))
        )
        assert ([each.field for each in found.servers], found.doubt) == (
            ["spec.servers[0]", "spec.servers[2]"],
            None,
        )
        assert found.of("b.example") is None

    def test_of_two_without_tls_both(self) -> None:
        plain = [
            server(*hosts, protocol="HTTP", mode=None, port=80)
            for hosts in (("a.example",), ("a.example", "b.example"))
        ]
        found = listener(gateway(*plain))
        assert (len(found.servers), found.doubt) == (2, None)
        of = found.of("a.example")
        assert of
        assert of.field == "spec.servers[0]"

    @pytest.mark.parametrize(
        ("first", "second", "by"),
        [
            (gateway(server("a.example")), gateway(server("a.example"), name="other"), "gw/gateway/other"),
            (
                gateway(server("b", "a.example")),
                gateway(server("a.example", "c"), name="other"),
                "gw/gateway/other",
            ),
            (gateway(server("./a.example")), gateway(server("shop/a.example")), "gw/gateway/edge"),
        ],
    )
    def test_of_two_gateways_or_for_two_namespaces_nobody_knows(
        self, first: Written, second: Written, by: str
    ) -> None:
        found = listener(first, second)
        assert found.doubt
        assert (found.doubt.by, found.doubt.field) == (by, "spec.servers[0]")
        assert "gw/gateway/edge" in found.doubt.reason
        assert len(found.servers) == 2

    @pytest.mark.parametrize(
        ("first", "second", "sure"),
        [("T", "P", False), ("P", "T", False), ("T", "T", True), ("P", "P", True)],
    )
    def test_with_tls_beside_one_without_nobody_knows(self, first: str, second: str, sure: bool) -> None:
        kinds = {"T": {}, "P": {"protocol": "HTTP", "mode": None}}
        gateways = (
            gateway(server("a.example", **kinds[first])),
            gateway(server("b.example", **kinds[second]), name="other"),
            gateway(server("c.example", **kinds[second]), name="third"),
        )
        found = listener(*gateways[:2])
        assert (found.doubt is None) is sure
        if found.doubt:
            assert (found.doubt.by, found.doubt.field) == ("gw/gateway/other", "spec.servers[0]")
            assert "gw/gateway/edge" in found.doubt.reason
        assert (listener(*gateways).doubt is None) is sure

    def test_the_first_that_takes_no_tls_is_known(self) -> None:
        plain = [server(host, protocol="HTTP2", name=host) for host in ("b.example", "c.example")]
        assert listener(gateway(server("a.example"))).plain is None
        found = listener(gateway(server("a.example"), *plain, server("d.example"))).plain
        assert found
        assert found.hosts == ("b.example",)

    def test_modes_of_tls_may_differ(self) -> None:
        assert listener(gateway(server("a.example"), server("b.example", mode="SIMPLE"))).doubt is None


class TestPortsOfPods:
    def ports(self, *services: Written, pod: Pod = POD) -> tuple[list[int], list[int]]:
        """Where 443 and 80 of the gateway's Services lead."""
        found = translation(snapshot(*services).kind("Service"), pod)
        return list(found.of(443)), list(found.of(80))

    @staticmethod
    def edge(*ports: Written, **how: Any) -> Written:
        return service("edge", how.pop("namespace", GATEWAY), *ports, selector=how.pop("selector", LABELS))

    def test_are_those_that_the_service_leads_to(self) -> None:
        assert self.ports(self.edge({"port": 443, "targetPort": 8443}, {"port": 80, "targetPort": 8080})) == (
            [8443],
            [8080],
        )

    def test_are_the_same_without_a_word_or_without_a_service(self) -> None:
        assert self.ports(self.edge({"port": 443})) == self.ports() == ([443], [80])
        assert translation(snapshot(self.edge({"port": 443})).kind("Service"), POD).named == {}

    def test_are_each_of_those_that_several_services_lead_to(self) -> None:
        one, two = self.edge({"port": 443, "targetPort": 8443}), self.edge({"port": 443, "targetPort": 9443})
        assert self.ports(one, two, one) == ([8443, 9443], [80])

    @pytest.mark.parametrize(
        ("how", "leads"),
        [
            ({"selector": LABELS}, True),
            ({"selector": {"app": "edge"}}, True),
            ({"selector": {**LABELS, "app": "edge"}}, True),
            ({"selector": {**LABELS, "app": "other"}}, False),
            ({"selector": {}}, False),
            ({"selector": None}, False),
            ({"namespace": SHOP}, False),
        ],
    )
    def test_by_services_that_select_all_of_the_pods_labels_in_their_namespace(
        self, how: Written, leads: bool
    ) -> None:
        written = self.edge({"port": 443, "targetPort": 8443}, {"port": 80, "targetPort": "http"}, **how)
        assert self.ports(written) == ([8443] if leads else [443], [80])
        named = translation(snapshot(written).kind("Service"), POD).named
        assert named == ({80: f"{GATEWAY}/service/edge"} if leads else {})


class TestWhetherGatewaysKeepToTheirNamespace:
    @staticmethod
    def istiod(*variables: Written, namespace: str = ROOT) -> Written:
        containers = [
            {"name": "discovery", "env": list(variables)},
            {"name": "other", "env": [{"name": "A", "value": "b"}]},
        ]
        return deployment(namespace, "istiod", {}, containers=containers)

    @pytest.mark.parametrize(
        ("value", "kept"),
        [("true", True), ("True", True), (True, True), ("false", False), ("1", False), (None, False)],
    )
    def test_is_what_a_variable_of_the_control_plane_says(self, value: Any, kept: bool) -> None:
        assert scoped(snapshot(self.istiod({"name": SCOPED, "value": value}))) is kept
        assert scoped(snapshot(self.istiod({"name": "OTHER", "value": value}))) is False
        assert scoped(snapshot(self.istiod({"name": SCOPED, "value": value}, namespace=SHOP))) is False

    @pytest.mark.parametrize(
        ("of", "kept"),
        [
            ("kubernetes:helm.sh/v3:Release", True),
            ("kubernetes:helm.sh/v4:Chart", True),
            ("gcp:helm.sh/v3:Release", False),
        ],
    )
    def test_or_of_the_chart_that_installs_it(self, of: str, kept: bool) -> None:
        values = {"values": {"pilot": {"env": {SCOPED: "true"}}}}
        assert scoped(snapshot(google=(Resource(of, "istiod", values),))) is kept
        assert scoped(snapshot(self.istiod(), google=(Resource(of, "istiod", values),))) is kept

    def test_and_of_what_a_config_renders_it_is_so(self) -> None:
        assert scoped(Snapshot((), (), planned=True))
        assert not scoped(snapshot())
