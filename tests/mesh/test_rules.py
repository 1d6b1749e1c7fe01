"""What Istio and Envoy make of the less expected rules of AuthorizationPolicy and PeerAuthentication, beside
what the judge says.

team-x calls team-y's pod: by HTTP, and by a port that is not read as HTTP. Each policy is applied alone,
asked about, and taken away again. The rules themselves are in tests/judge.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from egress.judge.fields.mesh_settings import MeshSettings
from egress.judge.layers.authorization import Authorization
from egress.judge.layers.mutual_tls import Namespaces
from egress.judge.lookup.service_registry import Registry
from egress.judge.model.flow import Connection, Pod, Protocol, Request
from tests.judge.objects import snapshot, written
from tests.mesh.client import curl
from tests.mesh.mesh import Mesh
from tests.mesh.programs import Programs
from tests.support import config_with, plan_of

CLIENT, SERVER, CHEAT = "test-team-x", "test-team-y", "cheat-team-x"
RAW = 81
HELLO = b"hello"
_SECONDS, _SETTLES = 20.0, 3.0
_numbers = itertools.count(1)


def _raw_service() -> dict[str, Any]:
    ports = [{"name": "tcp", "port": RAW, "targetPort": RAW, "protocol": "TCP"}]
    return written("Service", "team-y", "raw", selector={"app": "test"}, ports=ports)


@pytest.fixture(scope="module")
def pair(found: Programs) -> Iterator[Mesh]:
    plan = plan_of(config_with("mesh", {"minTlsVersion": "1.3"}))
    with Mesh(plan, found, change=lambda rendered: [*rendered, _raw_service()]) as mesh:
        server = mesh.namespaces[SERVER].inside(lambda: socket.create_server(("0.0.0.0", RAW)))
        threading.Thread(target=_greet, args=(server,), daemon=True).start()
        try:
            yield mesh
        finally:
            server.close()


def _greet(server: socket.socket) -> None:
    """Answers whoever has said something: a proxy asks its rules only then."""
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            connection.recv(100)
            connection.sendall(HELLO)


def policy(*rules: Any, home: str = "team-y", **spec: Any) -> dict[str, Any]:
    return written("AuthorizationPolicy", home, f"tried-{next(_numbers)}", rules=list(rules), **spec)


def deny(*rules: Any, **spec: Any) -> dict[str, Any]:
    return policy(*rules, action="DENY", **spec)


def when(key: str, **values: list[str]) -> dict[str, Any]:
    return {"when": [{"key": key, **values}]}


def source(**fields: Any) -> dict[str, Any]:
    return {"from": [{"source": fields}]}


def operation(**fields: Any) -> dict[str, Any]:
    return {"to": [{"operation": fields}]}


@contextlib.contextmanager
def applied(mesh: Mesh, *objects: dict[str, Any]) -> Iterator[None]:
    """The objects in force at team-y's proxy, which is known by a policy that decides nothing and comes after
    them."""
    for one in objects:
        mesh.control_plane.apply([one])
    mark = policy({}, action="AUDIT")
    mesh.control_plane.apply([mark])
    try:
        _until(lambda: mark["metadata"]["name"] in mesh.proxies[SERVER].admin("/config_dump"))
        yield
    finally:
        for one in (*objects, mark):
            mesh.control_plane.delete(one)
        _until(lambda: mark["metadata"]["name"] not in mesh.proxies[SERVER].admin("/config_dump"))


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not holds():
        assert time.monotonic() < deadline, "the proxy was not told in time"
        time.sleep(0.1)


def http(mesh: Mesh, request: Request) -> int | None:
    # curl sends an empty header where a semicolon follows its name.
    headers = [f"{name}: {value}" if value else f"{name};" for name, value in request.headers.items()]
    words = [word for header in headers for word in ("-H", header)]
    return curl(
        mesh,
        CLIENT,
        "--path-as-is",
        "-g",
        "-X",
        request.method,
        *words,
        f"http://{request.host}{request.path}",
    ).status


def raw(mesh: Mesh) -> bool:
    """Whether a connection that is not HTTP is let through."""
    (address, *_) = mesh.control_plane.service_names()["raw.team-y.svc.cluster.local"]
    with contextlib.suppress(OSError):
        connection = mesh.namespaces[CLIENT].inside(lambda: socket.create_connection((address, RAW), 5))
        with connection:
            connection.settimeout(5)
            connection.sendall(b"?")
            return connection.recv(100) == HELLO
    return False


def judged(mesh: Mesh, *objects: dict[str, Any], request: Request | None, port: int) -> bool:
    to = Pod("team-y", mesh.pods[SERVER].labels)
    principal = f"cluster.local/ns/team-x/sa/{mesh.pods[CLIENT].service_account}"
    client = Connection(
        Pod("team-x", {}), to, port, Protocol.TLS, principal=principal, inner=request or "", sni=SNI
    )
    verdict = Authorization(snapshot(*objects), explains=True).judge(to, client)
    assert verdict.understood, verdict
    return verdict.allowed


SNI = "outbound_.80_._.test.team-y.svc.cluster.local"
ACCOUNT = "cluster.local/ns/team-x/sa/test"
DRY = {"annotations": {"istio.io/dry-run": "true"}}
OTHERS = {"matchLabels": {"app": "other"}}
CASES: dict[str, list[dict[str, Any]]] = {
    "a DENY rule that asks for a method": [deny(operation(methods=["DELETE"]))],
    "a DENY rule that asks for a method on one port": [deny(operation(methods=["DELETE"], ports=["80"]))],
    "a DENY rule that asks for a header": [deny(when("request.headers[x-a]", values=["v"]))],
    "a DENY rule of which one operation is HTTP's": [
        deny({"to": [{"operation": {"paths": ["/none"]}}, {"operation": {"ports": ["1"]}}]})
    ],
    "an ALLOW rule that asks for a method": [policy(operation(methods=["GET"]))],
    "an ALLOW rule of which one operation is HTTP's": [
        policy({"to": [{"operation": {"paths": ["/none"]}}, {"operation": {"ports": [str(RAW)]}}]})
    ],
    "an ALLOW rule for every path but one": [policy(operation(notPaths=["/none"]))],
    "a policy without rules": [policy()],
    "AUDIT of everything": [policy({}, action="AUDIT")],
    "a DENY that is tried dry": [deny({}, metadata=DRY)],
    "an ALLOW that is tried dry": [policy(metadata=DRY)],
    "an ALLOW that is tried dry beside one that is not": [policy({}, metadata=DRY), policy()],
    "a DENY of the root namespace": [deny({}, home="istio-system")],
    "an ALLOW of the root namespace beside one of nothing": [policy({}, home="istio-system"), policy()],
    "a DENY for other pods": [deny({}, selector=OTHERS)],
    "an ALLOW for other pods": [policy(selector=OTHERS)],
    "a namespace by its end, which the identity behind it has": [policy(source(namespaces=["*a"]))],
    "a namespace by another end": [policy(source(namespaces=["*b"]))],
    "a namespace with a star in its middle": [policy(source(namespaces=["t*x"]))],
    "an account by its namespace": [policy(source(serviceAccounts=["team-x/test"]))],
    "an account of the policy's own namespace": [policy(source(serviceAccounts=["test"]))],
    "an account that begins alike": [policy(source(serviceAccounts=["team-x/tes"]))],
    "everybody but an account": [policy(source(notServiceAccounts=["team-x/test"]))],
    "a principal in the name of the default trust domain": [policy(source(principals=[ACCOUNT]))],
    "a principal by its end": [policy(source(principals=["*/sa/test"]))],
    "a principal with a star in its middle": [policy(source(principals=["cluster.local/ns/*/sa/test"]))],
    "a principal of a trust domain that begins alike": [
        policy(source(principals=["clus*/ns/team-x/sa/test"]))
    ],
    "everybody but a principal": [policy(source(notPrincipals=[ACCOUNT]))],
    "the server name in another case": [policy(when("connection.sni", values=[SNI.upper()]))],
    "values and values left out": [policy(when("source.namespace", values=["team-*"], notValues=["team-x"]))],
    "a host in another case": [policy(operation(hosts=["TEST.team-Y"]))],
    "a host with a port": [policy(operation(hosts=["test.team-y:80"]))],
    "a pattern that has two stars": [policy(operation(paths=["*/a*"]))],
    "a template": [policy(operation(paths=["/t/{*}/{**}"]))],
    "a template with an end": [policy(operation(paths=["/t/{**}/z"]))],
    "not a template": [policy(operation(notPaths=["/t/{*}"]))],
    "a header that is there": [policy(when("request.headers[x-a]", values=["*"]))],
    "a header that is not there": [policy(when("request.headers[x-a]", notValues=["*"]))],
    "methods by their beginning": [policy(operation(methods=["P*"]))],
}
REQUESTS: tuple[Request, ...] = (
    Request("test.team-y"),
    Request("test.team-y", "DELETE"),
    Request("test.team-y", "POST", headers={"x-a": ""}),
    Request("test.team-y", headers={"x-a": "v"}),
    Request("test.team-y", path="/t/x"),
    Request("test.team-y", path="/t/x/y/z?q=/none"),
    Request("test.team-y", path="/t/[x]"),
    Request("test.team-y", path="/b/a*"),
    Request("test.team-y", path="/none"),
)


def tried(mesh: Mesh) -> dict[str, bool]:
    """What is let through, by what was asked."""
    seen = {_words(one): http(mesh, one) == 200 for one in REQUESTS}
    return seen | {"raw": raw(mesh)}


def _words(request: Request) -> str:
    return f"{request.method} {request.path} {dict(request.headers)}"


@pytest.mark.parametrize("what", CASES)
def test_a_policy_is_in_force_as_it_is_judged(pair: Mesh, what: str) -> None:
    objects = CASES[what]
    says = {_words(one): judged(pair, *objects, request=one, port=80) for one in REQUESTS}
    says["raw"] = judged(pair, *objects, request=None, port=RAW)
    with applied(pair, *objects):
        seen = tried(pair)
        if seen != says:
            # Connections that were open before go on by the rules of before, for a moment.
            time.sleep(_SETTLES)
            seen = tried(pair)
    assert seen == says


def plain(mesh: Mesh) -> bool:
    """Whether team-y's pod answers a caller without a certificate."""
    return curl(mesh, CHEAT, f"http://{mesh.pods[SERVER].address}/").status == 200


PEERS: dict[str, list[dict[str, Any]]] = {
    "none but the mesh's own": [],
    "some pods": [
        written(
            "PeerAuthentication",
            "team-y",
            selector={"matchLabels": {"app": "test"}},
            mtls={"mode": "DISABLE"},
        )
    ],
    "some pods, by one of the root namespace": [
        written(
            "PeerAuthentication",
            "istio-system",
            selector={"matchLabels": {"app": "test"}},
            mtls={"mode": "DISABLE"},
        )
    ],
    "one that is unset": [written("PeerAuthentication", "team-y", mtls={"mode": "UNSET"})],
    "one port": [
        written(
            "PeerAuthentication",
            "team-y",
            selector={"matchLabels": {"app": "test"}},
            portLevelMtls={"80": {"mode": "PERMISSIVE"}},
        )
    ],
    "the namespace's own": [written("PeerAuthentication", "team-y", mtls={"mode": "PERMISSIVE"})],
}


@pytest.mark.parametrize("what", PEERS)
def test_a_caller_without_a_certificate_is_taken_as_it_is_judged(pair: Mesh, what: str) -> None:
    strict = written("PeerAuthentication", "istio-system", "default", mtls={"mode": "STRICT"})
    objects = PEERS[what]
    with applied(pair, *objects):
        assert plain(pair) == Namespaces(snapshot(strict, *objects)).mutual("team-y").allowed


def test_the_least_tls_that_the_mesh_is_told_is_not_kept_to_where_a_gateway_opens_it(pair: Mesh) -> None:
    clusters = {
        one["cluster"]["name"]: one["cluster"]
        for section in pair.proxies[pair.gateway.key].config()["configs"]
        for one in section.get("dynamic_active_clusters", ())
    }
    opened = clusters["outbound|80||example.com"]["transport_socket"]["typed_config"]["common_tls_context"]
    assert opened["tls_params"]["tls_minimum_protocol_version"] == "TLSv1_2"
    deployed = snapshot(*(dict(manifest) for manifest in pair.manifests))
    assert MeshSettings(deployed, Registry(deployed)).tls("TLSV1_3").allowed
