"""Two egress gateways on real proxies: each team leaves by its own, is refused by the other, and a host is
right at both."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.mesh.client import curl, request_to_gateway, tunnel_through_gateway
from tests.mesh.evidence import Evidence, Layer, Watch
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.programs import Programs
from tests.mesh.proxies import PROXY_UID
from tests.support import config_with, plan_of

A, B = "test-a", "test-b"
CHEAT_A, CHEAT_B = "cheat-a", "cheat-b"
SHARED, PARTNER = "", "partner"
BOTH = "api.example.net"
"""Leaves by the shared gateway as TLS and by the partner's as it is; passed through by both."""
GATEWAYS: dict[str, Any] = {
    PARTNER: {
        "hosts": [BOTH, "b.example.net", "*.files.example.net", "db.example.net"],
        "nat": {
            "nodes": "10.3.0.0/28",
            "pods": "10.4.0.0/20",
            "addresses": {"partner-1": "let in by the partner"},
        },
    }
}
TEAMS: dict[str, Any] = {
    "a": {
        "egress": {
            BOTH: {"http": {"upgrade": "tls"}, "https": "passthrough"},
            "a.example.net": {"https": "passthrough"},
        },
        "reaches": ["b"],
    },
    "b": {
        "gateway": PARTNER,
        "googleApis": {"apis": ["storage"], "serviceAccounts": {"default": {}}},
        "egress": {
            BOTH: {"http": {"methods": ["GET"]}, "https": "passthrough"},
            "b.example.net": {"https": "passthrough"},
            "*.files.example.net": {"https": "passthrough"},
            "db.example.net": {
                "tcp": {"port": 8443, "addresses": ["203.0.113.60"], "serviceAccounts": ["default"]}
            },
        },
    },
}


@pytest.fixture(scope="module")
def two(found: Programs) -> Iterator[Mesh]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(WEBSITES, "in.files.example.net", "203.0.113.50")
        with Mesh(
            plan_of(config_with("teams", TEAMS) | {"gke-mesh-egress:gateways": GATEWAYS}), found
        ) as running:
            yield running


def _ask(mesh: Mesh, pod: str, *words: str, uid: int = 1000) -> tuple[str, Evidence]:
    watch = Watch(mesh, pod)
    answer = curl(mesh, pod, *words, uid=uid)
    return answer.word, watch.evidence()


@pytest.mark.parametrize(
    ("pod", "url", "port", "gateway"),
    [
        (A, f"http://{BOTH}", 443, SHARED),
        (A, f"https://{BOTH}", 443, SHARED),
        (A, "https://a.example.net", 443, SHARED),
        (B, f"http://{BOTH}", 80, PARTNER),
        (B, f"https://{BOTH}", 443, PARTNER),
        (B, "https://b.example.net", 443, PARTNER),
        (B, "https://in.files.example.net", 443, PARTNER),
    ],
)
def test_each_team_leaves_by_its_own_gateway(two: Mesh, pod: str, url: str, port: int, gateway: str) -> None:
    word, evidence = _ask(two, pod, url)
    assert word == "200"
    [request] = evidence.requests
    assert (request.source, request.port) == (two.gateways[gateway].address, port)
    # Its log alone knows of it.
    assert all(
        two.pods[pod].address not in line.get("downstream_remote_address", "") for line in evidence.other_logs
    )


@pytest.mark.parametrize(
    ("url", "at"),
    [
        ("https://storage.googleapis.com", ("googleapis", 443)),
        ("http://metadata.google.internal", ("metadata", 80)),
    ],
)
def test_google_apis_are_reached_past_the_teams_own_gateway(two: Mesh, url: str, at: tuple[str, int]) -> None:
    word, evidence = _ask(two, B, url)
    assert word == "200"
    assert [(request.site, request.port, request.source) for request in evidence.requests] == [
        (*at, two.pods[B].address)
    ]
    word, evidence = _ask(two, A, url)
    assert (word in ("refused", "502"), evidence.stopped_by()) == (True, Layer.SIDECAR)


def test_the_gateways_leave_from_different_ranges(two: Mesh) -> None:
    assert two.gateways[SHARED].address.startswith("10.1.")
    assert two.gateways[PARTNER].address.startswith("10.4.")


def test_each_gateway_has_its_own_rules_for_one_host(two: Mesh) -> None:
    word, evidence = _ask(two, B, "-X", "POST", f"http://{BOTH}")
    assert (word, evidence.stopped_by()) == ("403", Layer.AUTHORIZATION)
    word, _ = _ask(two, A, "-X", "POST", f"http://{BOTH}")
    assert word == "200"


@pytest.mark.parametrize(
    ("pod", "url"),
    [
        (B, "https://a.example.net"),
        (A, "https://b.example.net"),
        (A, "https://in.files.example.net"),
        (B, "https://example.com"),  # beyond what the gateway is limited to
        (B, "http://b.example.net"),
    ],
)
def test_what_only_the_other_gateway_leads_to_is_unknown_in_the_pod(two: Mesh, pod: str, url: str) -> None:
    word, evidence = _ask(two, pod, url)
    assert word in ("refused", "502")
    # What nobody declares has no address either.
    assert evidence.stopped_by() is (Layer.DNS if url == "https://example.com" else Layer.SIDECAR)
    assert not evidence.arrived


@pytest.mark.parametrize(("pod", "owner", "gateway"), [(CHEAT_A, A, PARTNER), (CHEAT_B, B, SHARED)])
def test_the_other_gateways_pods_are_out_of_reach(two: Mesh, pod: str, owner: str, gateway: str) -> None:
    watch = Watch(two, pod)
    answer = request_to_gateway(two, pod, two.proxies[owner].identity, BOTH, gateway=gateway)
    assert (answer.word, watch.evidence().stopped_by()) == ("refused", Layer.NETWORK_POLICY)


@pytest.mark.parametrize(
    ("pod", "owner", "gateway", "host", "word", "layer"),
    [
        # So that the refusals are worth something: each certificate works at its own gateway.
        (CHEAT_A, A, SHARED, BOTH, "200", Layer.NOBODY),
        (CHEAT_B, B, PARTNER, BOTH, "200", Layer.NOBODY),
        (CHEAT_A, A, PARTNER, BOTH, "refused", Layer.AUTHORIZATION),
        (CHEAT_B, B, SHARED, BOTH, "refused", Layer.AUTHORIZATION),
        (CHEAT_A, A, PARTNER, "b.example.net", "refused", Layer.AUTHORIZATION),
        (CHEAT_A, A, PARTNER, "a.example.net", "refused", Layer.GATEWAY_HOSTS),
        (CHEAT_B, B, SHARED, "b.example.net", "refused", Layer.GATEWAY_HOSTS),
    ],
)
def test_the_other_gateway_refuses_it_also_where_it_is_reached(
    two: Mesh, pod: str, owner: str, gateway: str, host: str, word: str, layer: Layer
) -> None:
    two.filter(network_policies=False)
    try:
        watch = Watch(two, pod)
        answer = tunnel_through_gateway(two, pod, two.proxies[owner].identity, host, host, gateway=gateway)
        evidence = watch.evidence()
    finally:
        two.filter()
    assert (answer.word, evidence.stopped_by()) == (word, layer)
    assert not evidence.requests or layer is Layer.NOBODY


@pytest.mark.parametrize(("pod", "owner", "gateway"), [(CHEAT_A, A, PARTNER), (CHEAT_B, B, SHARED)])
def test_the_other_gateway_refuses_its_requests_too(two: Mesh, pod: str, owner: str, gateway: str) -> None:
    two.filter(network_policies=False)
    try:
        watch = Watch(two, pod)
        answer = request_to_gateway(two, pod, two.proxies[owner].identity, BOTH, gateway=gateway)
        evidence = watch.evidence()
    finally:
        two.filter()
    assert (answer.word, evidence.stopped_by()) == ("403", Layer.AUTHORIZATION)
    assert not evidence.arrived


@pytest.mark.parametrize(
    ("gateway", "url", "open_"),
    [
        (SHARED, f"https://{BOTH}", True),
        (SHARED, f"http://{BOTH}", False),  # no host of this gateway leaves on 80
        (PARTNER, f"http://{BOTH}", True),
        (SHARED, "https://203.0.113.60:8443", False),  # raw TCP of the other gateway
    ],
)
def test_a_broken_gateway_leaves_on_the_ports_of_its_own_hosts_alone(
    two: Mesh, gateway: str, url: str, open_: bool
) -> None:
    pod = two.gateways[gateway].key
    two.filter(network_policies=False)
    try:
        _, evidence = _ask(two, pod, "-k", url, uid=PROXY_UID)
    finally:
        two.filter()
    assert bool(evidence.arrived) is open_
    assert bool(evidence.refused.firewall) is not open_


def test_a_sidecar_knows_nothing_of_the_other_gateway(two: Mesh) -> None:
    known = {pod: json.dumps(two.proxies[pod].config()) for pod in (A, B)}
    assert "istio-egressgateway.istio-egress-partner" in known[B]
    assert "istio-egressgateway.istio-egress.svc" not in known[B]
    assert "istio-egressgateway.istio-egress.svc" in known[A]
    assert "istio-egressgateway.istio-egress-partner" not in known[A]
    assert "a.example.net" not in known[B]
    assert "b.example.net" not in known[A]


def test_nothing_was_rejected(two: Mesh) -> None:
    for proxy in two.proxies.values():
        stats = proxy.admin("/stats?filter=update_rejected").splitlines()
        assert [line for line in stats if not line.endswith(": 0")] == []
        assert "error_state" not in json.dumps(proxy.config())
    log = two.istiod.process.output()
    assert not [
        line for line in log.splitlines() if re.search(r"ACK ERROR|NACK|[Rr]ejected|invalid config", line)
    ]
