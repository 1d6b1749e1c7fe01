"""No layer is the only one: what a cheating pod may not do is refused also where one of the outer layers is
missing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from egress.common.objects import Object
from egress.layers.render import render
from tests.mesh.client import Answer, curl, heard_at_gateway, tunnel_through_gateway
from tests.mesh.evidence import Evidence, Layer, Watch
from tests.mesh.flow import CHEAT_X, CHEAT_Y, GATEWAY, X, Y
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.proxies import PROXY_UID
from tests.support import config_with, plan_of

CHEATS = {"a pod without a sidecar": (CHEAT_X, 1000), "a process as the proxy's user": (X, PROXY_UID)}
DESTINATIONS = ["http://example.com", "https://example.com", "https://other.example", "https://93.184.216.34"]

KNOWN = ("--resolve", f"other.example:443:{WEBSITES['other.example']}")
"""An address that is known already: a name that nobody declared does not resolve, which is another layer's
work."""


@pytest.fixture
def filters(mesh: Mesh) -> Iterator[Mesh]:
    """The mesh, with the packet filters put back in place afterwards."""
    yield mesh
    mesh.filter()


def _try(mesh: Mesh, how: str, url: str) -> tuple[Answer, Evidence]:
    pod, uid = CHEATS[how]
    watch = Watch(mesh, pod)
    answer = curl(mesh, pod, "-k", *KNOWN, url, uid=uid)
    return answer, watch.evidence()


@pytest.mark.parametrize("url", DESTINATIONS)
@pytest.mark.parametrize("how", CHEATS)
def test_the_firewall_holds_alone(filters: Mesh, how: str, url: str) -> None:
    filters.filter(network_policies=False)
    answer, evidence = _try(filters, how, url)
    assert (answer.word, evidence.stopped_by()) == ("refused", Layer.FIREWALL)
    assert not evidence.arrived


@pytest.mark.parametrize("url", DESTINATIONS)
@pytest.mark.parametrize("how", CHEATS)
def test_the_network_policy_holds_alone(filters: Mesh, how: str, url: str) -> None:
    filters.filter(vpc_firewall=False)
    answer, evidence = _try(filters, how, url)
    assert (answer.word, evidence.stopped_by()) == ("refused", Layer.NETWORK_POLICY)
    assert not evidence.arrived


@pytest.mark.parametrize("how", CHEATS)
def test_without_both_an_undeclared_name_still_leads_nowhere(filters: Mesh, how: str) -> None:
    filters.filter(network_policies=False, vpc_firewall=False)
    pod, uid = CHEATS[how]
    watch = Watch(filters, pod)
    assert "Could not resolve host" in curl(filters, pod, "https://other.example", uid=uid).failure
    evidence = watch.evidence()
    assert (evidence.stopped_by(), evidence.arrived) == (Layer.DNS, [])


@pytest.mark.parametrize("how", CHEATS)
def test_without_both_it_gets_out(filters: Mesh, how: str) -> None:
    """So that the two tests above are worth something: it is these two layers that stop it, and not the
    test's network."""
    filters.filter(network_policies=False, vpc_firewall=False)
    answer, evidence = _try(filters, how, "https://other.example")
    assert answer.status == 200
    assert evidence.requests[0].source == filters.pods[CHEATS[how][0]].address


@pytest.mark.parametrize("url", DESTINATIONS)
def test_the_sidecar_refuses_before_the_packet_filters_do(filters: Mesh, url: str) -> None:
    """An honest pod of a team that did not declare the host is stopped in the pod, with no packet filter at
    all."""
    filters.filter(network_policies=False, vpc_firewall=False)
    watch = Watch(filters, Y)
    answer = curl(filters, Y, "-k", *KNOWN, url)
    evidence = watch.evidence()
    assert answer.word in ("502", "refused")
    assert evidence.stopped_by() is Layer.SIDECAR
    assert not evidence.arrived


def test_the_firewall_alone_keeps_a_broken_gateway_to_the_plans_ports(filters: Mesh) -> None:
    filters.filter(network_policies=False)
    watch = Watch(filters, GATEWAY)
    assert curl(filters, GATEWAY, "http://example.com:22", uid=PROXY_UID).word == "refused"
    assert watch.evidence().stopped_by() is Layer.FIREWALL


@pytest.mark.parametrize(
    ("target", "port"),
    [("istiod", 15010), ("istiod", 15014), ("istiod", 15017), ("istiod", 8080), (GATEWAY, 15090)],
)
def test_istiod_and_gateway_keep_their_ports_shut_also_where_the_teams_own_policy_is_gone(
    filters: Mesh, target: str, port: int
) -> None:
    """A pod without a sidecar in a namespace that lost its NetworkPolicy."""
    filters.filter(without=("team-x",))
    watch = Watch(filters, CHEAT_X)
    answer = curl(filters, CHEAT_X, f"http://{filters.pods[target].address}:{port}")
    assert (answer.word, watch.evidence().stopped_by()) == ("refused", Layer.DESTINATION_POLICY)


def test_without_the_platforms_policies_istiod_answers_anybody(filters: Mesh) -> None:
    """So that the test above is worth something."""
    filters.filter(without=("team-x", "istio-system"))
    assert (
        curl(filters, CHEAT_X, f"http://{filters.pods['istiod'].address}:15014/debug/endpointz").status
        is not None
    )


def _knock(mesh: Mesh, owner: str | None) -> Evidence:
    """TLS for example.com to the gateway, as nobody or as a team that did not declare it."""
    watch = Watch(mesh, CHEAT_Y)
    identity = mesh.proxies[owner].identity if owner else None
    assert tunnel_through_gateway(mesh, CHEAT_Y, identity, "example.com", "example.com").word == "refused"
    return watch.evidence()


CALLERS = [None, Y]
CALLER_NAMES = ["without a certificate", "another team"]
SPOKEN_FIRST = b"220 example.com order 42 is for team-x\r\n"


def _listen(mesh: Mesh, owner: str | None) -> tuple[bytes, Evidence]:
    """What a caller without the right hears that says nothing, from a host that speaks first."""
    watch = Watch(mesh, CHEAT_Y)
    identity = mesh.proxies[owner].identity if owner else None
    with mesh.sites["example.com"].greeting_with(SPOKEN_FIRST):
        heard = heard_at_gateway(mesh, CHEAT_Y, identity, "example.com")
    return heard, watch.evidence()


@pytest.mark.parametrize("owner", CALLERS, ids=CALLER_NAMES)
def test_a_refused_caller_hears_nothing_and_is_not_heard_of(mesh: Mesh, owner: str | None) -> None:
    """By default: not a byte of a host that speaks first, and no connection to the host, whether the caller
    speaks or not."""
    heard, evidence = _listen(mesh, owner)
    assert (heard, evidence.arrived) == (b"", [])
    evidence = _knock(mesh, owner)
    assert evidence.arrived == []
    assert evidence.stopped_by() is (Layer.AUTHORIZATION if owner else Layer.GATEWAY_TLS)


def test_who_has_the_right_is_heard_and_hears(mesh: Mesh) -> None:
    assert curl(mesh, X, "https://example.com").status == 200
    assert curl(mesh, Y, "https://httpbin.org").status == 200
    # More than may wait until the host is connected to.
    assert curl(mesh, X, "-d", "x" * 100_000, "https://example.com").status == 200


@pytest.fixture
def connecting_early(mesh: Mesh) -> Iterator[Mesh]:
    """The mesh as with `gateway.connectAfterAuthorization: false`; put right again afterwards."""
    assert not [
        item
        for item in render(plan_of(config_with("gateway", {"connectAfterAuthorization": False})))
        if _late(item)
    ]
    (late,) = [item.manifest for item in render(mesh.plan) if _late(item)]
    mesh.control_plane.delete(late)
    try:
        _await_mode(mesh, present=False)
        yield mesh
    finally:
        mesh.control_plane.apply([late])
        _await_mode(mesh, present=True)


def _late(item: Object) -> bool:
    return (item.kind, item.name) == ("EnvoyFilter", "connect-late")


def _await_mode(mesh: Mesh, present: bool, seconds: float = 20.0) -> None:
    gateway = mesh.proxies[mesh.gateway.key]
    deadline = time.monotonic() + seconds
    while ("ON_DOWNSTREAM_DATA" in json.dumps(gateway.config())) is not present:
        assert time.monotonic() < deadline, "the gateway did not get the changed configuration"
        time.sleep(0.1)


@pytest.mark.parametrize("owner", CALLERS, ids=CALLER_NAMES)
def test_without_it_a_refused_caller_causes_a_connection_and_hears_what_the_host_says_first(
    connecting_early: Mesh, owner: str | None
) -> None:
    """So that the tests above are worth something, and what the documents say of the setting is true."""
    heard, evidence = _listen(connecting_early, owner)
    assert heard == (SPOKEN_FIRST if owner else b"")
    assert evidence.connections
    evidence = _knock(connecting_early, owner)
    assert evidence.connections
    assert not evidence.requests, "what the caller says goes nowhere all the same"
