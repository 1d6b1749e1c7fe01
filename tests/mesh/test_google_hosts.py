"""Hosts of Google's on real proxies: all answer at the same addresses, and each team gets to those that it
names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from egress.judge.lookup.flow_space import OTHER_HOST
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.snapshot import deployment
from tests.mesh.client import curl, tunnel_through_gateway
from tests.mesh.evidence import Evidence, Layer, Watch
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.programs import Programs
from tests.mesh.test_verdicts import flows
from tests.mesh.verdicts import Tries
from tests.support import config_with, plan_of

BUILDS, ORDERS, SHOP = "test-builds", "test-orders", "test-shop"
CHEAT_BUILDS, CHEAT_SHOP = "cheat-builds", "cheat-shop"
PACKAGES, OTHER_PACKAGES = "europe-python.pkg.dev", "europe-npm.pkg.dev"
PRICING, STRANGER = "pricing-abc123-ew.a.run.app", "stranger-abc123-ew.a.run.app"
IN_ONE_PLACE = "europe-west1-aiplatform.googleapis.com"
TEAMS: dict[str, Any] = {
    "builds": {"googleApis": {"hosts": [PACKAGES, "gcr.io"], "serviceAccounts": {"default": {}}}},
    "orders": {
        "googleApis": {
            "apis": ["pubsub"],
            "hosts": [PRICING, IN_ONE_PLACE],
            "serviceAccounts": {"default": {}},
        },
        "egress": {"api.example.net": {"http": {}, "https": "passthrough"}},
    },
    "shop": {"egress": {"api.example.net": {"https": "passthrough"}}},
}
PLAN = plan_of(config_with("teams", TEAMS))
VIP = PLAN.addresses.google_apis.addresses[1]


@pytest.fixture(scope="module")
def mesh(found: Programs) -> Iterator[Mesh]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(WEBSITES, OTHER_HOST, "203.0.113.70")
        with Mesh(PLAN, found) as running:
            yield running


def _ask(mesh: Mesh, pod: str, *words: str) -> tuple[str, Evidence]:
    watch = Watch(mesh, pod)
    answer = curl(mesh, pod, *words)
    return answer.word, watch.evidence()


@pytest.mark.parametrize(
    ("pod", "host"),
    [
        (BUILDS, PACKAGES),
        (BUILDS, "gcr.io"),
        (ORDERS, PRICING),
        (ORDERS, IN_ONE_PLACE),
        (ORDERS, "pubsub.googleapis.com"),
    ],
)
def test_a_team_reaches_the_hosts_that_it_names_from_its_own_pods(mesh: Mesh, pod: str, host: str) -> None:
    word, evidence = _ask(mesh, pod, f"https://{host}")
    assert word == "200"
    assert [(seen.site, seen.port, seen.sni, seen.source) for seen in evidence.requests] == [
        ("googleapis", 443, host, mesh.pods[pod].address)
    ]


def _at_the_same_addresses(host: str, port: int = 443) -> tuple[str, ...]:
    """The words of a client that knows where Google answers, and says a name of its own."""
    return ("-k", "--connect-to", f"::{VIP}:{port}", f"https://{host}:{port}")


@pytest.mark.parametrize(
    ("pod", "words", "by"),
    [
        pytest.param(ORDERS, (f"https://{PACKAGES}",), Layer.SIDECAR, id="a repository of another team"),
        pytest.param(BUILDS, (f"https://{PRICING}",), Layer.SIDECAR, id="a service of another team"),
        pytest.param(SHOP, (f"https://{PACKAGES}",), Layer.SIDECAR, id="a team without Google"),
        pytest.param(BUILDS, (f"https://{OTHER_PACKAGES}",), Layer.SIDECAR, id="another registry"),
        pytest.param(
            BUILDS, _at_the_same_addresses(OTHER_PACKAGES), Layer.SIDECAR, id="another registry by address"
        ),
        pytest.param(
            ORDERS, _at_the_same_addresses(STRANGER), Layer.SIDECAR, id="a stranger's service by address"
        ),
        pytest.param(ORDERS, ("-k", f"https://{VIP}"), Layer.SIDECAR, id="the address without a name"),
        pytest.param(ORDERS, (f"https://{STRANGER}",), Layer.DNS, id="a stranger's service by name"),
        pytest.param(ORDERS, (f"https://below.{PRICING}",), Layer.DNS, id="a name below"),
        pytest.param(BUILDS, (f"https://{PACKAGES}:8443",), Layer.SIDECAR, id="another port"),
        pytest.param(BUILDS, _at_the_same_addresses(PACKAGES, 80), Layer.SIDECAR, id="TLS on port 80"),
        pytest.param(BUILDS, (f"http://{PACKAGES}",), Layer.SIDECAR, id="plain HTTP"),
        pytest.param(
            CHEAT_SHOP,
            _at_the_same_addresses(PACKAGES),
            Layer.NETWORK_POLICY,
            id="a pod without a sidecar, of a team without Google",
        ),
        pytest.param(
            CHEAT_BUILDS, (f"http://{PACKAGES}",), Layer.NETWORK_POLICY, id="plain HTTP without a sidecar"
        ),
    ],
)
def test_everything_else_at_googles_addresses_is_refused(
    mesh: Mesh, pod: str, words: tuple[str, ...], by: Layer
) -> None:
    word, evidence = _ask(mesh, pod, *words)
    assert word in ("refused", "timeout", "502")
    assert evidence.stopped_by() is by
    assert not evidence.requests


@pytest.mark.parametrize(("pod", "host"), [(ORDERS, PRICING), (SHOP, PRICING), (BUILDS, PACKAGES)])
def test_no_gateway_leads_there_whatever_certificate_is_shown(mesh: Mesh, pod: str, host: str) -> None:
    watch = Watch(mesh, pod)
    answer = tunnel_through_gateway(
        mesh, pod.replace("test", "cheat"), mesh.proxies[pod].identity, host, host
    )
    assert answer.status is None
    assert not watch.evidence().arrived


def test_explain_says_of_every_flow_what_happens(mesh: Mesh) -> None:
    judges = Judges(deployment(PLAN, render(PLAN)))
    tries = Tries(mesh, judges)
    account = {team.name: tries.account(team.name) for team in PLAN.teams}
    compared = [tries.compare(flow) for flow in flows(PLAN, judges, account)]
    assert [str(one) for one in compared if not one.agree] == []
    passed = {(one.flow.namespace, one.flow.host) for one in compared if not one.seen.stopped_by}
    assert {("builds", PACKAGES), ("orders", PRICING)} <= passed
    assert len(compared) > 100
