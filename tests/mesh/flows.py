"""The catalogue of flows: what is tried from which pod, the expected answer, and the layer that has to give
it.

The numbers are those of docs/tutorial.md, "Checking it"; the words after them are the tutorial's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from egress.common.ports import GATEWAY_HTTP, GATEWAY_TLS
from tests.mesh import client
from tests.mesh.client import Answer
from tests.mesh.evidence import Layer
from tests.mesh.flow import CHEAT_X, CHEAT_Y, GATEWAY, REFUSED, Curl, Flow, X, Y
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.proxies import PROXY_UID


def flows() -> list[Flow]:
    """All of them; names are unique."""
    return [*_tutorial(), *_beyond(), *_google(), *_neighbours(), *_cheats(), *_at_the_gateway()]


def _curl(pod: str, *words: str, uid: int = client.APP_UID) -> tuple[str, str, Curl]:
    who = f"{pod.removeprefix('test-')}{' as uid 1337' if uid == PROXY_UID else ''}"
    return f"{who}: curl {' '.join(words)}", pod, Curl(pod, words, uid)


def _knowing(host: str, port: int) -> tuple[str, str]:
    """Words for curl by which it knows an address without asking DNS."""
    return "--resolve", f"{host}:{port}:{WEBSITES[host]}"


def _tutorial() -> Iterator[Flow]:
    """Every request of the tutorial, with the answer of its final state."""
    yield Flow(
        *_curl(X, "http://example.org"),
        REFUSED,
        Layer.DNS,
        why="5: nobody declared it, so there is no such name",
    )
    yield Flow(
        *_curl(X, *_knowing("example.org", 80), "http://example.org"),
        "502",
        Layer.SIDECAR,
        why="5: the tutorial's answer",
    )
    yield Flow(
        *_curl(X, "-I", "http://example.com"),
        "200",
        at=("example.com", 443),
        why="8: 200, TLS originated on port 443",
    )
    yield Flow(*_curl(Y, "http://httpbin.org"), "403", Layer.AUTHORIZATION, why="11: RBAC: access denied 403")
    yield Flow(*_curl(X, "http://httpbin.org"), "403", Layer.AUTHORIZATION, why="12: RBAC: access denied 403")
    yield Flow(
        *_curl(Y, "-I", "http://example.com"), "502", Layer.SIDECAR, why="13: no outbound route configured"
    )
    yield Flow(
        *_curl(Y, "http://httpbin.org/status/418"), "418", at=("httpbin.org", 80), why="14: the teapot"
    )
    yield Flow(
        *_curl(X, "https://example.com"), "200", at=("example.com", 443), why="15: 200, passed through"
    )


def _beyond() -> Iterator[Flow]:
    """What the tutorial's configuration says about other hosts, ports and addresses."""
    yield Flow(*_curl(X, "https://httpbin.org"), "200", at=("httpbin.org", 443), why="19")
    yield Flow(*_curl(Y, "https://httpbin.org"), "200", at=("httpbin.org", 443), why="19")
    yield Flow(*_curl(Y, "https://example.com"), REFUSED, Layer.SIDECAR, why="20: not exported to team-y")
    yield Flow(
        *_curl(X, "-k", "https://93.184.216.34"),
        REFUSED,
        Layer.SIDECAR,
        why="21: an address is no declared host",
    )
    yield Flow(*_curl(X, "http://93.184.216.34"), "502", Layer.SIDECAR, why="an address is no declared host")
    yield Flow(*_curl(X, "http://198.51.100.7:8080"), REFUSED, Layer.SIDECAR, why="nor is any other")
    yield Flow(*_curl(X, "http://other.example"), REFUSED, Layer.DNS, why="declared by nobody")
    yield Flow(
        *_curl(X, "https://c2VjcmV0.tunnel.example"),
        REFUSED,
        Layer.DNS,
        why="a question that carries a message is not asked",
    )
    for port, url, expected in ((80, "http://other.example", "502"), (443, "https://other.example", REFUSED)):
        known = _knowing("other.example", port)
        yield Flow(
            *_curl(X, *known, url),
            expected,
            Layer.SIDECAR,
            why="declared by nobody, and its address is known",
        )
    yield Flow(
        *_curl(X, "http://example.com:443"), REFUSED, Layer.SIDECAR, why="plain HTTP on the port of TLS"
    )
    yield Flow(
        *_curl(X, "http://example.com:22"), REFUSED, Layer.SIDECAR, why="a declared host, another port"
    )
    yield Flow(
        *_curl(Y, "http://httpbin.org/status/418/"),
        "403",
        Layer.AUTHORIZATION,
        why="a path beside the declared one",
    )
    yield Flow(
        *_curl(Y, "http://httpbin.org//status/418"),
        "418",
        at=("httpbin.org", 80),
        why="normalised before it is compared",
    )
    yield Flow(
        *_curl(Y, "--path-as-is", "http://httpbin.org/status/418/../200"),
        "403",
        Layer.AUTHORIZATION,
        why="normalised before it is compared",
    )
    yield Flow(
        *_curl(Y, "-H", "Host: example.com", "http://httpbin.org/status/418"),
        "502",
        Layer.SIDECAR,
        why="another team's host in the Host header",
    )


def _google() -> Iterator[Flow]:
    """Google APIs and the metadata server: for the team with an identity there, and for nobody else."""
    yield Flow(
        *_curl(X, "https://storage.googleapis.com"),
        "200",
        at=("googleapis", 443),
        why="18, as far as the VIP",
    )
    yield Flow(
        *_curl(X, "http://metadata.google.internal"),
        "200",
        at=("metadata", 80),
        why="17, as far as the server",
    )
    yield Flow(
        *_curl(Y, "https://storage.googleapis.com"),
        REFUSED,
        Layer.SIDECAR,
        why="22: team-y has no googleApis",
    )
    yield Flow(
        *_curl(Y, "http://metadata.google.internal"), "502", Layer.SIDECAR, why="22: team-y has no googleApis"
    )
    yield Flow(
        *_curl(X, "https://bigquery.googleapis.com"), REFUSED, Layer.SIDECAR, why="not in the ServiceEntry"
    )
    for host in ("https://storage.googleapis.com", "http://169.254.169.254"):
        yield Flow(*_curl(CHEAT_Y, host), REFUSED, Layer.NETWORK_POLICY, why="without a sidecar, too")


def _neighbours() -> Iterator[Flow]:
    """From team to team: `reaches` goes one way."""
    yield Flow(*_curl(X, "http://test.team-y"), "200", at=(Y, 80), why="team-x reaches team-y")
    yield Flow(*_curl(Y, "http://test.team-x"), "502", Layer.SIDECAR, why="team-y does not reach team-x")
    yield Flow(
        "cheat-team-y: curl the address of team-x's pod",
        CHEAT_Y,
        lambda mesh: client.curl(mesh, CHEAT_Y, f"http://{mesh.pods[X].address}"),
        REFUSED,
        Layer.NETWORK_POLICY,
        why="without a sidecar, too",
    )
    yield Flow(
        "cheat-team-x: curl the address of team-y's pod",
        CHEAT_X,
        lambda mesh: client.curl(mesh, CHEAT_X, f"http://{mesh.pods[Y].address}"),
        REFUSED,
        Layer.DESTINATION_SIDECAR,
        why="plain text where STRICT mutual TLS is asked for",
    )


def _cheats() -> Iterator[Flow]:
    """Pods that go around the sidecar: what stops them runs outside the pod."""
    for pod, uid, how in (
        (CHEAT_X, client.APP_UID, "no sidecar"),
        (X, PROXY_UID, "a process as the proxy's user"),
    ):
        for url in ("http://example.com", "https://example.com", "https://httpbin.org"):
            yield Flow(
                *_curl(pod, url, uid=uid), REFUSED, Layer.NETWORK_POLICY, why=f"{how}, a declared host"
            )
        other = "https://other.example"
        yield Flow(*_curl(pod, other, uid=uid), REFUSED, Layer.DNS, why=f"{how}, a host that nobody declared")
        known = _knowing("other.example", 443)
        yield Flow(
            *_curl(pod, *known, other, uid=uid),
            REFUSED,
            Layer.NETWORK_POLICY,
            why=f"{how}, and its address is known",
        )
        yield Flow(*_curl(pod, "-k", "https://198.51.100.7", uid=uid), REFUSED, Layer.NETWORK_POLICY, why=how)
        for port in (15010, 15014, 15017):
            yield Flow(
                f"{pod.removeprefix('test-')}{' as uid 1337' if uid == PROXY_UID else ''}: istiod's port "
                f"{port}",
                pod,
                lambda mesh, pod=pod, port=port, uid=uid: client.curl(
                    mesh, pod, f"http://{mesh.pods['istiod'].address}:{port}", uid=uid
                ),
                REFUSED,
                Layer.NETWORK_POLICY,
                why="only 15012 is open",
            )
    yield from _broken_into()


def _broken_into() -> Iterator[Flow]:
    """A gateway that somebody broke into: what he finds open is what declared hosts need."""
    closed = {
        "http://example.com:22": "a port that no host needs",
        "http://169.254.169.254": "the metadata server, and with it the node's credentials",
        "https://storage.googleapis.com": "Google APIs, which the gateway does not need",
        "https://10.0.0.2": "a node, and whatever else is private",
    }
    for url, why in closed.items():
        yield Flow(*_curl(GATEWAY, "-k", url, uid=PROXY_UID), REFUSED, Layer.NETWORK_POLICY, why=why)
    for what, pod, port in (("a team's pod", X, 80), ("istiod's debugging port", "istiod", 15014)):
        yield Flow(
            f"gateway as uid 1337: curl {what}",
            GATEWAY,
            lambda mesh, pod=pod, port=port: client.curl(
                mesh, GATEWAY, f"http://{mesh.pods[pod].address}:{port}", uid=PROXY_UID
            ),
            REFUSED,
            Layer.NETWORK_POLICY,
        )


def _http(
    what: str, pod: str, owner: str | None, host: str, path: str = "/"
) -> tuple[str, str, Callable[[Mesh], Answer]]:
    """A request in mutual TLS to the gateway's port, with the certificate of the owner's proxy."""

    def attempt(mesh: Mesh) -> Answer:
        return client.request_to_gateway(
            mesh, pod, mesh.proxies[owner].identity if owner else None, host, path
        )

    return f"{pod}: gateway:{GATEWAY_HTTP}, {what}, Host {host}{path if path != '/' else ''}", pod, attempt


def _tunnel(
    what: str, pod: str, owner: str | None, outer: str, inner: str | None = None
) -> tuple[str, str, Callable[[Mesh], Answer]]:
    """TLS inside mutual TLS to the gateway's port; the inner server name is the outer one unless it lies."""

    def attempt(mesh: Mesh) -> Answer:
        return client.tunnel_through_gateway(
            mesh, pod, mesh.proxies[owner].identity if owner else None, outer, inner or outer
        )

    return (
        f"{pod}: gateway:{GATEWAY_TLS}, {what}, SNI {outer}{f', inside it {inner}' if inner else ''}",
        pod,
        attempt,
    )


def _at_the_gateway() -> Iterator[Flow]:
    """From a pod without a sidecar straight to the gateway's ports: with nothing, or with a certificate from
    a pod's proxy."""

    def plain(mesh: Mesh) -> Answer:
        return client.plain_to_gateway(mesh, CHEAT_X, "example.com")

    example, httpbin, other = "example.com", "httpbin.org", "other.example"
    mine_x, mine_y, works = "team-x's certificate", "team-y's certificate", "the certificate works"
    yield Flow(f"{CHEAT_X}: gateway:{GATEWAY_HTTP}, plain HTTP", CHEAT_X, plain, REFUSED, Layer.GATEWAY_TLS)
    yield Flow(*_http("no certificate", CHEAT_X, None, example), REFUSED, Layer.GATEWAY_TLS)
    yield Flow(*_tunnel("no certificate", CHEAT_X, None, example), REFUSED, Layer.GATEWAY_TLS)
    yield Flow(*_http(mine_x, CHEAT_X, X, example), "200", at=(example, 443), why=works)
    yield Flow(*_http(mine_x, CHEAT_X, X, other), "403", Layer.AUTHORIZATION, why="declared by nobody")
    yield Flow(*_http(mine_y, CHEAT_Y, Y, example), "403", Layer.AUTHORIZATION, why="another team's host")
    yield Flow(*_http(mine_y, CHEAT_Y, Y, httpbin, "/status/418"), "418", at=(httpbin, 80), why=works)
    yield Flow(*_tunnel(mine_y, CHEAT_Y, Y, httpbin), "200", at=(httpbin, 443), why=works)
    yield Flow(*_tunnel(mine_y, CHEAT_Y, Y, example), REFUSED, Layer.AUTHORIZATION, why="another team's SNI")
    yield Flow(*_tunnel(mine_y, CHEAT_Y, Y, other), REFUSED, Layer.GATEWAY_HOSTS, why="declared by nobody")
    # The outer name decides where it goes: a lie inside stays with the declared host.
    yield Flow(*_tunnel(mine_y, CHEAT_Y, Y, httpbin, example), "200", at=(httpbin, 443))
