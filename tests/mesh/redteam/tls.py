"""T: TLS: server names that match nothing, ClientHellos that hide, certificates that are not what they should
be."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from egress.common.ports import GATEWAY_HTTP, GATEWAY_TLS
from tests.mesh import client
from tests.mesh.authority import Certificate
from tests.mesh.client import Answer
from tests.mesh.evidence import Layer
from tests.mesh.flow import CHEAT_X, CHEAT_Y, REFUSED, X, Y
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.netns import command
from tests.mesh.proxies import Identity
from tests.mesh.redteam import raw
from tests.mesh.redteam.hosts import AT_EXAMPLE, EXAMPLE, GATEWAY_SERVICE, HTTPBIN, OTHER, curl
from tests.mesh.redteam.stack import BELOW
from tests.mesh.redteam.way import Way

SPIFFE_X = "spiffe://cluster.local/ns/team-x/sa/test"


def ways() -> Iterator[Way]:
    yield from _names_from_a_pod()
    yield from _certificates()
    yield from _names_at_the_gateway()


def _tls(pod: str, sni: str | None, to: str, *parts: bytes) -> Callable[[Mesh], Answer]:
    return lambda mesh: raw.say_inside_tls(
        mesh, pod, WEBSITES[to], 443, *(parts or (raw.last(sni or to),)), sni=sni
    )


def _names_from_a_pod() -> Iterator[Way]:
    sidecar = Layer.SIDECAR
    yield Way(
        "TLS without a server name, to the declared host's address",
        X,
        _tls(X, None, EXAMPLE),
        REFUSED,
        sidecar,
        number="T1",
    )
    yield Way(
        "another server name, to the declared host's address",
        X,
        _tls(X, OTHER, EXAMPLE),
        REFUSED,
        sidecar,
        number="T2",
    )
    yield Way(
        "the declared server name, to another address",
        X,
        _tls(X, EXAMPLE, OTHER),
        "200",
        at=AT_EXAMPLE,
        why="the gateway asks DNS itself",
        number="T3",
    )
    yield Way(
        "another Host inside TLS for the declared name",
        X,
        _tls(X, EXAMPLE, EXAMPLE, raw.last(OTHER)),
        "200",
        at=AT_EXAMPLE,
        left="The app's TLS is not opened, so the Host inside is not seen. It reaches the declared site "
        "alone; a site that "
        "serves others behind the same address (a CDN) may hand it on. Where that matters: http with "
        "upgrade: tls.",
        number="T4",
    )
    yield Way(
        "the server name with a dot at its end",
        X,
        _tls(X, f"{EXAMPLE}.", EXAMPLE),
        REFUSED,
        sidecar,
        number="T5",
    )
    yield Way("another team's host", Y, _tls(Y, EXAMPLE, EXAMPLE), REFUSED, sidecar, number="T6")
    yield Way(
        "a name beside the wildcard", X, _tls(X, "wild.example.net", OTHER), REFUSED, sidecar, number="T7"
    )
    yield Way(
        "a name that ends like the wildcard",
        X,
        _tls(X, "evilwild.example.net", OTHER),
        REFUSED,
        sidecar,
        number="T8",
    )
    yield Way("another team's wildcard", Y, _tls(Y, BELOW, OTHER), REFUSED, sidecar, number="T9")
    mesh_name = f"outbound_.443_._.{OTHER}"
    yield Way(
        "a server name as proxies use among themselves",
        X,
        _tls(X, mesh_name, OTHER),
        REFUSED,
        sidecar,
        number="T10",
    )
    yield Way(
        "the ClientHello for another host in records of 20 bytes",
        X,
        lambda mesh: raw.say(
            mesh, X, WEBSITES[OTHER], 443, *raw.in_records(raw.hello(OTHER), 20), pause=0.01
        ),
        REFUSED,
        sidecar,
        number="T11",
    )
    yield Way(
        "half a ClientHello for the declared host, then plain HTTP for another",
        X,
        lambda mesh: raw.say(mesh, X, WEBSITES[OTHER], 443, raw.hello(EXAMPLE)[:60] + raw.last(OTHER) * 9),
        REFUSED,
        sidecar,
        number="T12",
    )
    yield Way(
        "plain HTTP into the port of TLS", X, curl(X, f"http://{EXAMPLE}:443"), REFUSED, sidecar, number="T13"
    )


def _forged(mesh: Mesh, how: str) -> Certificate:
    """A certificate that claims to be team-x, from an authority that is not the mesh's."""
    folder = mesh.folder / "forged"
    folder.mkdir(exist_ok=True)
    made = Certificate(folder / f"{how}.crt", folder / f"{how}.key")
    if not made.chain.exists():
        issuer = {
            "by itself": [],
            "by the authority of websites": mesh.authority,
            "by an authority of its own": mesh.stranger,
        }[how]
        by = ["-CA", str(issuer.certificate.chain), "-CAkey", str(issuer.certificate.key)] if issuer else []
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(made.key)]
        name = ["-subj", "/O=cluster.local", "-addext", f"subjectAltName=URI:{SPIFFE_X}"]
        command("openssl", "req", "-x509", *key, "-days", "1", "-out", str(made.chain), *name, *by)
    return made


def _to_gateway(
    whose: Callable[[Mesh], Identity | Certificate | None],
    *parts: bytes,
    pod: str = CHEAT_X,
    port: int = GATEWAY_HTTP,
    sni: str | None = None,
) -> Callable[[Mesh], Answer]:
    return lambda mesh: raw.say_inside_tls(
        mesh, pod, mesh.gateway.address, port, *parts, sni=sni, identity=whose(mesh)
    )


def _certificates() -> Iterator[Way]:
    """From a pod without a sidecar to the gateway's own ports."""
    request, gateway = raw.last(EXAMPLE), Layer.GATEWAY_TLS
    yield Way(
        f"gateway:{GATEWAY_HTTP} in plain text",
        CHEAT_X,
        lambda mesh: client.plain_to_gateway(mesh, CHEAT_X, EXAMPLE),
        REFUSED,
        gateway,
        number="T14",
    )
    yield Way(
        f"gateway:{GATEWAY_HTTP} without a certificate",
        CHEAT_X,
        _to_gateway(lambda _: None, request),
        REFUSED,
        gateway,
        number="T15",
    )
    for number, how in (
        ("T16", "by itself"),
        ("T17", "by an authority of its own"),
        ("T18", "by the authority of websites"),
    ):
        yield Way(
            f"gateway:{GATEWAY_HTTP} with a certificate of team-x's name, signed {how}",
            CHEAT_X,
            _to_gateway(lambda mesh, how=how: _forged(mesh, how), request),
            REFUSED,
            gateway,
            number=number,
        )
    yield Way(
        f"gateway:{GATEWAY_TLS} with a forged certificate, the server name of a declared host",
        CHEAT_X,
        lambda mesh: raw.say_inside_tls(
            mesh,
            CHEAT_X,
            mesh.gateway.address,
            GATEWAY_TLS,
            raw.last(EXAMPLE),
            sni=EXAMPLE,
            identity=_forged(mesh, "by itself"),
        ),
        REFUSED,
        gateway,
        number="T19",
    )
    yield Way(
        f"gateway:{GATEWAY_HTTP} with another team's rights, claimed in x-forwarded-client-cert",
        CHEAT_Y,
        _to_gateway(
            lambda mesh: mesh.proxies[Y].identity,
            raw.last(EXAMPLE, "/", f"X-Forwarded-Client-Cert: URI={SPIFFE_X}"),
            pod=CHEAT_Y,
        ),
        "403",
        Layer.AUTHORIZATION,
        number="T20",
    )
    yield Way(
        f"gateway:{GATEWAY_HTTP} with a certificate stolen from another team",
        CHEAT_Y,
        _to_gateway(lambda mesh: mesh.proxies[X].identity, request, pod=CHEAT_Y),
        "200",
        at=AT_EXAMPLE,
        team="team-x",
        left="A certificate is the identity. What keeps it in its pod is admission (no exec into the proxy, "
        "no volume of the "
        "proxy's, no token for istiod but the proxy's, no proxy container but the injected one, whole); it "
        "gives the robbed "
        "team's hosts, nothing more, and ends after a day.",
        number="T21",
    )
    yield Way(
        "the same, to a host that neither team declared",
        CHEAT_Y,
        _to_gateway(lambda mesh: mesh.proxies[X].identity, raw.last(OTHER), pod=CHEAT_Y),
        "403",
        Layer.AUTHORIZATION,
        number="T22",
    )
    yield Way(
        "the gateway's own certificate, stolen",
        CHEAT_Y,
        _to_gateway(lambda mesh: mesh.proxies[mesh.gateway.key].identity, request, pod=CHEAT_Y),
        "403",
        Layer.AUTHORIZATION,
        why="nobody's policy names it",
        number="T23",
    )


def _names_at_the_gateway() -> Iterator[Way]:
    """With team-y's own certificate, taken from its proxy."""

    def request(
        number: str, what: str, data: bytes, expected: str = "403", layer: Layer = Layer.AUTHORIZATION
    ) -> Way:
        mine = _to_gateway(lambda mesh: mesh.proxies[Y].identity, data, pod=CHEAT_Y)
        return Way(
            f"gateway:{GATEWAY_HTTP} with team-y's certificate, {what}",
            CHEAT_Y,
            mine,
            expected,
            layer,
            number=number,
        )

    yield request("T24", "another team's host", raw.last(EXAMPLE))
    yield request("T25", "a path of its host that is not declared", raw.last(HTTPBIN, "/get"))
    yield request("T26", "another team's service in the cluster", raw.last("test.team-x.svc.cluster.local"))
    yield request("T27", "the metadata server", raw.last("metadata.google.internal"))
    yield request(
        "T28", "CONNECT to any host", f"CONNECT {OTHER}:443 HTTP/1.1\r\nHost: {OTHER}:443\r\n\r\n".encode()
    )
    yield request("T29", "two Hosts", raw.last(HTTPBIN, "/status/418", f"Host: {EXAMPLE}"))
    yield Way(
        f"gateway:{GATEWAY_HTTP} with team-y's certificate, HTTP/2, "
        ":authority of its own host and Host of another",
        CHEAT_Y,
        lambda mesh: raw.http2(
            mesh,
            CHEAT_Y,
            mesh.gateway.address,
            GATEWAY_HTTP,
            [*_stream(HTTPBIN, "/status/418"), ("host", EXAMPLE)],
            identity=mesh.proxies[Y].identity,
        ),
        "418",
        at=(HTTPBIN, 80),
        why=":authority decides, and the site sees no other",
        number="T30",
    )
    yield Way(
        "the same connection in HTTP/2, a second stream to another team's host",
        CHEAT_Y,
        _two_streams,
        "403",
        Layer.AUTHORIZATION,
        beside=1,
        number="T31",
    )

    def tunnel(
        number: str, outer: str, inner: str, expected: str, layer: Layer = Layer.NOBODY, **more: object
    ) -> Way:
        def attempt(mesh: Mesh) -> Answer:
            return client.tunnel_through_gateway(mesh, CHEAT_Y, mesh.proxies[Y].identity, outer, inner)

        what = f"gateway:{GATEWAY_TLS} with team-y's certificate, server name {outer}, inside it {inner}"
        return Way(what, CHEAT_Y, attempt, expected, layer, number=number, **more)  # type: ignore[arg-type]

    yield tunnel("T32", EXAMPLE, EXAMPLE, REFUSED, Layer.AUTHORIZATION)
    yield tunnel("T33", OTHER, OTHER, REFUSED, Layer.GATEWAY_HOSTS)
    yield tunnel(
        "T34", HTTPBIN, EXAMPLE, "200", at=(HTTPBIN, 443), why="the outer name decides where it goes"
    )
    yield tunnel("T35", "wild.example.net.wildcard.internal", BELOW, REFUSED, Layer.AUTHORIZATION)
    yield tunnel("T36", f"outbound_.443_._.{GATEWAY_SERVICE}", OTHER, REFUSED, Layer.GATEWAY_HOSTS)
    yield tunnel("T37", "outbound_.80_._.test.team-x.svc.cluster.local", OTHER, REFUSED, Layer.GATEWAY_HOSTS)
    yield Way(
        f"gateway:{GATEWAY_TLS} with team-x's certificate and its wildcard's name, "
        "inside it a name beside the pattern",
        CHEAT_X,
        lambda mesh: client.tunnel_through_gateway(
            mesh, CHEAT_X, mesh.proxies[X].identity, "wild.example.net.wildcard.internal", OTHER
        ),
        REFUSED,
        Layer.GATEWAY_HOSTS,
        number="T38",
    )
    yield Way(
        f"gateway:{GATEWAY_TLS} with team-y's certificate, no server name",
        CHEAT_Y,
        _to_gateway(lambda mesh: mesh.proxies[Y].identity, raw.last(HTTPBIN), pod=CHEAT_Y, port=GATEWAY_TLS),
        REFUSED,
        Layer.GATEWAY_HOSTS,
        number="T39",
    )


def _two_streams(mesh: Mesh) -> Answer:
    streams = _stream(HTTPBIN, "/status/418"), _stream(EXAMPLE, "/")
    return raw.http2(
        mesh, CHEAT_Y, mesh.gateway.address, GATEWAY_HTTP, *streams, identity=mesh.proxies[Y].identity
    )


def _stream(host: str, path: str) -> list[tuple[str, str]]:
    return [(":method", "GET"), (":scheme", "https"), (":path", path), (":authority", host)]
