"""What `explain` says is what happens: hundreds of flows, of every mode and every way round, judged and then
tried.

Two meshes: one where every team leaves by gateways, with every mode; one with the weaker models and a gateway
of a team's own. In each, every team asks for every host in every way that the judges know and a mesh has
(processes of nodes are not in it), and for each kind of request that some rule tells apart. Then the
NetworkPolicies are taken away on both sides: what the firewall and the gateway say alone has to be true as
well.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from egress.judge.distinctions import APPLICATION_PORT, PROXY_TEXT_PORT
from egress.judge.lookup.flow_space import OTHER_HOST, OTHER_PORT
from egress.judge.lookup.host_shapes import concrete
from egress.judge.model.equivalence import OTHER_METHOD
from egress.judge.model.flow import Flow, Layer, Protocol, Vantage
from egress.judge.model.snapshot import Snapshot
from egress.judge.targets import METADATA_PORT, OTHER_ACCOUNT, TargetKind
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.expectations import Question, Questions
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from tests.mesh import evidence
from tests.mesh.authority import secret
from tests.mesh.flow import Curl
from tests.mesh.flow import Flow as Cataloged
from tests.mesh.flows import flows as catalogue
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.programs import Programs
from tests.mesh.verdicts import SAYS, SERVICE_PORT, Compared, Tries, judged
from tests.support import config_with, dev_config, plan_of, teams

AT_LEAST = 500
_NODES = (Vantage.APPLICATION_NODE, Vantage.GATEWAY_NODE)
_EVERYWHERE = (Vantage.APP, Vantage.PROXY, Vantage.POD_WITHOUT_SIDECAR, Vantage.GATEWAY_WITH_CERTIFICATE)
_PAST = (Vantage.PROXY, Vantage.POD_WITHOUT_SIDECAR)
_CREDENTIAL = "partner-client"

_ALPHA: dict[str, Any] = {
    "plain.example.net": {"http": {"upgrade": "none", "methods": ["GET", "HEAD"], "paths": ["/packages/*"]}},
    "api.example.net": {
        "http": {
            "upgrade": "tls",
            "allow": {
                "prices": {"methods": ["GET"], "paths": ["/v1/prices", "/v1/items/*"]},
                "own-orders": {
                    "methods": ["POST"],
                    "paths": ["/v1/orders/{*}/lines"],
                    "serviceAccounts": ["default"],
                },
                "all-orders": {"methods": ["POST"], "paths": ["/v1/orders"], "serviceAccounts": ["checkout"]},
                "tenant": {"headers": {"x-tenant": ["shop", "shop-*"]}, "paths": ["/v1/reports/*"]},
            },
        }
    },
    "sealed.example.net": {"https": "passthrough", "serviceAccounts": ["default"]},
    "vault.example.net": {"https": "passthrough", "serviceAccounts": ["backup"]},
    "db.example.net": {
        "tcp": {
            "port": 5432,
            "outsidePort": 80,
            "addresses": ["203.0.113.60"],
            "serviceAccounts": ["default"],
        }
    },
    "old.db.example.net": {
        "tcp": {
            "port": 5433,
            "outsidePort": 80,
            "addresses": ["203.0.113.62"],
            "serviceAccounts": ["somebody-else"],
        }
    },
    "git.example.net": {
        "https": "passthrough",
        "tcp": {
            "port": 22,
            "outsidePort": 80,
            "addresses": ["203.0.113.63"],
            "serviceAccounts": ["default"],
        },
    },
    "bus.example.net": {"https": "passthrough"},
    "*.wild.example.net": {"https": "passthrough"},
    "httpbin.org": {"https": "passthrough"},
}
_BETA: dict[str, Any] = {
    "client.example.net": {
        "http": {"upgrade": "mtls", "credential": _CREDENTIAL, "methods": ["POST"], "paths": ["/payments"]}
    },
    "api.example.net": {"http": {"upgrade": "tls", "methods": ["GET"]}},
    "one.db.example.net": {
        "tcp": {"port": 3306, "outsidePort": 80, "byName": True, "serviceAccounts": ["default"]}
    },
    "two.db.example.net": {
        "tcp": {"port": 3306, "outsidePort": 80, "byName": True, "serviceAccounts": ["somebody-else"]}
    },
    "queue.example.net": {
        "tcp": {
            "port": 6379,
            "outsidePort": 443,
            "addresses": ["203.0.113.61"],
            "serviceAccounts": ["default"],
            "upgrade": "mtls",
            "credential": _CREDENTIAL,
        }
    },
    "bus.example.net": {
        "http": {"methods": ["GET"]},
        "https": "passthrough",
        "tcp": [
            {"port": 9092, "outsidePort": 80, "byName": True, "serviceAccounts": ["default"]},
            {"port": 9093, "outsidePort": 80, "byName": True, "serviceAccounts": ["somebody-else"]},
        ],
    },
    "git.example.net": {"https": "passthrough"},
    "*.eu.wild.example.net": {"https": "passthrough"},
    "named.wild.example.net": {"https": "passthrough"},
}
_SITES = {
    OTHER_HOST: "203.0.113.70",
    "db.example.net": "203.0.113.60",
    "queue.example.net": "203.0.113.61",
    "old.db.example.net": "203.0.113.62",
    "git.example.net": "203.0.113.63",
    concrete("*.wild.example.net"): "203.0.113.71",
    concrete("*.eu.wild.example.net"): "203.0.113.72",
    concrete("*.media.example"): "203.0.113.73",
    concrete("*.files.example.net"): "203.0.113.74",
}


def _modes() -> dict[str, Any]:
    config = dev_config()
    of_teams = config["gke-mesh-egress:teams"]
    of_teams["alpha"] = {"egress": _ALPHA, "reaches": ["team-x"]}
    of_teams["beta"] = {"egress": _BETA}
    return config


def _models() -> dict[str, Any]:
    config = teams(
        lab={},
        media={
            "api.example.net": {"http": {"upgrade": "tls"}},
            "uploads.example.net": {"https": "passthrough"},
            "*.media.example": {"https": "passthrough"},
        },
        shop={"api.example.net": {"http": {"upgrade": "tls", "methods": ["GET"]}, "https": "passthrough"}},
        pay={
            "api.example.net": {"http": {"upgrade": "tls", "methods": ["POST"]}},
            "in.files.example.net": {"https": "passthrough"},
            "*.files.example.net": {"https": "passthrough"},
        },
    )
    of_teams = config["gke-mesh-egress:teams"]
    of_teams["lab"]["model"] = {"open": "it does not know its hosts yet"}
    of_teams["media"]["model"] = {"registryOnly": "it uploads more than the gateway carries"}
    of_teams["pay"]["gateway"] = "partner"
    config["gke-mesh-egress:gateways"] = {
        "partner": {
            "hosts": ["api.example.net", "*.files.example.net"],
            "nat": {
                "nodes": "10.3.0.0/28",
                "pods": "10.4.0.0/20",
                "addresses": {"partner-1": "let in by the partner"},
            },
        }
    }
    config["gke-mesh-egress:network"]["dns"] = {"undeclaredNames": "resolve"}
    nodes = {"leaveOn": [80, 443], "reason": "lab and media leave themselves"}
    return config | {
        "gke-mesh-egress:fences": config_with("fences/applicationNodes", nodes)["gke-mesh-egress:fences"]
    }


PLANS = {"every mode": _modes, "weaker models and an own gateway": _models}


def flows(plan: Plan, judges: Judges, account: dict[str, str]) -> Iterator[Flow]:
    """What every team tries, each flow once: every question of the preview, and every host in every way."""
    seen: set[str] = set()
    questions = Questions(Intent(plan), judges)
    hosts = sorted({concrete(host) for host in judges.space.outside} | {OTHER_HOST})
    for team in (item.name for item in plan.teams):
        asked = [question.flow for question in questions.of(team) if _has_an_end(question)]
        for host in hosts:
            for port, protocol in judges.space.ports(host):
                asked += [Flow(team, host, port, protocol, way, OTHER_ACCOUNT) for way in _EVERYWHERE]
        for flow in asked:
            for tried in _possible(flow, account[team]):
                if repr(tried) not in seen:
                    seen.add(repr(tried))
                    yield tried


def _has_an_end(question: Question) -> bool:
    """Whether something answers there in this laboratory, or would if nothing refused. Of ranges inside, and
    most ports of pods, it has none: what is refused there looks like what is not there. Those are held
    against another implementation."""
    flow = question.flow
    if question.kind is TargetKind.INSIDE or flow.protocol is Protocol.SCTP:
        return False
    if question.kind is TargetKind.NEIGHBOUR:
        return flow.protocol in (Protocol.HTTP, Protocol.TCP) and flow.port in (
            APPLICATION_PORT,
            PROXY_TEXT_PORT,
        )
    if question.kind is TargetKind.METADATA:
        return flow.port == METADATA_PORT
    return flow.protocol is not Protocol.UDP or flow.port in (53, OTHER_PORT)


def _possible(flow: Flow, account: str) -> Iterator[Flow]:
    """The flow as the team's one pod can try it, if it can."""
    if flow.vantage in _NODES or flow.service_account not in (OTHER_ACCOUNT, account):
        return
    if flow.host.endswith(".log.internal"):
        return  # an entry that makes proxies write server names; there is no such host
    if flow.protocol is Protocol.TCP and flow.vantage is Vantage.GATEWAY_WITHOUT_CERTIFICATE:
        return  # asked as TLS, which is what the gateway takes
    if flow.host == "metadata.google.internal" and flow.vantage not in (Vantage.APP, *_PAST):
        return
    # Neighbours answer on the port of their Service. Envoy knows no method but those of the standards.
    port = SERVICE_PORT if flow.to and flow.port == 8080 else flow.port
    method = "PATCH" if flow.method == OTHER_METHOD else flow.method
    yield replace(flow, service_account=account, port=port, method=method, to=flow.to and replace(flow.to))


def _catalogue() -> list[tuple[str, Flow, Cataloged]]:
    """The catalogue's flows that the judges have words for."""
    return [
        (one.what, judged, one)
        for one in catalogue()
        if isinstance(one.attempt, Curl) and (judged := one.attempt.judged)
    ]


@pytest.mark.parametrize(
    ("what", "flow", "expected"), [pytest.param(*one, id=one[0]) for one in _catalogue()]
)
def test_the_catalogue_expects_what_explain_says(what: str, flow: Flow, expected: Cataloged) -> None:
    """So `make prove` holds three things against each other: the tutorial's words, the verdicts, and what
    happens."""
    plan = plan_of(dev_config())
    word, why = judged(Judges(deployment(plan, render(plan))), flow, Intent(plan))
    knows = "--resolve" in what
    layer = word.stopped_by if word.resolves is not False or knows else Layer.DNS.value
    wanted = (
        ""
        if expected.stopped_by is evidence.Layer.NOBODY
        else {**SAYS, evidence.Layer.DNS: Layer.DNS}[expected.stopped_by]
    )
    assert layer == wanted, why


def _without_policies(deployed: Snapshot) -> Snapshot:
    return Snapshot.of(
        (item for item in deployed.kubernetes if item["kind"] != "NetworkPolicy"), deployed.google
    )


def _told(compared: list[Compared], seconds: float, what: str) -> str:
    wrong = [one for one in compared if not one.agree]
    passed = sum(not one.seen.stopped_by for one in compared)
    by = {one.seen.stopped_by or "nobody" for one in compared}
    head = (
        f"{what}: {len(compared)} flows in {seconds:.0f} s, {passed} pass; stopped by {', '.join(sorted(by))}"
    )
    return "\n".join([f"{head}; {len(wrong)} verdicts are not true", *map(str, wrong)])


@pytest.fixture(scope="module")
def compared(found: Programs) -> dict[str, tuple[list[Compared], float]]:
    """Every flow of every plan, tried."""
    results: dict[str, tuple[list[Compared], float]] = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, address in _SITES.items():
            patch.setitem(WEBSITES, name, address)
        for what, config in PLANS.items():
            plan = plan_of(config())
            deployed = deployment(plan, render(plan))
            with Mesh(plan, found) as mesh:
                shown = mesh.authority.issue(_CREDENTIAL)
                mesh.control_plane.apply(
                    [secret(_CREDENTIAL, mesh.gateway.namespace, shown, mesh.authority.pem)]
                )
                judges = Judges(deployed)
                tries = Tries(mesh, judges)
                account = {team.name: tries.account(team.name) for team in plan.teams}
                wanted = list(flows(plan, judges, account))
                start = time.monotonic()
                print(f"{what}: {len(wanted)} flows")
                results[what] = [tries.compare(flow) for flow in wanted], time.monotonic() - start
                mesh.filter(network_policies=False)
                start = time.monotonic()
                alone = Tries(mesh, Judges(_without_policies(deployed)))
                past = [
                    flow for flow in wanted if flow.vantage is Vantage.POD_WITHOUT_SIDECAR and not flow.to
                ]
                results[f"{what}, without NetworkPolicies"] = (
                    [alone.compare(flow) for flow in past],
                    time.monotonic() - start,
                )
    return results


def test_every_verdict_and_the_layer_that_decides_are_what_happens(
    compared: dict[str, tuple[list[Compared], float]],
) -> None:
    told = [_told(found, seconds, what) for what, (found, seconds) in compared.items()]
    print("\n".join(told))
    assert all(one.agree for found, _ in compared.values() for one in found), "\n".join(told)


def test_they_are_many_and_every_layer_has_its_say(compared: dict[str, tuple[list[Compared], float]]) -> None:
    everything = [one for found, _ in compared.values() for one in found]
    assert len(everything) >= AT_LEAST
    assert {one.seen.stopped_by for one in everything} == {
        "",
        "sidecar",
        "NetworkPolicy",
        "gateway",
        "authorization",
        "firewall",
    }
    assert {one.seen.resolves for one in everything} == {None, True, False}
    assert {one.flow.vantage for one in everything} == {*Vantage} - {*_NODES}
