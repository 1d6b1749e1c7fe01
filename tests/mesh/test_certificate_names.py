"""Hosts behind somebody else's name on real proxies: which name the gateway sends them, and whose certificate
it takes for theirs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from egress.judge.model.flow import Flow, Protocol, Vantage
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.snapshot import deployment
from tests.mesh.client import curl, request_to_gateway
from tests.mesh.evidence import Evidence, Watch
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.programs import Programs
from tests.mesh.verdicts import Tries
from tests.support import plan_of, teams

FRONTED, SENT, KEYLESS, QUEUE = (f"{name}.partner.example" for name in ("api", "sent", "keyless", "queue"))
EDGE, OTHER, WITHOUT = "edge.provider.example", "other.provider.example", "without.example"
QUEUE_IS = "203.0.113.62"
NAMES = {"sni": EDGE, "subjectAltNames": [EDGE]}
PLAN = plan_of(
    teams(
        team_a={
            FRONTED: {"http": {"upgrade": "tls", **NAMES, "methods": ["GET"]}},
            SENT: {"http": {"upgrade": "tls", "sni": EDGE}},
            KEYLESS: {"http": {"upgrade": "tls"}},
            QUEUE: {
                "tcp": {
                    "port": 6379,
                    "outsidePort": 443,
                    "addresses": [QUEUE_IS],
                    "serviceAccounts": ["default"],
                    "upgrade": "tls",
                    **NAMES,
                }
            },
        },
        team_b={FRONTED: {"https": "passthrough"}, WITHOUT: {"http": {"methods": ["GET"]}}},
    )
)
A, B = "test-team-a", "test-team-b"
CERTIFIED = {FRONTED: [EDGE], KEYLESS: [EDGE], QUEUE: [EDGE]}
LETS_IN = {
    FRONTED: {"the other name": [EDGE], "a pattern that covers it": ["*.provider.example"]},
    SENT: {"the host's own name": [SENT], "both names": [EDGE, SENT]},
    QUEUE: {"the other name": [EDGE], "a pattern that covers it": ["*.provider.example"]},
}
KEEPS_OUT = {
    FRONTED: {
        "the host's own name": [FRONTED],
        "a third name": [OTHER],
        "a pattern above it": ["*.example"],
        "a name below it": [f"a.{EDGE}"],
    },
    SENT: {"the name that is sent alone": [EDGE]},
    KEYLESS: {"another name": [EDGE]},
    QUEUE: {"the host's own name": [QUEUE], "a third name": [OTHER]},
}
URLS = {QUEUE: f"http://{QUEUE_IS}:6379/"}


@pytest.fixture(scope="module")
def named(found: Programs) -> Iterator[Mesh]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(WEBSITES, QUEUE, QUEUE_IS)
        with Mesh(PLAN, found, certified=CERTIFIED) as running:
            yield running


def _ask(mesh: Mesh, pod: str, *words: str) -> tuple[str, Evidence]:
    watch = Watch(mesh, pod)
    answer = curl(mesh, pod, *words)
    return answer.word, watch.evidence()


def _shown(cases: dict[str, dict[str, list[str]]]) -> list[object]:
    return [
        pytest.param(host, names, id=f"{host}: {what}")
        for host, of in cases.items()
        for what, names in of.items()
    ]


@pytest.mark.parametrize(("host", "names"), _shown(LETS_IN))
def test_a_certificate_of_a_name_that_is_listed_is_taken(named: Mesh, host: str, names: list[str]) -> None:
    with named.sites[host].presenting(named.authority.issue(*names)):
        word, evidence = _ask(named, A, URLS.get(host, f"http://{host}/"))
    assert (word, [(one.site, one.port, one.sni) for one in evidence.requests]) == (
        "200",
        [(host, 443, EDGE)],
    )
    [request] = evidence.requests
    assert request.header("host") == (f"{QUEUE_IS}:6379" if host == QUEUE else host)


@pytest.mark.parametrize(("host", "names"), _shown(KEEPS_OUT))
def test_a_certificate_of_any_other_name_is_refused(named: Mesh, host: str, names: list[str]) -> None:
    with named.sites[host].presenting(named.authority.issue(*names)):
        word, evidence = _ask(named, A, URLS.get(host, f"http://{host}/"))
    assert word in (("refused",) if host == QUEUE else ("503",))
    assert not evidence.requests


@pytest.mark.parametrize(
    ("pod", "words", "expected"),
    [
        (A, ["-X", "DELETE", f"http://{FRONTED}/"], "403"),
        (B, [f"http://{FRONTED}/"], "403"),
        (B, [f"http://{SENT}/"], "502"),
        (B, [URLS[QUEUE]], "refused"),
        # The name that is sent is no host that may be asked for.
        (A, [f"http://{EDGE}/"], "refused"),
        (A, ["-H", f"Host: {EDGE}", f"http://{FRONTED}/"], "502"),
    ],
)
def test_nobody_else_and_no_other_name_comes_by_it(
    named: Mesh, pod: str, words: list[str], expected: str
) -> None:
    word, evidence = _ask(named, pod, *words)
    assert word == expected
    assert not evidence.arrived


def test_at_the_gateway_the_name_that_is_sent_is_no_host(named: Mesh) -> None:
    watch = Watch(named, "cheat-team-a")
    answer = request_to_gateway(named, "cheat-team-a", named.proxies[A].identity, EDGE)
    evidence = watch.evidence()
    assert answer.word in ("403", "404")
    assert not evidence.arrived


def test_explain_says_of_every_team_and_host_what_happens(named: Mesh) -> None:
    judges = Judges(deployment(PLAN, render(PLAN)))
    tries = Tries(named, judges)
    asked = [
        Flow(team, host, port, protocol, way, "default")
        for team in ("team-a", "team-b")
        for host, port, protocol in (
            (FRONTED, 80, Protocol.HTTP),
            (SENT, 80, Protocol.HTTP),
            (EDGE, 80, Protocol.HTTP),
            (EDGE, 443, Protocol.TLS),
            (QUEUE, 6379, Protocol.TCP),
        )
        for way in (Vantage.APP, Vantage.POD_WITHOUT_SIDECAR, Vantage.GATEWAY_WITH_CERTIFICATE)
    ]
    wrong = [str(one) for one in map(tries.compare, asked) if not one.agree]
    assert not wrong, "\n".join(wrong)
