"""The app's own TLS on other ports than 443 on real proxies: the name is read on each, and each is for those
who declared it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from egress.common.names import port_name
from egress.judge.model.flow import Flow, Protocol, Vantage
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.mesh.asking import ask, check_refused, check_unanswered
from tests.mesh.client import tunnel_through_gateway
from tests.mesh.evidence import Layer, Watch
from tests.mesh.mesh import Mesh, websites_of
from tests.mesh.programs import Programs
from tests.mesh.verdicts import Tries
from tests.mesh.websites import Site
from tests.support import plan_of, teams

SEARCH, VAULT, PLAIN = "search.partner.example", "vault.partner.example", "plain.partner.example"
UNDECLARED = "example.com"
PORTS = (80, 443, 9243, 8243)

PLAN = plan_of(
    teams(
        team_a={
            SEARCH: {
                "https": "passthrough",
                "httpsPorts": [443, 9243],
                "http": {"methods": ["GET"], "paths": ["/ok"]},
                "tcp": {"port": 9300, "outsidePort": 80, "byName": True, "serviceAccounts": ["default"]},
            },
            PLAIN: {"http": {"upgrade": "none", "outsidePort": 8243}},
        },
        team_b={SEARCH: {"https": "passthrough"}, VAULT: {"https": "passthrough", "httpsPorts": [8243]}},
        team_c={SEARCH: {"https": "passthrough", "httpsPorts": [9243], "serviceAccounts": ["somebody-else"]}},
    )
)
"""The first team's pods ask their proxy for names, the other ones' do not."""
A, B, C = "test-team-a", "test-team-b", "test-team-c"
CHEATS = ("cheat-team-a", "cheat-team-b", "cheat-team-c")
SITES = websites_of(PLAN)


class Sites(Mesh):
    """A mesh whose sites serve the ports as well, so that it shows on which one something arrives."""

    def _all_sites(self) -> Iterator[Site]:
        for site in super()._all_sites():
            plain = site.name == PLAIN
            served = {"ports": PORTS, "tls_ports": (443,) if plain else (443, 9243, 8243)}
            yield replace(site, **served) if site.name != "metadata" else site


@pytest.fixture(scope="module")
def mesh(found: Programs) -> Iterator[Mesh]:
    with Sites(PLAN, found) as running:
        yield running


@pytest.mark.parametrize(
    ("pod", "url", "site", "port"),
    [
        (A, f"https://{SEARCH}/", SEARCH, 443),
        (A, f"https://{SEARCH}:9243/", SEARCH, 9243),
        (A, f"http://{SEARCH}/ok", SEARCH, 80),
        (A, f"http://{SEARCH}:9300/", SEARCH, 80),
        (A, f"http://{PLAIN}/", PLAIN, 8243),
        (B, f"https://{SEARCH}/", SEARCH, 443),
        (B, f"https://{VAULT}:8243/", VAULT, 8243),
    ],
)
def test_what_a_team_declared_arrives_on_its_port(
    mesh: Mesh, pod: str, url: str, site: str, port: int
) -> None:
    word, evidence = ask(mesh, pod, "-k", url)
    assert (word, [(one.site, one.port) for one in evidence.requests]) == ("200", [(site, port)])


def _at(name: str, port: int, site: str) -> tuple[str, str, str]:
    """A name asked for at another site's address."""
    return "--resolve", f"{name}:{port}:{SITES[site]}", f"https://{name}:{port}/"


def test_the_name_decides_and_not_the_address(mesh: Mesh) -> None:
    word, evidence = ask(mesh, B, "-k", *_at(VAULT, 8243, UNDECLARED))
    assert (word, [(one.site, one.port) for one in evidence.requests]) == ("200", [(VAULT, 8243)])


@pytest.mark.parametrize(
    ("pod", "words"),
    [
        # another port of a declared host, and another host on a declared port
        (A, (f"https://{SEARCH}:8243/",)),
        (A, (f"https://{VAULT}:9243/",)),
        (B, (f"https://{VAULT}/",)),
        (B, (f"https://{VAULT}:9243/",)),
        # a port that another team declared for the host, and one of another account
        (B, (f"https://{SEARCH}:9243/",)),
        (C, (f"https://{SEARCH}:9243/",)),
        (C, (f"https://{SEARCH}/",)),
        # names that nobody declared, at the address and port of a declared host
        (A, _at(UNDECLARED, 9243, SEARCH)),
        (B, _at(UNDECLARED, 8243, VAULT)),
        (B, _at(SEARCH, 8243, VAULT)),
        # no server name, no TLS
        (A, (f"https://{SITES[SEARCH]}:9243/",)),
        (B, (f"https://{SITES[VAULT]}:8243/",)),
        (A, (f"http://{SEARCH}:9243/",)),
        (B, (f"http://{VAULT}:8243/",)),
        # the port outside of what is dialled on 80
        (A, (f"http://{PLAIN}:8243/",)),
        (B, (f"http://{PLAIN}/",)),
    ],
    ids=str,
)
def test_everything_else_is_refused_and_causes_no_connection_outside(
    mesh: Mesh, pod: str, words: tuple[str, ...]
) -> None:
    check_refused(mesh, pod, "-k", *words)


@pytest.mark.parametrize("pod", CHEATS)
@pytest.mark.parametrize("url", [f"https://{SEARCH}:9243/", f"https://{VAULT}:8243/"])
def test_pods_without_a_proxy_reach_no_port(mesh: Mesh, pod: str, url: str) -> None:
    check_unanswered(mesh, pod, "-k", url)


@pytest.mark.parametrize(
    ("owner", "outer", "arrives"),
    [
        (A, port_name(9243, SEARCH), (SEARCH, 9243)),
        (A, SEARCH, (SEARCH, 443)),
        (B, SEARCH, (SEARCH, 443)),
        (B, port_name(9243, SEARCH), None),
        (C, port_name(9243, SEARCH), None),
        (C, SEARCH, None),
        (B, port_name(8243, VAULT), (VAULT, 8243)),
        (A, port_name(8243, VAULT), None),
        (B, VAULT, None),
        (A, port_name(443, SEARCH), None),
        (A, port_name(8243, SEARCH), None),
    ],
)
def test_at_the_gateway_a_certificate_opens_its_own_ports_alone(
    mesh: Mesh, owner: str, outer: str, arrives: tuple[str, int] | None
) -> None:
    cheat = CHEATS["abc".index(owner[-1])]
    watch = Watch(mesh, cheat)
    answer = tunnel_through_gateway(mesh, cheat, mesh.proxies[owner].identity, outer, SEARCH)
    evidence = watch.evidence()
    assert {(one.site, one.port) for one in evidence.arrived} == ({arrives} if arrives else set())
    assert answer.word == ("200" if arrives else "refused")


def test_without_a_certificate_no_port_is_open_at_the_gateway(mesh: Mesh) -> None:
    watch = Watch(mesh, CHEATS[0])
    answer = tunnel_through_gateway(mesh, CHEATS[0], None, port_name(9243, SEARCH), SEARCH)
    evidence = watch.evidence()
    assert answer.word == "refused"
    assert evidence.stopped_by() is Layer.GATEWAY_TLS


def test_explain_says_of_every_team_and_port_what_happens(mesh: Mesh) -> None:
    judges = Judges(deployment(PLAN, render(PLAN)))
    tries = Tries(mesh, judges)
    asked = [
        Flow(team, host, port, protocol, way, "default")
        for team in ("team-a", "team-b", "team-c")
        for host in (SEARCH, VAULT)
        for port, protocol in judges.space.ports(host)
        for way in (Vantage.APP, Vantage.POD_WITHOUT_SIDECAR, Vantage.GATEWAY_WITH_CERTIFICATE)
    ]
    compared = [tries.compare(flow) for flow in asked]
    assert len(compared) > 50
    assert sum(not one.seen.stopped_by for one in compared) > 6
    assert {one.flow.port for one in compared} >= {443, 8243, 9243}
    assert {one.flow.protocol for one in compared} >= {Protocol.TLS, Protocol.TCP}
    wrong = [str(one) for one in compared if not one.agree]
    assert not wrong, "\n".join(wrong)


def test_and_the_proof_says_so_before_anything_is_there() -> None:
    assert not verify(Intent(PLAN), Judges(deployment(PLAN, render(PLAN)))).violations
