"""H: another host than the one that is declared, by what a request says about where it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.mesh import client
from tests.mesh.client import Answer
from tests.mesh.evidence import Layer
from tests.mesh.flow import REFUSED, X, Y
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.redteam import raw
from tests.mesh.redteam.stack import ALIAS, REBOUND, RULED
from tests.mesh.redteam.way import Way

EXAMPLE, OTHER, HTTPBIN = "example.com", "other.example", "httpbin.org"
AT_EXAMPLE = (EXAMPLE, 443)
GATEWAY_SERVICE = "istio-egressgateway.istio-egress.svc.cluster.local"


def ways() -> Iterator[Way]:
    yield from _names()
    yield from _headers()
    yield from _inside()


def _sent(*parts: bytes, to: str = EXAMPLE, pod: str = X) -> Callable[[Mesh], Answer]:
    return lambda mesh: raw.say(mesh, pod, WEBSITES[to], 80, *parts)


def curl(pod: str, *words: str, uid: int = client.APP_UID) -> Callable[[Mesh], Answer]:
    return lambda mesh: client.curl(mesh, pod, *addresses(mesh), *words, uid=uid)


def addresses(mesh: Mesh) -> Iterator[str]:
    """For curl: whoever wants to get out knows the addresses, whatever the cluster's DNS says."""
    for host, address in ((OTHER, WEBSITES[OTHER]), (ALIAS, mesh.pods[X].address)):
        for port in (25, 80, 443):
            yield from ("--resolve", f"{host}:{port}:{address}")


def _names() -> Iterator[Way]:
    sidecar = Layer.SIDECAR
    yield Way(
        "another team's host in Host",
        Y,
        curl(Y, "-H", f"Host: {EXAMPLE}", f"http://{HTTPBIN}"),
        "502",
        sidecar,
        number="H1",
    )
    yield Way(
        "absolute URI of another host, declared Host",
        X,
        _sent(raw.last(EXAMPLE, f"http://{OTHER}/")),
        "502",
        sidecar,
        number="H2",
    )
    yield Way(
        "absolute URI of the declared host, another Host",
        X,
        _sent(raw.last(OTHER, f"http://{EXAMPLE}/"), to=OTHER),
        "200",
        at=AT_EXAMPLE,
        why="the request line decides, and the site sees the declared name",
        number="H3",
    )
    yield Way(
        "two Host headers", X, _sent(raw.last(EXAMPLE, "/", f"Host: {OTHER}")), "502", sidecar, number="H4"
    )
    yield Way(
        "two Host headers, the declared one last",
        X,
        _sent(raw.last(OTHER, "/", f"Host: {EXAMPLE}")),
        "502",
        sidecar,
        number="H5",
    )
    yield Way(
        "Host with another port", X, _sent(raw.last(f"{EXAMPLE}:22")), "403", Layer.AUTHORIZATION, number="H6"
    )
    yield Way(
        "Host with a dot at its end",
        X,
        _sent(raw.last(f"{EXAMPLE}.")),
        "403",
        Layer.AUTHORIZATION,
        number="H7",
    )
    yield Way(
        "Host in capitals",
        X,
        _sent(raw.last("EXAMPLE.com")),
        "200",
        at=AT_EXAMPLE,
        why="the same host",
        number="H8",
    )
    yield Way(
        "Host with a user before it", X, _sent(raw.last(f"{EXAMPLE}@{OTHER}")), "502", sidecar, number="H9"
    )
    yield Way(
        "a list of hosts in Host", X, _sent(raw.last(f"{EXAMPLE}, {OTHER}")), "400", sidecar, number="H10"
    )
    yield Way(
        "no Host", X, _sent(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"), "400", sidecar, number="H11"
    )
    yield Way("an empty Host", X, _sent(raw.last("")), "502", sidecar, number="H12")
    yield Way("an address as Host", X, _sent(raw.last(WEBSITES[OTHER])), "502", sidecar, number="H13")
    yield Way("an address as one number", X, curl(X, "http://3405803806/"), "502", sidecar, number="H14")
    yield Way(
        "a name of nobody that leads to a pod",
        Y,
        curl(Y, f"http://{ALIAS}"),
        "502",
        sidecar,
        why="names decide, wherever DNS leads",
        number="H15",
    )
    yield Way(
        "the declared host, at another address",
        X,
        lambda mesh: client.curl(
            mesh, X, "--resolve", f"{EXAMPLE}:80:{WEBSITES[OTHER]}", f"http://{EXAMPLE}"
        ),
        "200",
        at=AT_EXAMPLE,
        why="the gateway asks DNS itself",
        number="H16",
    )


def _headers() -> Iterator[Way]:
    def with_header(number: str, header: str, why: str, path: str = "/", expected: str = "200") -> Way:
        words = ("-H", header, f"http://{EXAMPLE}{path}")
        return Way(f"header {header}", X, curl(X, *words), expected, at=AT_EXAMPLE, why=why, number=number)

    yield with_header("H17", f"X-Forwarded-Host: {OTHER}", "the site's own business: it is the declared one")
    yield with_header("H18", f"X-Envoy-Original-Dst-Host: {WEBSITES[OTHER]}:80", "no route looks at it")
    yield with_header("H19", "X-Envoy-Decorator-Operation: mine", "taken off at the gateway")
    yield Way(
        "a declared host asked to be repeated five times",
        X,
        curl(
            X, "-H", "x-envoy-retry-on: 5xx", "-H", "x-envoy-max-retries: 5", f"http://{EXAMPLE}/status/503"
        ),
        "503",
        at=AT_EXAMPLE,
        why="retries are the config's to give: one request arrives",
        number="H20",
    )
    yield with_header("H21", "X-Envoy-Upstream-Rq-Timeout-Ms: 600000", "taken off at the gateway")
    hop = "Connection: close, Host, X-Forwarded-Client-Cert"
    yield Way(f"header {hop}", X, curl(X, "-H", hop, f"http://{EXAMPLE}"), "400", Layer.SIDECAR, number="H22")
    yield Way(
        "a header that a rule asks for, twice with another value",
        X,
        lambda mesh: raw.say(
            mesh, X, mesh.address_of(RULED), 80, raw.last(RULED, "/reports", "X-Tenant: y", "X-Tenant: x")
        ),
        "200",
        at=(RULED, 80),
        left="The gateway is content if one of a header's lines fits the rule, and hands on all of them. A "
        "site that reads "
        "another one sees a value that no rule allows: such a header is no proof to it.",
        number="H23",
    )
    yield Way(
        "a header that a rule asks for, as a list with another value",
        X,
        curl(X, "-H", "x-tenant: y, x", f"http://{RULED}/reports"),
        "403",
        Layer.AUTHORIZATION,
        number="H24",
    )
    yield Way(
        "an undeclared host with X-Envoy-Original-Dst-Host",
        X,
        curl(X, "-H", f"X-Envoy-Original-Dst-Host: {WEBSITES[OTHER]}:80", f"http://{OTHER}"),
        "502",
        Layer.SIDECAR,
        number="H25",
    )


def _inside() -> Iterator[Way]:
    """Through the proxies to a place inside."""
    for number, host in (
        ("H26", "test.team-x.svc.cluster.local"),
        ("H27", "metadata.google.internal"),
        ("H28", "127.0.0.1:15000"),
        ("H29", "istiod.istio-system.svc.cluster.local:15014"),
    ):
        yield Way(
            f"Host {host}", Y, _sent(raw.last(host), to=HTTPBIN, pod=Y), "502", Layer.SIDECAR, number=number
        )
    yield Way(
        "the gateway's own name",
        Y,
        curl(Y, f"http://{GATEWAY_SERVICE}/"),
        "403",
        Layer.AUTHORIZATION,
        why="no team's policy names it",
        number="H30",
    )
    yield Way(
        "TLS of its own to the gateway's Service",
        Y,
        curl(Y, "-k", f"https://{GATEWAY_SERVICE}/"),
        REFUSED,
        Layer.GATEWAY_HOSTS,
        number="H31",
    )
    yield Way(
        "a declared host whose owner's DNS answers with the metadata server",
        X,
        curl(X, "-H", "Metadata-Flavor: Google", f"http://{REBOUND}/computeMetadata/v1/"),
        "503",
        Layer.GATEWAY_POLICY,
        why="the gateway is no way to addresses inside",
        number="H32",
    )
