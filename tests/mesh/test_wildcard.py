"""Wildcard hosts on real proxies: the example's stack, with two teams whose entries overlap.

Everything of a pattern gets out, under the team's own certificate; nothing else does, whatever name is put
inside or outside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import yaml

from egress.common.ports import INNER_PORT
from tests.mesh.client import curl, tunnel_through_gateway
from tests.mesh.evidence import Evidence, Layer, Watch
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.programs import Programs
from tests.support import ROOT, plan_of

EXAMPLE = ROOT / "examples/modes/Pulumi.wildcard.yaml"
SHOP, REPORTS = "test-shop", "test-reports"
CHEAT_SHOP, CHEAT_REPORTS = "cheat-shop", "cheat-reports"
UNNAMED = {
    "files.example.org": "203.0.113.40",
    "x.files.example.org": "203.0.113.41",
    "a.eu.example.org": "203.0.113.42",
    "api.partner.example": "203.0.113.43",
}
"""Sites below the patterns, which no config names."""
OUTER, OUTER_EU = "example.org.wildcard.internal", "eu.example.org.wildcard.internal"


@pytest.fixture(scope="module")
def wild(found: Programs) -> Iterator[Mesh]:
    with pytest.MonkeyPatch.context() as patch:
        for name, address in UNNAMED.items():
            patch.setitem(WEBSITES, name, address)
        with Mesh(plan_of(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["config"]), found) as running:
            yield running


def _ask(mesh: Mesh, pod: str, url: str) -> tuple[str, Evidence]:
    watch = Watch(mesh, pod)
    answer = curl(mesh, pod, url)
    return answer.word, watch.evidence()


def _knock(mesh: Mesh, pod: str, owner: str | None, outer: str, inner: str) -> tuple[str, Evidence]:
    """From a pod without a sidecar to the gateway's own port, with the certificate of a pod's proxy, or
    none."""
    watch = Watch(mesh, pod)
    identity = mesh.proxies[owner].identity if owner else None
    answer = tunnel_through_gateway(mesh, pod, identity, outer, inner)
    return answer.word, watch.evidence()


@pytest.mark.parametrize(
    ("pod", "host"),
    [
        (SHOP, "files.example.org"),
        (SHOP, "x.files.example.org"),
        (SHOP, "status.example.org"),  # of its own pattern, though another team declares it by name
        (SHOP, "a.eu.example.org"),  # of its own pattern, though another team declares a closer one
        (REPORTS, "status.example.org"),
        (REPORTS, "a.eu.example.org"),
    ],
)
def test_what_a_team_declared_gets_out(wild: Mesh, pod: str, host: str) -> None:
    word, evidence = _ask(wild, pod, f"https://{host}")
    assert word == "200"
    [request] = evidence.requests
    assert (request.site, request.sni, request.source) == (host, host, wild.gateway.address)


def test_the_gateway_logs_the_pattern_and_the_inner_name(wild: Mesh) -> None:
    _, evidence = _ask(wild, SHOP, "https://files.example.org")
    inner, outer = sorted(evidence.gateway_log, key=lambda line: line["requested_server_name"] == OUTER)
    assert (inner["upstream_host"], inner["upstream_cluster"]) == (
        "203.0.113.40:443",
        "outbound|443||*.example.org",
    )
    assert inner["requested_server_name"] == "files.example.org"
    assert outer["downstream_remote_address"].startswith(f"{wild.pods[SHOP].address}:")
    assert outer["principal"] == "spiffe://cluster.local/ns/shop/sa/default"
    assert outer["upstream_local_address"] == inner["downstream_remote_address"], "joins the two"


@pytest.mark.parametrize(
    ("pod", "url"),
    [
        (SHOP, "https://example.org"),  # the domain itself is not below it
        (SHOP, "http://files.example.org"),  # no TLS
        (REPORTS, "https://files.example.org"),  # another team's pattern
        (REPORTS, "https://api.partner.example"),
    ],
)
def test_what_a_team_did_not_declare_is_refused_by_its_sidecar(wild: Mesh, pod: str, url: str) -> None:
    word, evidence = _ask(wild, pod, url)
    assert word in ("refused", "502")
    assert evidence.stopped_by() is Layer.SIDECAR
    assert not evidence.arrived


def test_what_lies_below_no_pattern_does_not_even_have_an_address(wild: Mesh) -> None:
    word, evidence = _ask(wild, SHOP, "https://other.example")
    assert (word, evidence.stopped_by()) == ("refused", Layer.DNS)


def test_another_service_account_of_the_team_is_refused_by_the_gateway(wild: Mesh) -> None:
    word, evidence = _ask(wild, SHOP, "https://api.partner.example")
    assert (word, evidence.stopped_by()) == ("refused", Layer.AUTHORIZATION)
    assert not evidence.arrived


def test_a_pod_without_a_sidecar_is_refused_by_the_network_policy(wild: Mesh) -> None:
    word, evidence = _ask(wild, CHEAT_SHOP, "https://files.example.org")
    assert (word, evidence.stopped_by()) == ("refused", Layer.NETWORK_POLICY)
    assert not evidence.arrived


def test_the_certificate_and_the_patterns_name_are_all_it_takes(wild: Mesh) -> None:
    """So that the refusals below are worth something: the same attempt, told truly, gets out."""
    word, evidence = _knock(wild, CHEAT_SHOP, SHOP, OUTER, "files.example.org")
    assert word == "200"
    assert [request.site for request in evidence.requests] == ["files.example.org"]


@pytest.mark.parametrize(
    ("owner", "outer", "inner"),
    [
        (SHOP, OUTER, "other.example"),  # declared by nobody
        (SHOP, OUTER, "example.org"),  # above the pattern
        (SHOP, OUTER, "api.partner.example"),  # of the team's other pattern, which this account may not use
        (REPORTS, OUTER_EU, "files.example.org"),  # of another team's pattern
        (REPORTS, OUTER_EU, "status.example.org"),  # the team's own, but not this way
    ],
)
def test_a_lie_inside_leads_nowhere(wild: Mesh, owner: str, outer: str, inner: str) -> None:
    """The outer name is allowed, the inner one is not of that pattern: not connected to, and not even looked
    up."""
    asked = wild.dns.asked.count(inner)
    word, evidence = _knock(wild, CHEAT_SHOP, owner, outer, inner)
    assert (word, evidence.stopped_by()) == ("refused", Layer.GATEWAY_HOSTS)
    assert any(
        line["downstream_local_address"].endswith(f":{INNER_PORT}") and line["requested_server_name"] == inner
        for line in evidence.gateway_log
    )
    assert not evidence.arrived
    assert wild.dns.asked.count(inner) == asked


@pytest.mark.parametrize("outer", ["files.example.org", "other.example", "*.example.org"])
def test_only_the_patterns_own_name_opens_its_way(wild: Mesh, outer: str) -> None:
    word, evidence = _knock(wild, CHEAT_SHOP, SHOP, outer, "files.example.org")
    assert (word, evidence.stopped_by()) == ("refused", Layer.GATEWAY_HOSTS)
    assert not evidence.arrived


@pytest.mark.parametrize(
    ("owner", "layer"),
    [(REPORTS, Layer.AUTHORIZATION), (None, Layer.GATEWAY_TLS)],
    ids=["another team", "nobody"],
)
def test_a_stranger_to_the_pattern_causes_not_even_a_question(
    wild: Mesh, owner: str | None, layer: Layer
) -> None:
    """Refused at the outer name, before anything is looked up or connected to outside."""
    asked = wild.dns.asked.count("files.example.org")
    word, evidence = _knock(wild, CHEAT_REPORTS, owner, OUTER, "files.example.org")
    assert (word, evidence.stopped_by()) == ("refused", layer)
    assert not evidence.arrived
    assert wild.dns.asked.count("files.example.org") == asked


def test_the_inner_listener_is_out_of_reach_from_outside_the_gateways_pod(wild: Mesh) -> None:
    watch = Watch(wild, CHEAT_SHOP)
    wild.filter(network_policies=False, vpc_firewall=False)
    try:
        answer = curl(wild, CHEAT_SHOP, "-k", f"https://{wild.gateway.address}:{INNER_PORT}")
    finally:
        wild.filter()
    assert answer.word == "refused"
    assert not watch.evidence().arrived


def test_a_sidecar_knows_nothing_of_another_teams_pattern(wild: Mesh) -> None:
    assert "*.partner.example" in json.dumps(wild.proxies[SHOP].config())
    assert "partner.example" not in json.dumps(wild.proxies[REPORTS].config())


def test_nothing_was_rejected(wild: Mesh) -> None:
    """The names' cache is the same for the filter and the cluster, or Envoy would have refused one of the
    two."""
    for proxy in wild.proxies.values():
        stats = proxy.admin("/stats?filter=update_rejected").splitlines()
        assert [line for line in stats if not line.endswith(": 0")] == []
        assert "error_state" not in json.dumps(proxy.config())
    log = wild.istiod.process.output()
    assert not [
        line for line in log.splitlines() if re.search(r"ACK ERROR|NACK|[Rr]ejected|invalid config", line)
    ]
