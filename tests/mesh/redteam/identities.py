"""I: another identity, or another's secrets, out of the control plane: gRPC to istiod, which every pod may
speak to."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator

from egress.common.ports import GATEWAY_HTTP
from tests.mesh.authority import Certificate
from tests.mesh.client import Answer
from tests.mesh.evidence import Layer
from tests.mesh.flow import CHEAT_Y, REFUSED
from tests.mesh.mesh import Mesh
from tests.mesh.netns import command
from tests.mesh.redteam import raw
from tests.mesh.redteam.hosts import EXAMPLE
from tests.mesh.redteam.tls import SPIFFE_X
from tests.mesh.redteam.way import Way

_SIGN = "istio.v1.auth.IstioCertificateService/CreateCertificate"
_CONFIGURE = "envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
_TYPES = "type.googleapis.com/envoy"
_CLUSTERS = f"{_TYPES}.config.cluster.v3.Cluster"
_SECRETS = f"{_TYPES}.extensions.transport_sockets.tls.v3.Secret"
_RULES = "security.istio.io/v1/AuthorizationPolicy"
_STOLEN = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "partner", "namespace": "istio-egress"},
    "stringData": {"tls.crt": "CERTIFICATE", "tls.key": "STOLEN KEY"},
}


def ways() -> Iterator[Way]:
    yield Way(
        "a certificate from istiod by team-y's token, asked for in team-x's name, used at the gateway",
        CHEAT_Y,
        _with_a_signed_name,
        "403",
        Layer.AUTHORIZATION,
        why="istiod writes the token's name into it, whatever was asked for",
        number="I1",
    )
    yield Way(
        "a certificate from istiod on behalf of team-x",
        CHEAT_Y,
        lambda mesh: _sign(mesh, _token(mesh), SPIFFE_X)[0],
        REFUSED,
        Layer.ISTIOD,
        says="grpc-status: 16",
        number="I2",
    )
    yield Way(
        "a certificate from istiod without a token",
        CHEAT_Y,
        lambda mesh: _sign(mesh, None)[0],
        REFUSED,
        Layer.ISTIOD,
        says="grpc-status: 16",
        number="I3",
    )
    yield Way(
        "the gateway's configuration, asked for as if one were the gateway",
        CHEAT_Y,
        lambda mesh: _configure(mesh, _node(mesh, "router", mesh.gateway.key), _CLUSTERS),
        REFUSED,
        Layer.ISTIOD,
        says="no identities",
        number="I4",
    )
    yield Way(
        "team-x's configuration, asked for as if one were its proxy",
        CHEAT_Y,
        lambda mesh: _configure(mesh, _node(mesh, "sidecar", "test-team-x"), _CLUSTERS),
        REFUSED,
        Layer.ISTIOD,
        says="no identities",
        number="I5",
    )
    yield Way(
        "a Secret of the gateway's, asked for as one's own proxy",
        CHEAT_Y,
        _steal_a_secret,
        REFUSED,
        Layer.ISTIOD,
        says="unauthorized",
        number="I6",
    )
    yield Way(
        "every team's rules, asked for as Istio's objects and not as a proxy's configuration",
        CHEAT_Y,
        lambda mesh: _configure(mesh, _node(mesh, "sidecar", "test-team-y"), _RULES),
        "200",
        # Of a rule that team-x alone has.
        says="x-tenant",
        left="istiod answers whoever has a certificate or token of the mesh with all of Istio's objects that "
        "it knows, and has "
        "no setting against it; proxies need its port. It opens no way out. What stands in the config is no "
        "secret: a header's "
        "value that a rule asks for is known to every pod.",
        number="I7",
    )


def _token(mesh: Mesh) -> str:
    return mesh.control_plane.token("team-y", "test")


def _with_a_signed_name(mesh: Mesh) -> Answer:
    answer, given = _sign(mesh, _token(mesh))
    if given is None:
        return answer
    named = command("openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", str(given.chain))
    assert "team-x" not in named, named
    gateway = mesh.gateway.address
    return raw.say_inside_tls(
        mesh, CHEAT_Y, gateway, GATEWAY_HTTP, raw.last(EXAMPLE), sni=None, identity=given
    )


def _sign(mesh: Mesh, token: str | None, behalf: str | None = None) -> tuple[Answer, Certificate | None]:
    """A certificate for team-x's name, as an agent asks for its own."""
    folder = mesh.folder / "asked"
    folder.mkdir(exist_ok=True)
    made = Certificate(folder / "given.crt", folder / "own.key")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(made.key)]
    command(
        "openssl",
        "req",
        "-new",
        *key,
        "-out",
        str(folder / "csr"),
        "-subj",
        "/O=x",
        "-addext",
        f"subjectAltName=URI:{SPIFFE_X}",
    )
    message = _text(1, (folder / "csr").read_text(encoding="utf-8"))
    if behalf:
        message += _bytes(4, _bytes(1, _text(1, "ImpersonatedIdentity") + _bytes(2, _text(3, behalf))))
    answer = _grpc(mesh, _SIGN, message, token, 0)
    found = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", answer.body, re.DOTALL)
    if not found:
        return answer, None
    made.chain.write_text(found[0], encoding="utf-8")
    return answer, made


def _node(mesh: Mesh, kind: str, key: str) -> bytes:
    pod = mesh.pods[key]
    name = f"{kind}~{pod.address}~{pod.name}.{pod.namespace}~{pod.namespace}.svc.cluster.local"
    cluster = _bytes(1, _text(1, "CLUSTER_ID") + _bytes(2, _text(3, "Kubernetes")))
    return _text(1, name) + _text(2, "own") + _bytes(3, cluster)


def _configure(mesh: Mesh, node: bytes, kind: str, *names: str) -> Answer:
    request = _bytes(2, node) + b"".join(_text(3, name) for name in names) + _text(4, kind)
    return _grpc(mesh, _CONFIGURE, request, _token(mesh), 1.5)


def _steal_a_secret(mesh: Mesh) -> Answer:
    mesh.control_plane.apply([_STOLEN])
    position = mesh.istiod.process.size()
    answer = _configure(
        mesh,
        _node(mesh, "sidecar", "test-team-y"),
        _SECRETS,
        "kubernetes://partner",
        "kubernetes://istio-egress/partner",
    )
    mesh.control_plane.delete(_STOLEN)
    assert "STOLEN KEY" not in answer.body
    return Answer(None, answer.body, mesh.istiod.process.output(position))


# gRPC by curl, and as much of protocol buffers as these messages need


def _bytes(field: int, data: bytes) -> bytes:
    length, rest = b"", len(data)
    while rest >= 128:
        length += bytes([rest % 128 + 128])
        rest //= 128
    return bytes([field << 3 | 2]) + length + bytes([rest]) + data


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode())


def _grpc(mesh: Mesh, method: str, message: bytes, token: str | None, wait: float) -> Answer:
    """One message; the stream stays open for `wait` seconds. What came back, headers and trailers
    included."""
    words = [
        "curl",
        "-skS",
        "-i",
        "--http2",
        "--max-time",
        str(4 + wait),
        "-X",
        "POST",
        "-T",
        "-",
        "-H",
        "te: trailers",
    ]
    words += [
        "-H",
        "content-type: application/grpc",
        *(["-H", f"authorization: Bearer {token}"] if token else []),
    ]
    url = f"https://{mesh.pods['istiod'].address}:15012/{method}"
    where = mesh.namespaces[CHEAT_Y].prefix(1000)
    with subprocess.Popen(
        [*where, *words, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        assert child.stdin
        assert child.stdout
        child.stdin.write(b"\0" + len(message).to_bytes(4) + message)
        child.stdin.flush()
        time.sleep(wait)
        child.stdin.close()
        text = child.stdout.read().decode(errors="replace").replace("\r\n", "\n")
    ended = re.search(r"grpc-status: (\d+)", text)
    return Answer(200 if ended is None or ended[1] == "0" else None, text, "")
