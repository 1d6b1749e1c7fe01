"""What a gateway knows of whoever sends it something from outside: who it is, for which name, with which
request."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.lookup.inbound_flow import Caller, Shown
from egress.judge.model.flow import Layer, Request
from tests.judge.incoming import CLIENT, HOST, LABELS, Object, flow, gateway, judges, refused, route
from tests.judge.objects import written

PLAIN = Caller(Shown.PLAIN)


class TestWhatTheGatewayKnows:
    def policy(self, **says: Any) -> Object:
        return written("AuthorizationPolicy", "edge", selector={"matchLabels": LABELS}, rules=[says])

    PARTNERS: dict[str, Any] = {"from": [{"source": {"principals": ["partner.example/gateway"]}}]}

    @pytest.mark.parametrize(
        ("mode", "caller", "known"),
        [
            ("MUTUAL", Caller(Shown.NAMED, CLIENT), True),
            ("OPTIONAL_MUTUAL", Caller(Shown.NAMED, CLIENT), True),
            ("OPTIONAL_MUTUAL", Caller(Shown.NOTHING, CLIENT), False),
            ("SIMPLE", Caller(Shown.NAMED, CLIENT), False),
            ("MUTUAL", Caller(Shown.FOREIGN, CLIENT), False),
        ],
    )
    def test_a_client_is_who_its_certificate_says_if_the_server_asks_for_one(
        self, mode: str, caller: Caller, known: bool
    ) -> None:  # fmt: skip
        found = judges(self.policy(**self.PARTNERS), gateway=gateway(mode=mode)).inbound
        assert (Layer.AUTHORIZATION in refused(found.trace(flow(caller=caller)))) is not known

    def test_a_server_name_is_known_of_tls_alone(self) -> None:
        policy = self.policy(when=[{"key": "connection.sni", "values": [HOST]}])
        bare = gateway(protocol="TCP")
        del bare["spec"]["servers"][0]["tls"]
        found = judges(policy, gateway=bare).inbound
        assert Layer.AUTHORIZATION in refused(found.trace(flow(caller=PLAIN)))
        assert judges(policy).inbound.trace(flow()).allowed

    def test_a_request_is_known_where_http_is_read_alone(self) -> None:
        policy = self.policy(to=[{"operation": {"paths": ["/public"]}}])
        http = judges(policy, gateway=gateway(protocol="HTTPS"), route=route("http")).inbound
        assert http.trace(flow(request=Request(HOST, path="/public"))).allowed
        assert refused(http.trace(flow(request=Request(HOST, path="/private")))) == [Layer.AUTHORIZATION]
        assert refused(judges(policy).inbound.trace(flow(request=Request(HOST, path="/public")))) == [
            Layer.AUTHORIZATION
        ]
        plain = judges(policy, gateway=gateway(protocol="HTTP"), route=route("http")).inbound
        assert plain.trace(flow(caller=PLAIN, request=Request(HOST, path="/public"))).allowed

    def test_a_path_is_read_as_the_proxy_normalizes_it(self) -> None:
        policy = self.policy(to=[{"operation": {"paths": ["/public"]}}])
        found = judges(policy, gateway=gateway(protocol="HTTPS"), route=route("http")).inbound
        assert found.trace(flow(request=Request(HOST, path="/private/../public"))).allowed

    def test_what_the_proxy_answers_itself_goes_nowhere(self) -> None:
        found = judges(gateway=gateway(protocol="HTTPS"), route=route("http")).inbound
        trace = found.trace(flow(request=Request(HOST, "get")))
        assert refused(trace) == [Layer.GATEWAY]
        assert trace.server
        assert not trace.reached

    def test_the_server_is_said_wherever_one_is_found(self) -> None:
        http = gateway(protocol="HTTPS")
        strange = route("http", http=[{"somethingNew": {}, "route": [{"destination": {"host": "db"}}]}])
        worlds = (
            judges(gateway=gateway(mode="NEW")),
            judges(gateway=http),
            judges(gateway=http, route=strange),
        )
        assert [bool(found.inbound.trace(flow(request=Request(HOST))).server) for found in worlds] == [
            True,
            True,
            True,
        ]

    def test_names_are_compared_whatever_their_case(self) -> None:
        to = {"host": "db.shop.svc.cluster.local", "port": {"number": 5432}}
        passed = [{"match": [{"sniHosts": [HOST]}], "route": [{"destination": to}]}]
        tls = judges(gateway=gateway(mode="PASSTHROUGH"), route=route("tls", tls=passed)).inbound
        assert tls.trace(flow(host=HOST.upper())).allowed
        http = judges(gateway=gateway(protocol="HTTPS"), route=route("http")).inbound
        assert http.trace(flow(request=Request(HOST.upper()))).allowed


def test_a_trace_is_not_understood_from_the_first_thing_that_is_not() -> None:
    trace = judges(gateway=gateway(mode="NEW")).inbound.trace(flow())
    assert not trace.decision.understood
    assert trace.decision.field == "spec.servers[0].tls.mode"
    assert not trace.reached, "where it would lead is not known"
    fine = judges().inbound.trace(flow())
    assert fine.decision is fine.steps[-1]
