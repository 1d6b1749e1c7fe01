"""The three security models on real proxies, side by side in one mesh, in the words of the document that
names them.

lab is open, media registry only, shop registry only and gateway; media and shop have one host in common. The
words that open the nodes for the first two are there, so the tests also say what that costs the third.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.mesh.client import curl
from tests.mesh.evidence import Evidence, Layer, Watch
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.programs import Programs
from tests.mesh.proxies import PROXY_UID
from tests.support import config_with, plan_of, teams

LAB, MEDIA, SHOP = "test-lab", "test-media", "test-shop"
CHEAT_LAB, CHEAT_MEDIA, CHEAT_SHOP = "cheat-lab", "cheat-media", "cheat-shop"
UNNAMED = {"clips.media.example": "203.0.113.50", "media.example": "203.0.113.51"}
"""Sites that no config names: below the pattern, and its domain itself."""


def _config() -> dict[str, Any]:
    config = teams(
        lab={},
        media={
            "api.partner.example": {"http": {"upgrade": "tls"}},
            "plain.partner.example": {"http": {"traffic": {"retries": {"attempts": 2, "retryOn": ["5xx"]}}}},
            "uploads.cdn.example": {"https": "passthrough"},
            "*.media.example": {"https": "passthrough"},
        },
        shop={"api.partner.example": {"http": {"upgrade": "tls", "methods": ["GET"]}}},
    )
    config["gke-mesh-egress:teams"]["lab"]["model"] = {"open": "it does not know its hosts yet"}
    config["gke-mesh-egress:teams"]["media"]["model"] = {
        "registryOnly": "it uploads more than the gateway carries"
    }
    config["gke-mesh-egress:network"]["dns"] = {"undeclaredNames": "resolve"}
    nodes = {"leaveOn": [80, 443], "reason": "lab and media leave themselves"}
    return config | {
        "gke-mesh-egress:fences": config_with("fences/applicationNodes", nodes)["gke-mesh-egress:fences"]
    }


@pytest.fixture(scope="module")
def three(found: Programs) -> Iterator[Mesh]:
    with pytest.MonkeyPatch.context() as patch:
        for name, address in UNNAMED.items():
            patch.setitem(WEBSITES, name, address)
        with Mesh(plan_of(_config()), found) as running:
            yield running


@pytest.fixture
def filters(three: Mesh) -> Iterator[Mesh]:
    """The mesh, with the packet filters put back in place afterwards."""
    yield three
    three.filter()


def _ask(mesh: Mesh, pod: str, *words: str, uid: int = 1000) -> tuple[str, Evidence]:
    watch = Watch(mesh, pod)
    answer = curl(mesh, pod, *words, uid=uid)
    return answer.word, watch.evidence()


def _straight(mesh: Mesh, pod: str, *words: str, uid: int = 1000) -> Evidence:
    """A request that is answered, and came to the site from the pod itself: the gateway saw nothing of it."""
    word, evidence = _ask(mesh, pod, *words, uid=uid)
    assert word == "200", evidence
    assert {request.source for request in evidence.requests} == {mesh.pods[pod].address}
    assert not evidence.gateway_log
    return evidence


# "Default action": ALLOW_ANY


@pytest.mark.parametrize(
    "url", ["http://other.example", "https://other.example", "http://example.com", "https://example.org"]
)
def test_open_the_sidecar_does_not_impose_any_restrictions_on_the_egress_traffic(
    three: Mesh, url: str
) -> None:
    _straight(three, LAB, url)


def test_open_hosts_that_nobody_can_name_are_reached_by_address(three: Mesh) -> None:
    _straight(three, LAB, "-k", "https://198.51.100.7")


def test_open_plain_requests_are_logged_with_host_and_path(three: Mesh) -> None:
    [line] = _straight(three, LAB, "http://other.example/some/path").sidecar_log
    assert (line["method"], line["authority"], line["path"]) == ("GET", "other.example", "/some/path")
    assert line["upstream_host"] == f"{WEBSITES['other.example']}:80"
    assert (line["response_code"], line["upstream_cluster"]) == (200, "PassthroughCluster")


def test_open_tls_is_logged_with_address_and_server_name(three: Mesh) -> None:
    [line] = _straight(three, LAB, "https://other.example").sidecar_log
    assert (line["upstream_host"], line["upstream_cluster"]) == (
        f"{WEBSITES['other.example']}:443",
        "PassthroughCluster",
    )
    assert line["requested_server_name"] == "other.example"


def test_open_is_uncontrolled_what_goes_round_the_sidecar_gets_out_and_no_proxy_logs_it(three: Mesh) -> None:
    assert not _straight(three, CHEAT_LAB, "https://other.example").other_logs
    assert not _straight(three, LAB, "https://other.example", uid=PROXY_UID).sidecar_log


def test_open_two_headers_of_the_mesh_leave_and_none_tells_who_asks(three: Mesh) -> None:
    [request] = _straight(three, LAB, "http://other.example").requests
    assert {name.lower() for name, _ in request.headers} - {"accept", "host", "user-agent"} == {
        "x-forwarded-proto",
        "x-request-id",
    }


@pytest.mark.parametrize("url", ["http://198.51.100.7:8080", "https://198.51.100.7:8443"])
def test_open_leaves_on_the_named_ports_alone(three: Mesh, url: str) -> None:
    word, evidence = _ask(three, LAB, "-k", url)
    assert word != "200"
    assert evidence.stopped_by() is Layer.NETWORK_POLICY
    assert not evidence.arrived


@pytest.mark.parametrize("pod", [LAB, CHEAT_LAB])
@pytest.mark.parametrize(
    "where",
    ["a neighbour's pod", "the gateway", "the metadata server", "Google's addresses", "another network"],
)
def test_open_is_the_internet_and_nothing_else(three: Mesh, pod: str, where: str) -> None:
    address = {
        "a neighbour's pod": three.pods[SHOP].address,
        "the gateway": three.gateway.address,
        "the metadata server": "169.254.169.254",
        "Google's addresses": three.plan.addresses.google_apis.addresses[0],
        "another network": "192.168.7.7",
    }[where]
    word, evidence = _ask(three, pod, f"http://{address}")
    assert word != "200"
    assert evidence.stopped_by() is Layer.NETWORK_POLICY
    assert not evidence.arrived


# REGISTRY_ONLY


def test_registry_only_the_pod_can_access_the_services_that_are_registered(three: Mesh) -> None:
    _straight(three, MEDIA, "https://uploads.cdn.example")
    _straight(three, MEDIA, "https://clips.media.example")
    _straight(three, MEDIA, "-X", "DELETE", "http://plain.partner.example")


@pytest.mark.parametrize("address", ["203.0.113.30", "198.51.100.7"])
def test_registry_only_who_says_a_declared_name_is_led_to_that_names_own_address(
    three: Mesh, address: str
) -> None:
    """Whatever address it connects to: the sidecar looks up the name of a pattern itself."""
    for name in ("clips.media.example", "uploads.cdn.example"):
        evidence = _straight(three, MEDIA, "--connect-to", f"::{address}:443", f"https://{name}")
        assert {one.site for one in evidence.arrived} == {name}


def test_registry_only_the_sidecar_encrypts_plaintext_requests_before_forwarding_them(three: Mesh) -> None:
    [request] = _straight(three, MEDIA, "http://api.partner.example").requests
    assert (request.port, request.tls, request.sni) == (443, True, "api.partner.example")


@pytest.mark.parametrize("who", ["unknown authority", "another name"])
def test_registry_only_the_sidecar_checks_the_sites_certificate(three: Mesh, who: str) -> None:
    site = three.sites["api.partner.example"]
    wrong = (
        three.stranger.issue(site.name)
        if who == "unknown authority"
        else three.authority.issue("somebody-else.example")
    )
    with site.presenting(wrong):
        word, evidence = _ask(three, MEDIA, "http://api.partner.example")
    assert (word, evidence.requests) == ("503", [])


@pytest.mark.parametrize("url", ["http://api.partner.example", "http://plain.partner.example"])
def test_registry_only_nothing_internal_leaves(three: Mesh, url: str) -> None:
    forged = ["-H", "X-Forwarded-For: 10.1.0.1", "-H", "X-Request-Id: 1"]
    [request] = _straight(three, MEDIA, *forged, url).requests
    assert sorted(name.lower() for name, _ in request.headers) == ["accept", "host", "user-agent"]


def test_registry_only_the_hosts_treatment_is_the_sidecars(three: Mesh) -> None:
    word, evidence = _ask(three, MEDIA, "http://plain.partner.example/status/503")
    assert (word, len(evidence.requests)) == ("503", 3)


@pytest.mark.parametrize(
    "url",
    [
        "http://other.example",
        "https://other.example",
        "https://api.partner.example",
        "https://media.example",
        "-k https://198.51.100.7",
    ],
)
def test_registry_only_the_pod_can_access_only_these(three: Mesh, url: str) -> None:
    word, evidence = _ask(three, MEDIA, *url.split())
    assert word in ("502", "refused")
    assert evidence.stopped_by() is Layer.SIDECAR
    assert not evidence.arrived


def test_registry_only_the_sidecar_logs_the_host_and_what_it_refused(three: Mesh) -> None:
    [line] = _straight(three, MEDIA, "http://api.partner.example/v1").sidecar_log
    assert (line["method"], line["path"], line["response_code"]) == ("GET", "/v1", 200)
    assert line["upstream_cluster"] == "outbound|80||api.partner.example"
    [line] = _straight(three, MEDIA, "https://uploads.cdn.example").sidecar_log
    assert line["upstream_cluster"] == "outbound|443||uploads.cdn.example"
    [line] = _ask(three, MEDIA, "https://other.example")[1].sidecar_log
    assert (line["upstream_cluster"], line["requested_server_name"]) == ("BlackHoleCluster", "other.example")


@pytest.mark.parametrize(
    ("pod", "uid"), [(CHEAT_MEDIA, 1000), (MEDIA, PROXY_UID)], ids=["no sidecar", "the proxy's user"]
)
def test_registry_only_traffic_that_bypasses_the_sidecar_is_under_no_policy(
    three: Mesh, pod: str, uid: int
) -> None:
    """ "If egress traffic bypasses sidecar proxies, all security policies on the sidecar proxies become
    invalid.\""""
    _straight(three, pod, "https://other.example", uid=uid)


def test_registry_only_it_is_the_workloads_of_that_namespace(three: Mesh) -> None:
    word, evidence = _ask(three, SHOP, "https://uploads.cdn.example")
    assert (word, evidence.stopped_by()) == ("refused", Layer.SIDECAR)


# REGISTRY_ONLY and egress gateway


def test_gateway_traffic_is_forwarded_to_the_gateway_also_to_a_host_that_another_team_reaches_straight(
    three: Mesh,
) -> None:
    word, evidence = _ask(three, SHOP, "http://api.partner.example")
    [request] = evidence.requests
    assert (word, request.source, request.port) == ("200", three.gateway.address, 443)
    [line] = evidence.gateway_log
    assert line["upstream_cluster"] == "outbound|80||api.partner.example"
    assert line["downstream_remote_address"].startswith(f"{three.pods[SHOP].address}:")


def test_gateway_policies_on_the_gateway_are_fine_grained(three: Mesh) -> None:
    word, evidence = _ask(three, SHOP, "-X", "DELETE", "http://api.partner.example")
    assert (word, evidence.stopped_by()) == ("403", Layer.AUTHORIZATION)
    assert not evidence.arrived


@pytest.mark.parametrize(
    "url", ["http://other.example", "https://other.example", "https://api.partner.example"]
)
@pytest.mark.parametrize(
    ("pod", "uid"), [(CHEAT_SHOP, 1000), (SHOP, PROXY_UID)], ids=["no sidecar", "the proxy's user"]
)
def test_gateway_application_pods_cannot_directly_access_the_internet(
    three: Mesh, pod: str, uid: int, url: str
) -> None:
    """Also where the nodes under them are open for other teams."""
    word, evidence = _ask(three, pod, url, uid=uid)
    assert (word, evidence.stopped_by()) == ("refused", Layer.NETWORK_POLICY)
    assert not evidence.arrived


def test_gateway_on_opened_nodes_nothing_but_the_network_policy_keeps_a_cheating_pod_in(
    filters: Mesh,
) -> None:
    """What fences.applicationNodes costs every team; where no team needs it, the firewall holds alone
    (test_layers.py)."""
    filters.filter(network_policies=False)
    _straight(filters, CHEAT_SHOP, "https://other.example")


@pytest.mark.parametrize("url", ["http://198.51.100.7:8080", "http://192.168.7.7"])
def test_gateway_the_firewall_still_holds_other_ports_and_private_networks_alone(
    filters: Mesh, url: str
) -> None:
    filters.filter(network_policies=False)
    word, evidence = _ask(filters, CHEAT_SHOP, url)
    assert (word, evidence.stopped_by()) == ("refused", Layer.FIREWALL)
    assert not evidence.arrived


# All three


def test_no_sidecar_knows_another_teams_way(three: Mesh) -> None:
    config = {pod: json.dumps(three.proxies[pod].config()) for pod in (LAB, MEDIA, SHOP)}
    assert "partner.example" not in config[LAB]
    assert "cdn.example" not in config[SHOP]
    assert "ALLOW_ANY" not in config[MEDIA] + config[SHOP]
    assert "outbound|80||api.partner.example" in config[MEDIA]
    assert '"outbound|80|target-egress-gateway-mtls|' in config[SHOP]
    assert "target-egress-gateway-mtls" not in config[MEDIA]


def test_nothing_was_rejected(three: Mesh) -> None:
    for proxy in three.proxies.values():
        stats = proxy.admin("/stats?filter=update_rejected").splitlines()
        assert [line for line in stats if not line.endswith(": 0")] == []
        assert "error_state" not in json.dumps(proxy.config())
    log = three.istiod.process.output()
    assert not [
        line for line in log.splitlines() if re.search(r"ACK ERROR|NACK|[Rr]ejected|invalid config", line)
    ]
