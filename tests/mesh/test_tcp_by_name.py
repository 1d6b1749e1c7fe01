"""Raw TCP by name on real proxies: two hosts on one port stay apart, and nobody but the named accounts gets
out.

The bytes are HTTP because sites speak it; nothing between app and site looks into them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from egress.common.ip_space import virtual
from egress.common.names import port_name
from egress.common.ports import GATEWAY_TLS
from tests.mesh.client import curl, request_to_gateway
from tests.mesh.evidence import Evidence, Layer, Watch
from tests.mesh.mesh import Mesh
from tests.mesh.programs import Programs
from tests.support import plan_of, teams

ONE, OTHER, UNDECLARED = "db.one.example", "db.other.example", "example.com"
PORT = 5432


def _tcp() -> dict[str, object]:
    return {"tcp": {"port": PORT, "outsidePort": 80, "byName": True, "serviceAccounts": ["default"]}}


PLAN = plan_of(
    teams(
        team_a={
            ONE: _tcp(),
            OTHER: _tcp(),
            "api.example.net": {"http": {"upgrade": "tls"}},
            "tls.example.net": {"https": "passthrough"},
        },
        team_b={"tls.example.net": {"https": "passthrough"}},
    )
)
A, B, CHEAT_A, CHEAT_B = "test-team-a", "test-team-b", "cheat-team-a", "cheat-team-b"


@pytest.fixture(scope="module")
def by_name(found: Programs) -> Iterator[Mesh]:
    with Mesh(PLAN, found) as running:
        yield running


def _ask(mesh: Mesh, pod: str, *words: str) -> tuple[str, Evidence]:
    watch = Watch(mesh, pod)
    answer = curl(mesh, pod, *words)
    return answer.word, watch.evidence()


@pytest.mark.parametrize("host", [ONE, OTHER])
def test_each_host_on_the_same_port_is_reached_under_its_own_name(by_name: Mesh, host: str) -> None:
    word, evidence = _ask(by_name, A, f"http://{host}:{PORT}/")
    assert (word, [(request.site, request.port) for request in evidence.requests]) == ("200", [(host, 80)])


def test_pods_know_the_hosts_by_addresses_that_are_theirs_alone(by_name: Mesh) -> None:
    assert virtual(ONE) != virtual(OTHER)
    for host in (ONE, OTHER):
        word, evidence = _ask(by_name, A, f"http://{virtual(host)}:{PORT}/")
        assert (word, [request.site for request in evidence.requests]) == ("200", [host])


@pytest.mark.parametrize("host", [UNDECLARED, "tls.example.net"])
def test_the_port_takes_no_connection_to_another_host(by_name: Mesh, host: str) -> None:
    word, evidence = _ask(by_name, A, f"http://{host}:{PORT}/")
    assert word == "refused"
    assert evidence.stopped_by() is (Layer.DNS if host == UNDECLARED else Layer.SIDECAR)
    assert not evidence.arrived


def test_another_port_of_the_host_stays_closed(by_name: Mesh) -> None:
    word, evidence = _ask(by_name, A, f"http://{ONE}:{PORT + 1}/")
    assert word == "refused"
    assert not evidence.arrived


@pytest.mark.parametrize("url", ["http://api.example.net/", "https://tls.example.net/"])
def test_the_teams_other_hosts_are_reached_as_ever(by_name: Mesh, url: str) -> None:
    word, evidence = _ask(by_name, A, url)
    assert (word, evidence.stopped_by()) == ("200", Layer.NOBODY)


@pytest.mark.parametrize("pod", [B, CHEAT_A, CHEAT_B])
def test_another_team_and_pods_without_a_proxy_reach_neither_name_nor_address(
    by_name: Mesh, pod: str
) -> None:
    for host in (ONE, virtual(ONE)):
        word, evidence = _ask(by_name, pod, f"http://{host}:{PORT}/")
        assert word in ("refused", "timeout")
        assert not evidence.arrived


@pytest.mark.parametrize("owner", [None, B], ids=["without a certificate", "another team"])
def test_a_refused_caller_causes_no_connection_outside(by_name: Mesh, owner: str | None) -> None:
    watch = Watch(by_name, CHEAT_B)
    identity = by_name.proxies[owner].identity if owner else None
    answer = request_to_gateway(by_name, CHEAT_B, identity, port_name(PORT, ONE), port=GATEWAY_TLS)
    evidence = watch.evidence()
    assert answer.word == "refused"
    assert evidence.stopped_by() is Layer.GATEWAY_TLS
    assert not evidence.arrived
