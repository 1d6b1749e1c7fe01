"""Which server of a gateway takes somebody outside, and with which certificate: mode by mode of Istio's
ServerTLSSettings."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.layers.gateway import Gateways
from egress.judge.layers.inbound_tls import handshake
from egress.judge.lookup.inbound_flow import Caller, InboundTrace, Shown
from egress.judge.lookup.routes import Router
from egress.judge.lookup.servers import Server
from egress.judge.lookup.service_registry import Registry
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import Layer, Outcome, Pod, Verdict
from tests.judge.incoming import CLIENT, HOST, LABELS, Object, flow, gateway
from tests.judge.objects import snapshot

CLIENTS, PLAIN, FOREIGN, NOBODY = (
    Caller(Shown.NAMED, CLIENT),
    Caller(Shown.PLAIN),
    Caller(Shown.FOREIGN, CLIENT),
    Caller(),
)
STRANGER = Caller(Shown.NAMED, "spiffe://stranger/x")
TLS = "spec.servers[0].tls"
PORT = "spec.servers[0].port.protocol"


def without_tls(made: Object) -> Object:
    del made["spec"]["servers"][0]["tls"]
    return made


def shaken(made: Object, caller: Caller, host: str = HOST, port: int = 5432) -> tuple[Verdict, Server | None]:
    deployed = snapshot(made)
    registry, workloads = Registry(deployed), Workloads(deployed)
    gateways = Gateways(deployed, registry, Router(registry, workloads), workloads)
    pod: Pod = next(iter(gateways.pods), Pod("edge", LABELS))
    return handshake(gateways, pod, port, flow(host=host, caller=caller))


@pytest.mark.parametrize(
    ("tls", "caller", "allowed", "field"),
    [
        ({}, CLIENTS, True, f"{TLS}.subjectAltNames"),
        ({}, STRANGER, False, f"{TLS}.subjectAltNames"),
        ({}, FOREIGN, False, f"{TLS}.credentialName"),
        ({}, NOBODY, False, f"{TLS}.mode"),
        ({}, PLAIN, False, "spec.servers[0]"),
        ({"subjectAltNames": None}, STRANGER, True, TLS),
        ({"mode": "OPTIONAL_MUTUAL"}, NOBODY, False, f"{TLS}.subjectAltNames"),
        ({"mode": "OPTIONAL_MUTUAL", "subjectAltNames": None}, NOBODY, True, f"{TLS}.mode"),
        ({"mode": "OPTIONAL_MUTUAL"}, CLIENTS, True, f"{TLS}.subjectAltNames"),
        ({"mode": "OPTIONAL_MUTUAL"}, FOREIGN, False, f"{TLS}.credentialName"),
        ({"mode": "SIMPLE"}, NOBODY, True, f"{TLS}.mode"),
        ({"mode": "PASSTHROUGH"}, FOREIGN, True, f"{TLS}.mode"),
        ({"mode": "ISTIO_MUTUAL"}, CLIENTS, False, f"{TLS}.mode"),
    ],
)
def test_whom_a_mode_takes_and_which_field_says_so(
    tls: dict[str, Any], caller: Caller, allowed: bool, field: str
) -> None:
    said, server = shaken(gateway(**tls), caller)
    assert (said.layer, said.allowed, said.decided_by, said.field) == (
        Layer.GATEWAY,
        allowed,
        "edge/gateway/db",
        field,
    )
    assert said.understood
    assert bool(server) is (caller is not PLAIN)


@pytest.mark.parametrize(
    "tls", [{"mode": "AUTO_PASSTHROUGH"}, {"credentialName": None}, {"mode": "NEW", "credentialName": None}]
)
def test_what_is_not_understood_counts_as_taken(tls: dict[str, Any]) -> None:
    said, server = shaken(gateway(**tls), NOBODY)
    assert (said.allowed, said.understood, said.field) == (True, False, f"{TLS}.mode")
    assert server


def test_a_server_for_tls_that_says_nothing_of_it_passes_it_through() -> None:
    said, _ = shaken(without_tls(gateway(protocol="TLS")), NOBODY)
    assert (said.allowed, said.understood, said.field) == (True, True, f"{TLS}.mode")


class TestPlain:
    """Servers for HTTP, and servers for other protocols that say nothing of TLS."""

    def test_http_takes_whoever_speaks_it_without_tls_at_a_name_of_its_own(self) -> None:
        said, server = shaken(gateway(protocol="HTTP"), PLAIN)
        assert (said.allowed, said.field, said.decided_by) == (True, PORT, "edge/gateway/db")
        assert server
        said, server = shaken(gateway(protocol="HTTP"), PLAIN, host="other.example")
        assert (said.allowed, said.field, said.decided_by, server) == (
            False,
            "spec.servers",
            "edge/gateway/db",
            None,
        )

    @pytest.mark.parametrize("caller", [CLIENTS, NOBODY])
    def test_http_takes_no_tls(self, caller: Caller) -> None:
        said, server = shaken(gateway(protocol="HTTP"), caller)
        assert (said.allowed, said.field, server) == (False, PORT, None)

    @pytest.mark.parametrize("caller", [PLAIN, NOBODY, CLIENTS])
    @pytest.mark.parametrize("host", [HOST, "other.example"])
    def test_tcp_takes_all_bytes_whatever_name_is_meant(self, caller: Caller, host: str) -> None:
        said, server = shaken(without_tls(gateway(protocol="TCP")), caller, host)
        assert (said.allowed, said.field) == (True, PORT)
        assert server


def test_a_name_that_no_server_is_for_is_refused_by_the_port() -> None:
    said, server = shaken(gateway(), CLIENTS, host="other.example")
    assert (said.allowed, said.decided_by, said.field, server) == (
        False,
        "edge/gateway/db",
        "spec.servers",
        None,
    )


def test_a_port_without_a_server_is_refused_by_the_gateway() -> None:
    said, server = shaken(gateway(), CLIENTS, port=443)
    assert (said.allowed, said.decided_by, said.field, server) == (False, "gateway/edge", "", None)


def test_a_trace_is_decided_by_its_first_refusal_else_by_the_first_doubt_else_by_the_last_word() -> None:
    yes, other = (Verdict(Layer.GATEWAY, Outcome.ALLOWED, name, "", "") for name in ("yes", "other"))
    no = Verdict(Layer.FIREWALL, Outcome.DENIED, "no", "", "")
    doubt = Verdict(Layer.GATEWAY, Outcome.NOT_UNDERSTOOD, "doubt", "", "")
    for steps, by in (
        ([yes, doubt, no], "no"),
        ([yes, doubt, yes], "doubt"),
        ([yes, yes, other], "other"),
        ([yes], "yes"),
    ):
        assert InboundTrace(flow(), tuple(steps)).decision.decided_by == by
    assert InboundTrace(flow(), (yes, no, doubt, no)).refused_by == (no, no)
    assert not InboundTrace(flow(), (yes, doubt)).understood
