"""O: objects of a team's own, written by somebody whom RBAC lets write them, and refused by admission."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from egress.settings.fences import Rule
from tests.apiserver.people import Api
from tests.apiserver.stage import EDITOR
from tests.apiserver.workloads import in_kind, pod_template
from tests.mesh.client import Answer
from tests.mesh.evidence import Layer
from tests.mesh.flow import CHEAT_Y
from tests.mesh.mesh import Mesh
from tests.mesh.redteam import objects_let_in
from tests.mesh.redteam.hosts import OTHER
from tests.mesh.redteam.manifests import Object, gateway, manifest, service_entry, virtual_service
from tests.mesh.redteam.rights import TEAM
from tests.mesh.redteam.way import Way


def ways() -> Iterator[Way]:
    yield from _written()
    yield from _pods()
    yield from objects_let_in.ways()
    yield from _elsewhere()


def _written() -> Iterator[Way]:
    policy = {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]}
    disarmed = {"action": "ALLOW", "rules": [{}]}
    security = "security.istio.io/v1"
    written = (
        service_entry("*"),
        virtual_service(["mesh"], OTHER, {"host": OTHER}),
        manifest("DestinationRule", {"host": OTHER}),
        manifest("Sidecar", {"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}, "egress": [{"hosts": ["*/*"]}]}),
        gateway(),
        manifest("EnvoyFilter", {"configPatches": []}, "networking.istio.io/v1alpha3"),
        manifest("WorkloadEntry", {"address": "198.51.100.7"}),
        manifest("ProxyConfig", {"environmentVariables": {"A": "B"}}, "networking.istio.io/v1beta1"),
        manifest("WasmPlugin", {"url": "oci://other.example/own"}, "extensions.istio.io/v1alpha1"),
        manifest("AuthorizationPolicy", disarmed, security),
        manifest("PeerAuthentication", {"mtls": {"mode": "DISABLE"}}, security),
        manifest("NetworkPolicy", policy, "networking.k8s.io/v1"),
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
    """Pods that neither their proxy nor their node would hold back."""
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
    """In namespaces of no team, by somebody who has the same rights in all of them."""

    def within(namespace: str, item: Object) -> Object:
        return {**item, "metadata": {**item["metadata"], "namespace": namespace}}

    pod = pod_template()
    pod["spec"]["tolerations"] = [{"key": "dedicated", "value": "gateway", "effect": "NoSchedule"}]
    filters = manifest("EnvoyFilter", {"configPatches": []}, "networking.istio.io/v1alpha3")
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
            within("default", service_entry("istio-egress")),
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
    """As somebody with Kubernetes' own role `edit` who was also given, by hand, rights to Istio's objects and
    to endpoints."""
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
