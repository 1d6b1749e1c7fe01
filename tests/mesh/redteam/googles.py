"""G: hosts of Google's, which all answer at the same addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.mesh import client
from tests.mesh.evidence import Layer
from tests.mesh.flow import CHEAT_X, CHEAT_Y, REFUSED, X, Y
from tests.mesh.mesh import Mesh
from tests.mesh.redteam.stack import NOT_OURS, PACKAGES, PRICING, STRANGER, VIP
from tests.mesh.redteam.way import Way

_AT = f"::{VIP}:443"


def ways() -> Iterator[Way]:
    yield from _by_the_sidecar()
    yield from _past_it()


def _curl(pod: str, *words: str) -> Callable[[Mesh], client.Answer]:
    return lambda mesh: client.curl(mesh, pod, *words)


def _by_the_sidecar() -> Iterator[Way]:
    tried = (
        ("another registry at the same address", X, ("-k", "--connect-to", _AT, f"https://{NOT_OURS}")),
        ("a stranger's service at the same address", X, ("-k", "--connect-to", _AT, f"https://{STRANGER}")),
        ("the address without a name", X, ("-k", f"https://{VIP}")),
        ("a declared host on another port", X, (f"https://{PACKAGES}:8443",)),
        (
            "a declared host, TLS on port 80",
            X,
            ("-k", "--connect-to", f"::{VIP}:80", f"https://{PACKAGES}:80"),
        ),
        ("another team's repository", Y, (f"https://{PACKAGES}",)),
        ("another team's service, by its address", Y, ("-k", "--connect-to", _AT, f"https://{PRICING}")),
        ("every API at once by its own name", X, ("-k", "https://private.googleapis.com")),
    )
    for index, (what, pod, words) in enumerate(tried):
        yield Way(what, pod, _curl(pod, *words), REFUSED, Layer.SIDECAR, number=f"G{index + 1}")
    yield Way(
        "a declared host by plain HTTP",
        X,
        _curl(X, f"http://{PACKAGES}"),
        "502",
        Layer.SIDECAR,
        number="G9",
    )
    yield Way(
        "a name below a declared host",
        X,
        _curl(X, f"https://below.{PRICING}"),
        REFUSED,
        Layer.DNS,
        number="G10",
    )
    yield Way(
        "another registry in the Host header, inside the TLS of a declared one",
        X,
        _curl(X, "-H", f"Host: {NOT_OURS}", f"https://{PACKAGES}"),
        "200",
        at=("googleapis", 443),
        left="What is said inside TLS nobody here sees, and Google decides whether it answers for a name "
        "other than the one in the handshake. IAM decides what the account may do there, and a VPC Service "
        "Controls perimeter whose project it is done to.",
        number="G11",
    )


def _past_it() -> Iterator[Way]:
    yield Way(
        "a declared host through the gateway, with the team's own certificate",
        CHEAT_X,
        lambda mesh: client.tunnel_through_gateway(
            mesh, CHEAT_X, mesh.proxies[X].identity, PACKAGES, PACKAGES
        ),
        REFUSED,
        Layer.GATEWAY_HOSTS,
        number="G12",
    )
    yield Way(
        "another team's host, from a pod without a sidecar",
        CHEAT_Y,
        _curl(CHEAT_Y, "-k", "--connect-to", _AT, f"https://{PACKAGES}"),
        REFUSED,
        Layer.NETWORK_POLICY,
        number="G13",
    )
    yield Way(
        "a declared host by plain HTTP, from a pod without a sidecar",
        CHEAT_X,
        _curl(CHEAT_X, f"http://{PACKAGES}"),
        REFUSED,
        Layer.NETWORK_POLICY,
        number="G14",
    )
    yield Way(
        "a stranger's service, from a pod without a sidecar",
        CHEAT_X,
        _curl(CHEAT_X, "-k", "--connect-to", _AT, f"https://{STRANGER}"),
        "200",
        at=("googleapis", 443),
        left="As A35: behind Google's addresses is everything that Google serves there, for every pod of a "
        "team that may go there at all.",
        number="G15",
    )
