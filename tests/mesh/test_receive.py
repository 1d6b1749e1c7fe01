"""Receiving on real proxies: a partner's client with the right certificate speaks to the team's database, and
nobody else does.

The database greets first, as MySQL does, so that a byte or a connection too many is seen.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Network

import pytest

from egress.layers.google.firewall import Nodes
from egress.plan.make import make_plan
from egress.plan.model import Plan
from egress.settings import load_file
from tests.mesh.authority import Authority, Certificate, secret
from tests.mesh.mesh import Mesh
from tests.mesh.programs import Programs
from tests.mesh.receiving import service
from tests.support import PROJECT, ROOT

HOST, PORT, GREETING = "mysql.fqdn.example", 13306, b"5.7.44-database\n"
WEB, SERVICE_PORT, POD_PORT = "prices.fqdn.example", 80, 8080
CLIENT, BUYER = "spiffe://partner.example/gateway", "client.buyer.example"
OUTSIDER = "kube-dns"
"""A pod outside every team's fences stands in for the partner: by its address it is one, so nothing but the
gateway can refuse it."""
_SECONDS = 8.0


@dataclass
class Database:
    """Greets whoever connects, then answers each line; counts connections."""

    listening: socket.socket
    connections: int = 0
    heard: list[bytes] = field(default_factory=list)

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return  # closed
            self.connections += 1
            threading.Thread(target=self._speak, args=(connection,), daemon=True).start()

    def _speak(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(_SECONDS)
            connection.sendall(GREETING)
            while data := connection.recv(1024):
                self.heard.append(data)
                connection.sendall(b"rows for " + data)


@dataclass(frozen=True)
class Partner:
    """The receiving stack, its database, and certificates to try."""

    mesh: Mesh
    database: Database
    authority: Authority
    stranger: Authority

    @property
    def gateway(self) -> str:
        return next(pod.address for pod in self.mesh.pods.values() if pod.nodes == Nodes.INGRESS)

    def connect(self, certificate: Certificate | None, name: str = HOST, port: int = PORT) -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.authority.pem)
        if certificate:
            context.load_cert_chain(certificate.chain, certificate.key)
        namespace = self.mesh.namespaces[OUTSIDER]
        plain = namespace.inside(lambda: socket.create_connection((self.gateway, port), _SECONDS))
        return context.wrap_socket(plain, server_hostname=name)

    def query(self, certificate: Certificate | None, name: str = HOST) -> bytes:
        """The database's greeting and its answer to one line, as far as they came."""
        received = b""
        with contextlib.suppress(OSError), self.connect(certificate, name) as connection:
            received += connection.recv(1024)
            connection.sendall(b"select 1\n")
            received += connection.recv(1024)
        return received


def _plan() -> Plan:
    """The example's plan, with a pod's addresses as the partner's: a config may not say so, and here the pod
    is the partner."""
    settings = load_file(ROOT / "examples/modes/Pulumi.receive.yaml", default_project=PROJECT)
    assert settings.ingress
    ranges = settings.ingress.source_ranges | {"outsider": IPv4Network("10.1.0.0/24")}
    ingress = settings.ingress.model_copy(update={"source_ranges": ranges})
    return make_plan(settings.model_copy(update={"ingress": ingress}))


@pytest.fixture(scope="module")
def partner(found: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Partner]:
    folder = tmp_path_factory.mktemp("authorities")
    authority, stranger = Authority(folder, "partners"), Authority(folder, "strangers")
    added = [
        service("orders", "mysql", 3306, 3306, "tcp-mysql"),
        service("orders", "prices", SERVICE_PORT, POD_PORT, "http"),
        secret("mysql-credential", "istio-ingress", authority.issue(HOST), authority.pem),
        secret("prices-credential", "istio-ingress", authority.issue(WEB), authority.pem),
    ]
    with Mesh(_plan(), found, change=lambda rendered: [*rendered, *added]) as mesh:
        app = mesh.namespaces["test-orders"]
        database = Database(app.inside(lambda: socket.create_server(("0.0.0.0", 3306))))
        threading.Thread(target=database.serve, daemon=True).start()
        partner = Partner(mesh, database, authority, stranger)
        try:
            _await(partner, authority.client(f"URI:{CLIENT}"))
            yield partner
        finally:
            database.listening.close()


def _await(partner: Partner, certificate: Certificate, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not partner.query(certificate).startswith(GREETING):
        assert time.monotonic() < deadline, "the gateway never let the right client through"
        time.sleep(0.3)


@pytest.fixture
def counted(partner: Partner) -> Partner:
    """The partner, with the database's books empty."""
    partner.database.connections = 0
    partner.database.heard.clear()
    return partner


def test_the_named_client_speaks_to_the_database(counted: Partner) -> None:
    said = counted.query(counted.authority.client(f"URI:{CLIENT}"))
    assert said == GREETING + b"rows for select 1\n"
    assert (counted.database.connections, counted.database.heard) == (1, [b"select 1\n"])


@pytest.mark.parametrize(
    "alternative",
    [
        "URI:spiffe://partner.example/other",
        f"URI:{CLIENT}/below",
        "DNS:partner.example",
        "email:gateway@partner.example",
    ],
)
def test_another_client_of_the_same_authority_is_refused_before_the_database_is_reached(
    counted: Partner, alternative: str
) -> None:
    assert counted.query(counted.authority.client(alternative)) == b""
    assert counted.database.connections == 0


def test_the_right_name_of_another_authority_is_refused(counted: Partner) -> None:
    assert counted.query(counted.stranger.client(f"URI:{CLIENT}")) == b""
    assert counted.database.connections == 0


def test_without_a_certificate_nobody_is_heard(counted: Partner) -> None:
    assert counted.query(None) == b""
    assert counted.database.connections == 0


def test_a_name_that_is_not_received_is_refused(counted: Partner) -> None:
    assert counted.query(counted.authority.client(f"URI:{CLIENT}"), "other.fqdn.example") == b""
    assert counted.database.connections == 0


def test_a_client_of_one_thing_is_not_one_of_another(counted: Partner) -> None:
    """The buyer may ask for prices, at its own name and port; the database knows nothing of it."""
    buyer = counted.authority.client(f"DNS:{BUYER}")
    assert counted.query(buyer) == b""
    assert counted.database.connections == 0


def test_the_partner_cannot_go_round_the_gateway(counted: Partner) -> None:
    """Straight to the database's pod: its NetworkPolicy lets in the ingress gateway alone."""
    pod = counted.mesh.pods["test-orders"].address
    namespace = counted.mesh.namespaces[OUTSIDER]
    with pytest.raises(OSError, match="No route to host"):
        namespace.inside(lambda: socket.create_connection((pod, 3306), 2.0))
    assert counted.database.connections == 0


@pytest.fixture
def prices(partner: Partner) -> Iterator[list[dict[str, str]]]:
    """A web server in the team's pod; what it is asked, with headers."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append({**dict(self.headers.items()), "path": self.path})
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"42")

        def log_message(self, format: str, *args: object) -> None:
            """What arrived is recorded, not printed."""

    server = partner.mesh.namespaces["test-orders"].inside(lambda: HTTPServer(("0.0.0.0", POD_PORT), Handler))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    yield asked
    server.shutdown()
    server.server_close()


def _get(
    partner: Partner, certificate: Certificate | None, host: str = WEB
) -> tuple[int, http.client.HTTPMessage, bytes] | None:
    try:
        secured = partner.connect(certificate, WEB, 8443)
        asking = http.client.HTTPConnection(WEB)
        asking.sock = secured
        asking.request(
            "GET",
            "/price?of=tea",
            headers={"Host": host, "X-Forwarded-Client-Cert": "By=forged;URI=spiffe://forged/client"},
        )
        answer = asking.getresponse()
        return answer.status, answer.headers, answer.read()
    except (OSError, http.client.HTTPException):
        return None


def test_a_request_reaches_the_service_and_the_answer_says_nothing_of_the_mesh(
    partner: Partner, prices: list[dict[str, str]]
) -> None:
    answer = _get(partner, partner.authority.client(f"DNS:{BUYER}"))
    assert answer is not None
    status, headers, body = answer
    assert (status, body) == (200, b"42")
    assert [name for name in headers if name.lower().startswith("x-envoy")] == []
    assert "server" not in headers, headers.items()
    (asked,) = prices
    assert asked["path"] == "/price?of=tea"
    shown = {name.lower(): value for name, value in asked.items()}["x-forwarded-client-cert"]
    assert BUYER in shown, "the Service is told which client asks"
    assert "forged" not in shown


@pytest.mark.parametrize("host", ["other.fqdn.example", "api.orders.svc.cluster.local"])
def test_a_request_for_another_host_is_refused(
    partner: Partner, prices: list[dict[str, str]], host: str
) -> None:
    answer = _get(partner, partner.authority.client(f"DNS:{BUYER}"), host)
    assert answer is None or answer[0] in (403, 404, 421)
    assert prices == []


def test_the_databases_client_may_not_ask_for_prices(partner: Partner, prices: list[dict[str, str]]) -> None:
    assert _get(partner, partner.authority.client(f"URI:{CLIENT}")) is None
    assert prices == []


@pytest.fixture
def credential(partner: Partner) -> Iterator[Callable[[Certificate, str], None]]:
    """Replaces the database's credential; the one before comes back at the end."""

    def replace(certificate: Certificate, authorities: str) -> None:
        partner.mesh.control_plane.apply(
            [secret("mysql-credential", "istio-ingress", certificate, authorities)]
        )

    yield replace
    replace(partner.authority.issue(HOST), partner.authority.pem)


def _eventually(what: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def test_a_changed_credential_is_taken_without_a_restart(
    partner: Partner, credential: Callable[[Certificate, str], None]
) -> None:
    """Rotation as docs/credentials.md describes it: a new certificate, then a second authority beside the
    first."""
    client = partner.authority.client(f"URI:{CLIENT}")
    renewed = partner.authority.issue("renewed", HOST)
    with partner.connect(client) as opened:
        assert opened.recv(1024) == GREETING
        credential(renewed, partner.authority.pem)
        assert _eventually(lambda: "renewed" in str(_shown(partner, client)))
        opened.sendall(b"still here\n")
        assert opened.recv(1024) == b"rows for still here\n"

    of_second = partner.stranger.client(f"URI:{CLIENT}")
    assert partner.query(of_second) == b""
    credential(renewed, partner.authority.pem + partner.stranger.pem)
    assert _eventually(lambda: partner.query(of_second).startswith(GREETING))
    assert partner.query(client).startswith(GREETING)

    credential(renewed, partner.authority.pem)
    assert _eventually(lambda: partner.query(of_second) == b"")


def _shown(partner: Partner, client: Certificate) -> object:
    """The certificate that the gateway shows."""
    with partner.connect(client) as connection:
        return connection.getpeercert()


def test_no_name_leads_the_gateway_anywhere(partner: Partner) -> None:
    """All that it can connect to, apart from its own agent, are Services, by the addresses that the control
    plane gives."""
    (gateway,) = (
        pod.key
        for pod in partner.mesh.pods.values()
        if pod.namespace == "istio-ingress" and pod.proxy == "router"
    )
    (dump,) = (
        part
        for part in partner.mesh.proxies[gateway].config()["configs"]
        if "ClustersConfigDump" in part["@type"]
    )
    clusters = {one["cluster"]["name"]: one["cluster"] for one in dump["dynamic_active_clusters"]}
    services = {name for name, cluster in clusters.items() if cluster.get("type") == "EDS"}
    assert {name for name in services if "orders.svc.cluster.local" in name}
    assert {
        name: cluster.get("type") for name, cluster in clusters.items() if "DNS" in cluster.get("type", "")
    } == {}
    assert [name for name in clusters if "dynamic_forward_proxy" in str(clusters[name])] == []
    print(
        f"{len(clusters)} clusters, {len(services)} of them Services, none by a name: "
        f"{sorted(clusters.keys() - services)}"
    )
