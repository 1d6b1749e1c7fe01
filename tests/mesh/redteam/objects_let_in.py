"""O: what objects of a team's own achieve once they are let in. Here the platform itself writes them, past
admission."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

from egress.common.ports import GATEWAY_HTTP
from tests.mesh import client
from tests.mesh.client import Answer
from tests.mesh.evidence import Layer
from tests.mesh.flow import CHEAT_Y, REFUSED, Y
from tests.mesh.mesh import ELSEWHERE, Mesh
from tests.mesh.redteam import raw
from tests.mesh.redteam.hosts import GATEWAY_SERVICE, HTTPBIN, OTHER, curl
from tests.mesh.redteam.manifests import NOBODYS, Object, gateway, manifest, service_entry, virtual_service
from tests.mesh.redteam.rights import TEAM
from tests.mesh.redteam.way import Way

OURS = "istio-egress/egress-gateway"


def ways() -> Iterator[Way]:
    through_gateway = {
        "host": GATEWAY_SERVICE,
        "port": {"number": 80},
        "subset": "target-egress-gateway-mtls",
    }
    yield Way(
        "let in: a ServiceEntry for another host",
        Y,
        _with([service_entry(".")], Y, OTHER, curl(Y, f"https://{OTHER}")),
        REFUSED,
        Layer.NETWORK_POLICY,
        number="O22",
    )
    yield Way(
        "let in: a ServiceEntry and a route by way of the gateway",
        Y,
        _with(
            [service_entry(".", "istio-egress"), virtual_service(["mesh"], OTHER, through_gateway)],
            Y,
            OTHER,
            curl(Y, f"http://{OTHER}"),
        ),
        "403",
        Layer.AUTHORIZATION,
        number="O23",
    )
    yield Way(
        "let in: a Sidecar that allows everything",
        Y,
        _with(
            [
                manifest(
                    "Sidecar",
                    {
                        "workloadSelector": {"labels": {"app": "test"}},
                        "outboundTrafficPolicy": {"mode": "ALLOW_ANY"},
                        "egress": [{"hosts": ["*/*"]}],
                    },
                )
            ],
            Y,
            "allow_any",
            curl(Y, f"https://{OTHER}"),
        ),
        REFUSED,
        Layer.NETWORK_POLICY,
        number="O24",
    )
    to_other = {"host": OTHER, "port": {"number": 80}}
    asked = lambda mesh: client.curl(mesh, Y, f"http://{HTTPBIN}/status/418")  # noqa: E731
    yield Way(
        "let in: at the stack's own Gateway, a route that turns the team's declared host to another",
        Y,
        _with([service_entry("*"), virtual_service([OURS], HTTPBIN, to_other)], None, OTHER, asked),
        "418",
        at=(HTTPBIN, 80),
        why="the Gateway takes routes of its own namespace alone",
        number="O25",
    )
    yield Way(
        "let in: a Gateway of one's own for the gateway's pods, with such a route",
        CHEAT_Y,
        _with(
            [service_entry("*"), gateway(), virtual_service([f"{TEAM}/own"], HTTPBIN, to_other)],
            None,
            OTHER,
            _by_own_server,
        ),
        "418",
        at=(HTTPBIN, 80),
        why="Gateways hold for pods of their own namespace alone",
        number="O26",
    )
    yield Way(
        "let in: a second ServiceEntry for a declared host, at an address of one's own",
        Y,
        _with([service_entry("*", host=HTTPBIN, address=NOBODYS)], None, None, asked),
        "418",
        at=(HTTPBIN, 80),
        why="the older entry wins, and it is the stack's",
        number="O27",
    )
    yield Way(
        "let in: the same, written before the stack's own: for a host that is declared later",
        Y,
        lambda mesh: _squatted(mesh, asked),
        "418",
        at=(ELSEWHERE, 80),
        left="The oldest entry of a host wins in every namespace that it is exported to, and Istio has no "
        "word against it. So "
        "admission's rule platform-kinds is all that keeps a team from writing one (O1); a namespace of "
        "nobody's is unknown to "
        "the mesh. Exempt no team from it. A host that leaves as TLS is held by its certificate as well.",
        number="O28",
    )


def _squatted(mesh: Mesh, attempt: Callable[[Mesh], Answer]) -> Answer:
    """The attempt while somebody else's entry for a host is older than the stack's, which was deleted and
    applied again."""
    (ours,) = [
        item
        for item in mesh.manifests
        if item["kind"] == "ServiceEntry"
        and item["spec"]["hosts"] == [HTTPBIN]
        and item["metadata"]["namespace"] != TEAM
    ]
    squatter = service_entry(str(ours["metadata"]["namespace"]), TEAM, host=HTTPBIN, address=NOBODYS)

    def again() -> None:
        mesh.control_plane.delete(ours)
        time.sleep(2.0)  # an object's age is counted in seconds
        mesh.control_plane.apply([ours])

    mesh.control_plane.apply([squatter])
    try:
        again()
        _led(mesh, NOBODYS, present=True)
        return attempt(mesh)
    finally:
        mesh.control_plane.delete(squatter)
        _led(mesh, NOBODYS, present=False)


def _led(mesh: Mesh, address: str, present: bool, seconds: float = 10.0) -> None:
    """Wait until the gateway knows an address as an endpoint of the host, or no longer does."""
    deadline = time.monotonic() + seconds
    while (f"|{HTTPBIN}::{address}:" in mesh.proxies[mesh.gateway.key].admin("/clusters")) is not present:
        assert time.monotonic() < deadline, (
            f"the gateway {'does not know' if present else 'still knows'} {address}"
        )
        time.sleep(0.1)


def _by_own_server(mesh: Mesh) -> Answer:
    mine = mesh.proxies[Y].identity
    request = raw.last(HTTPBIN, "/status/418")
    return raw.say_inside_tls(
        mesh, CHEAT_Y, mesh.gateway.address, GATEWAY_HTTP, request, sni=HTTPBIN, identity=mine
    )


def _with(
    objects: list[Object], proxy: str | None, mark: str | None, attempt: Callable[[Mesh], Answer]
) -> Callable[[Mesh], Answer]:
    """The attempt while the objects exist and the configuration of the proxy (None: the gateway) contains the
    mark."""

    def tried(mesh: Mesh) -> Answer:
        key = proxy or mesh.gateway.key
        mesh.control_plane.apply(objects)
        try:
            _await(mesh, key, mark, present=True)
            return attempt(mesh)
        finally:
            for item in objects:
                mesh.control_plane.delete(item)
            _await(mesh, key, mark, present=False)

    return tried


def _await(mesh: Mesh, key: str, mark: str | None, present: bool, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    if mark is None:
        time.sleep(1.0)  # nothing changes if all is well
        return
    while (mark in json.dumps(mesh.proxies[key].config())) is not present:
        assert time.monotonic() < deadline, f"{key} {'does not know' if present else 'still knows'} {mark}"
        time.sleep(0.1)
