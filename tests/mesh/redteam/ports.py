"""R: raw TCP, which is known by address and port alone: other ports, other accounts, other teams, other
names."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from egress.common.names import port_name
from egress.common.ports import GATEWAY_TLS
from tests.mesh import client
from tests.mesh.client import Answer
from tests.mesh.evidence import Layer
from tests.mesh.flow import CHEAT_X, CHEAT_Y, REFUSED, X, Y
from tests.mesh.mesh import Mesh
from tests.mesh.redteam import raw
from tests.mesh.redteam.hosts import OTHER
from tests.mesh.redteam.stack import METER, METER_IS
from tests.mesh.redteam.way import Way

AT_METER = (METER, 443)
BESIDE = "203.0.113.91"


def ways() -> Iterator[Way]:
    yield from _from_a_pod()
    yield from _at_the_gateway()


def _tls(pod: str, sni: str | None, address: str = METER_IS, port: int = 443) -> Callable[[Mesh], Answer]:
    return lambda mesh: raw.say_inside_tls(mesh, pod, address, port, raw.last(sni or METER), sni=sni)


def _plain(pod: str, host: str, address: str = METER_IS, port: int = 80) -> Callable[[Mesh], Answer]:
    return lambda mesh: raw.say(mesh, pod, address, port, raw.last(host))


def _from_a_pod() -> Iterator[Way]:
    sidecar, policy = Layer.SIDECAR, Layer.NETWORK_POLICY
    yield Way(
        "somebody else's name at the address that is open on 443",
        X,
        _tls(X, OTHER),
        "200",
        at=AT_METER,
        left="On a port of raw TCP nobody reads a name, so every site that the address serves is reached. "
        "Evidence lists such a port among what the config opens; https: passthrough reads the name.",
        number="R1",
    )
    yield Way(
        "the name of a port, as sidecars and gateway call it, at that address",
        X,
        _tls(X, port_name(80, METER)),
        "200",
        at=AT_METER,
        why="it is bytes like any other, and leads to the same port",
        number="R2",
    )
    yield Way(
        "another service account's port of the same address",
        X,
        _plain(X, METER),
        REFUSED,
        Layer.GATEWAY_TLS,
        number="R3",
    )
    yield Way(
        "the same, with a declared host in Host",
        X,
        _plain(X, "example.com"),
        REFUSED,
        Layer.GATEWAY_TLS,
        why="the address decides, before a Host is read",
        number="R4",
    )
    yield Way(
        "a port of it that nobody declared", X, _plain(X, METER, port=8443), REFUSED, sidecar, number="R5"
    )
    yield Way(
        "the address beside it, without a server name",
        X,
        _tls(X, None, BESIDE),
        REFUSED,
        sidecar,
        number="R6",
    )
    yield Way("another team's port, without a server name", Y, _tls(Y, None), REFUSED, sidecar, number="R7")
    yield Way("another team's port, by its name", Y, _tls(Y, METER), REFUSED, sidecar, number="R8")
    yield Way(
        "another team's plain port, its own host in Host",
        Y,
        _plain(Y, "httpbin.org"),
        "403",
        Layer.AUTHORIZATION,
        why="in plain HTTP the Host decides",
        number="R9",
    )
    yield Way(
        "straight to the address and port", CHEAT_X, _tls(CHEAT_X, METER), REFUSED, policy, number="R10"
    )
    yield Way(
        "QUIC to the address and port",
        X,
        lambda mesh: raw.udp(mesh, X, METER_IS, 443),
        REFUSED,
        policy,
        number="R11",
    )
    yield Way(
        "the name of a port as Host",
        X,
        _plain(X, port_name(443, METER), "198.51.100.7"),
        "502",
        sidecar,
        number="R12",
    )
    yield Way(
        "the name of a port as server name, at another address",
        X,
        _tls(X, port_name(443, METER), "198.51.100.7"),
        REFUSED,
        sidecar,
        number="R13",
    )


def _at_the_gateway() -> Iterator[Way]:
    def ask(number: str, what: str, pod: str, owner: str | None, name: str, layer: Layer) -> Way:
        def attempt(mesh: Mesh) -> Answer:
            identity = mesh.proxies[owner].identity if owner else None
            return client.request_to_gateway(mesh, pod, identity, name, port=GATEWAY_TLS)

        return Way(f"gateway:{GATEWAY_TLS} {what}", pod, attempt, REFUSED, layer, number=number)

    here, hosts = Layer.GATEWAY_TLS, Layer.GATEWAY_HOSTS
    mine, theirs = "with team-x's certificate,", "with team-y's certificate,"
    own, other = port_name(443, METER), port_name(80, METER)
    yield ask("R14", f"{mine} another service account's port", CHEAT_X, X, other, here)
    yield ask("R15", f"{theirs} a port of team-x", CHEAT_Y, Y, own, here)
    yield ask("R16", "without a certificate, a port of team-x", CHEAT_X, None, own, here)
    yield ask("R17", f"{mine} a port that nobody declared", CHEAT_X, X, port_name(444, METER), hosts)
    yield ask("R18", f"{mine} the same port of another host", CHEAT_X, X, port_name(443, OTHER), hosts)
    yield ask("R19", f"{mine} the host itself, which has no https", CHEAT_X, X, METER, hosts)
    yield ask("R20", f"{mine} its own port with a dot behind it", CHEAT_X, X, f"{own}.", hosts)
