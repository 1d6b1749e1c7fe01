"""Whom a gateway's servers take from outside: by certificate, by the name that is asked for, and by port.

Source: Istio reference, Gateway.
"""

from __future__ import annotations

import pytest

from egress.judge.lookup.inbound_flow import Caller, Reached, Shown
from egress.judge.model.flow import Layer, Request
from tests.judge.incoming import BUYER, CLIENT, HOST, flow, gateway, judges, refused, route


class TestCertificates:
    @pytest.mark.parametrize("mode", ["SIMPLE", "PASSTHROUGH"])
    def test_modes_that_ask_nobody_take_everybody_whatever_names_stand_beside(self, mode: str) -> None:
        destination = {"host": "db.shop.svc.cluster.local", "port": {"number": 5432}}
        led = route("tls", tls=[{"match": [{"sniHosts": [HOST]}], "route": [{"destination": destination}]}])
        found = judges(gateway=gateway(mode=mode), route=led if mode == "PASSTHROUGH" else route()).inbound
        for caller in (Caller(), Caller(Shown.FOREIGN, "x"), Caller(Shown.NAMED, "spiffe://other/x")):
            assert found.trace(flow(caller=caller)).allowed

    def test_tls_without_a_mode_is_passed_through(self) -> None:
        found = judges(gateway=gateway(mode=None, credentialName=None, subjectAltNames=None)).inbound
        assert "PASSTHROUGH" in found.trace(flow(caller=Caller())).steps[3].reason

    def test_mutual_takes_the_named_clients_of_the_authority_alone(self) -> None:
        found = judges().inbound
        assert found.trace(flow(caller=Caller(Shown.NAMED, BUYER))).allowed
        fields = {
            "spec.servers[0].tls.mode": Caller(),
            "spec.servers[0].tls.credentialName": Caller(Shown.FOREIGN, CLIENT),
            "spec.servers[0].tls.subjectAltNames": Caller(
                Shown.NAMED, "spiffe://partner.example/gateway/below"
            ),
        }
        for field, caller in fields.items():
            trace = found.trace(flow(caller=caller))
            assert refused(trace) == [Layer.GATEWAY]
            assert trace.decision.field == field

    def test_mutual_without_names_takes_whoever_has_a_certificate_of_the_authority(self) -> None:
        found = judges(gateway=gateway(subjectAltNames=None)).inbound
        assert found.trace(flow(caller=Caller(Shown.NAMED, "spiffe://anybody/x"))).allowed
        assert refused(found.trace(flow(caller=Caller()))) == [Layer.GATEWAY]

    def test_optional_mutual_takes_who_shows_none_and_refuses_a_wrong_one(self) -> None:
        found = judges(gateway=gateway(mode="OPTIONAL_MUTUAL", subjectAltNames=None)).inbound
        assert found.trace(flow(caller=Caller())).allowed
        assert refused(found.trace(flow(caller=Caller(Shown.FOREIGN, CLIENT)))) == [Layer.GATEWAY]

    def test_optional_mutual_that_names_clients_takes_nobody_else_and_nobody_without_a_certificate(
        self,
    ) -> None:
        """Envoy demands a certificate as soon as it is to look at names."""
        found = judges(gateway=gateway(mode="OPTIONAL_MUTUAL")).inbound
        assert found.trace(flow()).allowed
        for caller in (Caller(), Caller(Shown.NAMED, "spiffe://other/x")):
            assert refused(found.trace(flow(caller=caller))) == [Layer.GATEWAY]

    def test_istio_mutual_takes_nobody_outside(self) -> None:
        found = judges(gateway=gateway(mode="ISTIO_MUTUAL")).inbound
        assert all(
            refused(found.trace(flow(caller=caller))) == [Layer.GATEWAY]
            for caller in (Caller(), Caller(Shown.NAMED, CLIENT), Caller(Shown.FOREIGN, CLIENT))
        )

    @pytest.mark.parametrize("mode", ["AUTO_PASSTHROUGH", "SOMETHING_NEW"])
    def test_other_modes_are_not_understood(self, mode: str) -> None:
        assert not judges(gateway=gateway(mode=mode)).inbound.trace(flow()).understood

    def test_mutual_without_an_authority_is_not_understood(self) -> None:
        assert not judges(gateway=gateway(credentialName=None)).inbound.trace(flow()).understood

    def test_without_tls_a_server_for_tls_hears_nobody(self) -> None:
        assert Layer.GATEWAY in refused(judges().inbound.trace(flow(caller=Caller(Shown.PLAIN))))

    def test_a_server_for_plain_http_takes_no_tls_whatever_is_said_of_it(self) -> None:
        led = route("http")
        found = judges(gateway=gateway(protocol="HTTP"), route=led).inbound
        assert found.trace(flow(caller=Caller(Shown.PLAIN), request=Request(HOST))).allowed
        assert Layer.GATEWAY in refused(found.trace(flow(request=Request(HOST))))

    def test_a_server_for_tcp_without_tls_takes_everybody(self) -> None:
        bare = gateway(protocol="TCP")
        del bare["spec"]["servers"][0]["tls"]
        assert judges(gateway=bare).inbound.trace(flow(caller=Caller(Shown.PLAIN))).allowed


class TestNames:
    def test_a_name_that_no_server_is_for_ends_the_handshake(self) -> None:
        trace = judges().inbound.trace(flow(host="other.example.org"))
        assert refused(trace) == [Layer.GATEWAY]
        assert trace.reached == ()

    def test_the_closest_name_counts(self) -> None:
        wide = gateway("wide", hosts=["*.example.org"], mode="SIMPLE")
        found = judges(wide).inbound
        assert refused(found.trace(flow(caller=Caller()))) == [Layer.GATEWAY]
        assert found.trace(flow(host="x.example.org", caller=Caller())).server is not None

    def test_two_servers_for_one_name_and_port_are_not_understood(self) -> None:
        assert not judges(gateway("second", mode="SIMPLE")).inbound.trace(flow()).understood

    def test_a_server_of_another_port_is_another_one(self) -> None:
        second = gateway("second", port=443, mode="SIMPLE")
        assert judges(second).inbound.trace(flow()).understood
        assert refused(judges(second).inbound.trace(flow(caller=Caller()))) == [Layer.GATEWAY]

    def test_a_port_at_which_no_server_listens_is_refused(self) -> None:
        assert Layer.GATEWAY in refused(judges().inbound.trace(flow(port=443)))

    def test_raw_tcp_goes_the_servers_own_route_whatever_name_was_asked_for(self) -> None:
        """istiod builds one chain for the server: any of its names leads where its route leads."""
        found = judges(gateway=gateway(hosts=["*"])).inbound
        assert found.trace(flow(host="whatever.example")).reached == (Reached("shop", "db.shop", 5432, 5432),)

    def test_http_goes_by_the_host_header(self) -> None:
        found = judges(gateway=gateway(protocol="HTTPS"), route=route("http")).inbound
        assert found.trace(flow(request=Request(HOST))).allowed
        assert found.trace(flow(request=Request(f"{HOST}:5432"))).allowed
        assert refused(found.trace(flow(request=Request("other.example.org")))) == [Layer.GATEWAY]

    def test_a_server_that_reads_http_passes_nothing_else_on(self) -> None:
        found = judges(gateway=gateway(protocol="HTTPS"), route=route("http")).inbound
        assert refused(found.trace(flow())) == [Layer.GATEWAY]
