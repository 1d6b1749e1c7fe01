"""Several ports of one host on real proxies, beside http and https: each is for its own service accounts and
teams, and none is a way to another.

The bytes are HTTP because sites speak it; nothing between app and site looks into them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from egress.common.ip_space import virtual
from egress.common.names import port_name
from egress.common.ports import GATEWAY_TLS
from egress.judge.model.flow import Flow, Vantage
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.mesh.asking import ask, check_refused, check_unanswered
from tests.mesh.client import request_to_gateway, tunnel_through_gateway
from tests.mesh.evidence import Layer, Watch
from tests.mesh.mesh import Mesh
from tests.mesh.programs import Programs
from tests.mesh.verdicts import Tries
from tests.mesh.websites import Site
from tests.support import plan_of, teams

BROKER, GIT, UNDECLARED = "broker.partner.example", "git.partner.example", "example.com"
GIT_IS = "203.0.113.61"


def _port(port: int, account: str = "default", **more: object) -> dict[str, object]:
    return {"port": port, "serviceAccounts": [account], **(more or {"byName": True})}


PLAN = plan_of(
    teams(
        team_a={
            BROKER: {
                "http": {"methods": ["GET"]},
                "https": "passthrough",
                "tcp": [_port(9092), _port(9093, "somebody-else")],
            },
            GIT: {"https": "passthrough", "tcp": _port(2222, addresses=[GIT_IS])},
        },
        team_b={BROKER: {"tcp": _port(9093)}, GIT: {"https": "passthrough"}},
        team_c={BROKER: {"http": {"methods": ["GET"]}, "https": "passthrough"}},
    )
)
"""The first two teams' pods ask their proxy for names, the third's do not."""
A, B, C = "test-team-a", "test-team-b", "test-team-c"
CHEATS = ("cheat-team-a", "cheat-team-b", "cheat-team-c")


class Sites(Mesh):
    """A mesh whose sites serve the ports as well, so that it shows on which one something arrives."""

    def _all_sites(self) -> Iterator[Site]:
        for site in super()._all_sites():
            yield replace(site, ports=(80, 443, 9092, 9093, 9094, 2222)) if site.name != "metadata" else site


@pytest.fixture(scope="module")
def ports(found: Programs) -> Iterator[Mesh]:
    with Sites(PLAN, found) as running:
        yield running


@pytest.mark.parametrize(
    ("pod", "url", "port"),
    [
        (A, f"http://{BROKER}/", 80),
        (A, f"https://{BROKER}/", 443),
        (A, f"http://{BROKER}:9092/", 9092),
        (A, f"http://{virtual(BROKER)}:9092/", 9092),
        (A, f"https://{GIT}/", 443),
        (A, f"http://{GIT}:2222/", 2222),
        (A, f"http://{GIT_IS}:2222/", 2222),
        (B, f"http://{BROKER}:9093/", 9093),
        (B, f"https://{GIT}/", 443),
        (C, f"http://{BROKER}/", 80),
        (C, f"https://{BROKER}/", 443),
    ],
)
def test_what_a_team_declared_arrives_on_its_port(ports: Mesh, pod: str, url: str, port: int) -> None:
    site = GIT if GIT in url or GIT_IS in url else BROKER
    word, evidence = ask(ports, pod, url)
    assert (word, [(one.site, one.port) for one in evidence.requests]) == ("200", [(site, port)])


@pytest.mark.parametrize(
    ("pod", "url"),
    [
        # a port of its team's, and of another service account
        (A, f"http://{BROKER}:9093/"),
        # a port that nobody declared
        (A, f"http://{BROKER}:9094/"),
        (A, f"http://{GIT}:9092/"),
        # another team's port of a host that the team has a port of
        (B, f"http://{BROKER}:9092/"),
        (B, f"http://{virtual(BROKER)}:9092/"),
        # other ways of a host that the team has a port of, or https alone
        (B, f"http://{BROKER}/"),
        (B, f"https://{BROKER}/"),
        (B, f"http://{GIT}:2222/"),
        (B, f"http://{GIT_IS}:2222/"),
        (C, f"http://{BROKER}:9092/"),
        (C, f"http://{virtual(BROKER)}:9093/"),
        # the same ports of another host
        (A, f"http://{UNDECLARED}:9092/"),
        (A, f"http://{UNDECLARED}:2222/"),
        (B, f"http://{UNDECLARED}:9093/"),
    ],
)
def test_everything_else_is_refused_and_causes_no_connection_outside(ports: Mesh, pod: str, url: str) -> None:
    check_refused(ports, pod, url)


@pytest.mark.parametrize("pod", CHEATS)
@pytest.mark.parametrize("to", [f"{BROKER}:9092", f"{virtual(BROKER)}:9093", f"{GIT_IS}:2222", f"{GIT}:443"])
def test_pods_without_a_proxy_reach_no_port(ports: Mesh, pod: str, to: str) -> None:
    check_unanswered(ports, pod, f"http://{to}/")


@pytest.mark.parametrize(
    ("owner", "port", "host"),
    [
        (A, 9093, BROKER),
        (B, 9092, BROKER),
        (B, 2222, GIT),
        (C, 9092, BROKER),
        (C, 9093, BROKER),
        (None, 9092, BROKER),
    ],
)
def test_at_the_gateway_a_certificate_opens_its_own_ports_alone(
    ports: Mesh, owner: str | None, port: int, host: str
) -> None:
    cheat = CHEATS["abc".index((owner or A)[-1])]
    watch = Watch(ports, cheat)
    identity = ports.proxies[owner].identity if owner else None
    answer = request_to_gateway(ports, cheat, identity, port_name(port, host), port=GATEWAY_TLS)
    evidence = watch.evidence()
    assert answer.word == "refused"
    assert evidence.stopped_by() is Layer.GATEWAY_TLS
    assert not evidence.arrived


def test_at_the_gateway_the_hosts_own_name_is_for_https_and_for_those_who_have_it(ports: Mesh) -> None:
    for owner, cheat in zip((A, B, C), CHEATS, strict=True):
        watch = Watch(ports, cheat)
        answer = tunnel_through_gateway(ports, cheat, ports.proxies[owner].identity, BROKER, BROKER)
        evidence = watch.evidence()
        arrived = {(one.site, one.port) for one in evidence.arrived}
        assert (answer.word, arrived) == (("refused", set()) if owner == B else ("200", {(BROKER, 443)}))


def test_the_name_of_a_port_is_no_host_that_an_app_can_ask_for(ports: Mesh) -> None:
    for host in (port_name(9092, BROKER), port_name(2222, GIT), f"{BROKER}.tls.internal"):
        for url in (f"http://{host}:9092/", f"https://{host}/", f"http://{host}/"):
            word, evidence = ask(ports, A, url)
            assert word in ("refused", "502")
            assert not evidence.arrived
        word, evidence = ask(ports, A, "-k", "--resolve", f"{host}:443:{GIT_IS}", f"https://{host}/")
        assert word == "refused"
        assert not evidence.arrived


def test_explain_says_of_every_team_and_port_what_happens(ports: Mesh) -> None:
    deployed = deployment(PLAN, render(PLAN))
    judges = Judges(deployed)
    tries = Tries(ports, judges)
    asked = [
        Flow(team, host, port, protocol, way, "default")
        for team in ("team-a", "team-b", "team-c")
        for host in (BROKER, GIT)
        for port, protocol in judges.space.ports(host)
        for way in (Vantage.APP, Vantage.POD_WITHOUT_SIDECAR, Vantage.GATEWAY_WITH_CERTIFICATE)
    ]
    compared = [tries.compare(flow) for flow in asked]
    assert len(compared) > 50
    assert sum(not one.seen.stopped_by for one in compared) > 10
    wrong = [str(one) for one in compared if not one.agree]
    assert not wrong, "\n".join(wrong)


def test_and_the_proof_says_so_before_anything_is_there() -> None:
    assert not verify(Intent(PLAN), Judges(deployment(PLAN, render(PLAN)))).violations
