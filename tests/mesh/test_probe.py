"""`egress probe` on the mesh of one machine: its Jobs go through the API server, injection and admission,
their commands run in the pods' networks, and the table is that of `make prove`. Then holes are planted, and
each has to be found and named.
"""

from __future__ import annotations

import copy
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from egress.cli.probe import IMAGE
from egress.judge.model.flow import Flow as Judged
from egress.judge.model.flow import Protocol, Vantage
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.probe.api import Api
from egress.probe.asked import Asked
from egress.probe.flows import PUBLIC, Flows
from egress.probe.probe import Wanted, probed, service_of
from egress.probe.row import Row, State
from egress.proof.snapshot import deployment
from tests.mesh import evidence
from tests.mesh.client import curl
from tests.mesh.dns import from_table
from tests.mesh.flow import REFUSED, Curl, Y
from tests.mesh.flow import Flow as Cataloged
from tests.mesh.flows import flows as catalogue
from tests.mesh.kubelet import Kubelet
from tests.mesh.mesh import WEBSITES, Mesh
from tests.support import ROOT

PAGE = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
UNDECLARED = ("example.org", "other.example")
SECONDS = 120.0
LINGERS = 0.5
"""Proxies here write their lines every 50 ms."""
NOT_BY_THE_PROBE = {
    "team-x: curl http://198.51.100.7:8080": "another port of an address is asked as raw TCP",
    "team-x: curl https://c2VjcmV0.tunnel.example": "a name that nobody made answers nothing anywhere",
    "team-y: curl http://httpbin.org/status/418/": "one path stands for all that no rule names",
    "team-x: curl https://bigquery.googleapis.com": "one API stands for all that no team declares",
    "team-x: curl http://example.com:22": "another port of a host is asked as raw TCP",
}
"""Flows of an app in the catalogue that the probe does not ask, and why."""


def probe(mesh: Mesh, teams: Sequence[str]) -> list[Row]:
    kubelet = Kubelet(mesh)
    with kubelet.serving():
        wanted = Wanted(mesh.plan, _judges(mesh), teams, IMAGE, secrets.token_hex(4), SECONDS, LINGERS)
        rows = list(probed(_api(mesh), wanted, print))
        assert not kubelet.errors
        assert kubelet.made
        left = kubelet.jobs()
    assert not left, "Jobs are deleted"
    return rows


def _api(mesh: Mesh) -> Api:
    return Api.of(mesh.control_plane.server.kubeconfig, None)


def _judges(mesh: Mesh) -> Judges:
    return Judges(deployment(mesh.plan, render(mesh.plan)))


def _asked(mesh: Mesh) -> dict[str, Asked]:
    api, plan = _api(mesh), mesh.plan
    teams = [team.name for team in plan.teams]
    flows = Flows(plan, _judges(mesh), {team: service_of(api, team) for team in teams}).all(teams)
    return {one.what: one for one in flows if isinstance(one, Asked)}


@pytest.fixture(scope="module")
def rows(mesh: Mesh) -> list[Row]:
    return probe(mesh, [team.name for team in mesh.plan.teams])


def of_flows(mesh: Mesh, rows: list[Row]) -> list[Row]:
    asked = _asked(mesh)
    return [row for row in rows if row.what in asked]


class TestAsRendered:
    def test_every_flow_is_as_the_plan_says(self, mesh: Mesh, rows: list[Row]) -> None:
        found = of_flows(mesh, rows)
        assert len(found) > 40
        assert [row for row in found if row.state is not State.OK] == []
        assert {row.stopped_by for row in found} == {
            "-",
            "DNS: no such name",
            "sidecar",
            "gateway: authorization",
            "metadata server",
            "layer unknown",
        }

    def test_only_what_is_dropped_in_silence_has_no_layer(self, mesh: Mesh, rows: list[Row]) -> None:
        silent = {row.what.partition(": ")[2].split()[0] for row in rows if row.stopped_by == "layer unknown"}
        assert silent == {"QUIC", "DNS"}

    def test_pods_that_go_around_the_fences_are_refused_by_name(self, rows: list[Row]) -> None:
        around = [row for row in rows if ": a pod " in row.what]
        assert len(around) == 14
        assert {row.state for row in around} == {State.OK}
        assert {row.stopped_by for row in around} == {
            "API server: policy egress-team-workloads",
            "API server: policy egress-gateway-nodes",
            "API server: Pod Security",
        }

    def test_what_this_cluster_lacks_is_said(self, rows: list[Row]) -> None:
        """One pod of the gateway, no webhook: nothing is taken for granted."""
        wrong = {row.what: row.seen for row in rows if row.state is State.WRONG}
        assert wrong == {
            "istiod's webhook, which refuses Istio objects that are not valid": "none",
            "pods of the gateway in istio-egress": "1 ready on 1 node",
        }

    def test_the_page_shows_rows_of_it(self, rows: list[Row]) -> None:
        printed = {(row.what, row.expected, row.seen, row.stopped_by, row.at) for row in rows}
        table = PAGE.partition("\n Asked ")[2].partition("```")[0].splitlines()[1:]
        shown = [tuple(re.split(r"\s{2,}", line.strip())) for line in table]
        assert len(shown) == 7
        for *cells, state in shown:
            assert tuple(cells) in printed
            assert state == "ok"

    def test_the_table_is_that_of_make_prove(self, mesh: Mesh, rows: list[Row]) -> None:
        """Answer, layer, and where it arrived: of every flow of the catalogue that an app can try."""
        asked, seen = _asked(mesh), {row.what: row for row in rows}
        plain = (one for one in asked.values() if not (one.lookup or one.asks or one.hidden))
        by_key = {_key(one.flow): seen[one.what] for one in plain}
        compared = 0
        for one, judged in _of_apps():
            if one.what in NOT_BY_THE_PROBE:
                assert _key(judged, one) not in by_key
                continue
            row = by_key[_key(judged, one)]
            assert (_word(row), _layer(row)) == (one.expected, one.stopped_by), one.what
            if one.at and one.at[0] in ("example.com", "httpbin.org"):
                assert row.at == f"{mesh.address_of(one.at[0])}:{one.at[1]}", one.what
            compared += 1
        assert compared >= 20


def _of_apps() -> Iterator[tuple[Cataloged, Judged]]:
    for one in catalogue():
        judged = one.attempt.judged if isinstance(one.attempt, Curl) else None
        if judged and judged.vantage is Vantage.APP:
            yield one, judged


def _key(flow: Judged, one: Cataloged | None = None) -> tuple[object, ...]:
    """What both catalogues mean by a flow; a name that nobody declared, and an address, is any."""
    host = "nobody's" if flow.host in UNDECLARED else flow.host
    known = bool(flow.address) or (one is not None and "--resolve" in one.what)
    if flow.address and host == flow.address and not host.startswith("169.254."):
        host = "an address"
    if flow.to or host.startswith("test."):
        host, known = flow.to.namespace if flow.to else host, False
    metadata = host == "metadata.google.internal" or host.startswith("169.254.")
    host = "metadata" if metadata else host
    path = "/" if metadata else flow.path
    known = known and not metadata
    return flow.namespace, flow.protocol, host, flow.port, path, flow.authority, known


def _word(row: Row) -> str:
    return REFUSED if row.seen == "no such name" else row.seen


def _layer(row: Row) -> evidence.Layer:
    return evidence.Layer(row.stopped_by)


@contextmanager
def _changed(mesh: Mesh, kind: str, name: str, change: Callable[[dict[str, Any]], None]) -> Generator[None]:
    """One living object, changed behind everybody's back as long as the block lasts."""
    (own,) = [item for item in mesh.manifests if item["kind"] == kind and _name(item) == name]
    other = copy.deepcopy(own)
    change(other["spec"])
    mesh.control_plane.apply([other])
    try:
        yield
    finally:
        mesh.control_plane.apply([own])


def _name(item: Any) -> str:
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _leaks(rows: list[Row]) -> dict[str, str]:
    return {row.what: row.says for row in rows if row.state is State.LEAK}


class TestAPlantedHole:
    def test_a_wider_rule_of_the_gateway(self, mesh: Mesh) -> None:
        def widened(spec: dict[str, Any]) -> None:
            for rule in spec["rules"]:
                for to in rule.get("to", []):
                    to["operation"].pop("paths", None)

        def status() -> int | None:
            return curl(mesh, Y, "http://httpbin.org/").status

        with _changed(mesh, "AuthorizationPolicy", "istio-egress/egress-team-y", widened):
            _until(lambda: status() == 200)
            found = _leaks(probe(mesh, ["team-y"]))
        _until(lambda: status() == 403)
        assert found.keys() == {"team-y: GET http://httpbin.org/"}
        ((what, says),) = found.items()
        assert f"LEAK: {what}: {says}" in PAGE.splitlines()
        assert "istio-egress/authorizationpolicy/egress-team-y spec.rules[0].to[0].operation.paths" in says

    def test_a_sidecar_that_lets_everything_on_while_the_network_still_holds(self, mesh: Mesh) -> None:
        """Nothing gets out, and one fence of two is gone."""
        with _everything_let_on(mesh):
            rows = probe(mesh, ["team-y"])
        assert not _leaks(rows)
        wrong = {row.what: row.says for row in rows if row.state is State.WRONG}
        assert "it let it on, and something behind stopped it" in wrong[f"team-y: https://{PUBLIC}"]
        assert "team-y/sidecar/default" in wrong[f"team-y: https://{PUBLIC}"]

    def test_a_sidecar_that_lets_everything_on_before_a_network_that_does_too(self, mesh: Mesh) -> None:
        """Last of the two: connections that the sidecar keeps open pass the filters that come back."""
        with _everything_let_on(mesh), _speaking_udp(mesh):
            mesh.filter(network_policies=False, vpc_firewall=False)
            try:
                found = _leaks(probe(mesh, ["team-y"]))
            finally:
                mesh.filter()
        assert {
            f"team-y: https://{PUBLIC}",
            f"team-y: GET http://{PUBLIC}/",
            f"team-y: https://example.org at {PUBLIC}",
            "team-y: https://example.com",
            f"team-y: QUIC to {PUBLIC}:443/udp",
        } <= found.keys()
        assert "team-y/sidecar/default spec.outboundTrafficPolicy.mode" in found[f"team-y: https://{PUBLIC}"]
        assert "team-y/networkpolicy/team-boundary" in found[f"team-y: QUIC to {PUBLIC}:443/udp"]

    def test_names_that_resolve(self, mesh: Mesh) -> None:
        with _another_dns(mesh):
            rows = probe(mesh, ["team-y"])
        wrong = {row.what: row.says for row in rows if row.state is State.WRONG}
        says = wrong["team-y: GET http://example.org/"]
        assert says.startswith("DNS (managedzone/refuse-undeclared-names dnsName) has to refuse it")
        assert not _leaks(rows)

    def test_a_pod_without_its_fences(self, mesh: Mesh) -> None:
        """The policy on pods is gone: the API server would take what goes around."""
        binding = next(
            item
            for item in mesh.manifests
            if item["kind"] == "ValidatingAdmissionPolicyBinding"
            and item["metadata"]["name"] == "egress-team-workloads"
        )
        mesh.control_plane.delete(binding)
        try:
            _until(lambda: bool(_leaks(probe(mesh, ["team-y"]))))
            found = _leaks(probe(mesh, ["team-y"]))
        finally:
            mesh.control_plane.apply([binding])
        assert "rule injection has to refuse it" in found["team-y: a pod without a sidecar"]
        _until(lambda: not _leaks(probe(mesh, ["team-y"])))


@contextmanager
def _everything_let_on(mesh: Mesh) -> Generator[None]:
    def opened(spec: dict[str, Any]) -> None:
        spec["outboundTrafficPolicy"] = {"mode": "ALLOW_ANY"}

    def unknown() -> bool:
        listeners = mesh.proxies[Y].admin("/config_dump?resource=dynamic_listeners")
        return '"cluster": "PassthroughCluster"' in listeners

    assert not unknown()
    with _changed(mesh, "Sidecar", "team-y/default", opened):
        _until(unknown)
        yield
    _until(lambda: not unknown())


@contextmanager
def _another_dns(mesh: Mesh) -> Generator[None]:
    """Cloud DNS without the zone that refuses: every name of the world has an address."""
    own = mesh.dns.lookup
    world = from_table({name: (address,) for name, address in WEBSITES.items()})
    mesh.dns.lookup = lambda name: own(name) or world(name)
    try:
        yield
    finally:
        mesh.dns.lookup = own


@contextmanager
def _speaking_udp(mesh: Mesh) -> Generator[None]:
    """Somebody outside who answers datagrams."""

    def bound() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((PUBLIC, 443))
        return made

    answering = mesh.fabric.outside.inside(bound)

    def serve() -> None:
        with suppress(OSError):
            while client := answering.recvfrom(4096)[1]:
                answering.sendto(b"\xc0\0\0\0\0", client)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        with suppress(OSError):
            answering.shutdown(socket.SHUT_RDWR)
        answering.close()


def test_the_catalogues_flows_that_are_left_out_are_in_it() -> None:
    assert {one.what for one, _ in _of_apps()} >= NOT_BY_THE_PROBE.keys()


def test_every_kind_of_flow_is_asked(mesh: Mesh) -> None:
    asked = _asked(mesh).values()
    assert {one.flow.protocol for one in asked} == {Protocol.HTTP, Protocol.TLS, Protocol.TCP, Protocol.UDP}
    assert {one.expected.passes for one in asked} == {True, False}
