"""TLS without a server name on real proxies: raw TCP on the ports of the web, to an address that is named.

It is for its own service accounts and its own address. Beside it names are read and checked as everywhere,
and what is not this address is no way out for a client that sends none.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from egress.common.names import port_name
from egress.common.ports import GATEWAY_TLS
from egress.judge.model.flow import Flow, Protocol, Vantage
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from tests.mesh.asking import ask, check_refused, check_unanswered
from tests.mesh.client import request_to_gateway
from tests.mesh.evidence import Layer, Watch
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.programs import Programs
from tests.mesh.verdicts import Tries
from tests.support import plan_of, teams

LEGACY, LEGACY_IS = "legacy.partner.example", "203.0.113.62"
METER, METER_IS = "meter.partner.example", "203.0.113.63"
NAMED, UNDECLARED = "example.org", "example.com"


def _port(port: int, address: str, account: str = "default") -> dict[str, object]:
    return {"port": port, "addresses": [address], "serviceAccounts": [account]}


PLAN = plan_of(
    teams(
        team_a={
            LEGACY: {"tcp": _port(443, LEGACY_IS)},
            METER: {"tcp": [_port(80, METER_IS), _port(443, METER_IS, "somebody-else")]},
            NAMED: {"https": "passthrough", "http": {"paths": ["/ok"]}},
        },
        team_b={NAMED: {"https": "passthrough"}, "*.other.example": {"https": "passthrough"}},
        team_c={"*.partner.example": {"https": "passthrough"}},
    )
)
A, B, C = "test-team-a", "test-team-b", "test-team-c"
CHEATS = ("cheat-team-a", "cheat-team-b", "cheat-team-c")


@pytest.fixture(scope="module")
def mesh(found: Programs) -> Iterator[Mesh]:
    with Mesh(PLAN, found) as running:
        yield running


def _at(name: str, address: str, port: int = 443) -> tuple[str, ...]:
    """What makes curl ask for a name at an address of the client's choice."""
    return "--resolve", f"{name}:{port}:{address}"


@pytest.mark.parametrize(
    ("words", "site", "port"),
    [
        # an address carries no server name, and curl sends none
        ((f"https://{LEGACY_IS}/",), LEGACY, 443),
        ((f"https://{LEGACY}/",), LEGACY, 443),
        ((f"http://{METER}/",), METER, 80),
        ((f"http://{METER_IS}/anything",), METER, 80),
        # what the setting opens, as evidence says: no name is read
        ((*_at("whatever.example", LEGACY_IS), "https://whatever.example/"), LEGACY, 443),
        (("-H", "Host: whatever.example", f"http://{METER_IS}/"), METER, 80),
        # beside it, by name
        ((f"https://{NAMED}/",), NAMED, 443),
        ((f"http://{NAMED}/ok",), NAMED, 80),
    ],
    ids=str,
)
def test_what_is_declared_arrives(mesh: Mesh, words: tuple[str, ...], site: str, port: int) -> None:
    word, evidence = ask(mesh, A, "-k", *words)
    assert (word, [(one.site, one.port) for one in evidence.requests]) == ("200", [(site, port)])


@pytest.mark.parametrize(
    ("pod", "words"),
    [
        # another service account's port, another port, another address
        (A, (f"https://{METER}/",)),
        (A, (f"https://{METER_IS}/",)),
        (A, (f"http://{LEGACY}/",)),
        (A, (f"http://{LEGACY_IS}/",)),
        (A, (*_at("nobody.example", METER_IS), "https://nobody.example/")),
        # a name that is not declared, and none at all, where another host of the team is
        (A, (f"https://{UNDECLARED}/",)),
        (A, (f"https://{WEBSITES[NAMED]}/",)),
        (A, (f"https://{WEBSITES[UNDECLARED]}/",)),
        (A, (f"http://{WEBSITES[NAMED]}/ok",)),
        # the other host's rules, although it is asked for where names are read
        (A, (f"http://{NAMED}/other",)),
        # other teams
        (B, (f"https://{LEGACY_IS}/",)),
        (B, (f"https://{LEGACY}/",)),
        (B, (f"http://{METER}/",)),
        (B, (f"http://{METER_IS}/",)),
        (C, (f"https://{LEGACY_IS}/",)),
        (C, (f"http://{METER_IS}/",)),
    ],
    ids=str,
)
def test_everything_else_is_refused_and_causes_no_connection_outside(
    mesh: Mesh, pod: str, words: tuple[str, ...]
) -> None:
    check_refused(mesh, pod, "-k", *words)


def test_a_team_that_sends_the_name_is_still_led_by_it(mesh: Mesh) -> None:
    word, evidence = ask(mesh, C, "-k", f"https://{LEGACY}/")
    assert (word, [(one.site, one.port) for one in evidence.requests]) == ("200", [(LEGACY, 443)])


@pytest.mark.parametrize("pod", CHEATS)
@pytest.mark.parametrize("to", [f"https://{LEGACY_IS}/", f"http://{METER_IS}/", f"https://{LEGACY}/"])
def test_pods_without_a_proxy_reach_nothing(mesh: Mesh, pod: str, to: str) -> None:
    check_unanswered(mesh, pod, "-k", to)


@pytest.mark.parametrize(
    ("owner", "port", "host"),
    [(B, 443, LEGACY), (C, 443, LEGACY), (None, 443, LEGACY), (A, 443, METER), (B, 80, METER)],
)
def test_at_the_gateway_a_certificate_opens_its_own_ports_alone(
    mesh: Mesh, owner: str | None, port: int, host: str
) -> None:
    cheat = CHEATS["abc".index((owner or A)[-1])]
    watch = Watch(mesh, cheat)
    identity = mesh.proxies[owner].identity if owner else None
    answer = request_to_gateway(mesh, cheat, identity, port_name(port, host), port=GATEWAY_TLS)
    evidence = watch.evidence()
    assert answer.word == "refused"
    assert evidence.stopped_by() is Layer.GATEWAY_TLS
    assert not evidence.arrived


def test_explain_says_of_every_team_and_way_what_happens(mesh: Mesh) -> None:
    """Sites speak TLS on 443, so only TLS is sent there."""
    judges = Judges(deployment(PLAN, render(PLAN)))
    tries = Tries(mesh, judges)
    asked = [
        Flow(team, host, port, protocol, way, "default")
        for team in ("team-a", "team-b", "team-c")
        for host in (LEGACY, METER, NAMED)
        for port, protocol in judges.space.ports(host)
        for way in (Vantage.APP, Vantage.POD_WITHOUT_SIDECAR, Vantage.GATEWAY_WITH_CERTIFICATE)
        if (port, protocol) != (443, Protocol.TCP)
    ]
    compared = [tries.compare(flow) for flow in asked]
    assert len(compared) > 50
    assert sum(not one.seen.stopped_by for one in compared) > 6
    # Where two doors of a gateway lead to a host and both refuse, either may be said to.
    wrong = [
        str(one)
        for one in compared
        if not one.agree
        and not (
            one.flow.vantage is Vantage.GATEWAY_WITH_CERTIFICATE
            and one.judged.stopped_by
            and one.seen.stopped_by in ("gateway", "authorization")
        )
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("address", "allowed"), [(LEGACY_IS, True), (METER_IS, False), ("198.51.100.9", False)]
)
def test_and_of_a_client_that_names_an_address(address: str, allowed: bool) -> None:
    judges = Judges(deployment(PLAN, render(PLAN)))
    for protocol in (Protocol.TLS, Protocol.TCP):
        assert judges.trace(Flow("team-a", address, 443, protocol, Vantage.APP, "default")).allowed is allowed


def test_and_the_proof_says_so_before_anything_is_there() -> None:
    assert not verify(Intent(PLAN), Judges(deployment(PLAN, render(PLAN)))).violations
