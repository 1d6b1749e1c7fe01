"""The tutorial's checks on real proxies, each with the answer and the log lines that the tutorial says it
has."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from egress.common.ports import GATEWAY_HTTP
from tests.mesh.client import curl
from tests.mesh.evidence import Evidence, Layer, Line, Watch
from tests.mesh.flow import CHEAT_X, GATEWAY, Flow, X, Y, send
from tests.mesh.flows import flows
from tests.mesh.mesh import WEBSITES, Mesh
from tests.mesh.programs import Programs

NOT_OURS = {"IST0102", "IST0103", "IST0133", "IST0146", "IST0147"}
"""Messages about Kubernetes' own namespaces, about the injection webhook of Istio's chart, which is not here,
and of every EnvoyFilter, that it depends on the proxy's version."""
GATEWAY_SERVICE = "istio-egressgateway.istio-egress.svc.cluster.local"


@pytest.mark.parametrize("flow", flows(), ids=lambda flow: flow.what)
def test_flow(mesh: Mesh, flow: Flow) -> None:
    """Answer, layer that decided, and what arrived outside; read from the catalogue."""
    seen = send(mesh, flow)
    assert not seen.differences, (
        f"{flow.what}: {seen.differences}; {flow.why}\n{seen.answer}\n{seen.evidence}"
    )


def test_the_catalogue_names_each_flow_once() -> None:
    names = [flow.what for flow in flows()]
    assert len(set(names)) == len(names)


def _get(mesh: Mesh, pod: str, *words: str) -> Evidence:
    """A request that is answered, and its traces."""
    watch = Watch(mesh, pod)
    answer = curl(mesh, pod, *words)
    assert answer.status == 200, answer
    return watch.evidence()


def test_8_four_requests_leave_as_tls(mesh: Mesh) -> None:
    """for i in {1..4}: curl http://example.com: 200 each, and the site saw TLS for its own name, from the
    gateway."""
    for _ in range(4):
        [request] = _get(mesh, X, "http://example.com").requests
        assert (request.site, request.port, request.tls, request.sni) == (
            "example.com",
            443,
            True,
            "example.com",
        )
        assert request.source == mesh.gateway.address


def test_nothing_internal_leaves(mesh: Mesh) -> None:
    """The site sees what the application sent, and not one header more - also what the application itself
    claims is gone."""
    [request] = _get(mesh, X, "http://example.com").requests
    assert sorted(name.lower() for name, _ in request.headers) == ["accept", "host", "user-agent"]
    forged = [
        "-H",
        "X-Forwarded-For: 10.1.0.1",
        "-H",
        "X-Request-Id: 1",
        "-H",
        "X-Forwarded-Client-Cert: By=spiffe://me",
    ]
    [request] = _get(mesh, X, *forged, "http://example.com").requests
    assert sorted(name.lower() for name, _ in request.headers) == ["accept", "host", "user-agent"]


def test_9_the_sidecar_logs_the_way_to_the_gateway(mesh: Mesh) -> None:
    """HEAD / of example.com, 200, to 10.1.4.12:15040 as
    outbound|80|target-egress-gateway-mtls|istio-egressgateway..."""
    [line] = _get(mesh, X, "-I", "http://example.com").sidecar_log
    assert _asked(line) == ("HEAD", "example.com", "/", 200)
    assert line["upstream_host"] == f"{mesh.gateway.address}:{GATEWAY_HTTP}"
    assert line["upstream_cluster"] == f"outbound|80|target-egress-gateway-mtls|{GATEWAY_SERVICE}"


def test_10_the_gateway_logs_the_way_out(mesh: Mesh) -> None:
    """HEAD / of example.com, 200, to 93.184.216.34:443 as outbound|80||example.com, with the sidecar's outer
    name."""
    [line] = _get(mesh, X, "-I", "http://example.com").gateway_log
    assert _asked(line) == ("HEAD", "example.com", "/", 200)
    assert (line["upstream_host"], line["upstream_cluster"]) == (
        "93.184.216.34:443",
        "outbound|80||example.com",
    )
    assert line["downstream_remote_address"].startswith(f"{mesh.pods[X].address}:")
    assert line["requested_server_name"] == f"outbound_.80_.target-egress-gateway-mtls_.{GATEWAY_SERVICE}"


def _asked(line: Line) -> tuple[str, str, str, int]:
    return line["method"], line["authority"], line["path"], line["response_code"]


@pytest.mark.parametrize("pod", [X, Y])
def test_11_12_refusals_say_who_refused(mesh: Mesh, pod: str) -> None:
    watch = Watch(mesh, pod)
    assert curl(mesh, pod, "http://httpbin.org").body == "RBAC: access denied"
    [line] = watch.evidence().gateway_log
    assert _asked(line) == ("GET", "httpbin.org", "/", 403)
    assert line["response_code_details"] == "rbac_access_denied_matched_policy[none]"
    assert line["downstream_remote_address"].startswith(f"{mesh.pods[pod].address}:")


def test_5_13_an_undeclared_host_gets_an_empty_502_and_never_reaches_the_gateway(mesh: Mesh) -> None:
    for pod, host in ((X, "example.org"), (Y, "example.com")):
        watch = Watch(mesh, pod)
        # The first name does not resolve; whoever knows its address comes as far as the sidecar.
        answer = curl(mesh, pod, "--resolve", f"{host}:80:{WEBSITES[host]}", f"http://{host}")
        evidence = watch.evidence()
        assert (answer.status, answer.body) == (502, "")
        assert not evidence.gateway_log
        assert not evidence.arrived
        [line] = evidence.sidecar_log
        assert (_asked(line), line["response_code_details"]) == (("GET", host, "/", 502), "direct_response")


def test_14_the_teapot(mesh: Mesh) -> None:
    answer = curl(mesh, Y, "http://httpbin.org/status/418")
    assert answer.status == 418
    assert "-=[ teapot ]=-" in answer.body


def test_15_the_applications_own_tls_stays_closed(mesh: Mesh) -> None:
    """The application itself checks the site's certificate: with one of an authority that it does not know,
    it hangs up."""
    [request] = _get(mesh, X, "https://example.com").requests
    assert (request.sni, request.source) == ("example.com", mesh.gateway.address)
    site = mesh.sites["example.com"]
    with site.presenting(mesh.stranger.issue("example.com")):
        watch = Watch(mesh, X)
        answer = curl(mesh, X, "https://example.com")
        assert "unable to get local issuer certificate" in answer.failure
        assert watch.evidence().stopped_by() is Layer.APPLICATION


def test_16_the_gateway_logs_passed_through_tls_as_tcp(mesh: Mesh) -> None:
    """No method and no path; to 93.184.216.34:443 as outbound|443||example.com, by the name example.com."""
    [line] = _get(mesh, X, "https://example.com").gateway_log
    assert not {"method", "path", "authority", "user_agent"} & line.keys()
    assert (line["upstream_host"], line["upstream_cluster"]) == (
        "93.184.216.34:443",
        "outbound|443||example.com",
    )
    assert line["upstream_local_address"].startswith(f"{mesh.gateway.address}:")
    assert line["requested_server_name"] == "example.com"


@pytest.mark.parametrize("who", ["unknown authority", "another name"])
def test_the_gateway_checks_the_sites_certificate(mesh: Mesh, who: str) -> None:
    """Plain HTTP that leaves as TLS: to a site that cannot show who it is, nothing is sent."""
    wrong = (
        mesh.stranger.issue("example.com")
        if who == "unknown authority"
        else mesh.authority.issue("somebody-else.example")
    )
    with mesh.sites["example.com"].presenting(wrong):
        watch = Watch(mesh, X)
        answer = curl(mesh, X, "http://example.com")
        evidence = watch.evidence()
    assert answer.status == 503
    assert not evidence.requests
    assert evidence.stopped_by() is Layer.ORIGINATION
    _get(mesh, X, "http://example.com")  # and with its own certificate it is back


def test_6_a_sidecar_knows_its_own_teams_hosts_and_no_others(mesh: Mesh) -> None:
    clusters = {pod: _outbound_hosts(mesh.proxies[pod].config()) for pod in (X, Y)}
    tests = {"test.team-y.svc.cluster.local"}
    assert clusters[Y] == {GATEWAY_SERVICE, "httpbin.org"} | tests
    google = {"metadata.google.internal", "storage.googleapis.com"}
    assert (
        clusters[X]
        == {GATEWAY_SERVICE, "httpbin.org", "example.com", "test.team-x.svc.cluster.local"} | tests | google
    )
    assert "example.com" not in json.dumps(mesh.proxies[Y].config())


def _outbound_hosts(config: dict[str, Any]) -> set[str]:
    names = [
        item["cluster"]["name"]
        for dump in config["configs"]
        for item in dump.get("dynamic_active_clusters", [])
        if item["cluster"]["name"].startswith("outbound|")
    ]
    return {name.rpartition("|")[2] for name in names}


def test_7_istioctl_analyze_finds_nothing(mesh: Mesh, found: Programs) -> None:
    if found.istioctl is None:
        pytest.skip("istioctl is not beside pilot-agent")
    command = [
        found.istioctl,
        "analyze",
        "--all-namespaces",
        "--kubeconfig",
        mesh.control_plane.server.kubeconfig,
        "-o",
        "json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, encoding="utf-8")
    messages = json.loads(done.stdout)
    ours = [message for message in messages if message["code"] not in NOT_OURS]
    assert not ours, "\n".join(
        f"{message['code']} {message['origin']}: {message['message']}" for message in ours
    )


def test_nothing_was_rejected(mesh: Mesh) -> None:
    """Envoy took every configuration that istiod made of the rendered objects, and istiod took every
    object."""
    for proxy in mesh.proxies.values():
        stats = dict(
            line.split(": ")
            for line in proxy.admin("/stats?filter=(update_success|update_rejected)").splitlines()
        )
        assert int(stats["cluster_manager.cds.update_success"]) > 0
        assert int(stats["listener_manager.lds.update_success"]) > 0
        assert {
            name: value for name, value in stats.items() if name.endswith("update_rejected") and value != "0"
        } == {}
        assert "error_state" not in json.dumps(proxy.config())
        # The agent counts "0 rejected", and names a statistic.
        said = re.sub(r"\b0 rejected|update_rejected", "", proxy.process.output())
        assert not [line for line in said.splitlines() if "rejected" in line]
    log = mesh.istiod.process.output()
    assert "ADS: new delta connection" in log or "ADS: new connection" in log
    assert not [
        line for line in log.splitlines() if re.search(r"ACK ERROR|NACK|[Rr]ejected|invalid config", line)
    ]


@pytest.mark.parametrize("pod", [X, CHEAT_X, GATEWAY])
def test_the_names_that_a_pod_asks_for_come_from_the_stacks_dns_layer(mesh: Mesh, pod: str) -> None:
    """Google's names lead to the private addresses, whoever asks."""
    for name in ("storage.googleapis.com", "eu.gcr.io", "europe-docker.pkg.dev"):
        found = mesh.namespaces[pod].run("getent", "ahostsv4", name).split()
        assert set(found) & set(mesh.plan.addresses.google_apis.addresses)
        assert name in mesh.dns.asked


def test_the_gateway_opens_no_tls_older_than_the_stack_says(mesh: Mesh) -> None:
    (cluster,) = [
        item["cluster"]
        for dump in mesh.proxies[mesh.gateway.key].config()["configs"]
        for item in dump.get("dynamic_active_clusters", [])
        if item["cluster"]["name"] == "outbound|80||example.com"
    ]
    assert '"tls_minimum_protocol_version": "TLSv1_2"' in json.dumps(cluster["transport_socket"])


@pytest.mark.parametrize("pod", [X, CHEAT_X, GATEWAY])
def test_names_that_nobody_declared_do_not_exist_for_any_pod(mesh: Mesh, pod: str) -> None:
    for name in ("other.example", "example.org", "c2VjcmV0.tunnel.example", "7.113.0.203.in-addr.arpa"):
        asked = subprocess.run(
            [*mesh.namespaces[pod].prefix(), "getent", "ahostsv4", name], capture_output=True, check=False
        )
        assert asked.returncode == 2, "no such name"
        assert name in mesh.dns.refused
