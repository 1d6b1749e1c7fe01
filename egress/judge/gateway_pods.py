"""Whether a gateway's pods can stand at all: a proxy is injected into them, and some node takes them.

Understood: of a Deployment `replicas`, and of its pods the injection's label and template, containers' names, `hostNetwork`,
`hostAliases`, `nodeSelector` and `tolerations` beside the taints of that pool. Source: Istio, "Installing Gateways"; Kubernetes,
"Taints and Tolerations".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from egress.judge.deployed import Deployed, Manifest, identity, listed, part
from egress.judge.flow import Layer, Pod, Verdict
from egress.judge.nodes import POOL_LABEL, POOLS

_INJECT, _TEMPLATE = "sidecar.istio.io/inject", "inject.istio.io/templates"
_PROXY = "istio-proxy"


class GatewayPods:
    """Judges the Deployments behind gateways."""

    def __init__(self, deployed: Deployed) -> None:
        self._deployments: dict[str, list[Manifest]] = {}
        for manifest in deployed.kind("Deployment"):
            self._deployments.setdefault(manifest["metadata"]["namespace"], []).append(manifest)
        self._taints: dict[str, list[Mapping[str, Any]]] = {
            str(pool.properties.get("name") or pool.name): list(listed(pool.properties, "nodeConfig", "taints"))
            for pool in deployed.resources(POOLS)
        }

    def judge(self, pod: Pod) -> Iterator[Verdict]:
        """What keeps a gateway's pods from standing; each verdict is allowed, because nothing that is declared passes then."""
        wanted = (pod.labels or {}).items()
        found = [
            manifest
            for manifest in self._deployments.get(pod.namespace, ())
            if wanted <= part(manifest, "spec", "template", "metadata", "labels").items()
        ]
        if not found:
            yield Verdict(Layer.GATEWAY, True, "nothing", "", f"No Deployment in {pod.namespace} makes these pods.")
        for manifest in found:
            for field, reason in self._wrong(manifest):
                yield Verdict(Layer.GATEWAY, True, identity(manifest), field, reason)

    def _wrong(self, manifest: Manifest) -> Iterator[tuple[str, str]]:
        spec = part(manifest, "spec")
        metadata, pods = part(spec, "template", "metadata"), part(spec, "template", "spec")
        if spec.get("replicas") == 0:
            yield "spec.replicas", "None of its pods is wanted."
        labels, annotations = part(metadata, "labels"), part(metadata, "annotations")
        if "false" in (str(labels.get(_INJECT)), str(annotations.get(_INJECT))) or _INJECT not in {*labels, *annotations}:
            yield f"spec.template.metadata.labels[{_INJECT}]", "Istio makes no proxy of it."
        if annotations.get(_TEMPLATE) != "gateway":
            yield f"spec.template.metadata.annotations[{_TEMPLATE}]", "Istio makes no gateway of it."
        if not any(container.get("name") == _PROXY for container in listed(pods, "containers")):
            yield "spec.template.spec.containers", f"It has no container {_PROXY}."
        for field, reason in (
            ("hostNetwork", "Its pods are in the network of their node, where no NetworkPolicy holds."),
            ("hostAliases", "Its pods find other addresses for names."),
        ):
            if pods.get(field):
                yield f"spec.template.spec.{field}", reason
        for taint in self._taints.get(str(part(pods, "nodeSelector").get(POOL_LABEL)), ()):
            if not any(tolerates(toleration, taint) for toleration in listed(pods, "tolerations")):
                yield "spec.template.spec.tolerations", f"Its nodes take no pod that does not tolerate {taint.get('key')}."


def tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    # Google writes NO_SCHEDULE for what Kubernetes calls NoSchedule.
    effects = [str(of.get("effect") or "").replace("_", "").lower() for of in (toleration, taint)]
    if effects[0] and effects[0] != effects[1]:
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return toleration.get("key") == taint["key"] and str(toleration.get("value") or "") == str(taint.get("value") or "")
