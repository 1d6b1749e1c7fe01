"""A: straight to an address or port, past names and proxies. N: by way of DNS."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from egress.common.ports import GATEWAY_HTTP
from tests.mesh import client
from tests.mesh.client import Answer
from tests.mesh.evidence import Layer
from tests.mesh.filters import METADATA_SERVER
from tests.mesh.flow import CHEAT_X, CHEAT_Y, REFUSED, X, Y
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.proxies import PROXY_UID
from tests.mesh.redteam import raw
from tests.mesh.redteam.hosts import EXAMPLE, OTHER, addresses
from tests.mesh.redteam.way import Way

POLICY = Layer.NETWORK_POLICY
PROXY_PORTS = (15000, 15001, 15006, 15008, 15020, 15021, 15090)
RESOLVER = "8.8.8.8"


def ways() -> Iterator[Way]:
    yield from _proxies()
    yield from _platform()
    yield from _outside()
    yield from _without_tcp()
    yield from _names()


def _curl(
    pod: str, url: Callable[[Mesh], str] | str, *words: str, uid: int = client.APP_UID
) -> Callable[[Mesh], Answer]:
    return lambda mesh: client.curl(
        mesh, pod, *addresses(mesh), *words, url if isinstance(url, str) else url(mesh), uid=uid
    )


def _at(key: str, port: int, path: str = "/") -> Callable[[Mesh], str]:
    return lambda mesh: (
        f"http://{mesh.gateway.address if key == 'gateway' else mesh.pods[key].address}:{port}{path}"
    )


def _proxies() -> Iterator[Way]:
    for index, port in enumerate(PROXY_PORTS):
        yield Way(
            f"the gateway's port {port}",
            CHEAT_X,
            _curl(CHEAT_X, _at("gateway", port)),
            REFUSED,
            POLICY,
            number=f"A{index + 1}",
        )
    for index, port in enumerate(PROXY_PORTS):
        yield Way(
            f"port {port} of a neighbour in another team",
            CHEAT_X,
            _curl(CHEAT_X, _at(Y, port)),
            REFUSED,
            POLICY,
            why="team-x reaches team-y, but not the ports of its proxies",
            number=f"A{index + 8}",
        )
    silent = "the connection ended without an answer"
    for number, port, says in (("A15", 15000, ""), ("A16", 15001, ""), ("A17", 15006, silent)):
        yield Way(
            f"port {port} of a neighbour in the same team, with another host in Host",
            CHEAT_X,
            lambda mesh, port=port: raw.say(mesh, CHEAT_X, mesh.pods[X].address, port, raw.last(OTHER)),
            REFUSED,
            Layer.DESTINATION_SIDECAR,
            says=says,
            number=number,
        )
    yield Way(
        "port 15008 of a neighbour in the same team",
        CHEAT_X,
        lambda mesh: raw.say(mesh, CHEAT_X, mesh.pods[X].address, 15008, raw.last(OTHER)),
        REFUSED,
        Layer.NO_LISTENER,
        says="Connection refused",
        number="A18",
    )
    yield Way(
        "a neighbour's agent in the same team, asked to end",
        CHEAT_X,
        _curl(CHEAT_X, _at(X, 15020, "/quitquitquit"), "-X", "POST"),
        "403",
        Layer.AGENT,
        says="Only requests from localhost are allowed",
        number="A19",
    )
    yield Way(
        "a neighbour's port 15090 as a forward proxy",
        CHEAT_X,
        lambda mesh: raw.say(mesh, CHEAT_X, mesh.pods[X].address, 15090, raw.last(OTHER, f"http://{OTHER}/")),
        "404",
        Layer.DESTINATION_SIDECAR,
        says="404 Not Found",
        number="A20",
    )
    for number, port in (("A21", 15001), ("A22", 15006)):
        yield Way(
            f"the own proxy's port {port} as a forward proxy",
            X,
            lambda mesh, port=port: raw.say(mesh, X, "127.0.0.1", port, raw.last(OTHER, f"http://{OTHER}/")),
            REFUSED,
            Layer.SIDECAR,
            says=silent,
            number=number,
        )
    yield Way(
        f"as uid 1337: the gateway's port {GATEWAY_HTTP} in plain text",
        X,
        _curl(X, _at("gateway", GATEWAY_HTTP), "-H", f"Host: {EXAMPLE}", uid=PROXY_UID),
        REFUSED,
        Layer.GATEWAY_TLS,
        number="A23",
    )
    yield Way(
        "a pod of a team that is not reached, in mutual TLS with a stolen certificate",
        CHEAT_Y,
        lambda mesh: raw.say_inside_tls(
            mesh,
            CHEAT_Y,
            mesh.pods[X].address,
            80,
            raw.last("test.team-x"),
            sni=None,
            identity=mesh.proxies[X].identity,
        ),
        REFUSED,
        POLICY,
        number="A24",
    )


def _platform() -> Iterator[Way]:
    """What a node, the control plane and the platform's own pods offer."""
    places = (
        ("the API server's Service", lambda _: "https://10.2.0.1"),
        ("the control plane's address", lambda mesh: f"https://{_first(mesh.plan.addresses.control_plane)}"),
        ("a node's kubelet", lambda mesh: f"https://{_first(mesh.plan.addresses.nodes)}:10250/pods"),
        ("a node's SSH port", lambda mesh: f"http://{_first(mesh.plan.addresses.nodes)}:22"),
        ("DNS pods' metrics", _at("kube-dns", 9153)),
        ("istiod's plain text port", _at("istiod", 15010)),
        ("istiod's debug port", _at("istiod", 15014, "/debug/configz")),
        ("istiod's web port", _at("istiod", 8080, "/debug/configz")),
    )
    for index, (what, url) in enumerate(places):
        yield Way(what, CHEAT_X, _curl(CHEAT_X, url, "-k"), REFUSED, POLICY, number=f"A{index + 25}")
    yield Way(
        "metadata server, by a team without Google APIs",
        CHEAT_Y,
        _curl(CHEAT_Y, f"http://{METADATA_SERVER}/computeMetadata/v1/", "-H", "Metadata-Flavor: Google"),
        REFUSED,
        POLICY,
        number="A33",
    )
    yield Way(
        "metadata server, by way of a name",
        CHEAT_Y,
        _curl(CHEAT_Y, "http://metadata.google.internal"),
        REFUSED,
        POLICY,
        number="A34",
    )
    yield Way(
        "a Google API that the team did not name, from a pod without a sidecar",
        CHEAT_X,
        _curl(CHEAT_X, "https://bigquery.googleapis.com"),
        "200",
        at=("googleapis", 443),
        left="Every Google API answers at one range of addresses, so NetworkPolicy and firewall cannot tell "
        "them apart for a "
        "team that uses one. IAM decides what its account may do; network.googleApis: restricted and a VPC "
        "Service "
        "Controls perimeter decide whose project it is done to.",
        number="A35",
    )
    yield Way(
        "Google's APIs, by a team without any",
        CHEAT_Y,
        _curl(CHEAT_Y, "https://bigquery.googleapis.com"),
        REFUSED,
        POLICY,
        number="A36",
    )


def _first(cidr: str) -> str:
    network, _, last = cidr.partition("/")[0].rpartition(".")
    return f"{network}.{int(last) + 2}"


def _outside() -> Iterator[Way]:
    """Cheating pods, straight to outside."""
    who = ((CHEAT_X, client.APP_UID, "no sidecar"), (X, PROXY_UID, "as uid 1337"))
    urls = (
        f"http://{EXAMPLE}",
        f"https://{EXAMPLE}",
        f"https://{OTHER}",
        "https://198.51.100.7",
        f"http://{EXAMPLE}:22",
        f"http://{OTHER}:25",
    )
    for index, (pod, uid, how) in enumerate(who):
        for place, url in enumerate(urls):
            number = f"A{37 + index * len(urls) + place}"
            yield Way(f"{how}: {url}", pod, _curl(pod, url, "-k", uid=uid), REFUSED, POLICY, number=number)
    yield Way(
        "as uid 1337: bytes to a declared host's address, by a port of a proxy",
        X,
        _curl(X, f"http://{WEBSITES[EXAMPLE]}:15001", uid=PROXY_UID),
        REFUSED,
        POLICY,
        number="A49",
    )
    yield Way(
        "an IPv6 address",
        X,
        _curl(X, "http://[2001:db8::7]"),
        REFUSED,
        Layer.NO_IPV6,
        says="Network is unreachable|Cannot assign requested address|Couldn't connect",
        why="nodes and pods have IPv4 addresses only",
        number="A50",
    )
    mapped = f"http://[::ffff:{WEBSITES[OTHER]}]"
    yield Way("an IPv4 address written as IPv6", X, _curl(X, mapped), "502", Layer.SIDECAR, number="A51")
    yield Way(
        "the same, from a pod without a sidecar",
        CHEAT_X,
        _curl(CHEAT_X, mapped),
        REFUSED,
        POLICY,
        number="A52",
    )


def _without_tcp() -> Iterator[Way]:
    """What no proxy sees: redirection takes TCP alone."""
    to = WEBSITES[EXAMPLE]
    attempts: tuple[tuple[str, Callable[[Mesh], Answer]], ...] = (
        ("UDP to port 443 (QUIC) of a declared host", lambda mesh: raw.udp(mesh, X, to, 443)),
        ("UDP to port 123", lambda mesh: raw.udp(mesh, X, to, 123)),
        ("a ping that carries data", lambda mesh: raw.packet(mesh, X, to, 1, raw.ping())),
        ("a GRE packet", lambda mesh: raw.packet(mesh, X, to, 47, b"\0\0\x08\0" + b"data")),
        ("an IP packet in an IP packet", lambda mesh: raw.packet(mesh, X, to, 4, b"\x45" + b"\0" * 19)),
        ("an SCTP packet", lambda mesh: raw.packet(mesh, X, to, 132, b"\0" * 16)),
        (
            "UDP to another team's pod that is not reached",
            lambda mesh: raw.udp(mesh, Y, mesh.pods[X].address, 9),
        ),
    )
    for index, (what, attempt) in enumerate(attempts):
        yield Way(what, Y if "another team" in what else X, attempt, REFUSED, POLICY, number=f"A{index + 53}")


def _names() -> Iterator[Way]:
    yield Way(
        "a resolver outside, by UDP",
        X,
        lambda mesh: raw.udp(mesh, X, RESOLVER, 53, raw.question("stolen.other.example")),
        REFUSED,
        POLICY,
        number="N1",
    )
    yield Way(
        "a resolver outside, by TCP",
        CHEAT_X,
        lambda mesh: raw.say(mesh, CHEAT_X, RESOLVER, 53, raw.question("stolen.other.example")),
        REFUSED,
        POLICY,
        number="N2",
    )
    yield Way(
        "DNS over TLS", CHEAT_X, _curl(CHEAT_X, f"https://{RESOLVER}:853"), REFUSED, POLICY, number="N3"
    )
    yield Way(
        "DNS over HTTPS",
        X,
        _curl(X, f"https://{RESOLVER}/dns-query", "-k"),
        REFUSED,
        Layer.SIDECAR,
        number="N4",
    )
    yield Way(
        "DNS over HTTPS, from a pod without a sidecar",
        CHEAT_X,
        _curl(CHEAT_X, f"https://{RESOLVER}/dns-query"),
        REFUSED,
        POLICY,
        number="N5",
    )
