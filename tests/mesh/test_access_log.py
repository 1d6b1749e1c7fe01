"""Access logs on real proxies: a line says who asked, in fields that nobody but the proxy writes, and an id
joins two lines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from egress.common.names import port_name
from egress.layers.mesh.access_log import FIELDS
from egress.layers.render import render
from tests.mesh.client import curl, tunnel_through_gateway
from tests.mesh.evidence import Line, Watch
from tests.mesh.mesh import Mesh
from tests.mesh.programs import Programs
from tests.support import plan_of, teams

API, FILES, DATABASE = "api.example.net", "files.example.net", "db.example.net"
PORT = 5432
A, B, CHEAT_B = "test-team-a", "test-team-b", "cheat-team-b"
TEAM_A, TEAM_B = (f"spiffe://cluster.local/ns/{team}/sa/default" for team in ("team-a", "team-b"))

PLAN = plan_of(
    teams(
        team_a={
            API: {"http": {"upgrade": "tls"}},
            FILES: {"https": "passthrough"},
            DATABASE: {
                "tcp": {"port": PORT, "outsidePort": 80, "byName": True, "serviceAccounts": ["default"]}
            },
        },
        team_b={API: {"http": {"upgrade": "tls", "methods": ["GET"]}}},
    )
)


@pytest.fixture(scope="module")
def logging(found: Programs) -> Iterator[Mesh]:
    with Mesh(PLAN, found) as running:
        yield running


def _lines(mesh: Mesh, pod: str, *words: str, status: int | None = 200) -> tuple[Line, Line]:
    """The sidecar's line and the gateway's line of one request."""
    watch = Watch(mesh, pod)
    assert curl(mesh, pod, *words).status == status
    evidence = watch.evidence()
    [sidecar], [gateway] = evidence.sidecar_log, evidence.gateway_log
    return sidecar, gateway


def test_a_request_names_its_team_and_an_id_joins_the_two_lines(logging: Mesh) -> None:
    sidecar, gateway = _lines(logging, A, f"http://{API}/orders?n=1")
    assert gateway["principal"] == TEAM_A
    assert (gateway["proxy_namespace"], gateway["proxy_pod"]) == ("istio-egress", logging.gateway.name)
    assert (sidecar["proxy_namespace"], sidecar["proxy_service_account"]) == ("team-a", "default")
    for line in (sidecar, gateway):
        assert (line["method"], line["authority"], line["path"]) == ("GET", API, "/orders?n=1")
        assert line["response_code"] == 200
        assert line["duration"] >= 0
    assert len(gateway["request_id"]) == 36
    assert gateway["request_id"] == sidecar["request_id"]
    assert gateway["upstream_host"].endswith(":443")


def test_the_id_stays_inside(logging: Mesh) -> None:
    """Whatever the app sends, too; the app's own id then joins the lines, and names nobody."""
    for more in ((), ("-H", "X-Request-Id: chosen-by-the-app")):
        watch = Watch(logging, A)
        assert curl(logging, A, *more, f"http://{API}/").status == 200
        evidence = watch.evidence()
        [request], [line] = evidence.requests, evidence.gateway_log
        assert line["request_id"]
        names = {name.lower() for name, _ in request.headers}
        assert not names & {"x-request-id", "x-forwarded-client-cert", "x-forwarded-for"}
        assert line["request_id"] not in str(request.headers)


def test_a_refused_request_names_its_team(logging: Mesh) -> None:
    sidecar, gateway = _lines(logging, B, "-X", "DELETE", f"http://{API}/orders/1", status=403)
    assert (gateway["principal"], gateway["method"], gateway["path"]) == (TEAM_B, "DELETE", "/orders/1")
    assert gateway["response_code_details"] == "rbac_access_denied_matched_policy[none]"
    assert gateway["request_id"] == sidecar["request_id"]


def test_passed_through_tls_names_its_team_and_is_joined_by_addresses(logging: Mesh) -> None:
    sidecar, gateway = _lines(logging, A, f"https://{FILES}/")
    assert (gateway["principal"], gateway["requested_server_name"]) == (TEAM_A, FILES)
    assert sidecar["upstream_local_address"] == gateway["downstream_remote_address"]


def test_refused_tls_names_its_team(logging: Mesh) -> None:
    watch = Watch(logging, CHEAT_B)
    assert tunnel_through_gateway(logging, CHEAT_B, logging.proxies[B].identity, FILES, FILES).status is None
    [line] = watch.evidence().gateway_log
    assert (line["principal"], line["requested_server_name"]) == (TEAM_B, FILES)
    assert line["connection_termination_details"] == "rbac_access_denied_matched_policy[none]"


def test_raw_tcp_names_its_team_and_is_joined_by_addresses(logging: Mesh) -> None:
    sidecar, gateway = _lines(logging, A, f"http://{DATABASE}:{PORT}/")
    assert (gateway["principal"], gateway["requested_server_name"]) == (TEAM_A, port_name(PORT, DATABASE))
    assert sidecar["upstream_local_address"] == gateway["downstream_remote_address"]


@pytest.mark.parametrize(
    "sent",
    [
        'x" "id" "forged.example" "1.2.3.4:80" outbound|80||forged.example',
        'x","principal":"spiffe://cluster.local/ns/team-b/sa/default","path":"/forged',
        "x\\",
        "x\\u0022",
        "x\ty",
        "x\x7f",
        "x é",
    ],
)
def test_what_the_client_sends_makes_up_no_field(logging: Mesh, sent: str) -> None:
    """A quote, a backslash or a control character in a header or path stays in the one field that it belongs
    to."""
    watch = Watch(logging, A)
    answer = curl(logging, A, "-A", sent, "--path-as-is", "--globoff", f"http://{API}/a%22b")
    evidence = watch.evidence(wait=False)
    lines = [*evidence.sidecar_log, *evidence.gateway_log]
    assert lines
    for line in lines:
        assert line.keys() <= FIELDS.keys()
        if "user_agent" in line:
            assert line["user_agent"] == sent
    if answer.status == 200:
        [gateway] = evidence.gateway_log
        assert (gateway["principal"], gateway["authority"]) == (TEAM_A, API)


def test_the_gateway_notes_the_id_before_it_judges(logging: Mesh) -> None:
    [noting] = [item.manifest for item in render(logging.plan) if item.name == "request-id"]
    *_, patch = noting["spec"]["configPatches"]
    assert patch["patch"]["operation"] == "INSERT_FIRST"
    assert "header_to_metadata" in str(logging.proxies[logging.gateway.key].config())
