"""O: objects of a team's own, written by somebody whom RBAC lets write them - and what they are worth once
let in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from egress.settings.fences import Rule
from tests.apiserver.people import Api
from tests.apiserver.stage import EDITOR
from tests.apiserver.workload_cases import in_kind, pod_template
from tests.mesh import client
from tests.mesh.client import Answer
from tests.mesh.evidence import Layer
from tests.mesh.flows import CHEAT_Y, REFUSED, Y
from tests.mesh.mesh import ELSEWHERE, WEBSITES, Mesh
from tests.mesh.redteam import raw
from tests.mesh.redteam.hosts import GATEWAY_SERVICE, HTTPBIN, OTHER, curl
from tests.mesh.redteam.rights import TEAM
from tests.mesh.redteam.way import Way

Object = dict[str, Any]
OURS = "istio-egress/egress-gateway"
NOBODYS = "198.51.100.7"


def ways() -> Iterator[Way]:
    yield from _written()
    yield from _pods()
    yield from _let_in()
    yield from _elsewhere()


def _object(kind: str, spec: Object, group: str = "networking.istio.io/v1", name: str = "own") -> Object:
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, "namespace": TEAM}, "spec": spec}


def _entry(*export: str, host: str = OTHER, address: str = WEBSITES[OTHER]) -> Object:
    ports = [
        {"number": 80, "name": "http", "protocol": "HTTP"},
        {"number": 443, "name": "tls", "protocol": "TLS"},
    ]
    found = {"resolution": "STATIC", "endpoints": [{"address": address}], "location": "MESH_EXTERNAL"}
    return _object("ServiceEntry", {"hosts": [host], "ports": ports, **found, "exportTo": list(export)})


def _routes(gateways: Sequence[str], host: str, to: Object) -> Object:
    return _object(
        "VirtualService",
        {"hosts": [host], "gateways": list(gateways), "http": [{"route": [{"destination": to}]}]},
    )


def _gateway() -> Object:
    server = {
        "port": {"number": 80, "name": "own", "protocol": "HTTPS"},
        "hosts": [HTTPBIN],
        "tls": {"mode": "ISTIO_MUTUAL"},
    }
    return _object("Gateway", {"selector": {"istio": "egressgateway"}, "servers": [server]})


def _written() -> Iterator[Way]:
    policy = {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]}
    disarmed = {"action": "ALLOW", "rules": [{}]}
    security = "security.istio.io/v1"
    written = (
        _entry("*"),
        _routes(["mesh"], OTHER, {"host": OTHER}),
        _object("DestinationRule", {"host": OTHER}),
        _object("Sidecar", {"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}, "egress": [{"hosts": ["*/*"]}]}),
        _gateway(),
        _object("EnvoyFilter", {"configPatches": []}, "networking.istio.io/v1alpha3"),
        _object("WorkloadEntry", {"address": "198.51.100.7"}),
        _object("ProxyConfig", {"environmentVariables": {"A": "B"}}, "networking.istio.io/v1beta1"),
        _object("WasmPlugin", {"url": "oci://other.example/own"}, "extensions.istio.io/v1alpha1"),
        _object("AuthorizationPolicy", disarmed, security),
        _object("PeerAuthentication", {"mtls": {"mode": "DISABLE"}}, security),
        _object("NetworkPolicy", policy, "networking.k8s.io/v1"),
    )
    for index, item in enumerate(written):
        yield Way(
            f"a {item['kind']} of one's own, which RBAC allows",
            CHEAT_Y,
            lambda mesh, item=item: _write(mesh, item),
            "403",
            Layer.ADMISSION,
            says=f"{Rule.PLATFORM_KINDS}: ",
            number=f"O{index + 1}",
        )
    outside: Object = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "own", "namespace": TEAM},
        "spec": {"type": "ExternalName", "externalName": OTHER},
    }
    slice_: Object = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "own", "namespace": TEAM, "labels": {"kubernetes.io/service-name": "test"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["198.51.100.7"]}],
        "ports": [{"port": 80}],
    }
    for number, item, rule in (("O13", outside, Rule.SERVICE_TYPES), ("O14", slice_, Rule.OUTSIDE_ENDPOINTS)):
        yield Way(
            f"a {item['kind']} that stands for an outside host",
            CHEAT_Y,
            lambda mesh, item=item: _write(mesh, item),
            "403",
            Layer.ADMISSION,
            says=f"{rule}: ",
            number=number,
        )


def _pods() -> Iterator[Way]:
    """Pods that would not be held by their proxy, or not by the node."""
    injected, left_out = "sidecar.istio.io/inject", "traffic.sidecar.istio.io/excludeOutboundPorts"

    def labelled(pod: Object) -> None:
        pod["metadata"]["labels"][injected] = "false"

    def annotated(pod: Object) -> None:
        pod["metadata"]["annotations"] = {left_out: "443"}

    def as_proxy(pod: Object) -> None:
        pod["spec"]["securityContext"]["runAsUser"] = 1337

    def on_gateway_nodes(pod: Object) -> None:
        pod["spec"]["tolerations"] = [{"operator": "Exists"}]

    def in_the_nodes_network(pod: Object) -> None:
        pod["spec"]["hostNetwork"] = True

    def with_own_proxy(pod: Object) -> None:
        pod["spec"]["containers"].append({**pod["spec"]["containers"][0], "name": "istio-proxy"})

    changes: tuple[tuple[str, Callable[[Object], None], Rule], ...] = (
        ("without a sidecar", labelled, Rule.INJECTION),
        ("whose port 443 goes past the sidecar", annotated, Rule.TRAFFIC_REDIRECTION),
        ("that runs as uid 1337", as_proxy, Rule.PROXY_IDENTITY),
        ("on gateway nodes", on_gateway_nodes, Rule.GATEWAY_NODES),
        ("in the node's network", in_the_nodes_network, Rule.HOST_NAMESPACES),
        ("with a proxy of one's own", with_own_proxy, Rule.PROXY_CONTAINER),
    )
    for index, (what, change, rule) in enumerate(changes):
        pod = pod_template()
        # Fit for Pod Security's strictest level, so that what refuses it is what it is about.
        pod["spec"]["securityContext"] |= {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        change(pod)
        item = in_kind("Pod", pod, "own", TEAM)[1]
        yield Way(
            f"a pod {what}",
            CHEAT_Y,
            lambda mesh, item=item: _write(mesh, item),
            "403",
            Layer.ADMISSION,
            says=f"{rule}: |violates PodSecurity" if rule is Rule.HOST_NAMESPACES else f"{rule}: ",
            number=f"O{index + 15}",
        )
    yield Way(
        "the namespace's label that switches injection on, removed",
        CHEAT_Y,
        _relabel,
        "403",
        Layer.ADMISSION,
        says=f"{Rule.NAMESPACE_LABELS}: ",
        number="O21",
    )


def _elsewhere() -> Iterator[Way]:
    """In namespaces that are no team's, by somebody with the same rights in all of them."""

    def within(namespace: str, item: Object) -> Object:
        return {**item, "metadata": {**item["metadata"], "namespace": namespace}}

    pod = pod_template()
    pod["spec"]["tolerations"] = [{"key": "dedicated", "value": "gateway", "effect": "NoSchedule"}]
    filters = _object("EnvoyFilter", {"configPatches": []}, "networking.istio.io/v1alpha3")
    config: Object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "istio-own"},
        "data": {"mesh": "{}"},
    }
    kinds, inside = f"{Rule.PLATFORM_KINDS}: ", f"{Rule.PLATFORM_NAMESPACES}: "
    tried = (
        (
            "a pod of namespace default on gateway nodes",
            in_kind("Pod", pod, "own", "default")[1],
            f"{Rule.GATEWAY_NODES}: ",
        ),
        (
            "a ServiceEntry of namespace default, exported to the gateway's",
            within("default", _entry("istio-egress")),
            kinds,
        ),
        ("an EnvoyFilter beside the gateway", within("istio-egress", filters), f"{kinds}|{inside}"),
        ("a ConfigMap beside istiod", within("istio-system", config), inside),
    )
    for index, (what, item, says) in enumerate(tried):
        yield Way(
            what,
            CHEAT_Y,
            lambda mesh, item=item: _write(mesh, item),
            "403",
            Layer.ADMISSION,
            says=says,
            number=f"O{index + 29}",
        )


def _api(mesh: Mesh) -> Api:
    return Api(mesh.control_plane.server, mesh.folder / "api-authority.pem")


def _write(mesh: Mesh, item: Object) -> Answer:
    """As somebody with Kubernetes' own role `edit` and, given by hand, the right to Istio's objects and to
    endpoints."""
    path = mesh.control_plane.path(item)
    answer = _api(mesh).ask("POST", path, item, person=EDITOR)
    if answer.status == 201:
        mesh.control_plane.delete(item)
    return Answer(answer.status, answer.message)


def _relabel(mesh: Mesh) -> Answer:
    patch = {"metadata": {"labels": {"istio-injection": "disabled"}}}
    path = f"/api/v1/namespaces/{TEAM}"
    answer = _api(mesh).ask("PATCH", path, patch, person=EDITOR, content_type="application/merge-patch+json")
    return Answer(answer.status, answer.message)


# Where admission were off: the platform itself writes them


def _let_in() -> Iterator[Way]:
    through_gateway = {
        "host": GATEWAY_SERVICE,
        "port": {"number": 80},
        "subset": "target-egress-gateway-mtls",
    }
    yield Way(
        "let in: a ServiceEntry for another host",
        Y,
        _with([_entry(".")], Y, OTHER, curl(Y, f"https://{OTHER}")),
        REFUSED,
        Layer.NETWORK_POLICY,
        number="O22",
    )
    yield Way(
        "let in: a ServiceEntry and a route by way of the gateway",
        Y,
        _with(
            [_entry(".", "istio-egress"), _routes(["mesh"], OTHER, through_gateway)],
            Y,
            OTHER,
            curl(Y, f"http://{OTHER}"),
        ),
        "403",
        Layer.AUTHORIZATION,
        number="O23",
    )
    yield Way(
        "let in: a Sidecar that allows everything",
        Y,
        _with(
            [
                _object(
                    "Sidecar",
                    {
                        "workloadSelector": {"labels": {"app": "test"}},
                        "outboundTrafficPolicy": {"mode": "ALLOW_ANY"},
                        "egress": [{"hosts": ["*/*"]}],
                    },
                )
            ],
            Y,
            "allow_any",
            curl(Y, f"https://{OTHER}"),
        ),
        REFUSED,
        Layer.NETWORK_POLICY,
        number="O24",
    )
    to_other = {"host": OTHER, "port": {"number": 80}}
    asked = lambda mesh: client.curl(mesh, Y, f"http://{HTTPBIN}/status/418")  # noqa: E731
    yield Way(
        "let in: at the stack's own Gateway, a route that turns the team's declared host to another",
        Y,
        _with([_entry("*"), _routes([OURS], HTTPBIN, to_other)], None, OTHER, asked),
        "418",
        at=(HTTPBIN, 80),
        why="the Gateway takes routes of its own namespace alone",
        number="O25",
    )
    yield Way(
        "let in: a Gateway of one's own for the gateway's pods, with such a route",
        CHEAT_Y,
        _with(
            [_entry("*"), _gateway(), _routes([f"{TEAM}/own"], HTTPBIN, to_other)],
            None,
            OTHER,
            _by_own_server,
        ),
        "418",
        at=(HTTPBIN, 80),
        why="Gateways hold for pods of their own namespace alone",
        number="O26",
    )
    yield Way(
        "let in: a second ServiceEntry for a declared host, at an address of one's own",
        Y,
        _with([_entry("*", host=HTTPBIN, address=NOBODYS)], None, None, asked),
        "418",
        at=(HTTPBIN, 80),
        why="the older entry wins, and it is the stack's",
        number="O27",
    )
    yield Way(
        "let in: the same, written before the stack's own: for a host that is declared later",
        Y,
        lambda mesh: _squatted(mesh, asked),
        "418",
        at=(ELSEWHERE, 80),
        left="The oldest entry of a host wins in every namespace that it is exported to, and Istio has no "
        "word against it. So "
        "admission's rule platform-kinds is all that keeps a team from writing one (O1); a namespace of "
        "nobody's is unknown to "
        "the mesh. Exempt no team from it. A host that leaves as TLS is held by its certificate as well.",
        number="O28",
    )


def _squatted(mesh: Mesh, attempt: Callable[[Mesh], Answer]) -> Answer:
    """The attempt while a foreign entry for a host is older than the stack's, which was taken away and is
    back."""
    (ours,) = [
        item
        for item in mesh.manifests
        if item["kind"] == "ServiceEntry"
        and item["spec"]["hosts"] == [HTTPBIN]
        and item["metadata"]["namespace"] != TEAM
    ]
    squatter = _entry(str(ours["metadata"]["namespace"]), TEAM, host=HTTPBIN, address=NOBODYS)

    def again() -> None:
        mesh.control_plane.delete(ours)
        time.sleep(2.0)  # an object's age is counted in seconds
        mesh.control_plane.apply([ours])

    mesh.control_plane.apply([squatter])
    try:
        again()
        _led(mesh, NOBODYS, present=True)
        return attempt(mesh)
    finally:
        mesh.control_plane.delete(squatter)
        _led(mesh, NOBODYS, present=False)


def _led(mesh: Mesh, address: str, present: bool, seconds: float = 10.0) -> None:
    """Wait until the gateway has an address among those that it connects to, or no more."""
    deadline = time.monotonic() + seconds
    while (f"|{HTTPBIN}::{address}:" in mesh.proxies[mesh.gateway.key].admin("/clusters")) is not present:
        assert time.monotonic() < deadline, (
            f"the gateway {'does not know' if present else 'still knows'} {address}"
        )
        time.sleep(0.1)


def _by_own_server(mesh: Mesh) -> Answer:
    mine = mesh.proxies[Y].identity
    request = raw.last(HTTPBIN, "/status/418")
    return raw.say_inside_tls(mesh, CHEAT_Y, mesh.gateway.address, 8080, request, sni=HTTPBIN, identity=mine)


def _with(
    objects: list[Object], proxy: str | None, mark: str | None, attempt: Callable[[Mesh], Answer]
) -> Callable[[Mesh], Answer]:
    """The attempt while the objects are there and the proxy (None: the gateway) knows them by this mark."""

    def tried(mesh: Mesh) -> Answer:
        key = proxy or mesh.gateway.key
        mesh.control_plane.apply(objects)
        try:
            _await(mesh, key, mark, present=True)
            return attempt(mesh)
        finally:
            for item in objects:
                mesh.control_plane.delete(item)
            _await(mesh, key, mark, present=False)

    return tried


def _await(mesh: Mesh, key: str, mark: str | None, present: bool, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    if mark is None:
        time.sleep(1.0)  # nothing changes if all is well
        return
    while (mark in json.dumps(mesh.proxies[key].config())) is not present:
        assert time.monotonic() < deadline, f"{key} {'does not know' if present else 'still knows'} {mark}"
        time.sleep(0.1)
