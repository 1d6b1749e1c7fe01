"""What the judges say of what comes in is what happens: every class of it, judged and then tried on a real
ingress gateway.

Two teams receive, in TCP and HTTPS, from two partners, several names behind one port. Every class that the
judges list is tried, and every client of anybody with every name of anybody at every port. Then the same
without NetworkPolicies: what the gateway says alone has to be true as well. And once more with the gateway's
objects as nobody should leave them, where much gets through: a judge that only ever says no would be right
about a good stack.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import yaml

from egress.common.objects import Manifest
from egress.judge.inbound_targets import inbound_targets
from egress.judge.lookup.inbound_flow import Caller, InboundFlow, Shown
from egress.judge.model.flow import Request
from egress.judge.model.snapshot import Snapshot
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.inbound import Receiving
from egress.proof.snapshot import deployment
from tests.mesh.authority import Authority, secret
from tests.mesh.inbound import Callers, Compared, cannot_be_sent, judged
from tests.mesh.mesh import Mesh
from tests.mesh.programs import Programs
from tests.mesh.receiving import service
from tests.mesh.websites import Site
from tests.support import ROOT, plan_of

INGRESS = "istio-ingress"
AT_LEAST = 500
SERVICES = {
    ("orders", "mysql"): (3306, 3306, "tcp-mysql"),
    ("orders", "prices"): (80, 8080, "http"),
    ("shop", "carts"): (8000, 9090, "http"),
    ("shop", "queue"): (5672, 5673, "tcp-queue"),
}


def _config() -> dict[str, Any]:
    with (ROOT / "examples/modes/Pulumi.receive.yaml").open(encoding="utf-8") as file:
        config: dict[str, Any] = yaml.safe_load(file)["config"]
    config["gke-mesh-egress:ingress"]["sourceRanges"]["other-partner"] = "192.0.2.64/27"
    of_teams = config["gke-mesh-egress:teams"]
    of_teams["orders"]["receives"]["price-list"]["clients"]["second"] = "spiffe://second.example/buyer"
    of_teams["shop"] = {
        "receives": {
            "carts": {
                "host": "carts.fqdn.example",
                "port": 443,
                "protocol": "https",
                "to": {"service": "carts", "port": 8000, "podPort": 9090},
                "credential": "carts-credential",
                "clients": {"seller": "client.seller.example"},
            },
            "queue": {
                "host": "queue.fqdn.example",
                "port": 13306,
                "to": {"service": "queue", "port": 5672, "podPort": 5673},
                "credential": "queue-credential",
                "clients": {"seller": "spiffe://seller.example/queue"},
            },
        }
    }
    return config


def _services() -> list[Manifest]:
    return [service(namespace, name, *given) for (namespace, name), given in SERVICES.items()]


def _as_rendered(manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Nothing is changed."""
    return manifest


def _left_open(manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """No rule of the gateway's stands, and each of its names asks for less in a way of its own."""
    kind, namespace = manifest["kind"], manifest["metadata"].get("namespace")
    if namespace != INGRESS or kind not in ("AuthorizationPolicy", "Gateway"):
        return manifest
    if kind == "AuthorizationPolicy":
        return None
    changed = deepcopy(dict(manifest))
    for server in changed["spec"]["servers"]:
        _loosen(server["hosts"][0], server["tls"])
    return changed


def _loosen(host: str, tls: dict[str, Any]) -> None:
    name = host.rpartition("/")[2].partition(".")[0]
    if name != "prices":  # whoever the authority knows; without one Envoy takes no list of names at all
        del tls["subjectAltNames"]
    if name in ("prices", "carts"):  # a certificate may be left out, with names asked for and without
        tls["mode"] = "OPTIONAL_MUTUAL"
    if name == "queue":  # nobody is asked
        tls["mode"] = "SIMPLE"


Change = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
STACKS: Mapping[str, Change] = {"as rendered": _as_rendered, "left open": _left_open}


def flows(plan: Plan, judges: Judges) -> tuple[list[InboundFlow], Counter[str]]:
    """Everything that is tried, each once, and how much of what cannot be, by the reason."""
    skipped: Counter[str] = Counter()
    found = [declared.flow for declared in Receiving(plan).declared()]
    for target in inbound_targets(judges):
        why = cannot_be_sent(target)
        if why:
            skipped[why] += 1
        elif isinstance(target.flow, InboundFlow):
            found.append(target.flow)
    found += _everybody(plan, found[0])
    return list(
        {repr(replace(flow, backend=None)): replace(flow, backend=None) for flow in found}.values()
    ), skipped


def _everybody(plan: Plan, like: InboundFlow) -> Iterator[InboundFlow]:
    """Every client of anybody with every name of anybody at every port, with requests that a rule might tell
    apart."""
    clients = sorted(
        {client for reception in plan.receptions for client in reception.wanted.clients.values()}
    )
    hosts = sorted({reception.wanted.host for reception in plan.receptions})
    for port in sorted({reception.wanted.port for reception in plan.receptions}):
        for host in hosts:
            here = replace(like, host=host, port=port)
            yield from (
                replace(here, caller=Caller(Shown.NAMED, one), request=Request(host)) for one in clients
            )
            for other in hosts:
                yield replace(here, request=Request(other, "POST", "/v1/orders", {"x-tenant": "shop"}))


def _told(compared: list[Compared], what: str) -> str:
    wrong = [one for one in compared if not one.agree]
    by = Counter(one.seen.stopped_by or "nobody" for one in compared)
    head = (
        f"{what}: {len(compared)} connections; stopped by "
        f"{', '.join(f'{who} ({n})' for who, n in sorted(by.items()))}"
    )
    return "\n".join([f"{head}; {len(wrong)} verdicts are not true", *map(str, wrong)])


def _await(callers: Callers, judges: Judges, flows: list[InboundFlow], seconds: float = 30.0) -> None:
    """Until every name of the gateway has its certificate and its way."""
    deadline = time.monotonic() + seconds
    for flow in flows:
        while callers.compare(judges, flow).seen.stopped_by:
            assert time.monotonic() < deadline, (
                f"the gateway never let through what is declared: {callers.compare(judges, flow)}"
            )
            time.sleep(0.3)


@pytest.fixture(scope="module")
def compared(found: Programs, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Compared]]:
    """Every connection to every stack, tried."""
    results: dict[str, list[Compared]] = {}
    plan = plan_of(_config())
    folder = tmp_path_factory.mktemp("authorities")
    authority, stranger = Authority(folder, "partners"), Authority(folder, "strangers")
    credentials = {reception.wanted.credential: reception.wanted.host for reception in plan.receptions}
    for what, change in STACKS.items():
        secrets = [
            secret(name, INGRESS, authority.issue(host), authority.pem) for name, host in credentials.items()
        ]
        whole = deployment(plan, render(plan))
        known = [*(changed for item in whole.kubernetes if (changed := change(item))), *_services()]
        applied = [changed for item in render(plan) if (changed := change(item.manifest))]
        objects = [*applied, *_services(), *secrets]
        with Mesh(plan, found, change=lambda _, objects=objects: objects) as mesh:
            judges = Judges(Snapshot.of(known, whole.google))
            callers = Callers(mesh, judges, authority, stranger)
            sites = [_site(mesh, team.name, authority) for team in plan.teams]
            try:
                wanted, skipped = flows(plan, judges)
                print("\n".join(f"{what}: not tried, {n} of {why}" for why, n in sorted(skipped.items())))
                callers.settle(wanted)
                _await(
                    callers, judges, [flow for flow in wanted if not judged(judges, flow)[0].stopped_by][:8]
                )
                results[what] = [callers.compare(judges, flow) for flow in wanted]
                callers.filter(network_policies=False)
                alone = Judges(
                    Snapshot.of((item for item in known if item["kind"] != "NetworkPolicy"), whole.google)
                )
                results[f"{what}, without NetworkPolicies"] = [
                    callers.compare(alone, flow) for flow in wanted
                ]
            finally:
                for site in sites:
                    site.close()
    return results


def _site(mesh: Mesh, team: str, authority: Authority) -> Site:
    """What listens in a team's pod: the port of every Service of the config, and a neighbour's, so that a
    wrong one is seen."""
    ports = tuple(sorted({pod_port for _, pod_port, _ in SERVICES.values()}))
    site = Site(f"received-{team}", ("0.0.0.0",), authority.issue(team), ports)
    site.open(mesh.namespaces[f"test-{team}"])
    mesh.sites[site.name] = site
    return site


def test_every_verdict_about_what_comes_in_is_what_happens(compared: dict[str, list[Compared]]) -> None:
    told = [_told(found, what) for what, found in compared.items()]
    print("\n".join(told))
    assert all(one.agree for found in compared.values() for one in found), "\n".join(told)


def test_they_are_many_and_every_layer_has_its_say(compared: dict[str, list[Compared]]) -> None:
    everything = [one for found in compared.values() for one in found]
    assert len(everything) >= AT_LEAST
    assert {one.seen.stopped_by for one in everything} == {"", "NetworkPolicy", "gateway", "authorization"}
    assert {one.flow.caller.shows for one in everything} == {*Shown}
    reached = {f"{name}.{namespace}:{given[0]}" for (namespace, name), given in SERVICES.items()}
    for what in STACKS:
        assert {one.seen.service for one in compared[what] if not one.seen.stopped_by} == reached
